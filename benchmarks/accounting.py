"""
How long both accountings take over a million rows, against csv.reader alone reading the same file.

    python benchmarks/accounting.py [--rows N] [--runs N] [--data FILE]

All take turns, in CPU seconds of this process; ratios carry over to other machines, the seconds do
not. The quotes are simulated with seed 7. Jobs are whole: they load the file, too. "every option"
looks at each row for a profit, a loss, a closing edge, a time-out and stale quotes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import turns  # puts this checkout on the path

from kubectl_tune.workloads.arbitrage import two_leg, vectors_plain
from kubectl_tune.workloads.arbitrage.accounting import Options
from kubectl_tune.workloads.arbitrage.arbitrage_core import ArbitrageConfig
from kubectl_tune.workloads.arbitrage.arbitrage_tuning import ArbitrageTuningRunner, account, load
from kubectl_tune.workloads.arbitrage.fastest import fastest
from kubectl_tune.workloads.arbitrage.quotes import Quotes
from kubectl_tune.workloads.arbitrage.tuning_config import TuningConfig
from kubectl_tune.workloads.arbitrage.vectors import Vectors

# Costs low enough for about 30,000 trades in a million rows.
STRATEGY = ArbitrageConfig(0.0, 0.1, 0.1, 0.0, 1000.0, 2)
TWO_LEG = Options(accounting="two_leg")
EVERY = Options(
    accounting="two_leg",
    exit_bps=-1.0,
    take_profit_bps=8.0,
    stop_loss_bps=30.0,
    max_hold_seconds=600.0,
    latency_ms_a=50.0,
    latency_ms_b=100.0,
    max_quote_age_ms=5000.0,
    balances={"a": 1e6, "b": 1e6},
)


def main() -> int:
    args = turns.arguments(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        path = args.data or turns.simulated(Path(folder), args.rows)
        seed = _config(path, Options())
        quotes = load(seed)
        quotes.seconds()
        measured: dict[str, Callable[[], object]] = {
            "load": lambda: load(seed),
            "seed": lambda: account(seed, quotes),
            "two_leg": _run(quotes, TWO_LEG, vectors_plain),
            "two_leg, every option": _run(quotes, EVERY, vectors_plain),
            **_with_numpy(quotes),
            "job, seed": _job(seed),
            "job, two_leg": _job(replace(seed, options=TWO_LEG)),
            "job, without numpy": _plain_job(seed),
        }
        seconds = turns.take_turns(path, measured, args.runs)
    _report(quotes, seconds)
    return 0


def _config(path: Path, options: Options) -> TuningConfig:
    return TuningConfig(
        str(path),
        STRATEGY.min_spread_bps,
        STRATEGY.taker_fee_a_bps,
        STRATEGY.taker_fee_b_bps,
        STRATEGY.slippage_bps,
        STRATEGY.max_position_usd,
        STRATEGY.max_open_trades,
        options=options,
    )


def _with_numpy(quotes: Quotes) -> dict[str, Callable[[], object]]:
    fast = fastest(len(quotes))
    if fast is vectors_plain:
        return {}
    return {
        "two_leg, numpy": _run(quotes, TWO_LEG, fast),
        "every option, numpy": _run(quotes, EVERY, fast),
    }


def _run(quotes: Quotes, options: Options, columns: Vectors) -> Callable[[], object]:
    return lambda: two_leg.run(
        quotes, STRATEGY, options, initial_balance_usd=10_000.0, columns=columns
    )


def _job(config: TuningConfig) -> Callable[[], object]:
    return ArbitrageTuningRunner(config).run


def _plain_job(config: TuningConfig) -> Callable[[], object]:
    def job() -> object:
        return _run(load(config), TWO_LEG, vectors_plain)()

    return job


def _report(quotes: Quotes, seconds: dict[str, list[float]]) -> None:
    for options in (TWO_LEG, EVERY):
        run = two_leg.run(quotes, STRATEGY, options, initial_balance_usd=10_000.0)
        print(f"{len(quotes):,} rows, {run.result.total_trades:,} trades")
    turns.report(seconds)


if __name__ == "__main__":
    sys.exit(main())
