"""The flags that both commands have, without defaults: what is not given may be in a config."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from . import settings
from .accounting import ACCOUNTINGS, EQUITIES, FILLS
from .bad_rows import POLICIES
from .order import ORDERS
from .tuning_config import GATE_NAMES


def add_strategy_flags(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Without `required` a config may supply them."""
    bps: dict[str, Any] = {"type": float, "required": required, "metavar": "BPS"}
    parser.add_argument(
        "--data-file", required=required, metavar="FILE", help="quotes: CSV, CSV.gz or Parquet"
    )
    parser.add_argument("--min-spread-bps", **bps, help="open from this edge after costs on")
    parser.add_argument("--taker-fee-a-bps", **bps, help="fee of venue A")
    parser.add_argument("--taker-fee-b-bps", **bps, help="fee of venue B")
    parser.add_argument("--slippage-bps", **bps, help="slippage of both legs together")
    parser.add_argument(
        "--max-position-usd", type=float, required=required, metavar="USD", help="size of a trade"
    )
    parser.add_argument(
        "--max-open-trades",
        type=_as_in_config(settings.whole_number),
        metavar="N",
        help="at once (default: 1)",
    )
    parser.add_argument("--initial-balance-usd", type=float, metavar="USD", help="(default: 10000)")
    parser.add_argument(
        "--stop-on-drawdown-pct", type=float, metavar="PCT", help="end early at this drawdown"
    )
    parser.add_argument(
        "--exchange-a-to-b-rate", type=float, metavar="RATE", help="B's prices times this (1.0)"
    )
    parser.add_argument(
        "--gate",
        choices=GATE_NAMES,
        help="edge after costs that opens: min_spread (default; seed is the same), zero,"
        " or round_trip, which also pays for closing",
    )


def add_data_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bad-rows",
        choices=POLICIES,
        help="rows that no market sends: keep and count (seed, the default), leave out"
        " (skip, the default of two_leg), or fail",
    )
    parser.add_argument(
        "--order",
        choices=ORDERS,
        help="where time goes back: warn (check, the default of two_leg), sort, or take the file"
        " as it is",
    )
    row: dict[str, Any] = {"type": _as_in_config(settings.whole_number), "metavar": "N"}
    parser.add_argument("--row-start", **row, help="first row to use, counted from 0")
    parser.add_argument("--row-stop", **row, help="row to end before")


def add_accounting_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "accounting", "all but --accounting itself need --accounting two_leg"
    )
    bps: dict[str, Any] = {"type": float, "metavar": "BPS"}
    milliseconds: dict[str, Any] = {"type": float, "metavar": "MS"}
    group.add_argument(
        "--accounting",
        choices=ACCOUNTINGS,
        help="exits booked at a spread of 0 (seed, the default), or at prices of both venues",
    )
    group.add_argument("--exit-bps", **bps, help="leave when closing costs at most this")
    group.add_argument("--take-profit-bps", **bps, help="leave when so much is earned, net")
    group.add_argument("--stop-loss-bps", **bps, help="leave when so much is lost, net")
    group.add_argument(
        "--max-hold-seconds", type=float, metavar="SECONDS", help="leave after so long"
    )
    group.add_argument("--equity", choices=EQUITIES, help="what the drawdown is taken of")
    group.add_argument(
        "--close-at-end",
        action=argparse.BooleanOptionalAction,
        help="close what is open after the last row",
    )
    group.add_argument("--latency-ms-a", **milliseconds, help="from decision to fill on A (0)")
    group.add_argument("--latency-ms-b", **milliseconds, help="from decision to fill on B (0)")
    group.add_argument("--fill", choices=FILLS, help="all of a trade, or what the book has")
    group.add_argument("--funding", metavar="FILE", help="funding rates beside the quotes")
    group.add_argument("--rate-column", metavar="NAME", help="what B's prices count, row by row")
    group.add_argument(
        "--balances",
        type=_as_in_config(settings.balances),
        metavar="a=USD,b=USD",
        help="what each venue holds",
    )
    group.add_argument("--max-quote-age-ms", **milliseconds, help="older quotes open no trade")


def _as_in_config(convert: Callable[[Any], Any]) -> Callable[[str], Any]:
    """Say what is wrong in the words of a config; by itself argparse names the function."""

    def converted(text: str) -> Any:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{error}, not {text!r}") from None

    return converted
