"""
What each venue has to pay with: `balances`.

Every leg, long or short, ties up its price times quantity on its venue while it is open: a bought
coin is paid for, a sold one is backed in full. Costs of a fill leave the venue it is on, slippage
by halves. A close frees what was tied and adds what the leg earned, so one venue runs dry where
the other fills up; nothing is moved between them, and funding is left out.

    quantity = min over both legs of free / (price * (1 + fee) + long in * slippage / 2)

Source: hummingbot's arbitrage executor asks quote of the buyer and base of the seller before it
starts (`validate_sufficient_balance`); here base is counted in USD, and a part is traded.
"""

from __future__ import annotations

from collections.abc import Mapping

from .arbitrage_core import BPS, LONG_A, Side
from .positions import Costs, Position


class Balances:
    """Free money in USD, of A and of B."""

    def __init__(self, usd: Mapping[str, float], costs: Costs) -> None:
        self.free = [float(usd["a"]), float(usd["b"])]
        self._costs = costs

    def most(self, side: Side, long_price: float, short_price: float) -> float:
        """The quantity that both venues can pay for."""
        long, short = _venues(side)
        long_unit, short_unit = self._units(side, long_price, short_price)
        return max(0.0, min(self.free[long] / long_unit, self.free[short] / short_unit))

    def open(self, position: Position) -> None:
        long, short = _venues(position.side)
        units = self._units(position.side, position.long_price, position.short_price)
        self.free[long] -= position.quantity * units[0]
        self.free[short] -= position.quantity * units[1]

    def close(
        self, position: Position, quantity: float, long_exit: float, short_exit: float
    ) -> None:
        long, short = _venues(position.side)
        long_fee, short_fee = self._costs.fees(position.side)
        slippage = self._slippage(position.long_price)
        freed = 2 * position.short_price - short_exit
        self.free[long] += quantity * (long_exit * (1 - long_fee / BPS) - slippage)
        self.free[short] += quantity * (freed - short_exit * short_fee / BPS - slippage)

    def _units(self, side: Side, long_price: float, short_price: float) -> tuple[float, float]:
        """What opening one unit takes of the long and of the short leg's venue."""
        long_fee, short_fee = self._costs.fees(side)
        slippage = self._slippage(long_price)
        return (
            long_price * (1 + long_fee / BPS) + slippage,
            short_price * (1 + short_fee / BPS) + slippage,
        )

    def _slippage(self, long_price: float) -> float:
        return long_price * self._costs.slippage_bps / BPS / 2


def _venues(side: Side) -> tuple[int, int]:
    return (0, 1) if side == LONG_A else (1, 0)
