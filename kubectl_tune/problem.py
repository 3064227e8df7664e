"""One thing that is wrong with a file: where, what, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kubectl_tune.errors import PlanError
from kubectl_tune.strictjson import Path


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """
    Lines and columns count from 1; the column is that of the key or value concerned.

    Line 0 is what stands in no line, such as the command that every line shares.
    """

    line: int
    column: int
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.where}{self.message}" + (f" ({self.hint})" if self.hint else "")

    @property
    def where(self) -> str:
        if not self.line:
            return ""
        return f"line {self.line}, column {self.column}: " if self.column else f"line {self.line}: "


class PlanProblems(PlanError):
    """
    The plan or spec is wrong, in all the ways that `problems` lists.

    `warnings` are what only wants a look; they come behind, since one may be the reason.
    """

    def __init__(
        self,
        name: str,
        problems: Sequence[Problem],
        warnings: Sequence[Problem] = (),
        *,
        shown: int = 100,
        hint: str = "",
    ) -> None:
        self.name = name
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        counts = [counted(len(self.problems), "problem")]
        if self.warnings:
            counts.append(counted(len(self.warnings), "warning"))
        rows = _rows(self.problems, shown)
        rows += _rows(self.warnings, shown, "warning: ")
        super().__init__("\n".join([f"{name}: {', '.join(counts)}", *rows]), hint=hint)


def counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _rows(problems: Sequence[Problem], shown: int, word: str = "") -> list[str]:
    rows = [f"  {word}{problem}" for problem in problems[:shown]]
    more = len(problems) - shown
    return [*rows, f"  {word}... and {more} more"] if more > 0 else rows


# Tells where the key or item at a path stands: line, column, and the file if it is another one.
Place = Callable[[Path], tuple[int, int, str]]


def nowhere(path: Path) -> tuple[int, int, str]:
    """Place what comes from no file, such as the values of a program."""
    return 0, 0, ""


class Findings:
    """Problems as they are found in values, each placed by the path that leads to it."""

    def __init__(self, problems: Iterable[Problem] = (), place: Place = nowhere) -> None:
        self.problems = list(problems)
        self._place = place

    def error(self, message: str, hint: str = "", at: Path = ()) -> None:
        self.note(Severity.ERROR, message, hint, at)

    def warning(self, message: str, hint: str = "", at: Path = ()) -> None:
        self.note(Severity.WARNING, message, hint, at)

    def unknown(
        self, what: str, meant: str, otherwise: str = "nothing reads it", at: Path = ()
    ) -> None:
        """Note an unknown word: an error if another is likely meant, for it is lost then."""
        if meant:
            self.error(f"unknown {what}", f"did you mean {meant}?", at)
        else:
            self.warning(f"unknown {what} is ignored", otherwise, at)

    def of(self, severity: Severity) -> tuple[Problem, ...]:
        """Return the problems of a severity in the order of their places."""
        found = (problem for problem in self.problems if problem.severity is severity)
        return tuple(sorted(found, key=lambda problem: (problem.line, problem.column)))

    def note(self, severity: Severity, message: str, hint: str, at: Path) -> None:
        line, column, file = self._place(at)
        if file:
            message = f"{file}: line {line}, column {column}: {message}"
            line = column = 0
        self.problems.append(Problem(line, column, message, hint, severity))
