"""
Funding of perpetual legs: at each stamp a long pays rate * notional, a short gets it.

A negative rate turns that around. The notional is quantity * mid price of the venue at the stamp,
for exchanges fund on their mark price, and the rate is a fraction as they publish it: 0.0001 is
one basis point. Rates come from the columns `funding_a` and `funding_b`, where every row with a
value is a stamp, and from a file, whose stamps count at the first row at or after them. Who
opens at that very row is not asked to pay; who closes there is.

    funding = quantity * (rate of the short's venue * its mid - rate of the long's * its mid)

Source: "Funding Amount = Nominal Value of Positions * Funding Rate"
(https://www.binance.com/en/support/faq/360033525031).
"""

from __future__ import annotations

import csv
import hashlib
import io
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from .books import Books, Source
from .clock import ROUNDING, seconds

VENUES = ("a", "b")
BY_VENUE = {"timestamp", "venue", "rate"}
BOTH = {"timestamp", "funding_a", "funding_b"}


class Stamp(NamedTuple):
    """The rates of one moment; 0 where a venue asks for nothing."""

    row: int
    rate_a: float
    rate_b: float


class FundingFile(NamedTuple):
    """Seconds and both rates, stamp by stamp, and the checksum of what was read."""

    stamps: Sequence[tuple[float, float, float]]
    sha256: str | None


NO_FILE = FundingFile((), None)


def carry(quotes: Source, books: Books, file: FundingFile = NO_FILE) -> array[float] | None:
    """
    What one unit long on A and short on B, held since the first row, has got by each row.

    None where there is no funding at all.
    """
    stamps = [*_of_columns(quotes, books), *_of_file(file, books)]
    if not stamps:
        return None
    steps = array("d", bytes(8 * len(books)))
    for row, rate_a, rate_b in stamps:
        mid_a = (books.bid_a[row] + books.ask_a[row]) / 2
        mid_b = (books.bid_b[row] + books.ask_b[row]) / 2
        steps[row] += rate_b * mid_b - rate_a * mid_a
    return array("d", accumulate(steps))


def _of_columns(quotes: Source, books: Books) -> Iterator[Stamp]:
    for name in ("funding_a", "funding_b"):
        for number, rate in enumerate(quotes.columns.get(name, ())):
            if isfinite(rate) and number < books.count:
                row = books.row_from(number)
                if row < len(books):
                    yield Stamp(row, *((rate, 0.0) if name == "funding_a" else (0.0, rate)))


def _of_file(file: FundingFile, books: Books) -> Iterator[Stamp]:
    for moment, rate_a, rate_b in file.stamps:
        row = bisect_left(books.seconds, moment - ROUNDING)
        if row < len(books):
            yield Stamp(row, rate_a, rate_b)


def read_funding(file: str | Path) -> FundingFile:
    """The columns are timestamp, venue, rate, or timestamp and one rate a venue."""
    try:
        content = Path(file).read_bytes()
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        header = {name.strip() for name in reader.fieldnames or ()}
        rows = [
            (reader.line_num, {(key or "").strip(): value for key, value in row.items()})
            for row in reader
        ]
    except FileNotFoundError:
        raise FileNotFoundError(f"funding file not found: {file}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"cannot read funding file {file}: {error}") from error
    if not (header >= BY_VENUE or header >= BOTH):
        raise ValueError(
            f"funding file {file} must have the columns timestamp, venue, rate"
            " or timestamp, funding_a, funding_b"
        )
    stamps = _read(str(file), rows, by_venue=header >= BY_VENUE)
    return FundingFile(stamps, hashlib.sha256(content).hexdigest())


def _read(
    file: str, rows: list[tuple[int, dict[str, str]]], *, by_venue: bool
) -> list[tuple[float, float, float]]:
    rates, problems = [], []
    for line, row in rows:
        try:
            rates.append(_by_venue(row) if by_venue else _both(row))
            seconds([row["timestamp"] or ""])
        except ValueError as error:
            problems.append(f"line {line}: {error}")
    if problems:
        raise ValueError(f"funding file {file}: {'; '.join(problems)}")
    try:
        moments = seconds([row["timestamp"] or "" for _, row in rows])
    except ValueError as error:  # each is a time, but they are written in more than one way
        raise ValueError(f"funding file {file}: {error}") from error
    return [(moment, *both) for moment, both in zip(moments, rates, strict=True)]


def _by_venue(row: Mapping[str, str]) -> tuple[float, float]:
    venue = (row["venue"] or "").strip().lower()
    if venue not in VENUES:
        raise ValueError(f"venue must be a or b, not {row['venue']!r}")
    rate = _rate(row["rate"])
    return (rate, 0.0) if venue == "a" else (0.0, rate)


def _both(row: Mapping[str, str]) -> tuple[float, float]:
    return _rate(row["funding_a"]), _rate(row["funding_b"])


def _rate(text: str | None) -> float:
    """An empty cell asks for nothing."""
    if not text or not text.strip():
        return 0.0
    try:
        rate = float(text)
    except ValueError:
        raise ValueError(f"rate must be a number, not {text!r}") from None
    if not isfinite(rate):
        raise ValueError(f"rate must be a finite number, not {text!r}")
    return rate
