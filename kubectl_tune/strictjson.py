"""
JSON as the standard has it, with the place of whatever is wrong.

The reader of the standard library is fast, but takes NaN, keeps the last of two equal
keys and says no columns once it is done. So: read with it, notice what it may have let
pass, and only then look closer.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t\r\n]*")
_HUGE = re.compile(r"\d[eE]\+?\d{3}|\d{300}")  # what may read as infinity
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LONE = re.compile("[\ud800-\udfff]")
_TEXT = frozenset([str])
_INFINITE = frozenset([math.inf, -math.inf])


@dataclass(frozen=True, slots=True)
class Defect:
    """Something wrong at a place; `column` counts from 1."""

    column: int
    message: str
    hint: str = ""


class Reader:
    """Reads many small documents, one at a time."""

    def __init__(self) -> None:
        self._suspect = False
        # `raw_decode` without its second look for spaces; typeshed leaves the name out.
        self._scan = json.JSONDecoder(parse_constant=self._constant).scan_once  # type: ignore[attr-defined]
        self._decode = json.JSONDecoder(
            object_pairs_hook=self._object, parse_constant=self._constant
        ).decode

    def read(self, text: str) -> tuple[Any, list[Defect]]:
        """Return the value and what is wrong with it; None if it can't be read at all."""
        self._suspect = False
        try:
            value, end = self._scan(text, 0)
        except (StopIteration, ValueError, RecursionError):
            return self._doubted(text)
        if end == len(text) and not self._suspect and _plain(value, text):
            return value, []
        return self._doubted(text)

    def _doubted(self, text: str) -> tuple[Any, list[Defect]]:
        self._suspect = False
        try:
            value = self._decode(text)
            if self._suspect or _HUGE.search(text) or _SURROGATE.search(text):
                return value, list(_walk(text, _skip(text, 0)))
        except json.JSONDecodeError as error:
            return None, [_syntax(text, error)]
        except RecursionError:
            return None, [Defect(1, "nested too deeply")]
        except ValueError:  # an integer of more digits than Python reads
            return None, [Defect(_longest_number(text), "this number has too many digits")]
        return value, []

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        self._suspect = self._suspect or len(result) != len(pairs)
        return result

    def _constant(self, name: str) -> float:
        self._suspect = True
        return 0.0


def _plain(value: Any, text: str) -> bool:
    """
    Tell at a glance that nothing hides in a line; where unsure, tell that something may.

    Every key has a colon: with as many keys as colons, no key was lost to its double.
    """
    if type(value) is not dict or "\\u" in text:
        return False
    keys = len(value)
    try:
        for inner in value.values():
            kind = type(inner)
            if kind is dict:
                keys += len(inner)
                if not _INFINITE.isdisjoint(inner.values()):
                    return False
            elif kind is list:
                if not _TEXT.issuperset(map(type, inner)):
                    return False
            elif kind is float and inner in _INFINITE:
                return False
    except TypeError:  # a list or an object, deeper than we look, has no hash
        return False
    return keys == text.count(":")


class Places:
    """Where the keys and values of one document stand; each object is gone through once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._known: dict[int, dict[str | int, tuple[int, int]]] = {}

    def key(self, path: Path) -> int:
        """Return the column of the last key of `path`, or of what should hold it."""
        *above, last = path
        at = self._value(above)
        return self._members(at).get(last, (at, at))[0] + 1

    def value(self, path: Path) -> int:
        return self._value(path) + 1

    def keys(self, path: Path) -> dict[str, int]:
        """Return the columns of all keys of the object at `path`."""
        members = self._members(self._value(path))
        return {name: place[0] + 1 for name, place in members.items() if isinstance(name, str)}

    def _value(self, path: Sequence[str | int]) -> int:
        at = _skip(self._text, 0)
        for step in path:
            at = self._members(at).get(step, (at, at))[1]
        return at

    def _members(self, at: int) -> dict[str | int, tuple[int, int]]:
        if at not in self._known:
            found = self._known[at] = {}
            for name, key_at, value_at in _members(self._text, at):
                found.setdefault(name, (key_at, value_at))
        return self._known[at]


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _members(text: str, at: int) -> Iterator[tuple[str | int, int, int]]:
    """Yield (key or index, place of the key, place of the value) of an object or list."""
    opening = text[at : at + 1]
    if opening not in ("{", "["):
        return
    place, count = _skip(text, at + 1), 0
    while text[place : place + 1] not in ("}", "]", ""):
        key_at, name = place, count
        if opening == "{":
            name, place = _SCANNER.raw_decode(text, place)
            place = _skip(text, _skip(text, place) + 1)
        yield name, key_at, place
        place = _skip(text, _end(text, place))
        if text[place : place + 1] == ",":
            place = _skip(text, place + 1)
        count += 1


def _end(text: str, at: int) -> int:
    return _SCANNER.raw_decode(text, at)[1]


_SCANNER = json.JSONDecoder()


def _walk(text: str, at: int) -> Iterator[Defect]:
    """Yield what the standard library's reader lets pass."""
    seen: dict[str | int, int] = {}
    opening = text[at : at + 1]
    for name, key_at, value_at in _members(text, at):
        if name in seen:
            yield Defect(
                key_at + 1,
                f"the key {json.dumps(name)} stands twice in one object",
                f"it stands at column {seen[name]} too; only one can count",
            )
        seen.setdefault(name, key_at + 1)
        if isinstance(name, str) and _LONE.search(name):
            yield _half(key_at)
        yield from _walk(text, value_at)
    if opening not in ("{", "["):
        yield from _scalar(text, at)


def _scalar(text: str, at: int) -> Iterator[Defect]:
    value, end = _SCANNER.raw_decode(text, at)
    if isinstance(value, str) and _LONE.search(value):
        yield _half(at)
    if isinstance(value, float) and not math.isfinite(value):
        word = text[at:end] if end - at < 40 else f"{text[at : at + 37]}..."
        yield Defect(
            at + 1, f"{word} is not a number that JSON has", "write a finite number or null"
        )


def _half(at: int) -> Defect:
    return Defect(at + 1, "this text holds half of a character (a lone surrogate, \\ud800-\\udfff)")


def _longest_number(text: str) -> int:
    runs = re.finditer(r"-?\d+", text)
    return max(runs, key=lambda run: run.end() - run.start()).start() + 1


def _syntax(text: str, error: json.JSONDecodeError) -> Defect:
    place, said = error.pos, error.msg
    if not text[place:].strip() and said != "Extra data":
        return Defect(place + 1, "the text ends in the middle of its JSON", "is it cut off?")
    # Python 3.13 points at a comma too many, others at the bracket behind it.
    before = text[:place].rstrip()
    if text[place] in "}]" and before.endswith(","):
        place, said = len(before) - 1, "Illegal trailing comma"
    return Defect(place + 1, f"not JSON: {_said(said)}", _advice(text, place, said))


_SAID = {
    "Expecting value": "a value is missing here",
    "Expecting property name enclosed in double quotes": "a key in double quotes is missing here",
    "Illegal trailing comma": "nothing follows this comma",
    "Expecting ':' delimiter": "a colon is missing here",
    "Expecting ',' delimiter": "a comma is missing here",
    "Extra data": "something follows the object",
    "Unterminated string starting at": "this text has no closing quote",
    "Invalid control character at": "a text can't hold this control character",
    "Invalid \\escape": "this backslash begins nothing that JSON knows",
    "Invalid \\uXXXX escape": "\\u needs four hexadecimal digits",
}


_ADVICE = {
    "'": "JSON wants double quotes",
    "#": "JSON has no comments",
    "/": "JSON has no comments",
    "\\": "write \\\\ for a backslash",
}
_WORDS = {"True": "true", "False": "false", "None": "null"}


def _said(message: str) -> str:
    return next((said for start, said in _SAID.items() if message.startswith(start)), message)


def _advice(text: str, place: int, said: str) -> str:
    found = text[place : place + 1]
    if said.startswith("Illegal trailing comma"):
        return "drop it"
    if word := next((word for word in _WORDS if text.startswith(word, place)), ""):
        return f"write {_WORDS[word]}"
    if found == "{" and said == "Extra data":
        return "a plan has one object a line"
    return _ADVICE.get(found, "")
