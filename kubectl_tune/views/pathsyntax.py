"""
Templates of kubectl's JSONPath, read: text, and steps in braces.

The dialect is client-go's, its sentences for what can't be read included; it differs from
every other JSONPath. What a template finds is for `views.jsonpath`.
https://kubernetes.io/docs/reference/kubectl/jsonpath/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

BOOLEANS = {"true": True, "false": False}

_FIELD = re.compile(r"(?:\\[\s\S]|[^\\\s.,\[\]$@{}])*")
_WORD = re.compile(r"[^\s.,\[\]$@{}]+")
_NUMBER = re.compile(r"[+-]?[\d.]*")
_QUOTED = re.compile(r"""(["'])(.*?)(?<!\\)\1""")
_BRACKET = re.compile(r"\[([^\]\n]*)\]")
_FILTER = re.compile(r"""\[\?\(((?:[^"')\n]|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')*)\)(\]?)""")
_COMPARED = re.compile(r"([^!<>=]+)([!<>=]+)(.+)")
_KEY = re.compile(r"'([^']*)'")
_SLICE = re.compile(r"(-?\d*)(:-?\d*)?(:-?\d*)?")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|[\s\S]?)")
_ESCAPED = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\",
    "'": "'", '"': '"',
}  # fmt: skip
_HIGHEST = 0x10FFFF
_LONGEST = 18  # digits that fit into Go's int, whatever they are


class PathError(ValueError):
    """A template, or an object that it doesn't fit, in client-go's words."""


@dataclass(frozen=True, slots=True)
class Field:
    name: str


@dataclass(frozen=True, slots=True)
class Slice:
    start: int | None
    stop: int | None
    step: int | None
    single: bool = False  # `[2]`, `[-1]`: one item, which has to be there


@dataclass(frozen=True, slots=True)
class Filter:
    left: Steps
    operator: str = ""  # none: whether there is something at `left`
    right: Steps = ()


@dataclass(frozen=True, slots=True)
class Union:
    paths: tuple[Steps, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class Word:
    """`range`, `end`, or something that means nothing."""

    name: str


@dataclass(frozen=True, slots=True)
class Every:
    """`.*`: whatever a map or a list holds; `deep` is `..`, which goes on below."""

    deep: bool = False


Step = Field | Slice | Filter | Union | Literal | Word | Every
Steps = Sequence[Step]


class Read(NamedTuple):
    """What was read of a template, and where to go on."""

    steps: list[Step]
    at: int


def parse(text: str) -> list[str | Steps]:
    """Return the parts of a template, or raise `PathError`."""
    parts: list[str | Steps] = []
    at = 0
    while at < len(text):
        start = text.find("{", at)
        if start < 0:
            return [*parts, text[at:]]
        parts += [text[at:start]] if start > at else []
        steps, at = _action(text, start + 1)
        parts.append(steps)
    return parts


def _steps(text: str) -> Steps:
    """Read what stands in braces."""
    return _action(f"{text}}}", 0).steps


def _action(text: str, at: int) -> Read:
    steps: list[Step] = []
    while at < len(text) and text[at] not in "\r\n":
        char = text[at]
        if char == "}":
            return Read(steps, at + 1)
        if char in " @$":
            at += 1
            continue
        found, at = _next(text, at, steps)
        steps += found
    raise PathError("unclosed action")


def _next(text: str, at: int, before: Steps) -> Read:
    char = text[at]
    if text.startswith("..", at):
        return _deep(text, at + 2, before)
    if text.startswith("[?(", at):
        return _filter(text, at)
    match char:
        case "[":
            return _bracket(text, at)
        case ".":
            return _field(text, at + 1)
        case '"' | "'":
            return _quoted(text, at)
        case "+" | "-":
            return _number(text, at)
    if char.isdecimal():
        return _number(text, at)
    if char == "_" or char.isalpha():
        word = _matched(_WORD, text, at)
        step = Literal(BOOLEANS[word]) if word in BOOLEANS else Word(word)
        return Read([step], at + len(word))
    shown = f" '{char}'" if char.isprintable() else ""
    raise PathError(f"unrecognized character in action: U+{ord(char):04X}{shown}")


def _deep(text: str, at: int, before: Steps) -> Read:
    if before and before[-1] == Every(deep=True):
        raise PathError("invalid multiple recursive descent")
    if text[at : at + 1] == "_" or text[at : at + 1].isalnum():
        field, at = _field(text, at)
        return Read([Every(deep=True), *field], at)
    return Read([Every(deep=True)], at)


def _field(text: str, at: int) -> Read:
    name = _matched(_FIELD, text, at)
    step = Every() if name == "*" else Field(name.replace("\\", ""))
    return Read([step], at + len(name))


def _number(text: str, at: int) -> Read:
    digits = _matched(_NUMBER, text, at)
    try:
        value = float(digits) if "." in digits else int(digits)
    except ValueError:
        raise PathError(f"cannot parse number {digits}") from None
    return Read([Literal(value)], at + len(digits))


def _quoted(text: str, at: int) -> Read:
    match = _QUOTED.match(text, at)
    if not match:
        raise PathError("unterminated quoted string")
    return Read([Literal(_unquoted(match[0]))], match.end())


def _unquoted(quoted: str) -> str:
    def char(match: re.Match[str]) -> str:
        found = match[1]
        if found in _ESCAPED:
            return _ESCAPED[found]
        code = int(found, 8) if found[:1].isdigit() else int(found[1:] or "-1", 16)
        if not 0 <= code <= _HIGHEST:
            raise ValueError
        return chr(code)

    try:
        return _ESCAPE.sub(char, quoted[1:-1])
    except ValueError:
        raise PathError(f"unquote string {quoted} error invalid syntax") from None


def _bracket(text: str, at: int) -> Read:
    match = _BRACKET.match(text, at)
    if not match:
        raise PathError("unterminated array")
    inside = match[1]
    if "," in inside:
        paths = tuple(_steps(f"[{each.strip(' ')}]") for each in inside.split(","))
        return Read([Union(paths)], match.end())
    if key := _KEY.fullmatch(inside):
        return Read([*_steps(f".{key[1]}")], match.end())
    return Read([_slice(":" if inside == "*" else inside)], match.end())


def _slice(text: str) -> Slice:
    match = _SLICE.fullmatch(text)
    if not match:
        raise PathError(f"invalid array index {text}")
    start, stop, step = (_whole((part or "").removeprefix(":")) for part in match.groups())
    if match[2] is None:
        start = start or 0
        return Slice(start, start + 1, step, single=True)
    return Slice(start, stop, step)


def _whole(digits: str) -> int | None:
    if not digits:
        return None
    if len(digits) > _LONGEST or digits == "-":
        raise PathError(f"array index {digits} is not a number")
    return int(digits)


def _filter(text: str, at: int) -> Read:
    match = _FILTER.match(text, at)
    if not match:
        raise PathError("unterminated filter")
    if not match[2]:
        raise PathError("unclosed array expect ]")
    compared = _COMPARED.fullmatch(match[1])
    if not compared:
        return Read([Filter(_steps(match[1]))], match.end())
    left, operator, right = compared.groups()
    return Read([Filter(_steps(left), operator, _steps(right))], match.end())


def _matched(pattern: re.Pattern[str], text: str, at: int) -> str:
    match = pattern.match(text, at)
    return match[0] if match else ""
