"""
Quotes of two venues that move as real ones do, for trying things out.

    python -m kubectl_tune.workloads.arbitrage.simulate --rows 10000 --seed 7 --out quotes.csv.gz

Equal options give equal rows on every machine.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import IO

from .command import run
from .faults import Row, with_faults
from .market import MarketConfig, Quote, quotes
from .parquet import write_parquet
from .tables import COLUMNS

START = datetime(2024, 8, 8, 23, 54, tzinfo=UTC)


def simulated_rows(count: int, config: MarketConfig) -> Iterator[Row]:
    """Rows of a data file, one for each change of either top of book."""
    places_a, places_b = _places(config.tick_a), _places(config.tick_b)
    for quote in islice(quotes(config), count):
        yield [_stamp(quote), *_prices(quote[1:3], places_a), *_prices(quote[3:5], places_b)]


def _places(tick: float) -> int:
    """0.01 has two decimal places."""
    return len(f"{tick:f}".rstrip("0").partition(".")[2])


def _prices(ticks: Iterable[int], places: int) -> list[str]:
    return [f"{tick / 10**places:.{places}f}" for tick in ticks]


def _stamp(quote: Quote) -> str:
    time = START + timedelta(milliseconds=quote.time_ms)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    config = MarketConfig(seed=args.seed, price=args.price, basis_bps=args.basis_bps)
    rows = simulated_rows(args.rows, config)
    if args.bad_rows_per_million:
        rows = with_faults(rows, args.bad_rows_per_million, args.seed)
    try:
        _write(rows, args.out)
    except (OSError, ValueError) as error:
        print(f"error: cannot write {args.out}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="simulate", description="Simulate quotes of one asset on two venues."
    )
    parser.add_argument("--rows", type=_count, default=10_000, help="how many (10000)")
    parser.add_argument("--seed", type=int, default=7, help="equal seeds give equal rows (7)")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="*.csv, *.csv.gz or *.parquet (default: stdout)"
    )
    parser.add_argument("--price", type=_price, default=60_000.0, help="to start from (60000)")
    parser.add_argument(
        "--basis-bps", type=float, default=-1.0, help="where B stands against A (-1)"
    )
    parser.add_argument(
        "--bad-rows-per-million",
        type=float,
        default=0.0,
        metavar="N",
        help="NaN, zero, crossed, doubled and late rows",
    )
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return count


def _price(text: str) -> float:
    price = float(text)
    if not 100.0 <= price <= 1e9:  # ticks are 0.01 and 0.1: below, they would be all there is
        raise argparse.ArgumentTypeError("from 100 to 1e9")
    return price


def _write(rows: Iterable[Row], path: Path | None) -> None:
    if path is not None and path.suffix == ".parquet":
        write_parquet(COLUMNS, rows, path)
        return
    with _text(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


@contextmanager
def _text(path: Path | None) -> Iterator[IO[str]]:
    if path is None:
        yield sys.stdout
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as raw:
        if path.suffix != ".gz":
            with io.TextIOWrapper(raw, "utf-8", newline="") as file:
                yield file
        else:  # without name and time in its header, so that equal rows are equal files
            with (
                gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
                io.TextIOWrapper(packed, "utf-8", newline="") as file,
            ):
                yield file


if __name__ == "__main__":
    run(main)
