"""
The config keys of commands that we know nothing of: only the plan can tell what is odd.

Lines of one plan share few sets of keys. Each set is judged once, so what a line
costs does not depend on how much there is to check.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from kubectl_tune.planline import shown
from kubectl_tune.problem import Problem, Severity
from kubectl_tune.strictjson import Places
from kubectl_tune.suggest import near
from kubectl_tune.template import RESERVED, placeholders

_MOST = 1000  # sets of keys worth comparing; a plan with more has no rule to break
_MOST_KEYS = 300  # all their names are held against each other
_SHELLS = frozenset(["sh", "bash", "dash", "zsh", "ksh", "ash"])
_WARNING = Severity.WARNING

Keys = tuple[str, ...]


@dataclass(slots=True)
class _Layout:
    """A set of config keys under one command, and the first line that has it."""

    command: Keys
    keys: Keys
    line: int
    columns: dict[str, int] = field(default_factory=dict)
    count: int = 0


class Layouts:
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
