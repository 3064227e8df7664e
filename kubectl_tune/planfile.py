"""
Plans and specs on the disk: read whole or line by line, written at once or not at all.

The thin layer between files and `plan` and `planner`; it decides nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from kubectl_tune import datarows, plan, spec, spectext
from kubectl_tune.errors import PlanError
from kubectl_tune.plan import Plan, Problem, Rules
from kubectl_tune.problem import Findings, Place
from kubectl_tune.spec import Spec
from kubectl_tune.spec.joined import Converted, Ours, joined, placed
from kubectl_tune.wholefile import write_whole
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


def read_spec(path: str, workload: Workload = ARBITRAGE, *, command: Sequence[str] = ()) -> Spec:
    """
    Read and check a spec: YAML or JSON, by the end of its name; `-` may be either.

    A command that is given stands for the spec's own.
    """
    data, found, place = read_values(path)
    if command and isinstance(data, dict):
        data = {**data, "command": list(command)}
    return spec.read(
        data,
        name=path,
        workload=workload,
        found=found,
        place=place,
        count_rows=datarows.count_rows,
    )


def read_converted(
    path: str,
    convert: Callable[[Any, Findings], Converted],
    more: str = "",
    workload: Workload = ARBITRAGE,
    *,
    command: Sequence[str] = (),
    hint: str = "",
) -> Spec:
    """Read another tool's file as a spec, and in `more` what it lacks or has otherwise."""
    values, found, place = read_values(path)
    findings = Findings(found, place)
    theirs = convert(values, findings)
    ours = _ours(more) if more else Ours()
    data = joined(theirs, ours)
    if command:
        data["command"] = list(command)
    for part, severity, message, word, origin in theirs.doubts:
        if not ours.has(part) and not (command and part == ("command",)):
            findings.note(severity, message, word, origin)
    return spec.read(
        data,
        name=path,
        workload=workload,
        found=[*findings.problems, *ours.problems()],
        place=placed(theirs, place, ours),
        count_rows=datarows.count_rows,
        hint=hint,
    )


def _ours(path: str) -> Ours:
    data, found, place = read_values(path)
    if not isinstance(data, dict):
        raise PlanError(f"{path}: the spec must be a table of keys")
    return Ours(data, path, place, tuple(found))


def read_values(path: str) -> tuple[Any, list[Problem], Place]:
    """Return what stands in a file, what is odd about it, and what tells where things stand."""
    json = os.path.splitext(path)[1].lower() == ".json"
    if not json and path != "-" and os.path.splitext(path)[1].lower() not in (".yaml", ".yml"):
        raise PlanError(f"{path}: not a spec", hint="its name must end in .yaml, .yml or .json")
    with opened(path) as file:
        raw = file.read()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise PlanError(f"{path}: line {line}: not UTF-8") from error
    if json:
        data, found = spectext.read_json(text, path)
        return data, found, spectext.JsonPlaces(text, data)
    data, found = spectext.read_yaml(text, path)
    return data, found, spectext.YamlPlaces(text, data)


def write_plan(path: str, lines: Iterable[str]) -> int:
    """
    Write a plan and return its number of lines; the old file stays until the new is whole.

    Lines are written as they come, so that a plan may be longer than memory.
    """
    count = 0

    def counted() -> Iterator[bytes]:
        nonlocal count
        for line in lines:
            count += 1
            yield f"{line}\n".encode()

    write_whole(path, counted())
    return count


def _unreadable(path: str, error: Exception) -> PlanError:
    if isinstance(error, FileNotFoundError):
        return PlanError(f"{path}: no such file")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return PlanError(f"can't read {path}: {reason}")
