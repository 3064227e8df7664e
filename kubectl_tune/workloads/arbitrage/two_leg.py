"""
A backtest that books both legs of every trade at prices that were there to be had.

With no option but `accounting: two_leg` it opens and closes as the first engine does; only the
accounts differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .accounting import Options
from .arbitrage_backtest import BacktestResult
from .arbitrage_core import ArbitrageConfig
from .ledger import TradeEvent
from .quotes import Quotes


@dataclass(frozen=True)
class TwoLegRun:
    """What a run did: the metrics of any backtest, those of these accounts, and the trades."""

    result: BacktestResult
    extra: dict[str, Any]
    events: list[TradeEvent]


def run(
    quotes: Quotes,
    strategy: ArbitrageConfig,
    options: Options,
    *,
    initial_balance_usd: float,
    stop_on_drawdown_pct: float | None = None,
    max_steps: int | None = None,
) -> TwoLegRun:
    """Raises ValueError where the quotes lack what an option needs."""
    raise NotImplementedError
