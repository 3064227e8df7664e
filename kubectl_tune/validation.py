"""
What is wrong with a plan, all of it, as `kubectl tune validate` tells it.

One rule: warnings alone leave a plan valid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kubectl_tune import plan, planfile
from kubectl_tune.plan import Problem, Rules, Severity
from kubectl_tune.table import clean

SHOWN = 100  # problems on a terminal, unless all are asked for

_BLANK = b" \t\xef\xbb\xbf"  # with the byte order mark


@dataclass(frozen=True, slots=True)
class Validation:
    """A checked plan; `trials` counts the lines that are one."""

    plan: str
    trials: int
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> int:
        return sum(problem.severity is Severity.ERROR for problem in self.problems)

    @property
    def warnings(self) -> int:
        return len(self.problems) - self.errors

    @property
    def valid(self) -> bool:
        return not self.errors


def validate(path: str, rules: Rules) -> Validation:
    """Check a plan without running it; `-` is standard input."""
    objects = bytearray()  # for each line, whether it looks like one
    with planfile.opened(path) as file:
        found = plan.check(_noted(file, objects), rules)
        problems = sorted(found, key=lambda problem: (problem.line, problem.column))
    wrong = {problem.line for problem in problems if problem.severity is Severity.ERROR}
    for line in wrong & set(range(1, len(objects) + 1)):
        objects[line - 1] = False
    return Validation(path, sum(objects), tuple(problems))


def as_text(checked: Validation, *, limit: int | None = None) -> str:
    """Write a line a problem and a summary; where not all are shown, errors come first."""
    problems = checked.problems
    if limit is not None and len(problems) > limit:
        problems = tuple(sorted(problems, key=lambda p: p.severity is not Severity.ERROR)[:limit])
    lines = [clean(_line(problem)) for problem in problems]
    if hidden := len(checked.problems) - len(problems):
        lines.append(f"... and {hidden} more (--all-problems shows them)")
    return "\n".join([*lines, clean(_summary(checked))]) + "\n"


def as_object(checked: Validation) -> dict[str, Any]:
    """Return what `-o json` promises; a problem of no line in particular has null for it."""
    return {
        "kind": "Validation",
        "plan": checked.plan,
        "trials": checked.trials,
        "valid": checked.valid,
        "problems": [
            {
                "line": problem.line or None,
                "column": problem.column or None,
                "severity": str(problem.severity),
                "message": problem.message,
                "hint": problem.hint or None,
            }
            for problem in checked.problems
        ],
    }


def _noted(file: Iterable[bytes], objects: bytearray) -> Iterator[bytes]:
    for line in file:
        objects.append(line.lstrip(_BLANK).startswith(b"{"))
        yield line


def _line(problem: Problem) -> str:
    hint = f" ({problem.hint})" if problem.hint else ""
    return f"{problem.where}{problem.severity}: {problem.message}{hint}"


def _summary(checked: Validation) -> str:
    parts = [_count(checked.trials, "trial"), "ok"]
    if not checked.valid:
        parts = [_count(checked.errors, "problem")]
    if checked.warnings:
        parts.append(_count(checked.warnings, "warning"))
    name = "standard input" if checked.plan == "-" else checked.plan
    return f"{name}: {', '.join(parts)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
