"""
How long a tuning job takes over a million rows, against csv.reader alone reading the same file.

    python benchmarks/backtest.py [--rows N] [--runs N] [--data FILE]

Both sides run in turn, in CPU seconds of this process; ratios carry over to other machines, the
seconds do not. The quotes are simulated with seed 7.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kubectl_tune.workloads.arbitrage import simulate
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
    args = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        path = args.data or _simulated(Path(folder), args.rows)
        quotes = load_quotes(path)
        measured = {
            "csv.reader": lambda: _read(path),
            "load": lambda: load_quotes(path),
            **{name: _backtest(config, quotes) for name, config in STRATEGIES.items()},
            "whole job": lambda: _job(path, STRATEGIES["many trades"]),
        }
        seconds: dict[str, list[float]] = {name: [] for name in measured}
        for _ in range(args.runs):
            for name, act in measured.items():
                seconds[name].append(_cpu_seconds(act))
    _report(len(quotes), {name: _trades(c, quotes) for name, c in STRATEGIES.items()}, seconds)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--data", type=Path, help="quotes to use instead of simulated ones")
    return parser.parse_args()


def _simulated(folder: Path, rows: int) -> Path:
    path = folder / "quotes.csv"
    simulate.main(["--rows", str(rows), "--seed", "7", "--out", str(path)])
    return path


def _read(path: Path) -> None:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        for _ in csv.reader(file):
            pass


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


def _cpu_seconds(act: Callable[[], object]) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started


def _report(rows: int, trades: dict[str, int], seconds: dict[str, list[float]]) -> None:
    print(f"{rows:,} rows")
    for name, times in seconds.items():
        ratio = median(a / b for a, b in zip(times, seconds["csv.reader"], strict=True))
        made = f"  {trades[name]:,} trades" if name in trades else ""
        print(f"{name:<16} {median(times):6.2f} s  {ratio:5.1f} x csv.reader{made}")


if __name__ == "__main__":
    sys.exit(main())
