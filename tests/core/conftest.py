"""Disks and users that don't allow what the product would like to do."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

NOBODY = 65534


def mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine doesn't let tests mount: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    if os.geteuid():
        pytest.skip("a small file system can only be made by root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk))
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path, leave: int = 0) -> None:
    """Leave only so many bytes free."""
    with (disk / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    with (disk / "ballast").open("r+b") as file:
        file.truncate(max(0, os.stat(disk / "ballast").st_size - leave))


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everybody may enter and write to."""
    with tempfile.TemporaryDirectory(prefix="tune-") as folder:
        os.chmod(folder, 0o777)
        yield Path(folder)


def unprivileged(act: Callable[[], Any]) -> Any:
    """Do it as a user whom file permissions apply to, and return what it returns."""
    if os.geteuid():
        return act()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            try:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                answer = act()
            except BaseException:  # whatever it is, the test is to show it
                answer = traceback.format_exc()
            with open(writer, "wb") as file:
                pickle.dump(answer, file)
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        answer = pickle.load(file)
    os.waitpid(child, 0)
    return answer
