"""
Positions of two legs, and what they earned: the formulas of the honest accounts.

A position holds the same quantity long on one venue and short on the other. It is bought at the
ask and sold at the bid of each venue, in USD, and every fill pays:

    quantity = notional / long in
    gross    = quantity * ((long out - long in) + (short in - short out))
    fees     = quantity * price * fee of the venue, of each of the four fills
    slippage = notional * slippage of both legs together, at the opening and again at the close
    PnL      = gross - fees - slippage + funding

Source: four market orders, booked as hummingbot's arbitrage executor books its two: sold less
bought less the fee of each (`get_net_pnl_quote` in strategy_v2/executors/arbitrage_executor).

In basis points of the notional it is nearly opening edge + closing edge - costs - costs, with
(short in - long in) / long in as the one edge and (long out - short out) / long in as the other:
only fees differ, by the fill's price.
"""

from __future__ import annotations

from dataclasses import dataclass

from .arbitrage_core import BPS, LONG_A, ArbitrageTrade, Side


@dataclass(frozen=True)
class Costs:
    """Fees of a fill by venue; slippage of both legs of an opening, or of a close, together."""

    fee_a_bps: float
    fee_b_bps: float
    slippage_bps: float

    def fees(self, side: Side) -> tuple[float, float]:
        """Those of the long and of the short leg."""
        fees = self.fee_a_bps, self.fee_b_bps
        return fees if side == LONG_A else (fees[1], fees[0])


@dataclass(slots=True, eq=False)
class Position:
    """`carry` is the funding that one unit held since the first row would have got by now."""

    number: int
    side: Side
    row: int
    notional_usd: float
    quantity: float  # what is left of it
    long_price: float
    short_price: float
    carry: float
    costs: Costs
    trade: ArbitrageTrade
    opened: float = 0.0
    gross_usd: float = 0.0
    fees_usd: float = 0.0
    slippage_usd: float = 0.0
    funding_usd: float = 0.0
    given_usd: float = 0.0  # what closing took to cross both books
    close_row: int = -1
    reason: str = ""  # why it is being closed; none as long as it isn't
    held_usd: float = 0.0  # as the account last counted it

    def __post_init__(self) -> None:
        self.opened = self.quantity
        self._pay(self.quantity, self.long_price, self.short_price)

    def leave(self, quantity: float, long_exit: float, short_exit: float, carry: float) -> None:
        """Close a part of it, or all."""
        self.gross_usd += self.gross_of(quantity, long_exit, short_exit)
        self.funding_usd += quantity * (carry - self.carry)
        self.given_usd += quantity * (short_exit - long_exit)
        self._pay(quantity, long_exit, short_exit)
        self.quantity -= quantity

    def gross_of(self, quantity: float, long_exit: float, short_exit: float) -> float:
        return quantity * ((long_exit - self.long_price) + (self.short_price - short_exit))

    def _pay(self, quantity: float, long_price: float, short_price: float) -> None:
        long_fee, short_fee = self.costs.fees(self.side)
        share = quantity / self.opened
        fees = quantity * long_price * long_fee / BPS + quantity * short_price * short_fee / BPS
        self.fees_usd += fees  # of both at once: paid twice it is twice as much, to the last bit
        self.slippage_usd += share * self.notional_usd * self.costs.slippage_bps / BPS

    @property
    def pnl_usd(self) -> float:
        """Of what is closed, less all costs paid so far."""
        return self.gross_usd - (self.fees_usd + self.slippage_usd) + self.funding_usd

    def holding_usd(self) -> float:
        """What equity has of it beside quantity * mark; a mark is closing value plus carry."""
        rest = self.quantity * ((self.short_price - self.long_price) - self.carry)
        return self.pnl_usd + rest

    def unit_for(self, net_bps: float) -> float:
        """What closing a unit must bring, its fees taken off, for a PnL of so many bps."""
        paid = (self.fees_usd + self.slippage_usd) / self.quantity
        wanted = self.long_price * (self.costs.slippage_bps + net_bps) / BPS
        return self.long_price - self.short_price + self.carry + paid + wanted

    def book(self, timestamp: str) -> float:
        """Write the close into the trade; its PnL."""
        trade, pnl_usd = self.trade, self.pnl_usd
        trade.close_timestamp = timestamp
        trade.exit_spread_bps = self.given_usd / (self.opened * self.long_price) * BPS
        trade.pnl_usd = pnl_usd
        trade.pnl_bps = pnl_usd / self.notional_usd * BPS
        trade.is_open = False
        trade.exit_reason = self.reason
        return pnl_usd
