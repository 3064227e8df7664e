"""
Completion in shells: the link by which kubectl completes the plugin is made, found by kubectl, and
removed again; and the shells' own scripts for kubectl-tune.
"""

from __future__ import annotations

import json
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


def test_a_program_that_hides_the_link_gets_a_warning(
    bin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    kubectl runs the first of that name on PATH, whoever put it there.
    """
    other = tmp_path / "other" / NAME
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{other.parent}{os.pathsep}{os.environ['PATH']}")

    assert main(["completion", "install"]) == 0
    assert capsys.readouterr().err == f"warning: kubectl runs {other}, which PATH has first\n"


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


def tune(*words: str) -> str:
    done = subprocess.run(["kubectl-tune", *words], capture_output=True, text=True, check=True)
    return done.stdout


ODD = ["a b", "ünï cödé", "arn:aws:x", "me@home", "$(touch here)", "quo'te", "back\\slash"]


@pytest.fixture
def odd(bin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A session whose trials have names that a shell reads otherwise than as they are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    lines = [json.dumps({"job_id": each, "config": {}}) for each in ODD]
    Path("plan.jsonl").write_text("\n".join(lines))
    tune("run", "plan.jsonl", "--engine", "local", "--name", "odd", "-q", "--", "true")
    return tmp_path


IN_BASH = r"""
eval "$(kubectl-tune completion bash)"
compopt() { :; }
COMP_WORDBREAKS=" \"'@><=;|&(:" COMP_LINE=$1 COMP_POINT=${#1}
_kubectl_tune
printf '%s\n' "${COMPREPLY[@]}"
"""
IN_FISH = "kubectl-tune completion fish | source; complete -C $argv[1]"


def completed(*shell: str) -> list[str]:
    done = subprocess.run(shell, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_bash_is_given_words_that_it_reads_back_as_they_are(odd: Path) -> None:
    """
    Whatever a trial is called and however it is typed, TAB writes its name, and never a command.
    """
    expected = {
        "logs odd a\\ ": ["a\\ b"],
        'logs odd "a ': ["a b"],
        "logs odd ü": ["ünï\\ cödé"],
        "logs odd arn:a": ["aws:x"],
        "logs odd me@": ["home"],
        "logs odd \\$": ["\\$\\(touch\\ here\\)"],
        'logs odd "$': ["\\$(touch here)"],
        "logs odd 'quo": ["quo'\\''te"],
        "logs odd back": ["back\\\\slash"],
        "logs odd/a\\ ": ["odd/a\\ b"],
        "run --engine=lo": ["local"],
        "version -o=j": ["json"],
    }

    offered = {
        line: completed("bash", "-c", IN_BASH, "-", f"kubectl-tune {line}") for line in expected
    }

    assert offered == expected


@pytest.mark.skipif(not shutil.which("fish"), reason="there is no fish")
def test_fish_completes_what_is_quoted_and_what_follows_a_flag(
    odd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The same names, and files, as fish itself completes a line.
    """
    monkeypatch.setenv("HOME", str(odd))
    expected = {
        "logs odd a\\ ": ["a b"],
        "logs odd 'a ": ["a b"],
        "logs odd arn:a": ["arn:aws:x"],
        "run --engine=lo": ["--engine=local"],
        "version -o=j": ["-o=json"],
        "--kubeconfig=pla": ["--kubeconfig=plan.jsonl"],
        "validate pla": ["plan.jsonl"],
    }

    offered = {line: completed("fish", "-c", IN_FISH, f"kubectl-tune {line}") for line in expected}

    assert offered == expected


@pytest.mark.parametrize(
    ("line", "directive"),
    [
        ("resume --plan", ":0"),
        ("results --to", ":0"),
        ("plan --to", ":0"),
        ("plan --from-katib", ":0"),
        ("run --env-file", ":0"),
        ("run --template", ":0"),
        ("run --sync", ":16"),
        ("results --dir", ":16"),
        ("collect --to", ":16"),
    ],
)
def test_flags_that_name_files_and_folders_offer_them(
    line: str, directive: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    TAB offers a path wherever one is meant, as help says it.
    """
    assert main(["__complete", *line.split(), ""]) == 0
    assert capsys.readouterr().out == f"{directive}\n"


def test_commands_that_only_help_are_offered_too(capsys: pytest.CaptureFixture[str]) -> None:
    """
    As kubectl offers its own, with the same words.
    """
    assert main(["__complete", "he"]) == main(["__complete", "opt"]) == 0
    assert capsys.readouterr().out == (
        "help\tHelp about any command\n:4\n"
        "options\tPrint the list of flags inherited by all commands\n:4\n"
    )
