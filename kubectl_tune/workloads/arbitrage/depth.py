"""
How much may be traded at the best prices: `fill: top_of_book`.

What one fill takes of a row's size is gone for the others at that row, and the next row shows the
size that its file says. A cell that is empty or not above zero offers nothing.

    quantity = min(what is wanted, size of the long leg, size of the short leg)

Source: hftbacktest's PartialFillExchange, whose taking orders get what the book has
(https://hftbacktest.readthedocs.io/en/latest/order_fill.html); there the next order finds it again.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from math import inf

from .books import Books, Source, column_of

BID_A, ASK_A, BID_B, ASK_B = range(4)
SIZES = ("best_bid_a_qty", "best_ask_a_qty", "best_bid_b_qty", "best_ask_b_qty")


class Depth:
    def __init__(self, sizes: Sequence[array[float]]) -> None:
        self._sizes = sizes
        # By price and row: with a latency, fills come back to a row after those of later rows.
        self._taken: defaultdict[tuple[int, int], float] = defaultdict(float)

    def most(self, *orders: tuple[int, int]) -> float:
        """What all of them can have, each a price and a row."""
        return min((self._left(*order) for order in orders), default=inf)

    def take(self, quantity: float, *orders: tuple[int, int]) -> None:
        for price, row in orders:
            self._taken[price, row] += quantity

    def _left(self, price: int, row: int) -> float:
        size = self._sizes[price][row]
        return max(0.0, size - self._taken.get((price, row), 0.0)) if size > 0.0 else 0.0


def depth(quotes: Source, books: Books) -> Depth:
    missing = [name for name in SIZES if name not in quotes.columns]
    if missing:
        raise ValueError(
            f"fill: top_of_book needs the columns {', '.join(SIZES)} in the data file"
            f" (missing: {', '.join(missing)})"
        )
    return Depth([books.of(column_of(quotes, name, "fill: top_of_book")) for name in SIZES])
