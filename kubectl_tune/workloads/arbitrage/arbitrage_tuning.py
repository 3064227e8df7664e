"""
One tuning job: a data file and one set of parameters in, the metrics of a backtest out.

Whatever goes wrong after the configuration was checked is a RuntimeError that says what it was.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from .arbitrage_backtest import ArbitrageBacktester, BacktestConfig, BacktestResult
from .arbitrage_core import ArbitrageEngine, OrderBookSnapshot
from .columns import wanted
from .ledger import TradeEvent
from .quotes import Quotes, load_quotes
from .tuning_config import TuningConfig, config_summary

__all__ = ["ArbitrageTuningRunner", "Books", "TuningConfig", "TuningMetrics", "TuningRun"]


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
class Books:
    """What a backtest has to show; `extra` has the metrics that not every accounting knows."""

    result: BacktestResult
    events: list[TradeEvent]
    extra: dict[str, Any] = field(default_factory=dict)
    funding_sha256: str | None = None


@dataclass(frozen=True)
class TuningRun:
    """All that a finished job knows."""

    metrics: TuningMetrics
    quotes: Quotes
    events: list[TradeEvent]
    extra: dict[str, Any] = field(default_factory=dict)
    funding_sha256: str | None = None


class ArbitrageTuningRunner:
    def __init__(self, tuning_config: TuningConfig) -> None:
        self.tuning_config = tuning_config

    def load_snapshots(self) -> list[OrderBookSnapshot]:
        return list(load(self.tuning_config))

    def run(self) -> TuningMetrics:
        return self.run_fully().metrics

    def run_fully(self, quotes: Quotes | None = None) -> TuningRun:
        """Like `run`, with the quotes and trades behind the metrics; over these quotes, if any."""
        started = time.perf_counter()
        try:
            quotes = load(self.tuning_config) if quotes is None else quotes
            books = account(self.tuning_config, quotes)
        except Exception as error:  # the contract's: one kind of error, with the reason
            reason = str(error) or type(error).__name__
            raise RuntimeError(f"Tuning job failed: {reason}") from error
        seconds = time.perf_counter() - started
        metrics = self._metrics(books, quotes, seconds)
        return TuningRun(metrics, quotes, books.events, books.extra, books.funding_sha256)

    def _metrics(self, books: Books, quotes: Quotes, seconds: float) -> TuningMetrics:
        result = books.result
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


def load(config: TuningConfig, *, fail_on_unparsable: bool = True) -> Quotes:
    """The rows that the job is about, with the columns that its accounts need."""
    return load_quotes(
        config.data_file,
        config.policy,
        fail_on_unparsable=fail_on_unparsable,
        columns=wanted(config.options),
        order=config.row_order,
        row_start=config.row_start,
        row_stop=config.row_stop,
        locked=config.locked,
    )


def account(config: TuningConfig, quotes: Quotes, max_steps: int | None = None) -> Books:
    return (_two_leg if config.options.honest else _seed)(config, quotes, max_steps)


def _seed(config: TuningConfig, quotes: Quotes, max_steps: int | None) -> Books:
    limits = BacktestConfig(config.initial_balance_usd, max_steps, config.stop_on_drawdown_pct)
    backtester = ArbitrageBacktester(ArbitrageEngine(config.strategy), limits)
    try:
        result = backtester.run(quotes)
    except ZeroDivisionError as error:
        raise ZeroDivisionError(
            "an open trade met a price of zero (--bad-rows skip leaves such rows out);"
            f" bad rows: {quotes.bad_rows}"
        ) from error
    return Books(result, backtester.ledger.events)


def _two_leg(config: TuningConfig, quotes: Quotes, max_steps: int | None) -> Books:
    from . import two_leg  # a job in the books of the first engine needs none of it

    try:
        run = two_leg.run(
            quotes,
            config.strategy,
            config.options,
            initial_balance_usd=config.initial_balance_usd,
            stop_on_drawdown_pct=config.stop_on_drawdown_pct,
            max_steps=max_steps,
        )
    except ArithmeticError as error:
        raise ArithmeticError(
            "prices, rates or settings are too large or too small to calculate with"
        ) from error
    return Books(run.result, run.events, run.extra, run.funding_sha256)
