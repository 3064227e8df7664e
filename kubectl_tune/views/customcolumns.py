"""`-o custom-columns=HEADER:PATH,...`: a table of what paths find, as kubectl has it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kubectl_tune.views.jsonpath import Template, plain, relaxed
from kubectl_tune.views.pathsyntax import PathError


@dataclass(frozen=True, slots=True)
class CustomColumn:
    header: str
    path: Template

    def cell(self, value: object) -> str | None:
        """Return what the path finds, several things with commas between; None for nothing."""
        found: list[Any] = [each for part in self.path.results(value) for each in part]
        found = [each for each in found if each is not None]
        return ",".join(map(plain, found)) if found else None


def columns(spec: str) -> list[CustomColumn]:
    """Read `HEADER:PATH,HEADER:PATH`, or raise `PathError`."""
    if not spec:
        raise PathError("custom-columns format specified but no custom columns given")
    return [_column(part) for part in re.split(r",(?![^\[]*\])", spec)]


def columns_of_file(text: str) -> list[CustomColumn]:
    """Read a line of headers and a line of paths, or raise `PathError`."""
    lines = [line.split() for line in text.splitlines()]
    if not lines:
        raise PathError(f"invalid template, missing header line. {_EXPECTED}")
    if len(lines) < 2:
        raise PathError(f"invalid template, missing spec line. {_EXPECTED}")
    headers, paths = lines[:2]
    if len(headers) != len(paths):
        raise PathError(
            f"number of headers ({len(headers)}) and field specifications ({len(paths)}) don't"
            " match"
        )
    return [CustomColumn(*pair) for pair in zip(headers, map(relaxed, paths), strict=True)]


_EXPECTED = (
    "Expected format is one line of space separated headers, one line of space separated column"
    " specs."
)


def _column(part: str) -> CustomColumn:
    header, colon, path = part.partition(":")
    if not colon:
        raise PathError(
            f"unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>"
        )
    return CustomColumn(header, relaxed(path))
