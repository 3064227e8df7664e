"""Which glibc a program needs, read from the program itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import glibc
import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="ELF is Linux's")


@linux
@pytest.mark.skipif(not shutil.which("objdump"), reason="there is no objdump to compare with")
def test_versions_are_those_that_objdump_finds():
    """
    Every file of this Python needs what the binutils say that it needs.
    """
    files = [Path(sys.executable).resolve()]
    files += Path(sysconfig.get_path("stdlib")).glob("lib-dynload/_s*.so")

    for file in files:
        said = subprocess.run(["objdump", "-p", file], capture_output=True, text=True).stdout
        expected = {
            tuple(map(int, each.split("."))) for each in re.findall(r"GLIBC_([\d.]+)", said)
        }
        assert set(glibc.versions(file.read_bytes())) == expected, file
    assert len(files) > 3


@linux
def test_the_whole_folder_is_looked_through(tmp_path: Path):
    """
    Programs and libraries at any depth count, anything else doesn't.
    """
    (tmp_path / "deep").mkdir()
    shutil.copy(Path(sys.executable).resolve(), tmp_path / "deep" / "program")
    (tmp_path / "notes.txt").write_text("GLIBC_9.99")
    (tmp_path / "empty").touch()

    found = glibc.needed(tmp_path)

    assert list(found) == ["deep/program"]
    assert (2,) < found["deep/program"] < (3,)
