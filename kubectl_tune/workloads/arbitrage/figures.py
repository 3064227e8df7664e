"""
What a run's accounts tell beyond the metrics of every backtest: the `metrics_extra` block.

Nothing is annualised: Sharpe, Sortino and Calmar are of the run as it is. A figure that would
divide by nothing is None.

Sources: W. F. Sharpe, The Sharpe Ratio (1994); F. A. Sortino and L. N. Price, Performance
Measurement in a Downside Risk Framework (1994); T. W. Young, Calmar Ratio (1991).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import fsum, sqrt
from operator import attrgetter
from statistics import fmean, median
from typing import Any

from .arbitrage_core import BPS, LONG_A, LONG_B
from .positions import Position
from .series import BUCKETS
from .trading import Trading
from .vectors import Fall


@dataclass(frozen=True)
class Unrealized:
    """What open positions would bring, were they closed at the last row, but for closing costs."""

    gross_usd: float
    funding_usd: float
    pnl_usd: float


@dataclass(frozen=True)
class Account:
    """A run that is over, up to a row that doesn't count."""

    trading: Trading
    fall: Fall
    end: int

    @cached_property
    def winning(self) -> int:
        return sum(position.pnl_usd > 0 for position in self.trading.closed)

    @cached_property
    def unrealized(self) -> Unrealized:
        marked = [self._marked(position) for position in self.trading.open_positions]
        return (
            Unrealized(*(fsum(column) for column in zip(*marked, strict=True)))
            if marked
            else (Unrealized(0.0, 0.0, 0.0))
        )

    def _marked(self, position: Position) -> tuple[float, float, float]:
        seen, row = self.trading.view, self.end - 1
        left = position.quantity
        gross = position.gross_usd + position.gross_of(left, *seen.exit(position.side, row, row))
        carried = seen.carried(position.side, row) - position.carry
        funding = position.funding_usd + left * carried
        return gross, funding, gross - (position.fees_usd + position.slippage_usd) + funding


def figures(account: Account) -> dict[str, Any]:
    return {
        **_money(account),
        **_trades(account.trading.closed),
        **_time(account),
        **_risk(account),
        **_log(account.trading),
    }


def _money(account: Account) -> dict[str, Any]:
    """net = gross - fees - slippage + funding = realized + unrealized."""
    trading, open_ = account.trading, account.unrealized
    closed, every = trading.closed, trading.positions
    net = trading.realized_usd + open_.pnl_usd
    return {
        "net_pnl_usd": net,
        "unrealized_pnl_usd": open_.pnl_usd,
        "final_equity_usd": trading.initial_usd + net,
        "gross_pnl_usd": fsum(each.gross_usd for each in closed) + open_.gross_usd,
        "fees_usd": fsum(each.fees_usd for each in every),
        "slippage_usd": fsum(each.slippage_usd for each in every),
        "funding_usd": fsum(each.funding_usd for each in closed) + open_.funding_usd,
    }


def _trades(closed: Sequence[Position]) -> dict[str, Any]:
    """
    Profit factor: what winners earned over what losers lost. Expectancy: the mean PnL of a trade.
    """
    pnl = [position.pnl_usd for position in closed]
    won, lost = fsum(each for each in pnl if each > 0), -fsum(each for each in pnl if each < 0)
    return {
        "profit_factor": won / lost if lost else None,
        "expectancy_usd": fmean(pnl) if pnl else None,
        "expectancy_bps": fmean(_bps(position) for position in closed) if pnl else None,
        "best_trade_usd": max(pnl, default=None),
        "worst_trade_usd": min(pnl, default=None),
        "by_side": {side: _side(closed, side) for side in (LONG_A, LONG_B)},
        "exits": dict(Counter(position.reason for position in closed)),
    }


def _bps(position: Position) -> float:
    return position.pnl_usd / position.notional_usd * BPS


def _side(closed: Sequence[Position], side: str) -> dict[str, Any]:
    pnl = [position.pnl_usd for position in closed if position.side == side]
    return {
        "closed_trades": len(pnl),
        "winning_trades": sum(each > 0 for each in pnl),
        "realized_pnl_usd": fsum(pnl),
    }


def _time(account: Account) -> dict[str, Any]:
    """How long closed trades were held, and the share of the time in which any was open."""
    seconds = account.trading.view.books.seconds
    held = [_lasted(seconds[each.row], seconds[each.close_row]) for each in account.trading.closed]
    return {
        "mean_hold_seconds": fmean(held) if held else None,
        "median_hold_seconds": median(held) if held else None,
        "longest_hold_seconds": max(held, default=None),
        "exposure": _exposure(account),
    }


def _lasted(start: float, end: float) -> float:
    """To the microsecond: below it a difference of two times of today is rounding."""
    return round(end - start, 6)


def _exposure(account: Account) -> float | None:
    seconds = account.trading.view.books.seconds[: account.end]
    if not seconds or not _lasted(seconds[0], seconds[-1]):
        return None
    busy, until = 0.0, seconds[0]
    for position in sorted(account.trading.positions, key=attrgetter("row")):
        last = account.end - 1 if position.close_row < 0 else position.close_row
        start, end = max(seconds[position.row], until), seconds[last]
        if end > start:
            busy += _lasted(start, end)
            until = end
    return busy / _lasted(seconds[0], seconds[-1])


def _risk(account: Account) -> dict[str, Any]:
    """
    Of equity, in as many buckets of rows as a result's series has, or as there are rows: Sharpe is
    the mean change over its standard deviation, Sortino over the root of the mean square of the
    losses alone, Calmar the net PnL in percent over the largest drawdown in percent.
    """
    fall, start = account.fall, account.trading.initial_usd
    changes = [after - before for before, after in pairwise([start, *_equity(account)])]
    sharpe, sortino = _ratios(changes)
    net = account.trading.realized_usd + account.unrealized.pnl_usd
    return {
        "equity": "mark_to_market" if account.trading.options.marks else "realized",
        "max_drawdown_usd": fall.usd,
        "max_drawdown_seconds": _lasted(0.0, fall.seconds),
        "sharpe": sharpe,
        "sortino": sortino,
        "calmar": net / start / fall.part if fall.part else None,
        "buckets": len(changes),
    }


def _ratios(changes: Sequence[float]) -> tuple[float | None, float | None]:
    if len(changes) < 2:
        return None, None
    middle = fmean(changes)
    deviation = sqrt(fsum((each - middle) ** 2 for each in changes) / (len(changes) - 1))
    downside = sqrt(fsum(min(each, 0.0) ** 2 for each in changes) / len(changes))
    return (
        middle / deviation if deviation else None,
        middle / downside if downside else None,
    )


def _equity(account: Account) -> list[float]:
    """At the end of each bucket."""
    trading, rows = account.trading, account.end
    marks = trading.view.marks
    starts = [holding.row for holding in trading.holdings]
    buckets = min(BUCKETS, rows)
    equity = []
    for bucket in range(buckets):
        row = -(-(bucket + 1) * rows // buckets) - 1
        _, usd, long_a, long_b = trading.holdings[bisect_right(starts, row) - 1]
        equity.append(usd + long_a * marks[LONG_A][row] + long_b * marks[LONG_B][row])
    return equity


def _log(trading: Trading) -> dict[str, Any]:
    """What was decided and not done, or not in full; rows that were no market."""
    books = trading.view.books
    unfilled = trading.unfilled()
    return {
        "refused": {
            "stale_quotes": trading.refused["stale_quotes"],
            "no_size": trading.refused["no_size"],
            "no_balance": trading.refused["no_balance"],
        },
        "reduced_trades": trading.refused["reduced"],
        "refused_usd": trading.refused_usd,
        "unfilled_openings": unfilled["openings"],
        "unfilled_closes": unfilled["closes"],
        "rows_left_out": books.count - len(books),
    }
