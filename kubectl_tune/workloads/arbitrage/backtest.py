"""
The backtest command: one run over a data file, its result as text.

    python -m kubectl_tune.workloads.arbitrage.backtest --data-file FILE ...

Rows without numbers are left out with a warning. Exit 0, or 1 where nothing could be loaded.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import CAVEAT, settings
from .arbitrage_backtest import ArbitrageBacktester, BacktestConfig, BacktestResult
from .arbitrage_core import ArbitrageConfig, ArbitrageEngine, OrderBookSnapshot
from .arbitrage_tuning import Books, account, load
from .bad_rows import BadRowPolicy
from .command import run
from .flags import add_accounting_flags, add_data_flags, add_strategy_flags
from .quotes import Quotes, load_quotes
from .usage import Parser


def load_snapshots_from_csv(path: str | Path) -> list[OrderBookSnapshot]:
    """Never raises: what can't be read is told on stderr and left out."""
    try:
        return list(_told(load_quotes(path, fail_on_unparsable=False)))
    except (OSError, ValueError) as error:
        _log("ERROR", str(error))
        return []


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    if not Path(args.data_file).exists():
        _log("ERROR", f"Data file not found: {args.data_file}")
        return 1
    try:
        books = _books(args)
    except ZeroDivisionError:
        _log("ERROR", "an open trade met a price of zero; try --bad-rows skip")
        return 1
    except (OSError, ValueError) as error:
        _log("ERROR", str(error))
        return 1
    print(summary(books.result, books.extra))
    if args.accounting != "two_leg":
        _log("INFO", CAVEAT)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="run_arbitrage_backtest", description="Backtest arbitrage over a file of quotes."
    )
    add_strategy_flags(parser, required=True)
    parser.add_argument("--max-steps", type=int, metavar="N", help="end after N snapshots")
    add_data_flags(parser)
    add_accounting_flags(parser)
    parser.set_defaults(
        max_open_trades=1, initial_balance_usd=10_000.0, exchange_a_to_b_rate=1.0, gate="min_spread"
    )
    return parser


def _books(args: argparse.Namespace) -> Books:
    """
    The first engine's own flags are taken as they come, as ever; with others all are checked.
    """
    given = settings.merged({}, vars(args))
    if given.keys() & BEYOND or args.gate not in ("min_spread", "zero"):
        config = settings.tuning_config(given, {})
        return account(config, _told(load(config, fail_on_unparsable=False)), args.max_steps)
    policy: BadRowPolicy = args.bad_rows or "seed"
    quotes = _told(load_quotes(args.data_file, policy, fail_on_unparsable=False))
    backtester = ArbitrageBacktester(ArbitrageEngine(_strategy(args)), _backtest(args))
    return Books(backtester.run(quotes), backtester.ledger.events)


BEYOND = {*settings.OPTIONS, "order", "row_start", "row_stop"}


def _told(quotes: Quotes) -> Quotes:
    for sentence in quotes.warnings():
        _log("WARNING", sentence)
    _log("INFO", f"Loaded snapshots: {len(quotes)}")
    return quotes


def _strategy(args: argparse.Namespace) -> ArbitrageConfig:
    return ArbitrageConfig(
        min_spread_bps=args.min_spread_bps,
        taker_fee_a_bps=args.taker_fee_a_bps,
        taker_fee_b_bps=args.taker_fee_b_bps,
        slippage_bps=args.slippage_bps,
        max_position_usd=args.max_position_usd,
        max_open_trades=args.max_open_trades,
        exchange_a_to_b_rate=args.exchange_a_to_b_rate,
        gate=args.gate,
    )


def _backtest(args: argparse.Namespace) -> BacktestConfig:
    return BacktestConfig(
        initial_balance_usd=args.initial_balance_usd,
        max_steps=args.max_steps,
        stop_on_drawdown_pct=args.stop_on_drawdown_pct,
    )


NO_METRICS: Mapping[str, Any] = {}


def summary(result: BacktestResult, extra: Mapping[str, Any] = NO_METRICS) -> str:
    """The block of 80 columns; here the win rate is a percentage."""
    rule = "=" * 80
    rows = {
        "Total Trades:": f"{result.total_trades}",
        "Closed Trades:": f"{result.closed_trades}",
        "Open Trades:": f"{result.open_trades}",
        "Final Balance (USD):": f"${result.final_balance_usd:,.2f}",
        "Realized PnL (USD):": f"${result.realized_pnl_usd:,.2f}",
        "Max Drawdown (%):": f"{result.max_drawdown_pct:.2f}%",
        "Win Rate:": f"{result.win_rate * 100:.2f}%",
        "Avg PnL per Trade (USD):": f"${result.avg_pnl_per_trade_usd:,.2f}",
    }
    table = [f"{label:<27}{value}" for label, value in rows.items()]
    stats = [f"  {name}: {value}" for name, value in result.stats.items()]
    if extra:
        stats += ["", "Metrics of two-leg accounting:", *_lines(extra)]
    title = "[D37_BACKTEST] RESULT SUMMARY"
    lines = ["", rule, title, rule, *table, rule, "", "Additional Stats:", *stats, rule, ""]
    return "\n".join(lines)


def _lines(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from _lines(value, f"{prefix}{name}.")
        else:
            yield f"  {prefix}{name}: {f'{value:.6g}' if isinstance(value, float) else value}"


def _log(level: str, message: str) -> None:
    print(f"[{level}] {message}", file=sys.stderr)


if __name__ == "__main__":
    run(main)
