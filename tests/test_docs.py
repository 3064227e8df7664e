"""
The commands in the README and the pages run, and print what the pages say they print.

In a fenced block, lines that begin with `$ ` are commands and the others are their output; a
page is one shell session in a copy of the examples. Numbers, times and the random part of
session names may differ, `...` stands for lines left out, and a command must end with 0
unless the next one is `$ echo $?`. A comment `<!-- run: COMMAND -->` prepares something that the
page's reader has; `<!-- not run: REASON -->` before a block leaves it out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kubectl_tune.cli.commands import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
UID = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{5}\b")
PART = re.compile(r"^<!-- (run|not run): (.*?) -->$|^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass
class Step:
    command: str
    output: list[str] = field(default_factory=list)
    checked: bool = True


def steps(text: str) -> list[Step]:
    """Read a page's shell session."""
    found: list[Step] = []
    skipping = False
    for kind, said, block in PART.findall(text):
        if kind == "run":
            found.append(Step(said, checked=False))
        elif kind == "not run":
            skipping = True
        elif not skipping:
            found += block_steps(block)
        skipping = skipping and kind == "not run"
    return found


def block_steps(block: str) -> list[Step]:
    found: list[Step] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(Step(line[2:]))
        elif found and found[-1].command.endswith("\\"):
            found[-1].command = found[-1].command[:-1] + line.strip()
        elif found:
            found[-1].output.append(line)
    return found


def plain(line: str) -> str:
    """Take out of a line what differs from run to run."""
    line = UID.sub("-UID", line)
    line = re.sub(r"\d+(\.\d+)?(e-?\d+)?", "N", line)
    return re.sub(r"\s+", " ", re.sub(r"(?<=N)(ms|[smhd])+(N[smh])*", "s", line)).strip()


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """An environment in which the pages' commands mean this checkout's."""
    bin = tmp_path / "bin"
    bin.mkdir()
    here = f'exec "{sys.executable}" -m kubectl_tune "$@"\n'
    scripts = {
        "kubectl-tune": f"#!/bin/sh\n{here}",
        "kubectl": f'#!/bin/sh\n[ "$1" = tune ] || exit 99\nshift\n{here}',
        "python": f'#!/bin/sh\nexec "{sys.executable}" "$@"\n',
    }
    for name, text in scripts.items():
        (bin / name).write_text(text)
        (bin / name).chmod(0o755)
    state = {"KUBECTL_TUNE_STATE": str(tmp_path / "state" / "state.db"), "COLUMNS": "120"}
    return os.environ | state | {"PATH": f"{bin}:{os.environ['PATH']}", "HOME": str(tmp_path)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_do_what_the_page_says(page: Path, tmp_path: Path, shell: dict[str, str]) -> None:
    """
    Who copies a page's commands one after the other sees what the page shows.
    """
    work = tmp_path / "work"
    for name in ("examples", "scripts"):
        shutil.copytree(ROOT / name, work / name)
    session = steps(page.read_text())
    script = "\n".join(
        f"{{ {step.command}\n}} >../{n}.out 2>&1 </dev/null; echo $? >../{n}.code;"
        f" (exit $(cat ../{n}.code))"
        for n, step in enumerate(session)
    )

    subprocess.run(["bash", "-c", script], cwd=work, env=shell, timeout=300, check=False)

    for n, step in enumerate(session):
        said = (tmp_path / f"{n}.out").read_text(errors="replace")
        code = int((tmp_path / f"{n}.code").read_text())
        asked = n + 1 < len(session) and session[n + 1].command == "echo $?"
        assert asked or code == 0, f"$ {step.command}\n{said}\nexit code {code}"
        lines = {plain(line) for line in said.splitlines()}
        wanted = [line for line in step.output if step.checked and line.strip() not in ("", "...")]
        missing = [line for line in wanted if plain(line) not in lines]
        assert not missing, f"$ {step.command}\n{said}\nlacks: {missing}"


def test_every_command_is_in_the_readme() -> None:
    """
    A reader of the README learns of every command.
    """
    readme = (ROOT / "README.md").read_text()

    assert [name for name in COMMANDS if f"`{name}`" not in readme] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    """
    Every relative link of a page names a file that is there.
    """
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []
