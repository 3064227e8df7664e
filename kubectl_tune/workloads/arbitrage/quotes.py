"""
Quotes from a data file: CSV, plain or gzip, or Parquet, told apart by content.

They are kept by column, which takes half of what a list of objects takes, and go out as snapshots
in the order of the file. Every bad row is counted, whatever the policy then does with it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from operator import itemgetter, lt
from pathlib import Path
from typing import Any

from .arbitrage_core import OrderBookSnapshot
from .bad_rows import BadRowKind, BadRowPolicy, BadRows, parse_fault, price_fault
from .clock import Clock
from .tables import COLUMNS, Table, open_table

BLOCK = 1024


def _prices() -> array[float]:
    return array("d")


@dataclass
class Quotes:
    """The rows that a policy let through, and what it knows of the others."""

    timestamps: list[str] = field(default_factory=list)
    bids_a: array[float] = field(default_factory=_prices)
    asks_a: array[float] = field(default_factory=_prices)
    bids_b: array[float] = field(default_factory=_prices)
    asks_b: array[float] = field(default_factory=_prices)
    bad_rows: BadRows = field(default_factory=BadRows)
    rows: int = 0
    sha256: str = ""

    def __len__(self) -> int:
        return len(self.timestamps)

    def __iter__(self) -> Iterator[OrderBookSnapshot]:
        return map(OrderBookSnapshot, self.timestamps, *self.prices)

    @property
    def prices(self) -> tuple[array[float], ...]:
        return self.bids_a, self.asks_a, self.bids_b, self.asks_b


def load_quotes(
    path: str | Path, policy: BadRowPolicy = "seed", *, fail_on_unparsable: bool = True
) -> Quotes:
    """
    Read a data file under a policy for bad rows.

    `seed` keeps them, as far as they have numbers: where there are none the whole file fails, or
    with `fail_on_unparsable=False` the row is left out. `skip` leaves all of them out. `error`
    fails if there is one, and names the first few.
    """
    with open_table(path) as table:
        reading = _Reading(table, policy, fail_on_unparsable)
        while block := list(islice(table.rows, BLOCK)):
            reading.take(block)
        quotes = reading.quotes
        quotes.sha256 = table.sha256()
    if policy == "error" and quotes.bad_rows.total:
        raise ValueError(f"Invalid row {quotes.bad_rows}")
    if not len(quotes):
        raise ValueError(f"No valid snapshots loaded from {table.kind} file")
    return quotes


class _Reading:
    """
    One pass over a table, a block of rows at a time.

    A block without fault goes in whole, column by column; only one that has a fault is looked at
    row by row. Both ways keep the same of a good row.
    """

    def __init__(self, table: Table, policy: BadRowPolicy, fail_on_unparsable: bool) -> None:
        self.quotes = Quotes()
        self.header = table.header
        self.line = table.line
        self.keep_bad = policy == "seed"
        self.fail_on_unparsable = fail_on_unparsable and policy == "seed"
        self.pick = _picker(table)
        self.clock = Clock()

    def take(self, block: list[Sequence[Any]]) -> None:
        if not self._take_whole(block):
            for row in block:
                self.line += 1 + _line_breaks(row)
                if row:  # a blank line is not a row
                    self._take_row(row)

    def _take_whole(self, block: list[Sequence[Any]]) -> bool:
        try:
            stamps, *texts = zip(*map(self.pick, block), strict=True)
            prices = [array("d", map(float, column)) for column in texts]
        except (IndexError, TypeError, ValueError):
            return False
        if not _all_good(*prices) or not self.clock.advance_all(stamps):
            return False
        self.quotes.rows += len(block)
        self.quotes.timestamps.extend(stamps)
        for column, more in zip(self.quotes.prices, prices, strict=True):
            column.extend(more)
        self.line += len(block)
        return True

    def _take_row(self, row: Sequence[Any]) -> None:
        self.quotes.rows += 1
        try:
            stamp, *texts = self.pick(row)
            prices = [float(text) for text in texts]
        except (IndexError, TypeError, ValueError):
            self._unparsable(row)
            return
        fault = price_fault(prices) or self._time_fault(stamp)
        if fault is None or self._keep(*fault):
            self.quotes.timestamps.append(stamp)
            for column, price in zip(self.quotes.prices, prices, strict=True):
                column.append(price)

    def _time_fault(self, stamp: str) -> tuple[BadRowKind, str] | None:
        try:
            forward = self.clock.advance(stamp)
        except ValueError as error:
            return "unparsable", str(error)
        return None if forward else ("time_back", f"time goes back to {stamp}")

    def _keep(self, kind: BadRowKind, why: str) -> bool:
        self.quotes.bad_rows.add(self.line, kind, why)
        return self.keep_bad

    def _unparsable(self, row: Sequence[Any]) -> None:
        why = parse_fault(self.header, row)
        if self.fail_on_unparsable:
            raise ValueError(f"Invalid row {self.line}: {why}")
        self.quotes.bad_rows.add(self.line, "unparsable", why)


def _all_good(
    bids_a: array[float], asks_a: array[float], bids_b: array[float], asks_b: array[float]
) -> bool:
    """
    What `price_fault` asks of one row, of all at once. A NaN is never less than anything, so that
    the comparison of bid and ask finds it.
    """
    return (
        all(map(lt, bids_a, asks_a))
        and all(map(lt, bids_b, asks_b))
        and min(bids_a) > 0.0
        and min(bids_b) > 0.0
        and max(asks_a) < inf
        and max(asks_b) < inf
    )


def _line_breaks(row: Sequence[Any]) -> int:
    """Lines that a row takes beyond its own: quoted values may hold some."""
    return sum(value.count("\n") for value in row if isinstance(value, str))


def _picker(table: Table) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Finds the five columns in a row, wherever the header has them."""
    place = {name.strip(): number for number, name in enumerate(table.header)}
    missing = [name for name in COLUMNS if name not in place]
    if missing:
        raise ValueError(
            f"{table.kind} must have columns: {', '.join(COLUMNS)} (missing: {', '.join(missing)})"
        )
    return itemgetter(*(place[name] for name in COLUMNS))
