"""
Quotes of two venues that move as real ones do, for trying things out.

    python -m kubectl_tune.workloads.arbitrage.simulate --rows 10000 --seed 7 --out quotes.csv.gz

Equal options give equal rows on every machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from math import nan
from pathlib import Path

from .command import run
from .datafile import FORMATS, write_rows
from .extras import Currency, Extra, Funding, Sizes
from .faults import Row, with_faults
from .market import START_MS, MarketConfig, Quote, quotes
from .tables import COLUMNS
from .usage import Parser

START = datetime.fromtimestamp(START_MS / 1000, UTC)


def simulated_rows(
    config: MarketConfig, extras: Sequence[Extra] = (), currency: Currency | None = None
) -> Iterator[Row]:
    """Rows of a data file, one for each change of either top of book, without end."""
    places_a, places_b = _places(config.tick_a), _places(config.tick_b)
    for quote in quotes(config):
        more = [cell for extra in extras for cell in extra.cells(quote)]
        prices_a, prices_b = _prices(quote[1:3], places_a), _prices(quote[3:5], places_b)
        if currency:
            more += currency.cells(quote)
            prices_b = currency.prices(quote.bid_b, quote.ask_b)
        yield [_stamp(quote), *prices_a, *prices_b, *more]


def _places(tick: float) -> int:
    """0.01 has two decimal places."""
    return len(f"{tick:f}".rstrip("0").partition(".")[2])


def _prices(ticks: Iterable[int], places: int) -> list[str]:
    return [f"{tick / 10**places:.{places}f}" for tick in ticks]


def _stamp(quote: Quote) -> str:
    time = START + timedelta(milliseconds=quote.time_ms)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    args = parser.parse_args(argv)
    form = args.format or ("parquet" if args.out and args.out.suffix == ".parquet" else "csv")
    if form == "parquet" and args.out is None:
        parser.error("--format parquet is not for standard output: name a file with --out")
    header, rows = _table(args)
    try:
        write_rows(header, islice(rows, args.rows), args.out, form)
    except (OSError, ValueError) as error:
        print(f"error: cannot write {args.out}: {error}", file=sys.stderr)
        return 1
    return 0


def _table(args: argparse.Namespace) -> tuple[list[str], Iterator[Row]]:
    """Header and rows, those without end."""
    config = MarketConfig(seed=args.seed, price=args.price, basis_bps=args.basis_bps)
    extras: list[Extra] = [Sizes(args.seed, args.price)] if args.sizes else []
    if args.funding is not None:
        extras.append(Funding(args.seed, args.funding))
    currency = None if args.fx is None else Currency(args.seed, args.fx, config.tick_b)
    rows = simulated_rows(config, extras, currency)
    if args.bad_rows_per_million:
        rows = with_faults(rows, args.bad_rows_per_million, args.seed)
    header = [*COLUMNS, *(name for extra in extras for name in extra.columns)]
    return [*header, *(currency.columns if currency else ())], rows


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="simulate", description="Simulate quotes of one asset on two venues.")
    add = parser.add_argument
    add("--rows", type=_count, default=10_000, metavar="N", help="how many (10000)")
    add("--seed", type=int, default=7, metavar="N", help="equal seeds give equal rows (7)")
    add("--out", type=Path, metavar="FILE", help="*.csv, *.csv.gz or *.parquet (default: stdout)")
    add("--format", choices=FORMATS, help="of the file, whatever its name says")
    add(
        "--price", type=_number(100.0, 1e9), default=60_000.0, metavar="USD",
        help="to start from (60000)",
    )  # fmt: skip
    add(
        "--basis-bps", type=_number(-1000.0, 1000.0), default=-1.0, metavar="BPS",
        help="where B stands against A (-1)",
    )  # fmt: skip
    add("--sizes", action="store_true", help="add what may be traded at each price: *_qty")
    add(
        "--funding", type=_number(0.1, 1e9), metavar="SECONDS",
        help="add funding_a and funding_b: a rate each time that so many have passed",
    )  # fmt: skip
    add(
        "--fx", type=_number(1e-6, 1e6), metavar="RATE",
        help="quote B in a currency of about this rate, and add the rate: rate",
    )  # fmt: skip
    add(
        "--bad-rows-per-million", type=_number(0.0, 1e6), default=0.0, metavar="N",
        help="NaN, zero, crossed, doubled and late rows",
    )  # fmt: skip
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)


def _number(least: float, most: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be from {least:g} to {most:g}, not {text!r}")
        return value

    return number


if __name__ == "__main__":
    run(main)
