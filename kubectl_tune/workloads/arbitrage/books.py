"""
The quotes as the honest accounts see them: rows that are a market on both venues, in USD.

A row with a price that is none, or with a crossed book, is no row: nothing is decided, filled or
marked there. B's prices count times a rate, which may have a column: an empty cell repeats the
one before it, and rows before the first rate are no rows either.

    price of B = quoted price * rate of its row

Source: hummingbot's arbitrage executor converts the quote asset anew at each tick
(`get_quote_asset_conversion_rate`).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, compress
from math import isfinite, isnan
from operator import le
from typing import Protocol

from .vectors import Vectors


class Source(Protocol):
    """What is asked of loaded quotes."""

    def __len__(self) -> int: ...

    @property
    def timestamps(self) -> Sequence[str]: ...

    @property
    def prices(self) -> tuple[array[float], ...]: ...

    @property
    def columns(self) -> Mapping[str, array[float]]: ...

    def seconds(self) -> array[float]: ...


@dataclass(frozen=True)
class Books:
    """Columns with a value for each row that counts, and what closing one unit brings there."""

    rows: Sequence[int]  # the number of each among all rows
    count: int  # of all rows
    seconds: array[float]  # never back
    bid_a: array[float]
    ask_a: array[float]
    bid_b: array[float]
    ask_b: array[float]
    close_a: array[float]  # of a position long on A: its bid less the ask of B
    close_b: array[float]
    quoted_b: tuple[array[float], array[float]]  # bid and ask before the rate

    def __len__(self) -> int:
        return len(self.bid_a)

    def row_from(self, number: int) -> int:
        """The first that counts, from one of all rows on."""
        return bisect_left(self.rows, number)

    def of(self, column: array[float]) -> array[float]:
        """A column of the file, as far as its rows count."""
        if len(self) == len(column):
            return column
        return array("d", [column[number] for number in self.rows])


def books(
    quotes: Source, vectors: Vectors, *, rate: float, rates: bool, limit: int | None
) -> Books:
    """Of the first rows, up to the limit; with `rates` those of the column count."""
    count = len(quotes) if limit is None else min(limit, len(quotes))
    prices = [_head(column, count) for column in quotes.prices]
    seconds = _forward(_head(quotes.seconds(), count))
    good_a, good_b = vectors.markets(*prices[:2]), vectors.markets(*prices[2:])
    fit = bytes(map(min, good_a, good_b)) if 0 in good_a or 0 in good_b else good_a
    by_row = _filled(_head(column_of(quotes, "rate", "rate_column"), count)) if rates else None
    if by_row and isnan(by_row[0]):
        fit = bytes(map(min, fit, map(isfinite, by_row)))
    rows: Sequence[int] = range(count)
    if 0 in fit:
        rows = list(compress(rows, fit))
        prices = [array("d", compress(column, fit)) for column in prices]
        seconds = array("d", compress(seconds, fit))
        by_row = None if by_row is None else array("d", compress(by_row, fit))
    bid_a, ask_a, bid_b, ask_b = prices
    quoted_b = bid_b, ask_b
    if by_row is not None:
        bid_b, ask_b = vectors.product(bid_b, by_row), vectors.product(ask_b, by_row)
    elif rate != 1.0:
        bid_b, ask_b = vectors.scaled(bid_b, rate), vectors.scaled(ask_b, rate)
    close_a, close_b = vectors.difference(bid_a, ask_b), vectors.difference(bid_b, ask_a)
    return Books(rows, count, seconds, bid_a, ask_a, bid_b, ask_b, close_a, close_b, quoted_b)


def column_of(quotes: Source, name: str, option: str) -> array[float]:
    if name not in quotes.columns:
        raise ValueError(f"{option} needs the column {name} in the data file")
    return quotes.columns[name]


def _head(column: array[float], count: int) -> array[float]:
    return column if len(column) == count else column[:count]


def _forward(seconds: array[float]) -> array[float]:
    """Where time goes back, it stands still instead."""
    if all(map(le, seconds, seconds[1:])):
        return seconds
    return array("d", accumulate(seconds, max))


def _filled(rates: array[float]) -> array[float]:
    """Every rate stands until the next one."""
    for number, rate in enumerate(rates):
        if not isnan(rate) and not (isfinite(rate) and rate > 0.0):
            raise ValueError(f"rate_column must hold rates above zero, not {rate} (row {number})")
    filled = rates[:]
    for number in range(1, len(filled)):
        if isnan(filled[number]):
            filled[number] = filled[number - 1]
    return filled
