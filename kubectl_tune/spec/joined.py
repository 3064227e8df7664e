"""
A spec that stands in two files: one of another tool, and one of ours that says the rest.

Ours wins, key by key, also inside `search` and `fixed`, and parameter by parameter where it fixes
or tunes what theirs tunes, too; every problem names the file that has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kubectl_tune.problem import Place, Problem, Severity
from kubectl_tune.spec.search import SAME
from kubectl_tune.strictjson import Path
from kubectl_tune.template import RESERVED

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


def hidden(name: str, made: Converted, origin: Path) -> None:
    """Say that a command can't name a parameter, where a placeholder of that name is another's."""
    if name in RESERVED:
        said = f"{{{name}}} of a command is the plan's own, and not the parameter {name}"
        hint = "rename it, or give a command behind -- that reads it from the file {config}"
        made.error(("command",), said, hint, origin)


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
    _drop(theirs, set(_named(ours.data.get("fixed"))) | set(_named(ours.data.get("grids"))))
    data: dict[Any, Any] = {**theirs.data, **ours.data}
    for key in _INSIDE:
        parts = [theirs.data.get(key), ours.data.get(key)]
        if all(isinstance(part, Mapping) for part in parts):
            given = {_plain(name) for name in ours.data[key]}
            kept = {name: v for name, v in theirs.data[key].items() if _plain(name) not in given}
            data[key] = {**kept, **ours.data[key]}
    return data


def _named(part: Any) -> Iterator[Any]:
    """Yield the names in a table, or in a list of entries."""
    if isinstance(part, Mapping):
        yield from (key for key in part if isinstance(key, str) and part[key] is not None)
    elif isinstance(part, list):
        entries = (entry.get("name") for entry in part if isinstance(entry, Mapping))
        yield from (name for name in entries if isinstance(name, str))


def _drop(theirs: Converted, names: set[Any]) -> None:
    """Take parameters out of theirs; the others keep their places in the file."""
    search = theirs.data.get("search", {})
    raw = search.get("parameters")
    if isinstance(raw, Mapping):
        search["parameters"] = _without(raw, names)
    elif isinstance(raw, list):
        kept = [place for place, one in enumerate(raw) if names.isdisjoint(_named([one]))]
        origins = [theirs.origin(("search", "parameters", place)) for place in kept]
        search["parameters"] = [raw[place] for place in kept]
        for place, origin in enumerate(origins):
            theirs.origins["search", "parameters", place] = origin


def _without(table: Mapping[Any, Any], names: set[Any], above: str = "") -> dict[Any, Any]:
    kept: dict[Any, Any] = {}
    for key, entry in table.items():
        inner = entry.get("parameters") if isinstance(entry, Mapping) else None
        if isinstance(inner, Mapping):
            kept[key] = {**entry, "parameters": _without(inner, names, f"{above}{key}.")}
        elif f"{above}{key}" not in names:
            kept[key] = entry
    return kept


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
