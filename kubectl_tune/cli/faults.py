"""All that is wrong with the options of a command, collected while they are read."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

from kubectl_tune.cluster.syntax import Fault
from kubectl_tune.errors import UsageError
from kubectl_tune.table import clean

T = TypeVar("T")

_SHOWN = 200


class Reading:
    """
    Reads options by their parameters' names, and goes on where one is wrong.

    A reader takes a word and returns what it means, or raises `Fault`.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self._faults: list[tuple[str, str]] = []  # sentence and hint

    def one(self, name: str, read: Callable[[str], T], otherwise: T) -> T:
        """Return what an option means that is given once, or not at all."""
        text = self._given[name]
        found = None if text is None else self._read(name, read, text, text)
        return otherwise if found is None else found

    def each(self, name: str, read: Callable[[str], T], *, secret: bool = False) -> list[T]:
        """Return what the words of an option mean; what is behind a secret one's = isn't shown."""
        found = []
        for text in self._given[name] or ():
            shown = text.partition("=")[0] if secret else text
            value = self._read(name, read, text, shown)
            found += [] if value is None else [value]
        return found

    def pairs(
        self, name: str, read: Callable[[str], tuple[str, str]], *, secret: bool = False
    ) -> dict[str, str]:
        return self.joined(name, [[pair] for pair in self.each(name, read, secret=secret)])

    def joined(self, name: str, pairs: list[list[tuple[str, str]]]) -> dict[str, str]:
        """Return pairs as one dict; a key that is there twice is wrong."""
        found: dict[str, str] = {}
        for key, value in (pair for some in pairs for pair in some):
            self._once(name, key, found)
            found[key] = value
        return found

    def words(
        self, name: str, read: Callable[[str], T], by: Callable[[T], Hashable]
    ) -> tuple[str, ...]:
        """Return words as they were typed, no two of which mean the same `by`."""
        seen: list[Hashable] = []
        for value in self.each(name, read):
            self._once(name, by(value), seen)
            seen.append(by(value))
        return tuple(self._given[name] or ())

    def fault(self, where: str, fault: Fault) -> None:
        where = clean(where if len(where) <= _SHOWN else f"{where[: _SHOWN - 3]}...")
        self._faults.append((f"{where}: {fault}", fault.hint))

    def settle(self) -> None:
        """Raise all that was found."""
        if len(self._faults) == 1:
            ((sentence, hint),) = self._faults
            raise UsageError(sentence, hint=hint)
        if self._faults:
            rows = [f"  {s}" + (f" ({hint})" if hint else "") for s, hint in self._faults]
            raise UsageError("\n".join([f"{len(rows)} problems with the options:", *rows]))

    def _read(self, name: str, read: Callable[[str], T], text: str, shown: str) -> T | None:
        try:
            if not text:
                raise Fault("no value", "give it one, or leave the option out")
            return read(text)
        except Fault as fault:
            self.fault(f"{flag(name)} {shown or repr('')}", fault)
        return None

    def _once(self, name: str, what: Hashable, seen: Any) -> None:
        if what in seen:
            self.fault(f"{flag(name)} {what}", Fault("given twice", "only one can count"))


def flag(name: str) -> str:
    """Return the flag of a parameter."""
    return f"--{name.replace('_', '-')}"
