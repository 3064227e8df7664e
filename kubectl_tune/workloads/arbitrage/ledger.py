"""
The books of a backtest: which trades there were, what they earned, how deep the balance fell.

Only closed trades change the balance, and every trade object counts once, however often an
engine shows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from .arbitrage_core import ArbitrageTrade


class TradeEvent(NamedTuple):
    """A trade was opened or closed at the snapshot number `step`, counted from 0."""

    step: int
    kind: Literal["open", "close"]
    trade: ArbitrageTrade


class Ledger:
    def __init__(self, initial_balance_usd: float) -> None:
        self.initial_balance_usd = initial_balance_usd
        self.balance_usd = initial_balance_usd
        self.realized_pnl_usd = 0.0
        self.drawdown = 0.0
        self.max_drawdown = 0.0
        self.opened = 0
        self.closed = 0
        self.winning = 0
        self.events: list[TradeEvent] = []  # also keeps the trades alive, so that ids stay theirs
        self._peak_usd = initial_balance_usd
        self._seen: set[int] = set()
        self._settled: set[int] = set()

    def record(self, step: int, changed: Iterable[ArbitrageTrade]) -> None:
        """Book what one snapshot changed, then look at the balance once."""
        for trade in changed:
            if id(trade) not in self._seen:
                self._open(step, trade)
            if not trade.is_open and id(trade) not in self._settled:
                self._close(step, trade)
        self._mark()

    def _open(self, step: int, trade: ArbitrageTrade) -> None:
        self._seen.add(id(trade))
        self.opened += 1
        self.events.append(TradeEvent(step, "open", trade))

    def _close(self, step: int, trade: ArbitrageTrade) -> None:
        self._settled.add(id(trade))
        pnl_usd = trade.pnl_usd or 0.0
        self.closed += 1
        self.winning += pnl_usd > 0
        self.realized_pnl_usd += pnl_usd
        self.events.append(TradeEvent(step, "close", trade))

    def _mark(self) -> None:
        self.balance_usd = self.initial_balance_usd + self.realized_pnl_usd
        self._peak_usd = max(self._peak_usd, self.balance_usd)
        fall = self._peak_usd - self.balance_usd
        self.drawdown = fall / self._peak_usd if self._peak_usd > 0 else 0.0
        self.max_drawdown = max(self.max_drawdown, self.drawdown)
