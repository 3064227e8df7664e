"""One thing that is wrong with a file: where, what, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kubectl_tune.errors import PlanError


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
    """The plan or spec is wrong, in all the ways that `problems` lists."""

    def __init__(
        self, name: str, problems: Sequence[Problem], *, shown: int = 100, hint: str = ""
    ) -> None:
        self.name = name
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{name}: {count} problem{'' if count == 1 else 's'}"
        rows = [f"  {problem}" for problem in self.problems[:shown]]
        rest = [f"  ... and {count - shown} more"] if count > shown else []
        super().__init__("\n".join([head, *rows, *rest]), hint=hint)


class Findings:
    """Problems as they are found in something without lines."""

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        self.problems = list(problems)

    def error(self, message: str, hint: str = "") -> None:
        self.problems.append(Problem(0, 0, message, hint))

    def warning(self, message: str, hint: str = "") -> None:
        self.problems.append(Problem(0, 0, message, hint, Severity.WARNING))

    def unknown(self, what: str, meant: str, otherwise: str = "nothing reads it") -> None:
        """Note an unknown word: an error if another is likely meant, for it is lost then."""
        if meant:
            self.error(f"unknown {what}", f"did you mean {meant}?")
        else:
            self.warning(f"unknown {what} is ignored", otherwise)

    def of(self, severity: Severity) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity is severity)
