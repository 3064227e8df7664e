"""
A backtest: an engine over a series of snapshots, and the metrics of what it did.

Snapshots are taken in the order given; open trades are never marked and none is closed at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sized
from dataclasses import dataclass, field
from typing import Protocol

from .arbitrage_core import ArbitrageTrade, OrderBookSnapshot
from .ledger import Ledger


class Engine(Protocol):
    """All that a backtest needs of an engine."""

    def on_snapshot(self, snapshot: OrderBookSnapshot, /) -> list[ArbitrageTrade]: ...

    def get_open_trades(self) -> list[ArbitrageTrade]: ...


@dataclass(frozen=True)
class BacktestConfig:
    initial_balance_usd: float = 10_000.0
    max_steps: int | None = None
    stop_on_drawdown_pct: float | None = None


@dataclass(frozen=True)
class BacktestResult:
    """`max_drawdown_pct` is a percentage, `win_rate` a fraction."""

    total_trades: int
    closed_trades: int
    open_trades: int
    final_balance_usd: float
    realized_pnl_usd: float
    max_drawdown_pct: float
    win_rate: float
    avg_pnl_per_trade_usd: float
    stats: dict[str, int] = field(default_factory=dict)


class ArbitrageBacktester:
    def __init__(self, arb_engine: Engine, config: BacktestConfig) -> None:
        self.arb_engine = arb_engine
        self.config = config
        self.ledger = Ledger(config.initial_balance_usd)

    def run(self, snapshots: Iterable[OrderBookSnapshot]) -> BacktestResult:
        """Afterwards `ledger` has every trade of this run."""
        self.ledger = Ledger(self.config.initial_balance_usd)
        steps, seen = self._drive(snapshots)
        total = len(snapshots) if isinstance(snapshots, Sized) else seen
        return self._result(steps, total)

    def _drive(self, snapshots: Iterable[OrderBookSnapshot]) -> tuple[int, int]:
        """Go through the snapshots; how many were processed, and how many looked at."""
        ledger, on_snapshot = self.ledger, self.arb_engine.on_snapshot
        max_steps, stop_pct = self.config.max_steps, self.config.stop_on_drawdown_pct
        step = seen = 0
        for snapshot in snapshots:
            seen += 1
            if max_steps is not None and step >= max_steps:
                break
            changed = on_snapshot(snapshot)
            if changed:
                ledger.record(step, changed)
            if stop_pct is not None and 100.0 * ledger.drawdown >= stop_pct:
                break  # the snapshot that stops a run does not count as processed
            step += 1
        return step, seen

    def _result(self, steps: int, total: int) -> BacktestResult:
        ledger = self.ledger
        closed = ledger.closed
        return BacktestResult(
            total_trades=ledger.opened,
            closed_trades=closed,
            open_trades=len(self.arb_engine.get_open_trades()),
            final_balance_usd=ledger.balance_usd,
            realized_pnl_usd=ledger.realized_pnl_usd,
            max_drawdown_pct=100.0 * ledger.max_drawdown,
            win_rate=ledger.winning / closed if closed else 0.0,
            avg_pnl_per_trade_usd=ledger.realized_pnl_usd / closed if closed else 0.0,
            stats={
                "steps_processed": steps,
                "total_snapshots": total,
                "winning_trades": ledger.winning,
                "losing_trades": closed - ledger.winning,
            },
        )
