"""
Quotes from a data file: CSV, plain or gzip, or Parquet, told apart by content.

They are kept by column, which takes half of what a list of objects takes, and go out as snapshots
in the order of the file, unless sorting was asked for. Every bad row is counted, whatever the
policy then does with it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from operator import itemgetter, le, lt
from pathlib import Path
from typing import Any

from .arbitrage_core import OrderBookSnapshot
from .bad_rows import KINDS, BadRowKind, BadRowPolicy, BadRows, Fault, parse_fault, price_fault
from .clock import Clock, in_seconds, seconds
from .columns import NONE, Wanted, all_good, cell, cell_fault, cells
from .order import LateRows, Order, in_order
from .rows import Rows
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
    columns: dict[str, array[float]] = field(default_factory=dict)
    """What else was asked for, by name; NaN where a cell is empty."""
    remarks: list[str] = field(default_factory=list)
    """What to tell the user besides the bad rows."""
    _seconds: array[float] | None = None

    def __len__(self) -> int:
        return len(self.timestamps)

    def __iter__(self) -> Iterator[OrderBookSnapshot]:
        return map(OrderBookSnapshot, self.timestamps, *self.prices)

    @property
    def prices(self) -> tuple[array[float], ...]:
        return self.bids_a, self.asks_a, self.bids_b, self.asks_b

    def seconds(self) -> array[float]:
        """The time of each row, since 1970; ValueError where one is no time."""
        if self._seconds is None:
            with _all_times():
                self._seconds = seconds(self.timestamps)
        return self._seconds

    def timed(self, times: Sequence[Any]) -> None:
        """Know the times of all rows, which have been read already."""
        self._seconds = in_seconds(times)

    def warnings(self) -> list[str]:
        return [*self.bad_rows.sentences(), *self.remarks]

    def remark(self, sentence: str) -> None:
        if sentence:
            self.remarks.append(sentence)

    def sort(self) -> None:
        """By time; rows of one time keep their order."""
        with _all_times():
            places = in_order(self.timestamps)
        self.timestamps = [self.timestamps[place] for place in places]
        for column in (*self.prices, *self.columns.values()):
            column[:] = array("d", [column[place] for place in places])
        self._seconds = None


@contextmanager
def _all_times() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{error} (bad_rows skip leaves such rows out)") from error


def load_quotes(
    path: str | Path,
    policy: BadRowPolicy = "seed",
    *,
    fail_on_unparsable: bool = True,
    columns: Wanted = NONE,
    order: Order | None = None,
    row_start: int = 0,
    row_stop: int | None = None,
    locked: bool = False,
) -> Quotes:
    """
    Read a data file under a policy for bad rows.

    `seed` keeps them, as far as they have numbers: where there are none the whole file fails, or
    with `fail_on_unparsable=False` the row is left out. `skip` leaves all of them out. `error`
    fails if there is one, and names the first few.

    Without an `order` late rows are bad rows and no more. The bounds count the rows of the file,
    bad ones too, from 0; only those from `row_start` up to, not with, `row_stop` are looked at.
    With `locked` a bid may be equal to its ask.
    """
    with open_table(path, columns.names) as table:
        reading = _Reading(table, policy, fail_on_unparsable, columns, order, locked)
        rows = Rows(table.rows, BLOCK)
        rows.skip(row_start)
        reading.line = table.line(rows.count)
        while block := rows.take(row_stop):
            reading.take(block)
        quotes = reading.quotes
        if row_start or row_stop is not None:
            quotes.remark(rows.unseen(row_start, row_stop))
        quotes.sha256 = table.sha256()
        if reading.times is not None:
            quotes.timed(reading.times)
    if policy == "error" and quotes.bad_rows.total:
        raise ValueError(f"Invalid row {quotes.bad_rows}")
    if not len(quotes):
        why = f"; bad rows: {quotes.bad_rows}" if policy == "skip" and quotes.bad_rows.total else ""
        raise ValueError(f"No valid snapshots loaded from {table.kind} file{why}")
    if order is not None:
        _settle(quotes, reading.late, order, left_out=policy != "seed")
    return quotes


def _settle(quotes: Quotes, late: LateRows, order: Order, *, left_out: bool) -> None:
    if order == "sort":
        quotes.sort()
    quotes.remark(late.sentence(order, left_out=left_out))


class _Reading:
    """
    One pass over a table, a block of rows at a time.

    A block without fault goes in whole, column by column; only one that has a fault is looked at
    row by row. Both ways keep the same of a good row.
    """

    def __init__(
        self,
        table: Table,
        policy: BadRowPolicy,
        fail_on_unparsable: bool,
        columns: Wanted,
        order: Order | None,
        locked: bool,
    ) -> None:
        self.header = [name.strip() for name in table.header]
        self.line = table.line(0)
        self.keep_bad = policy == "seed"
        self.fail_on_unparsable = fail_on_unparsable and policy == "seed"
        self.locked = locked
        self.late = LateRows()
        self.late_is_bad = order in (None, "check")
        self.pick, self.more = _picker(table, columns)
        self.quotes = Quotes(columns={key: _prices() for key in self.more})
        self.clock = Clock(forward=order != "file")
        self.times: list[Any] | None = [] if columns.times else None

    def take(self, block: list[Sequence[Any]]) -> None:
        if not self._take_whole(block):
            for row in block:
                self.line += 1 + _line_breaks(row)
                if row:  # a blank line is not a row
                    self._take_row(row)

    def _take_whole(self, block: list[Sequence[Any]]) -> bool:
        try:
            stamps, *texts = zip(*map(self.pick, block), strict=True)
            prices = [array("d", map(float, column)) for column in texts[:4]]
            more = [cells(column) for column in texts[4:]]
        except (IndexError, TypeError, ValueError):
            return False
        if not _all_good(*prices, below=le if self.locked else lt) or not all(
            map(all_good, self.more, more)
        ):
            return False
        if not self.clock.advance_all(stamps):
            return False
        self.quotes.rows += len(block)
        self.quotes.timestamps.extend(stamps)
        if self.times is not None:
            self.times.extend(self.clock.taken)
        for column, values in zip(self._columns(), [*prices, *more], strict=True):
            column.extend(values)
        self.line += len(block)
        return True

    def _take_row(self, row: Sequence[Any]) -> None:
        self.quotes.rows += 1
        try:
            stamp, *texts = self.pick(row)
            prices = [float(text) for text in texts[:4]]
            more = [cell(text) for text in texts[4:]]
        except (IndexError, TypeError, ValueError):
            self._unparsable(row)
            return
        fault = self._fault(stamp, prices, more) or self._time_fault(stamp)
        if fault is None or self._keep(*fault):
            self.quotes.timestamps.append(stamp)
            self._note_time(stamp)
            for column, value in zip(self._columns(), [*prices, *more], strict=True):
                column.append(value)

    def _note_time(self, stamp: str) -> None:
        try:
            if self.times is not None:
                self.times.append(self.clock.time(stamp))
        except ValueError:
            self.times = None  # whoever needs them is told then

    def _columns(self) -> list[array[float]]:
        return [*self.quotes.prices, *self.quotes.columns.values()]

    def _fault(self, stamp: str, prices: Sequence[float], more: Sequence[float]) -> Fault | None:
        """What is wrong with a row by itself: of the kinds that apply the first."""
        try:
            self.clock.time(stamp)
        except ValueError as error:
            return "unparsable", str(error)
        cell_faults = map(cell_fault, self.more, self.more.values(), more)
        faults = filter(None, [price_fault(prices, locked=self.locked), *cell_faults])
        return min(faults, key=lambda fault: KINDS.index(fault[0]), default=None)

    def _time_fault(self, stamp: str) -> Fault | None:
        if self.clock.advance(stamp):
            return None
        self.late.add(self.line)
        return ("time_back", f"time goes back to {stamp}") if self.late_is_bad else None

    def _keep(self, kind: BadRowKind, why: str) -> bool:
        self.quotes.bad_rows.add(self.line, kind, why)
        return self.keep_bad

    def _unparsable(self, row: Sequence[Any]) -> None:
        why = parse_fault(self.header, row, dict.fromkeys(self.more.values(), cell))
        if self.fail_on_unparsable:
            raise ValueError(f"Invalid row {self.line}: {why}")
        self.quotes.bad_rows.add(self.line, "unparsable", why)


def _all_good(
    bids_a: array[float],
    asks_a: array[float],
    bids_b: array[float],
    asks_b: array[float],
    *,
    below: Callable[[float, float], bool],
) -> bool:
    """
    What `price_fault` asks of one row, of all at once. A NaN compares with nothing, so that
    the comparison of bid and ask finds it.
    """
    return (
        all(map(below, bids_a, asks_a))
        and all(map(below, bids_b, asks_b))
        and min(bids_a) > 0.0
        and min(bids_b) > 0.0
        and max(asks_a) < inf
        and max(asks_b) < inf
    )


def _line_breaks(row: Sequence[Any]) -> int:
    """Lines that a row takes beyond its own: quoted values may hold some."""
    return sum(value.count("\n") for value in row if isinstance(value, str))


Picker = Callable[[Sequence[Any]], tuple[Any, ...]]


def _picker(table: Table, columns: Wanted) -> tuple[Picker, dict[str, str]]:
    """Finds the five columns in a row, wherever the header has them, then what else is wanted."""
    place = {name.strip(): number for number, name in enumerate(table.header)}
    missing = [name for name in COLUMNS if name not in place]
    if missing:
        raise ValueError(
            f"{table.kind} must have columns: {', '.join(COLUMNS)} (missing: {', '.join(missing)})"
        )
    more = columns.found([name.strip() for name in table.names], table.kind)
    return itemgetter(*(place[name] for name in (*COLUMNS, *more.values()))), more
