"""
The order of timestamps: numbers or ISO 8601, compared as times and never as text.

A file writes its times in one of the two ways; the first readable one decides which.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from operator import gt
from typing import Any


class Clock:
    """Runs forward over the timestamps of a file."""

    def __init__(self) -> None:
        self._read: Callable[[str], Any] = _either
        self._latest: Any = None

    def advance(self, text: str) -> bool:
        """Take the next time, or say no to one that is earlier; ValueError if it is none."""
        time = self._read(text)
        if self._latest is None:
            self._read = _iso if isinstance(time, datetime) else _number
        elif time < self._latest:
            return False
        self._latest = time
        return True

    def advance_all(self, texts: Sequence[str]) -> bool:
        """Take many at once if all is well with them, else none."""
        if self._latest is None:
            return False
        try:
            times = self._read_all(texts)
            backwards = times[0] < self._latest or any(map(gt, times, times[1:]))
        except (TypeError, ValueError):
            return False
        if not backwards:
            self._latest = times[-1]
        return not backwards

    def _read_all(self, texts: Sequence[str]) -> list[Any]:
        if self._read is not _iso:
            return list(map(self._read, texts))
        times = list(map(datetime.fromisoformat, texts))
        if times[0].tzinfo is None:
            times = [time if time.tzinfo else time.replace(tzinfo=UTC) for time in times]
        return times  # one without a zone among others makes comparing them raise


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
