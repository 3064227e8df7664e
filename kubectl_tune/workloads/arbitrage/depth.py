"""
How much may be traded at the best prices: `fill: top_of_book`.

What one fill takes of a row's size is gone for the others at that row, and the next row shows the
size that its file says. A cell that is empty or not above zero offers nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import inf

from .books import Books, Source, column_of

BID_A, ASK_A, BID_B, ASK_B = range(4)
SIZES = ("best_bid_a_qty", "best_ask_a_qty", "best_bid_b_qty", "best_ask_b_qty")


class Depth:
    def __init__(self, sizes: Sequence[array[float]]) -> None:
        self._sizes = sizes
        self._taken = [(-1, 0.0)] * len(sizes)  # of each, at the last row that was asked for

    def most(self, *orders: tuple[int, int]) -> float:
        """What all of them can have, each a price and a row."""
        return min((self._left(*order) for order in orders), default=inf)

    def take(self, quantity: float, *orders: tuple[int, int]) -> None:
        for price, row in orders:
            at, taken = self._taken[price]
            self._taken[price] = (row, taken + quantity if at == row else quantity)

    def _left(self, price: int, row: int) -> float:
        at, taken = self._taken[price]
        size = self._sizes[price][row]
        if not size > 0.0:
            return 0.0
        return max(0.0, size - taken) if at == row else size


def depth(quotes: Source, books: Books) -> Depth:
    missing = [name for name in SIZES if name not in quotes.columns]
    if missing:
        raise ValueError(
            f"fill: top_of_book needs the columns {', '.join(SIZES)} in the data file"
            f" (missing: {', '.join(missing)})"
        )
    return Depth([books.of(column_of(quotes, name, "fill: top_of_book")) for name in SIZES])
