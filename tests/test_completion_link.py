"""The link by which kubectl completes the plugin: made, found by kubectl, and removed again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kubectl_tune import shim
from kubectl_tune.cli import main

NAME = "kubectl_complete-tune"


@pytest.fixture
def bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on PATH that holds kubectl-tune, as Krew would have put it there: a link."""
    folder = tmp_path / "krew" / "bin"
    folder.mkdir(parents=True)
    program = tmp_path / "store" / "kubectl-tune"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nfrom kubectl_tune.__main__ import run\nrun()\n",
    )
    program.chmod(0o755)
    (folder / "kubectl-tune").symlink_to(program)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parent.parent))
    monkeypatch.setenv("KUBECTL_TUNE_STATE", str(tmp_path / "state.db"))
    return folder


def test_the_link_goes_to_the_name_on_path(bin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    An upgrade moves what the name leads to; the link still holds.
    """
    assert main(["completion", "install"]) == 0

    assert os.readlink(bin / NAME) == str(bin / "kubectl-tune")
    assert capsys.readouterr().out == f"{bin / NAME} installed\n"
    assert main(["completion", "install"]) == 0
    assert capsys.readouterr().out == f"{bin / NAME} unchanged\n"


@pytest.mark.skipif(not shutil.which("kubectl"), reason="there is no kubectl on PATH")
def test_kubectl_completes_through_the_link(bin: Path) -> None:
    """
    kubectl's own protocol gets commands, with what they do, and its directive.
    """
    assert main(["completion", "install"]) == 0

    asked = ["kubectl", "__complete", "tune", "stat"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)

    assert done.returncode == 0
    assert done.stdout == "status\tShow where a session and its trials stand\n:4\n"


def test_what_is_uninstalled_is_the_link_alone(
    bin: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    The program stays, and so does whatever else has that name.
    """
    other = tmp_path / "other"
    other.mkdir()
    (other / NAME).write_text("somebody's own\n")
    monkeypatch.setenv("PATH", f"{other}{os.pathsep}{os.environ['PATH']}")
    assert main(["completion", "install", "--dir", str(bin)]) == 0

    assert main(["completion", "uninstall"]) == 0
    assert sorted(each.name for each in bin.iterdir()) == ["kubectl-tune"]
    assert (other / NAME).read_text() == "somebody's own\n"
    assert main(["completion", "uninstall"]) == 0
    assert "there is no kubectl_complete-tune in the folders of PATH" in capsys.readouterr().err


def test_a_place_that_is_taken_is_left_alone(bin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A file of somebody else's is never replaced.
    """
    (bin / NAME).write_text("somebody's own\n")

    assert main(["completion", "install"]) == 2

    assert (bin / NAME).read_text() == "somebody's own\n"
    assert "is there already, and is no link to kubectl-tune" in capsys.readouterr().err


def test_a_link_that_leads_nowhere_is_mended(bin: Path, tmp_path: Path) -> None:
    """
    Whatever removed its program, installing it anew is all that it takes.
    """
    (bin / NAME).symlink_to(tmp_path / "gone" / "kubectl-tune")

    assert main(["completion", "install"]) == 0

    assert (bin / NAME).resolve() == tmp_path / "store" / "kubectl-tune"


def test_without_the_program_on_path_there_is_nothing_to_link_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The hint is what kubectl needs, too.
    """
    monkeypatch.setenv("PATH", str(tmp_path))

    assert main(["completion", "install"]) == 2
    assert "there is no kubectl-tune on PATH" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to_is_named(
    bin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What happened, in which folder, and what to do.
    """
    assert main(["completion", "install", "--dir", str(tmp_path / "none")]) == 2

    said = capsys.readouterr().err
    assert f"{tmp_path / 'none' / NAME} can't be changed: No such file or directory" in said
    assert "--dir" in said


def test_a_folder_off_path_gets_a_warning(
    bin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    kubectl looks on PATH alone.
    """
    folder = tmp_path / "off"
    folder.mkdir()

    assert main(["completion", "install", "--dir", str(folder)]) == 0
    assert f"warning: {folder} is not on PATH" in capsys.readouterr().err


def test_folders_of_path_that_cannot_be_read_are_passed_over(
    bin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    PATH may name anything; kubectl looks on, too.
    """
    monkeypatch.setenv("PATH", os.pathsep.join(["x" * 300, "\x7f", str(bin)]))

    assert main(["completion", "install"]) == 0
    assert shim.dangling(os.environ["PATH"]) == []
    assert main(["completion", "uninstall"]) == 0
    assert not (bin / NAME).exists()
