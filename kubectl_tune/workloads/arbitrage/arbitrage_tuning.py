"""
One tuning job: a data file and one set of parameters in, the metrics of a backtest out.

A configuration is checked when it is made and names everything that is wrong with it at once;
whatever goes wrong later is a RuntimeError that says what it was.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .arbitrage_backtest import ArbitrageBacktester, BacktestConfig, BacktestResult
from .arbitrage_core import GATES, ArbitrageConfig, ArbitrageEngine, Gate, OrderBookSnapshot
from .bad_rows import POLICIES, BadRowPolicy
from .ledger import TradeEvent
from .quotes import Quotes, load_quotes

NON_NEGATIVE = ("min_spread_bps", "taker_fee_a_bps", "taker_fee_b_bps", "slippage_bps")
POSITIVE = (
    "max_position_usd",
    "initial_balance_usd",
    "stop_on_drawdown_pct",
    "exchange_a_to_b_rate",
)


@dataclass(frozen=True)
class TuningConfig:
    data_file: str
    min_spread_bps: float
    taker_fee_a_bps: float
    taker_fee_b_bps: float
    slippage_bps: float
    max_position_usd: float
    max_open_trades: int = 1
    initial_balance_usd: float = 10_000.0
    stop_on_drawdown_pct: float | None = None
    tag: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    exchange_a_to_b_rate: float = 1.0
    gate: Gate = "min_spread"
    bad_rows: BadRowPolicy = "seed"
    job_id: str | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise ValueError("; ".join(problems))


def _problems(config: TuningConfig) -> Iterator[str]:
    if not config.data_file:
        yield "data_file must be specified"
    for name in (*NON_NEGATIVE, *POSITIVE):
        value = getattr(config, name)
        if value is None and name == "stop_on_drawdown_pct":
            continue
        if not math.isfinite(value):
            yield f"{name} must be a finite number"
        elif value < 0 and name in NON_NEGATIVE:
            yield f"{name} must be non-negative"
        elif value <= 0 and name in POSITIVE:
            yield f"{name} must be positive"
    if config.max_open_trades < 1:
        yield "max_open_trades must be at least 1"
    for name, choices in (("gate", GATES), ("bad_rows", POLICIES)):
        if getattr(config, name) not in choices:
            yield f"{name} must be one of {', '.join(choices)}"


@dataclass(frozen=True)
class TuningMetrics:
    """The metrics of the backtest, and what the job adds to them."""

    total_trades: int
    closed_trades: int
    open_trades: int
    final_balance_usd: float
    realized_pnl_usd: float
    max_drawdown_pct: float
    win_rate: float
    avg_pnl_per_trade_usd: float
    runtime_seconds: float | None = None
    config_summary: dict[str, Any] | None = None
    bad_rows: dict[str, int] | None = None


@dataclass(frozen=True)
class TuningRun:
    """All that a finished job knows."""

    metrics: TuningMetrics
    quotes: Quotes
    events: list[TradeEvent]


class ArbitrageTuningRunner:
    def __init__(self, tuning_config: TuningConfig) -> None:
        self.tuning_config = tuning_config

    def load_snapshots(self) -> list[OrderBookSnapshot]:
        return list(self._quotes())

    def run(self) -> TuningMetrics:
        return self.run_fully().metrics

    def run_fully(self) -> TuningRun:
        """Like `run`, with the quotes and trades behind the metrics."""
        started = time.perf_counter()
        try:
            quotes = self._quotes()
            backtester = self._backtester()
            result = _tried(backtester, quotes)
        except Exception as error:
            reason = str(error) or type(error).__name__
            raise RuntimeError(f"Tuning job failed: {reason}") from error
        seconds = time.perf_counter() - started
        metrics = self._metrics(result, quotes, seconds)
        return TuningRun(metrics, quotes, backtester.ledger.events)

    def _quotes(self) -> Quotes:
        return load_quotes(self.tuning_config.data_file, self.tuning_config.bad_rows)

    def _backtester(self) -> ArbitrageBacktester:
        config = self.tuning_config
        engine = ArbitrageEngine(
            ArbitrageConfig(
                min_spread_bps=config.min_spread_bps,
                taker_fee_a_bps=config.taker_fee_a_bps,
                taker_fee_b_bps=config.taker_fee_b_bps,
                slippage_bps=config.slippage_bps,
                max_position_usd=config.max_position_usd,
                max_open_trades=config.max_open_trades,
                exchange_a_to_b_rate=config.exchange_a_to_b_rate,
                gate=config.gate,
            )
        )
        return ArbitrageBacktester(
            engine,
            BacktestConfig(
                initial_balance_usd=config.initial_balance_usd,
                stop_on_drawdown_pct=config.stop_on_drawdown_pct,
            ),
        )

    def _metrics(self, result: BacktestResult, quotes: Quotes, seconds: float) -> TuningMetrics:
        return TuningMetrics(
            total_trades=result.total_trades,
            closed_trades=result.closed_trades,
            open_trades=result.open_trades,
            final_balance_usd=result.final_balance_usd,
            realized_pnl_usd=result.realized_pnl_usd,
            max_drawdown_pct=result.max_drawdown_pct,
            win_rate=result.win_rate,
            avg_pnl_per_trade_usd=result.avg_pnl_per_trade_usd,
            runtime_seconds=seconds,
            config_summary=config_summary(self.tuning_config, len(quotes)),
            bad_rows=dict(quotes.bad_rows.counts),
        )


def config_block(config: TuningConfig) -> dict[str, Any]:
    """The ten settings of every result, and of the others those that differ from their default."""
    block = {name: getattr(config, name) for name in RESULT_KEYS}
    for name, default in OTHER_KEYS.items():
        if getattr(config, name) != default:
            block[name] = getattr(config, name)
    return block


def config_summary(config: TuningConfig, snapshots: int) -> dict[str, Any]:
    summary = config_block(config) | {"snapshots_count": snapshots}
    return summary if config.job_id is None else summary | {"job_id": config.job_id}


RESULT_KEYS = (
    "data_file",
    "min_spread_bps",
    "taker_fee_a_bps",
    "taker_fee_b_bps",
    "slippage_bps",
    "max_position_usd",
    "max_open_trades",
    "initial_balance_usd",
    "stop_on_drawdown_pct",
    "tag",
)
OTHER_KEYS = {"exchange_a_to_b_rate": 1.0, "gate": "min_spread", "bad_rows": "seed"}


def _tried(backtester: ArbitrageBacktester, quotes: Quotes) -> BacktestResult:
    try:
        return backtester.run(quotes)
    except ZeroDivisionError as error:
        raise ZeroDivisionError(
            "an open trade met a price of zero (--bad-rows skip leaves such rows out);"
            f" bad rows: {quotes.bad_rows}"
        ) from error
