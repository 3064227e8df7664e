"""
The config keys of a plan's lines: those nobody reads, and those somebody misses.

Lines of one plan share few sets of keys. Each set is judged once, so what a line
costs does not depend on how much there is to check.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubectl_tune.planline import Fault, kind, shown
from kubectl_tune.problem import Problem, Severity
from kubectl_tune.strictjson import Places
from kubectl_tune.suggest import near
from kubectl_tune.template import RESERVED, placeholders
from kubectl_tune.workload import Workload

_MOST = 1000  # sets of keys worth comparing; a plan with more has no rule to break
_MOST_KEYS = 300  # all their names are held against each other
_SHELLS = frozenset(["sh", "bash", "dash", "zsh", "ksh", "ash"])
_WARNING = Severity.WARNING
_UNSAID = (None, False, 0, "full")  # what a setting is, too, that isn't given

Keys = tuple[str, ...]


@dataclass(slots=True)
class _Layout:
    """A set of config keys under one command, and the first line that has it."""

    command: Keys
    keys: Keys
    line: int
    columns: dict[str, int] = field(default_factory=dict)
    count: int = 0


class KnownKeys:
    """Config keys of a workload that says which ones it reads, and which are numbers."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._plain: set[tuple[str, Keys, tuple[type, ...]]] = set()
        self._warned: set[str] = set()

    def faults(self, config: Mapping[str, Any]) -> Sequence[Fault]:
        books = str(config.get(self._workload.honest[0]))
        shape = (books, tuple(config), tuple(map(type, config.values())))
        if shape in self._plain:
            return ()
        found = [*self._keys(config), *self._numbers(config), *self._unheard(config)]
        if not found and not self._counts_in_floats(config) and len(self._plain) < _MOST:
            self._plain.add(shape)
        return found

    def _counts_in_floats(self, config: Mapping[str, Any]) -> bool:
        """Tell whether the types alone don't show that the numbers are right."""
        return any(type(config.get(key)) is float for key in self._workload.whole_keys)

    def _keys(self, config: Mapping[str, Any]) -> Iterator[Fault]:
        known, missed = self._workload.known_keys, set[str]()
        for key in config:
            if key not in known:
                meant = near(key, known)
                missed.add(meant)
                yield from self._unknown(key, meant)
        needed = self._workload.required_keys
        if lacking := [key for key in needed if key not in config and key not in missed]:
            message = f"config lacks {', '.join(lacking)}"
            hint = f"the {self._workload.name} workload needs them; other commands follow --"
            yield Fault(("config",), message, hint)

    def _numbers(self, config: Mapping[str, Any]) -> Iterator[Fault]:
        for key in self._workload.number_keys:
            value = config.get(key)
            if value is None and (key not in config or key not in self._workload.required_keys):
                continue
            if type(value) not in (int, float):
                hint = "leave out the quotes" if isinstance(value, str) else ""
                yield Fault(("config", key), f"{key} must be a number, not {kind(value)}", hint)
            elif isinstance(value, float) and key in self._workload.whole_keys and value % 1:
                yield Fault(("config", key), f"{key} must be a whole number, not {value}")

    def _unheard(self, config: Mapping[str, Any]) -> Iterator[Fault]:
        """Yield keys that mean nothing with the accounting that this config has."""
        name, value = self._workload.honest
        if config.get(name) == value:
            return
        for key in self._workload.honest_keys:
            if config.get(key) not in _UNSAID:
                hint = f"add {shown(name)}: {shown(value)} to the config"
                yield Fault(("config", key), f"{key} needs {name}: {value}", hint, key=True)

    def _unknown(self, key: str, meant: str) -> Iterator[Fault]:
        path, message = ("config", key), f"unknown config key {shown(key)}"
        if meant:
            yield Fault(path, message, f"did you mean {meant}?", key=True)
        elif key not in self._warned:
            self._warned.add(key)
            hint = f"the {self._workload.name} workload does not read it"
            yield Fault(path, message, hint, _WARNING, key=True)


class Layouts:
    """Config keys of commands that we know nothing of: only the plan can tell what is odd."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[Keys, Keys], _Layout] = {}

    def add(self, command: Keys, keys: Keys, line: int, text: str) -> None:
        layout = self._layouts.get((command, keys))
        if layout is None:
            if len(self._layouts) >= _MOST:
                return
            places = Places(text)
            columns = {**places.keys(("config",)), "": places.value(("config",))}
            layout = self._layouts[command, keys] = _Layout(command, keys, line, columns)
        layout.count += 1

    def problems(self) -> Iterator[Problem]:
        if len(self._layouts) >= _MOST:
            return
        yield from self._rare()
        yield from self._unfilled()

    def _rare(self) -> Iterator[Problem]:
        """Yield keys of few lines that look like a key of most others."""
        counts: Counter[str] = Counter()
        for layout in self._layouts.values():
            counts.update(dict.fromkeys(layout.keys, layout.count))
        total = sum(layout.count for layout in self._layouts.values())
        if len(counts) > _MOST_KEYS:
            return
        common = [key for key, count in counts.items() if count * 2 > total]
        said = {key for key, count in counts.items() if count * 2 >= total}
        for layout in self._layouts.values():
            others = [key for key in common if key not in layout.keys]
            for key in layout.keys:
                if key not in said and (meant := near(key, others)):
                    said.add(key)
                    yield _odd(layout, key, counts[key], meant)

    def _unfilled(self) -> Iterator[Problem]:
        """Yield placeholders that a line's config has no value for."""
        said = dict[tuple[Keys, str, str], _Layout]()
        for layout in self._layouts.values():
            for name in sorted(placeholders(layout.command)):
                if name in RESERVED:
                    if name in layout.keys:
                        said.setdefault((layout.command, name, name), layout)
                elif name not in layout.keys:
                    meant = near(name, [*layout.keys, *RESERVED])
                    said.setdefault((layout.command, name, meant), layout)
        for (_, name, meant), layout in said.items():
            yield _hidden(layout, name) if name == meant else _unfilled(layout, name, meant)


def shell_words(command: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield (place, placeholder) of the texts that a shell would run with values inside."""
    if not command or posixpath.basename(command[0]) not in _SHELLS:
        return
    for place, word in enumerate(command[1:], 1):
        if word.startswith("-") and not word.startswith("--") and word.endswith("c"):
            for name in sorted(placeholders(command[place + 1 : place + 2])):
                yield place + 1, name
            return


def _odd(layout: _Layout, key: str, count: int, meant: str) -> Problem:
    rest = "" if count == 1 else f", here and in {count - 1} more"
    return Problem(
        layout.line,
        layout.columns.get(key, 1),
        f"config key {shown(key)} stands in few lines{rest}",
        f"did you mean {meant}, as in the others?",
        _WARNING,
    )


def _unfilled(layout: _Layout, name: str, meant: str) -> Problem:
    hint = "it stays as it is"
    if meant:
        known = meant in RESERVED
        hint = f"did you mean {{{meant}}}?" if known else f"is the config's {meant} meant?"
    return Problem(
        layout.line,
        layout.columns.get("", 1),
        f"nothing fills {{{name}}} of the command: config has no such key",
        hint,
        Severity.ERROR if meant else _WARNING,
    )


def _hidden(layout: _Layout, name: str) -> Problem:
    return Problem(
        layout.line,
        layout.columns.get(name, 1),
        f"{{{name}}} in the command is not this config key: the name is reserved",
        "rename the key if the command means it",
        _WARNING,
    )
