"""
A spec that stands in two files: one of another tool, and one of ours that says the rest.

Ours wins, key by key, also inside `search` and `fixed`; every problem names the file that has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kubectl_tune.problem import Place, Problem, Severity
from kubectl_tune.spec.search import SAME
from kubectl_tune.strictjson import Path

_INSIDE = ("search", "fixed")


@dataclass(slots=True)
class Converted:
    """
    Another tool's file as a spec; `origins` tell where in the file its parts come from.

    `doubts` are what is to be said of parts of the spec, unless the other file has those.
    """

    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[Path, Path] = field(default_factory=dict)
    doubts: list[tuple[Path, Severity, str, str, Path]] = field(default_factory=list)

    def put(self, path: Path, value: Any, origin: Path) -> None:
        table = self.data
        for key in path[:-1]:
            table = table.setdefault(str(key), {})
        table[str(path[-1])] = value
        self.origins[path] = origin

    def error(self, part: Path, message: str, hint: str, origin: Path) -> None:
        self.doubts.append((part, Severity.ERROR, message, hint, origin))

    def warning(self, part: Path, message: str, hint: str, origin: Path) -> None:
        self.doubts.append((part, Severity.WARNING, message, hint, origin))

    def origin(self, path: Path) -> Path:
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]] + path[length:]
        return ()


@dataclass(frozen=True, slots=True)
class Ours:
    """The second file: what it holds, and how problems name it."""

    data: Mapping[Any, Any] = field(default_factory=dict)
    file: str = ""
    place: Place | None = None
    found: tuple[Problem, ...] = ()

    def has(self, path: Path) -> bool:
        if not path or path[0] not in self.data:
            return False
        inner = self.data[path[0]]
        shared = path[0] in _INSIDE and isinstance(inner, Mapping) and len(path) > 1
        return path[1] in inner if shared else True

    def problems(self) -> list[Problem]:
        """Return what is odd about the file itself, placed in it by name."""
        return [
            replace(one, line=0, column=0, message=f"{self.file}: {one.where}{one.message}")
            for one in self.found
        ]


def joined(theirs: Converted, ours: Ours) -> dict[Any, Any]:
    data: dict[Any, Any] = {**theirs.data, **ours.data}
    for key in _INSIDE:
        parts = [theirs.data.get(key), ours.data.get(key)]
        if all(isinstance(part, Mapping) for part in parts):
            given = {_plain(name) for name in ours.data[key]}
            kept = {name: v for name, v in theirs.data[key].items() if _plain(name) not in given}
            data[key] = {**kept, **ours.data[key]}
    return data


def _plain(key: Any) -> Any:
    """Return our name for a key that another tool calls otherwise."""
    return SAME.get(key, key) if isinstance(key, str) else key


def placed(theirs: Converted, place: Place, ours: Ours) -> Place:
    """Return what tells where a part of the joined spec stands."""

    def found(path: Path) -> tuple[int, int, str]:
        if ours.place and ours.has(path):
            line, column, _ = ours.place(path)
            return line, column, ours.file
        return place(theirs.origin(path))

    return found
