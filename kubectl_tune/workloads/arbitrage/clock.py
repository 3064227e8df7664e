"""
The order of timestamps: numbers or ISO 8601, compared as times and never as text.

A file writes its times in one of the two ways; the first readable one decides which. Numbers count
seconds, milliseconds, microseconds or nanoseconds since 1970; the largest one tells which.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from operator import gt
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds of today are below 1e11 and so on; what is between belongs to the year 1973, or to 5138.
UNITS = ((1e11, 1), (1e14, 1_000), (1e17, 1_000_000), (math.inf, 1_000_000_000))

# Times are floats: a sum of two may miss a third by a rounding, which is below half a microsecond,
# and the next quote is a whole one away.
ROUNDING = 5e-7


class Clock:
    """Runs forward over the timestamps of a file; without `forward`, wherever they lead it."""

    def __init__(self, *, forward: bool = True) -> None:
        self._read: Callable[[str], Any] = _either
        self._forward = forward
        self._latest: Any = None
        self.taken: Sequence[Any] = ()  # the times that were taken last, all at once

    def time(self, text: str) -> Any:
        """Read a time as those before it; ValueError if it is none."""
        return self._read(text)

    def advance(self, text: str) -> bool:
        """Take the next time, or say no to one that is earlier; ValueError if it is none."""
        time = self._read(text)
        if self._latest is None:
            self._read = _iso if isinstance(time, datetime) else _number
        elif time < self._latest and self._forward:
            return False
        self._latest = time
        return True

    def advance_all(self, texts: Sequence[str]) -> bool:
        """Take many at once if all is well with them, else none."""
        if self._latest is None:
            return False
        try:
            times = self._read_all(texts)
            backwards = self._forward and self._is_back(times)
        except (TypeError, ValueError):
            return False
        if not backwards:
            self._latest, self.taken = times[-1], times
        return not backwards

    def _is_back(self, times: Sequence[Any]) -> bool:
        return times[0] < self._latest or any(map(gt, times, times[1:]))

    def _read_all(self, texts: Sequence[str]) -> list[Any]:
        if self._read is not _iso:
            return list(map(self._read, texts))
        return _moments(texts)  # one without a zone among others makes comparing them raise


def times(texts: Sequence[str]) -> list[Any]:
    """All as numbers or all as moments, which compare exactly; ValueError for one that is none."""
    if not texts:
        return []
    if not isinstance(_either(texts[0]), datetime):
        return list(map(_number, texts))
    try:
        moments = _moments(texts)  # takes half the time of reading them one by one
    except ValueError:
        moments = []
    return moments if moments and all(each.tzinfo for each in moments) else list(map(_iso, texts))


def seconds(texts: Sequence[str]) -> array[float]:
    """Since 1970. ValueError for a text that is no time."""
    return in_seconds(times(texts))


def in_seconds(moments: Sequence[Any]) -> array[float]:
    """The same of what has been read, all of it numbers or all moments."""
    if moments and isinstance(moments[0], datetime):
        return array("d", [moment.timestamp() for moment in moments])
    unit = _unit(moments)
    return array("d", [number / unit for number in moments])


def _moments(texts: Sequence[str]) -> list[datetime]:
    """As they are written, but that all are UTC where the first has no zone."""
    moments = list(map(datetime.fromisoformat, texts))
    if moments[0].tzinfo is None:
        moments = [each if each.tzinfo else each.replace(tzinfo=UTC) for each in moments]
    return moments


def _unit(numbers: Sequence[float]) -> int:
    """How many of what the numbers count make a second."""
    largest = max(map(abs, numbers), default=0)
    return next(unit for limit, unit in UNITS if largest < limit)


def _either(text: str) -> float | datetime:
    try:
        return _number(text)
    except ValueError:
        return _iso(text)


def _number(text: str) -> float:
    try:
        return int(text)  # exact, where a float would round nanoseconds
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"timestamp {text!r} is not a number, as the ones before it") from None
    if not math.isfinite(number):
        raise ValueError(f"timestamp {text!r} is not a time")
    return number


def _iso(text: str) -> datetime:
    """Without a zone UTC is meant."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"timestamp {text!r} is neither a number nor ISO 8601") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
