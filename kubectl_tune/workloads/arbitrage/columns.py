"""
Columns beyond the five that every data file has: which are read, and what their cells hold.

They are read where the options ask for them. An empty cell is NaN: the file doesn't say.
"""

from __future__ import annotations

import difflib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isinf, nan
from typing import Any

from .accounting import Options
from .bad_rows import Fault
from .tables import COLUMNS

QUANTITIES = ("best_bid_a_qty", "best_ask_a_qty", "best_bid_b_qty", "best_ask_b_qty")
FUNDING = ("funding_a", "funding_b")
RATE = "rate"


@dataclass(frozen=True)
class Wanted:
    """Columns by the name they go by in `Quotes.columns`; the value is that of the file."""

    required: Mapping[str, str] = field(default_factory=dict)
    optional: Sequence[str] = ()
    times: bool = False  # whether times are wanted, too: reading them twice takes long

    @property
    def names(self) -> set[str]:
        """All names that a file may have them under."""
        return {*self.required.values(), *self.optional}

    def found(self, header: Sequence[str], kind: str) -> dict[str, str]:
        """Those that the file has; ValueError where a required one is missing."""
        missing = [name for name in dict.fromkeys(self.required.values()) if name not in header]
        if missing:
            raise ValueError(_missing(missing, header, kind))
        return {**self.required, **{name: name for name in self.optional if name in header}}


NONE = Wanted()


def wanted(options: Options) -> Wanted:
    """Sizes where fills keep to them, the rate that was named, and funding where there is some."""
    if not options.honest:
        return NONE
    required = {name: name for name in QUANTITIES if options.fill == "top_of_book"}
    if options.rate_column is not None:
        required[RATE] = options.rate_column
    return Wanted(required, FUNDING, times=True)


def _missing(names: Sequence[str], header: Sequence[str], kind: str) -> str:
    """In one sentence; the five that every file has were not meant."""
    others = [name for name in header if name not in COLUMNS]
    told = [f"{name!r}{_meant(name, others)}" for name in names]
    return f"{kind} has no column {', '.join(told)}; it has: {', '.join(header)}"


def _meant(name: str, others: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, others, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def cell(value: Any) -> float:
    """ValueError or TypeError for what is neither empty nor a number."""
    empty = value is None or (isinstance(value, str) and not value.strip())
    return nan if empty else float(value)


def cells(values: Iterable[Any]) -> array[float]:
    return array("d", [nan if value in _EMPTY else float(value) for value in values])


_EMPTY = ("", None)


def cell_fault(key: str, name: str, value: float) -> Fault | None:
    """What is wrong with a cell that is not empty."""
    if isinf(value):
        return "nan", f"{name} is {value}"
    if (value < 0 and key in QUANTITIES) or (value <= 0 and key == RATE):
        return "non_positive", f"{name} is {value:g}"
    return None


def all_good(key: str, values: array[float]) -> bool:
    """What `cell_fault` asks of one cell, of many at once."""
    if inf in values or -inf in values:
        return False
    if key == RATE:
        return not any(map((0.0).__ge__, values))
    return key not in QUANTITIES or not any(map((0.0).__gt__, values))
