"""Lengths of time as people write them: `90`, `"90"`, `"1.5h"`, `"1h30m"`; all to seconds."""

from __future__ import annotations

import math
import re

from kubectl_tune.errors import UsageError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
# Compiled when they are needed: every command imports this, and few are told a duration.
_WHOLE = rf"{_PART}|(?:{_PART}(?:ms|[smhd]))+"
_PIECE = rf"({_PART})(ms|[smhd])"
_LONGEST_TEXT = 100
_LONGEST = 100 * 366 * 86400.0


def seconds(value: str | float) -> float:
    """Return the seconds of a number or of a text such as `1h30m`; zero is allowed."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _wrong(value)
    total = _spelled(value) if isinstance(value, str) else _number(value)
    if not 0 <= total <= _LONGEST:
        raise UsageError(
            f"a duration can't be {_shown(value)}", hint="give a number from 0 to 100 years"
        )
    return total


def _number(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _spelled(text: str) -> float:
    word = text.strip().lower()
    if len(word) > _LONGEST_TEXT or not re.fullmatch(_WHOLE, word):
        raise _wrong(text)
    pieces = re.findall(_PIECE, word)
    if not pieces:
        return float(word)
    # Rounded, because 0.1 of an hour is 360 s and not 360.00000000000006.
    return round(sum(float(count) * _UNITS[unit] for count, unit in pieces), 6)


def _wrong(value: object) -> UsageError:
    return UsageError(
        f"not a duration: {_shown(value)}",
        hint="write seconds, or a number with a unit, such as 30s, 5m or 1h30m",
    )


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
