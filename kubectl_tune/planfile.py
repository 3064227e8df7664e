"""
Plans and specs on the disk: read whole or line by line, written at once or not at all.

The thin layer between files and `plan` and `planner`; it decides nothing.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from kubectl_tune import plan
from kubectl_tune.errors import PlanError
from kubectl_tune.plan import Plan, Problem, Rules
from kubectl_tune.workload import ARBITRAGE, Workload


def rules(
    command: Iterable[str] = (),
    *,
    workload: Workload = ARBITRAGE,
    needs_data: bool = True,
    confined: bool = True,
    workdir: str = "",
) -> Rules:
    """Return the rules for plans that run from here, on this disk."""
    return Rules(
        workdir or os.getcwd(),
        tuple(command),
        workload,
        needs_data,
        os.path.exists,
        os.path.realpath,
        confined,
    )


def read_plan(path: str, rules: Rules) -> Plan:
    """Read and check a plan; `-` is standard input."""
    with opened(path) as lines:
        return plan.parse(lines, rules, name=path)


def check_plan(path: str, rules: Rules) -> Iterator[Problem]:
    """Yield every problem of a plan as it is found."""
    with opened(path) as lines:
        yield from plan.check(lines, rules)


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """Open a file to read bytes from, or say in a sentence why that can't be."""
    if path == "-":
        yield sys.stdin.buffer
        return
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below, outside of what is translated
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    with file:
        try:
            yield file
        except OSError as error:  # a folder opens on some systems and fails at the first read
            raise _unreadable(path, error) from error


def write_plan(path: str, lines: Iterable[str]) -> int:
    """Write a plan and return its number of lines; the old file stays until the new is safe."""
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return _replace(target, lines)
    except OSError as error:
        raise PlanError(f"can't write {path}: {error.strerror or error}") from error


def _replace(target: Path, lines: Iterable[str]) -> int:
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            count = sum(1 for line in lines if file.write(f"{line}\n"))
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), _mode(target))
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync(target.parent)
    return count


def _mode(target: Path) -> int:
    """Return the permissions of the file to replace, else what a new file would get."""
    with suppress(OSError):
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync(folder: Path) -> None:
    """Make the rename durable; some file systems can't, and then it need not stop us."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _unreadable(path: str, error: Exception) -> PlanError:
    if isinstance(error, FileNotFoundError):
        return PlanError(f"{path}: no such file")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return PlanError(f"can't read {path}: {reason}")
