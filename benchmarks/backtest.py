"""
How long a tuning job takes over a million rows, against csv.reader alone reading the same file.

    python benchmarks/backtest.py [--rows N] [--runs N] [--data FILE]

Both sides run in turn, in CPU seconds of this process; ratios carry over to other machines, the
seconds do not. The quotes are simulated with seed 7.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import turns  # puts this checkout on the path

from kubectl_tune.workloads.arbitrage.arbitrage_backtest import ArbitrageBacktester, BacktestConfig
from kubectl_tune.workloads.arbitrage.arbitrage_core import ArbitrageConfig, ArbitrageEngine
from kubectl_tune.workloads.arbitrage.arbitrage_tuning import ArbitrageTuningRunner, TuningConfig
from kubectl_tune.workloads.arbitrage.quotes import Quotes, load_quotes

# Costs low enough for about 30,000 trades in a million rows; the second keeps a thousand open.
STRATEGIES = {
    "many trades": ArbitrageConfig(0.0, 0.1, 0.1, 0.0, 1000.0, 2),
    "a thousand open": ArbitrageConfig(0.0, 0.1, 0.1, 0.0, 1000.0, 1000),
}


def main() -> int:
    args = turns.arguments(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        path = args.data or turns.simulated(Path(folder), args.rows)
        quotes = load_quotes(path)
        measured = {
            "load": lambda: load_quotes(path),
            **{name: _backtest(config, quotes) for name, config in STRATEGIES.items()},
            "whole job": lambda: _job(path, STRATEGIES["many trades"]),
        }
        seconds = turns.take_turns(path, measured, args.runs)
    _report(len(quotes), {name: _trades(c, quotes) for name, c in STRATEGIES.items()}, seconds)
    return 0


def _backtest(config: ArbitrageConfig, quotes: Quotes) -> Callable[[], object]:
    return lambda: ArbitrageBacktester(ArbitrageEngine(config), BacktestConfig()).run(quotes)


def _trades(config: ArbitrageConfig, quotes: Quotes) -> int:
    run = ArbitrageBacktester(ArbitrageEngine(config), BacktestConfig()).run(quotes)
    return run.total_trades


def _job(path: Path, config: ArbitrageConfig) -> None:
    settings = TuningConfig(
        str(path),
        config.min_spread_bps,
        config.taker_fee_a_bps,
        config.taker_fee_b_bps,
        config.slippage_bps,
        config.max_position_usd,
        config.max_open_trades,
    )
    ArbitrageTuningRunner(settings).run()


def _report(rows: int, trades: dict[str, int], seconds: dict[str, list[float]]) -> None:
    print(f"{rows:,} rows")
    turns.report(seconds, {name: f"{count:,} trades" for name, count in trades.items()})


if __name__ == "__main__":
    sys.exit(main())
