"""
The commands of documentation pages: read from them, run, and compared with what they show.

In a fenced block, lines that begin with `$ ` are commands and the others are their output; a
page is one shell session in a copy of the examples. Numbers, times and the random part of
session names may differ, `...` stands for lines left out, and a command must end with 0
unless the next one is `$ echo $?`. A comment `<!-- run: COMMAND -->` prepares something that the
page's reader has; `<!-- not run: REASON -->` before a block leaves it out, and
`<!-- on a cluster -->` leaves it to the tests that have one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
UID = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{5}\b")
COMMENT = r"^<!-- (?:(run|not run): (.*?)|(on a cluster)) -->$"
PART = re.compile(rf"{COMMENT}|^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass
class Step:
    command: str
    output: list[str] = field(default_factory=list)
    checked: bool = True


def steps(text: str, *, cluster: bool = False) -> list[Step]:
    """Read a page's shell session; on a cluster, only what needs one."""
    found: list[Step] = []
    where = ""
    for kind, said, remote, block in PART.findall(text):
        if kind == "run":
            found.append(Step(said, checked=False))
        elif kind or remote:
            where = kind or remote
        else:
            if where == ("on a cluster" if cluster else ""):
                found += block_steps(block)
            where = ""
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


def shell_in(folder: Path) -> dict[str, str]:
    """An environment in which the pages' commands mean this checkout's."""
    bin = folder / "bin"
    bin.mkdir()
    other = shutil.which("kubectl") or "false"
    here = f'exec "{sys.executable}" -m kubectl_tune "$@"\n'
    scripts = {
        "kubectl-tune": f"#!/bin/sh\n{here}",
        "kubectl": f'#!/bin/sh\n[ "$1" = tune ] || exec {other} "$@"\nshift\n{here}',
        "python": f'#!/bin/sh\nexec "{sys.executable}" "$@"\n',
    }
    for name, text in scripts.items():
        (bin / name).write_text(text)
        (bin / name).chmod(0o755)
    state = {"KUBECTL_TUNE_STATE": str(folder / "state" / "state.db"), "COLUMNS": "120"}
    return os.environ | state | {"PATH": f"{bin}:{os.environ['PATH']}", "HOME": str(folder)}


def follow(session: list[Step], folder: Path, shell: dict[str, str], *, seconds: int) -> None:
    """Do what a page says, and hold what comes of it against what the page shows."""
    work = folder / "work"
    for name in ("examples", "scripts"):
        shutil.copytree(ROOT / name, work / name)
    script = "\n".join(
        f"{{ {step.command}\n}} >../{n}.out 2>&1 </dev/null; echo $? >../{n}.code;"
        f" (exit $(cat ../{n}.code))"
        for n, step in enumerate(session)
    )

    subprocess.run(["bash", "-c", script], cwd=work, env=shell, timeout=seconds, check=False)

    for n, step in enumerate(session):
        said = (folder / f"{n}.out").read_text(errors="replace")
        code = int((folder / f"{n}.code").read_text())
        asked = n + 1 < len(session) and session[n + 1].command == "echo $?"
        assert asked or code == 0, f"$ {step.command}\n{said}\nexit code {code}"
        lines = {plain(line) for line in said.splitlines()}
        wanted = [line for line in step.output if step.checked and line.strip() not in ("", "...")]
        missing = [line for line in wanted if plain(line) not in lines]
        assert not missing, f"$ {step.command}\n{said}\nlacks: {missing}"
