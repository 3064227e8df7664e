"""
A backtest that books both legs of every trade at prices that were there to be had.

With no option but `accounting: two_leg` it opens and closes as the first engine does; only the
accounts differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from .accounting import Options
from .arbitrage_backtest import BacktestResult
from .arbitrage_core import LONG_A, LONG_B, ArbitrageConfig
from .balances import Balances
from .books import Source, books
from .depth import depth
from .fastest import fastest
from .figures import Account, figures
from .funding import NO_FILE, carry, read_funding
from .ledger import TradeEvent
from .positions import Costs
from .trading import Trading
from .vectors import Fall, Vectors
from .view import View, view


@dataclass(frozen=True)
class TwoLegRun:
    """What a run did: the metrics of any backtest, those of these accounts, and the trades."""

    result: BacktestResult
    extra: dict[str, Any]
    events: list[TradeEvent]
    funding_sha256: str | None = None  # of a file of rates


def run(
    quotes: Source,
    strategy: ArbitrageConfig,
    options: Options,
    *,
    initial_balance_usd: float,
    stop_on_drawdown_pct: float | None = None,
    max_steps: int | None = None,
    columns: Vectors | None = None,
) -> TwoLegRun:
    """
    Raises ValueError where the quotes lack what an option needs.

    How columns are calculated makes no difference but in time; without a word the fastest way is
    taken.
    """
    chosen = columns or fastest(len(quotes))
    market = books(
        quotes,
        chosen,
        rate=strategy.exchange_a_to_b_rate,
        rates=options.rate_column is not None,
        limit=max_steps,
    )
    rates = NO_FILE if options.funding is None else read_funding(options.funding)
    funding = carry(quotes, market, rates)
    seen = view(market, strategy, options, funding, chosen)

    def trade(end: int) -> Trading:
        return _traded(quotes, seen, strategy, options, initial_balance_usd, end)

    end = len(market)
    trading = trade(end)
    fall = _fall(trading, chosen, end, stop_on_drawdown_pct)
    stopped = fall.stop_row
    if stopped is not None and stopped + 1 < end:  # what came before it was decided without it
        end = stopped + 1
        trading = trade(end)
        fall = _fall(trading, chosen, end, stop_on_drawdown_pct)
    account = Account(trading, fall, end)
    steps = market.count if stopped is None else market.rows[stopped]
    result = _result(account, steps, len(quotes))
    return TwoLegRun(result, figures(account), trading.events, rates.sha256)


def _traded(
    quotes: Source,
    seen: View,
    strategy: ArbitrageConfig,
    options: Options,
    initial_usd: float,
    end: int,
) -> Trading:
    costs = Costs(strategy.taker_fee_a_bps, strategy.taker_fee_b_bps, strategy.slippage_bps)
    trading = Trading(
        seen,
        strategy,
        options,
        quotes.timestamps,
        costs,
        initial_usd,
        depth(quotes, seen.books) if options.fill == "top_of_book" else None,
        None if options.balances is None else Balances(options.balances, costs),
    )
    trading.go(end)
    return trading


def _fall(trading: Trading, chosen: Vectors, end: int, stop_pct: float | None) -> Fall:
    if not end:
        return Fall()
    seen = trading.view
    mark_a, mark_b, seconds = seen.marks[LONG_A], seen.marks[LONG_B], seen.books.seconds
    if end < len(seconds):
        mark_a, mark_b, seconds = mark_a[:end], mark_b[:end], seconds[:end]
    limit = inf if stop_pct is None else stop_pct
    return chosen.fall(trading.holdings, mark_a, mark_b, seconds, trading.initial_usd, limit)


def _result(account: Account, steps: int, total: int) -> BacktestResult:
    trading = account.trading
    closed, winning = len(trading.closed), account.winning
    return BacktestResult(
        total_trades=len(trading.positions),
        closed_trades=closed,
        open_trades=len(trading.positions) - closed,
        final_balance_usd=trading.initial_usd + trading.realized_usd,
        realized_pnl_usd=trading.realized_usd,
        max_drawdown_pct=100.0 * account.fall.part,
        win_rate=winning / closed if closed else 0.0,
        avg_pnl_per_trade_usd=trading.realized_usd / closed if closed else 0.0,
        stats={
            "steps_processed": steps,
            "total_snapshots": total,
            "winning_trades": winning,
            "losing_trades": closed - winning,
        },
    )
