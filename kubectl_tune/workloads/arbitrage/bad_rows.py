"""
Rows of a data file that no market sends: what is wrong with them, how many, and where.

A row counts once, under the first of the kinds that applies; the policy says what becomes of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

BadRowPolicy = Literal["seed", "skip", "error"]
POLICIES: tuple[BadRowPolicy, ...] = ("seed", "skip", "error")

BadRowKind = Literal["unparsable", "nan", "non_positive", "crossed", "time_back"]
KINDS: tuple[BadRowKind, ...] = ("unparsable", "nan", "non_positive", "crossed", "time_back")

Fault = tuple[BadRowKind, str]
"""The kind, and a sentence's worth of why."""

PRICES = ("best_bid_a", "best_ask_a", "best_bid_b", "best_ask_b")
NAMED = 5


class BadRows:
    """Counts by kind, and the first few rows by line."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = dict.fromkeys(KINDS, 0)
        self.named: list[str] = []

    def add(self, line: int, kind: BadRowKind, why: str) -> None:
        self.counts[kind] += 1
        if len(self.named) < NAMED:
            self.named.append(f"{line}: {why}")

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def __str__(self) -> str:
        """The first few on one line."""
        rest = self.total - len(self.named)
        return "; ".join([*self.named, *([f"and {rest} more"] if rest else [])])

    def sentences(self) -> list[str]:
        """What to tell the user: one sentence a row, and how many more there are."""
        told = [f"bad row {row}" for row in self.named]
        if self.total > len(self.named):
            told.append(f"and {self.total - len(self.named)} more bad rows")
        if told:
            counts = ", ".join(f"{kind} {n}" for kind, n in self.counts.items() if n)
            told.append(f"bad rows in all: {self.total} ({counts})")
        return told


def price_fault(prices: Sequence[float], *, locked: bool = False) -> Fault | None:
    """
    What is wrong with bid and ask of A and B, in the order of the columns.

    With `locked` a book whose bid is equal to its ask is one.
    """
    for name, price in zip(PRICES, prices, strict=True):
        if not math.isfinite(price):
            return "nan", f"{name} is {price}"
    for name, price in zip(PRICES, prices, strict=True):
        if price <= 0:
            return "non_positive", f"{name} is {price:g}"
    bid_a, ask_a, bid_b, ask_b = prices
    for venue, bid, ask in (("A", bid_a, ask_a), ("B", bid_b, ask_b)):
        if bid > ask or (bid == ask and not locked):
            return "crossed", f"the book of {venue} is crossed, bid {bid!r} >= ask {ask!r}"
    return None


def parse_fault(
    columns: Sequence[str],
    values: Sequence[object],
    more: Mapping[str, Callable[[object], float]] = MappingProxyType({}),
) -> str:
    """
    Which value of an unparsable row is to blame; too short a row has fewer values.

    `more` says how columns besides the prices are read.
    """
    readers: dict[str, Callable[[object], float]] = {**more, **dict.fromkeys(PRICES, _price)}
    for name, value in zip(columns, values, strict=False):
        if name in readers:
            try:
                readers[name](value)
            except (TypeError, ValueError) as error:
                return f"{name}: {error}"
    return f"{len(values)} values for {len(columns)} columns"


def _price(value: object) -> float:
    # Any object: what float can't take raises the error that is told, which no type says.
    return float(value)  # type: ignore[arg-type]
