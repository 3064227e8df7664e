"""
A parameter to tune: some choices, or a range.

Numbers come out as a reader would write them: 0.1 and two steps of 0.1 make 0.3, whole
numbers stay whole, on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

Number = int | float

_LARGEST = 1e300
MOST = 1_000_000  # values of one parameter
_DIGITS = 12  # of a drawn float: enough for any use, and short enough to read
# Decimal's logarithms are rounded correctly; those of a machine's C library need not be.
_EXACT = Context(prec=30)


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    choices: tuple[Any, ...] = ()
    low: Number = 0
    high: Number = 0
    step: Number | None = None
    log: bool = False
    ranged: bool = False

    @property
    def whole(self) -> bool:
        return all(isinstance(part, int) for part in (self.low, self.high, self.step or 0))

    @property
    def off_by_a_part(self) -> bool:
        """Tell whether its values are no multiples of its step."""
        return bool(self.step) and _exact(self.low) % _exact(self.step or 1) != 0

    @property
    def finite(self) -> bool:
        """Tell whether it has values to count."""
        return not self.ranged or self.whole or self.step is not None

    def values(self) -> Sequence[Any]:
        """Return all values, in their order; a range has them by its step."""
        if not self.ranged:
            return self.choices
        return [self._nth(place) for place in range(self.count())]

    def at(self, share: float) -> Any:
        """Return the value at a share of the way through them, from 0 to just below 1."""
        if not self.ranged:
            return self.choices[int(share * len(self.choices))]
        if self.log:
            return self._between(self._by_ratio(share))
        if self.step or self.whole:
            return self._nth(int(share * self.count()))
        low, high = Fraction(self.low), Fraction(self.high)
        return self._between(float(low + Fraction(share) * (high - low)))

    def count(self) -> int:
        """Return how many values there are; those of a range without step are the whole ones."""
        if not self.ranged:
            return len(self.choices)
        return count(self.low, self.high, self.step or 1)

    def _nth(self, place: int) -> Number:
        if self.whole:
            return int(self.low) + place * int(self.step or 1)
        return float(_exact(self.low) + place * _exact(self.step or 1))

    def _by_ratio(self, share: float) -> float:
        # A whole number is drawn from half below to half above it, also at the ends.
        around = 0.5 if self.whole else 0
        low, high = _logarithm(self.low - around), _logarithm(self.high + around)
        way = _EXACT.multiply(Decimal(share), _EXACT.subtract(high, low))
        return float(_EXACT.exp(_EXACT.add(low, way)))

    def _between(self, value: float) -> Number:
        rounded = round(value) if self.whole else float(f"{value:.{_DIGITS}g}")
        return min(max(rounded, self.low), self.high)


@lru_cache(maxsize=256)  # of the ends, which are those of every draw
def _logarithm(value: Number) -> Decimal:
    return _EXACT.ln(Decimal(value))


def count(low: Number, high: Number, step: Number) -> int:
    """Return how many values a range has, both ends counted where the step meets them."""
    return math.floor((_exact(high) - _exact(low)) / _exact(step)) + 1


def number(value: Any) -> Number | None:
    """Return a number that a float can hold, also one in quotes; None for anything else."""
    if isinstance(value, str):
        value = _spelled(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -_LARGEST <= value <= _LARGEST else None


def _exact(value: Number) -> Fraction:
    """Return the number as it is written: 0.1 is a tenth here."""
    return Fraction(repr(value))


def _spelled(text: str) -> Number | None:
    for read_as in (int, float):
        try:
            return read_as(text)
        except ValueError:
            continue
    return None
