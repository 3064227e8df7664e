"""
Text as kubectl prints it: tables, ages, and foreign text that a terminal can bear.

One rule: whatever comes from a trial, a plan or a server passes `clean` on its way out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final
from unicodedata import category

Paint = Callable[[str, str], str]  # a header and a cell to the sequence that colours it, or ""

BLANK: Final = object()  # a cell with nothing in it

UNKNOWN = "<unknown>"
_NONE = "<none>"
_GAP = "   "
_NARROWEST = 3  # kubectl's columns are at least 6 wide with their gap
_PLAIN = "\x1b[0m"
_COLOURS = re.compile(r"(\x1b\[[0-9;]*m)")
_ESCAPED = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))  # control, format, surrogate, separators
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x7f": "^?"}


def clean(text: str, *, keep: str = "") -> str:
    """
    Make what is invisible visible, except the characters of `keep`.

    Escape sequences begin with `^[` then, as in kubectl; line breaks read `\\n`, and
    what turns the direction of writing around reads `\\u202e`.
    """
    if text.isprintable():
        return text
    return "".join(char if char in keep else _visible(char) for char in text)


def cell(value: object) -> str:
    """Return one line of text for a value: `<none>`, `true`, 6 digits of a float, or the text."""
    if value is BLANK:
        return ""
    if value is None or value == "":
        return _NONE
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return readable(value)
    return clean(str(value))


def readable(value: float) -> str:
    """Write a number with 6 significant digits, and all of those before the point."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Inf" if value > 0 else "-Inf")
    if value != 0 and not 1e-4 <= abs(value) < 1e15:
        return f"{value:.6g}"
    digits = 5 - math.floor(math.log10(abs(value))) if value else 0
    text = f"{value:.{max(0, digits)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def table(
    rows: Iterable[Sequence[object]],
    headers: Sequence[str],
    *,
    no_headers: bool = False,
    paint: Paint | None = None,
) -> str:
    """Lay out columns as kubectl does: upper case, left-aligned, three spaces, nothing cut."""
    headers = [header.upper() for header in headers]
    return Columns(headers, no_headers=no_headers, paint=paint).text(rows)


class Columns:
    """
    Rows as they come, the headers once: columns grow, and never shrink.

    That is how kubectl aligns the rows of a list that it watches. `paint` says how a cell is
    coloured, which takes no room.
    """

    def __init__(
        self, headers: Sequence[str], *, no_headers: bool = False, paint: Paint | None = None
    ) -> None:
        self._headers = [clean(header) for header in headers]
        self._due = not no_headers
        self._paint = paint
        self._widths = [_NARROWEST] * len(headers)

    def text(self, rows: Iterable[Sequence[object]]) -> str:
        lines = [self._headers] if self._due else []
        lines += [[cell(value) for value in row] for row in rows]
        self._due = False
        if not lines:
            return ""
        longest = (max(map(len, column)) for column in zip(*lines, strict=True))
        self._widths = [max(pair) for pair in zip(self._widths, longest, strict=True)]
        if self._paint:
            return "".join(f"{self._painted(line, self._paint)}\n" for line in lines)
        form = "".join(f"{{:{width}}}{_GAP}" for width in self._widths[:-1]) + "{}\n"
        return "".join(form.format(*line) for line in lines)

    def _painted(self, line: Sequence[str], paint: Paint) -> str:
        cells = [
            f"{code}{text}{_PLAIN}" if (code := paint(header, text)) else text
            for header, text in zip(self._headers, line, strict=True)
        ]
        rest = [" " * (w - len(text)) for w, text in zip(self._widths, line, strict=True)]
        padded = [f"{cell}{spaces}" for cell, spaces in zip(cells, rest, strict=True)]
        return _GAP.join([*padded[:-1], cells[-1]])


def cut(line: str, room: int) -> str:
    """Return as much of a line as fits, its colours whole."""
    if _PLAIN not in line:
        return line[:room]
    kept = []
    for piece in _COLOURS.split(line):
        kept.append(piece if piece.startswith("\x1b") else piece[:room])
        room -= 0 if piece.startswith("\x1b") else len(kept[-1])
    return "".join(kept)


_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_YEAR = 365 * _DAY
# Up to where, in which unit, and in which smaller one besides.
# https://pkg.go.dev/k8s.io/apimachinery/pkg/util/duration#HumanDuration
_STEPS = (
    (2 * _MINUTE, (1, "s"), None),
    (10 * _MINUTE, (_MINUTE, "m"), (1, "s")),
    (3 * _HOUR, (_MINUTE, "m"), None),
    (8 * _HOUR, (_HOUR, "h"), (_MINUTE, "m")),
    (2 * _DAY, (_HOUR, "h"), None),
    (8 * _DAY, (_DAY, "d"), (_HOUR, "h")),
    (2 * _YEAR, (_DAY, "d"), None),
    (8 * _YEAR, (_YEAR, "y"), (_DAY, "d")),
    (math.inf, (_YEAR, "y"), None),
)


def duration(seconds: float | None) -> str:
    """Write a length of time as kubectl does: 59s, 119s, 2m, 5m32s, 3h, 3d4h, 2y70d."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    whole = int(seconds)
    if whole < 0:
        return "0s" if whole == -1 else "<invalid>"  # two clocks may differ by a second
    (unit, letter), smaller = next((big, small) for end, big, small in _STEPS if whole < end)
    text = f"{whole // unit}{letter}"
    if smaller and (rest := whole % unit // smaller[0]):
        text += f"{rest}{smaller[1]}"
    return text


def age(since: float | None, now: float) -> str:
    return duration(None if since is None else now - since)


def _visible(char: str) -> str:
    if category(char) not in _ESCAPED:
        return char
    if short := _SHORT.get(char):
        return short
    code = ord(char)
    if code < 0x20:
        return f"^{chr(code + 0x40)}"
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )
