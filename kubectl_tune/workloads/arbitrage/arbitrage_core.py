"""
The arbitrage engine: which quotes open a trade, which close one, and what a trade earned.

It keeps no clock and no balance: a snapshot comes in, the trades that it changed go out. Trades
are told apart by identity, never by their values.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Literal

Side = Literal["LONG_A_SHORT_B", "LONG_B_SHORT_A"]
Gate = Literal["min_spread", "zero", "round_trip"]

LONG_A: Side = "LONG_A_SHORT_B"
LONG_B: Side = "LONG_B_SHORT_A"
GATES: tuple[Gate, ...] = ("min_spread", "zero", "round_trip")
BPS = 10_000.0


@dataclass(frozen=True)
class ArbitrageConfig:
    """
    What opens a trade and what it costs; `slippage_bps` is for both legs together.

    The engine opens when the edge after costs reaches `min_spread_bps`; with `gate="zero"` as soon
    as costs are covered. `gate="round_trip"` asks the edge of a whole round trip to reach
    `min_spread_bps`: costs twice, and the widths of both books, which is what closing costs at the
    moment the opening edge has gone to zero. B's prices count times `exchange_a_to_b_rate`.

        round trip: opening edge - 2 * costs - widths / long in * 10,000 >= min_spread_bps

    Source: hummingbot's spot_perpetual_arbitrage sets a least edge for opening and one for closing,
    before fees; this is their sum, after them.
    """

    min_spread_bps: float
    taker_fee_a_bps: float
    taker_fee_b_bps: float
    slippage_bps: float
    max_position_usd: float
    max_open_trades: int = 1
    close_on_spread_reversal: bool = True
    exchange_a_to_b_rate: float = 1.0
    bid_ask_spread_bps: float = 100.0  # never read: part of the format only
    gate: Gate = "min_spread"

    def __post_init__(self) -> None:
        if self.gate not in GATES:
            raise ValueError(f"gate must be one of {', '.join(GATES)}, not {self.gate!r}")

    @property
    def cost_bps(self) -> float:
        return self.taker_fee_a_bps + self.taker_fee_b_bps + self.slippage_bps

    @property
    def least_edge_bps(self) -> float:
        return 0.0 if self.gate == "zero" else self.min_spread_bps


@dataclass(slots=True)  # not frozen: one is made for every row, and frozen ones take thrice as long
class OrderBookSnapshot:
    """The best prices of both venues at one moment; the timestamp is any text."""

    timestamp: str
    best_bid_a: float
    best_ask_a: float
    best_bid_b: float
    best_ask_b: float


@dataclass(frozen=True)
class ArbitrageOpportunity:
    timestamp: str
    side: Side
    spread_bps: float
    gross_edge_bps: float
    net_edge_bps: float
    notional_usd: float


@dataclass(eq=False)
class ArbitrageTrade:
    """One trade from opening to close. Two with equal values are still two."""

    open_timestamp: str
    close_timestamp: str | None = None
    side: Side = LONG_A
    entry_spread_bps: float = 0.0
    exit_spread_bps: float | None = None
    notional_usd: float = 0.0
    pnl_usd: float | None = None
    pnl_bps: float | None = None
    is_open: bool = True
    meta: dict[str, str] = field(default_factory=dict)
    exit_reason: str | None = None

    def close(
        self,
        close_timestamp: str,
        exit_spread_bps: float,
        taker_fee_a_bps: float,
        taker_fee_b_bps: float,
        slippage_bps: float,
    ) -> None:
        """Book the exit; all costs are charged here, once."""
        cost_bps = taker_fee_a_bps + taker_fee_b_bps + slippage_bps
        self.close_timestamp = close_timestamp
        self.exit_spread_bps = exit_spread_bps
        self.pnl_bps = self.entry_spread_bps - exit_spread_bps - cost_bps
        self.pnl_usd = self.pnl_bps / BPS * self.notional_usd
        self.is_open = False


class ArbitrageEngine:
    """Opens and closes trades, one snapshot after another."""

    def __init__(self, config: ArbitrageConfig) -> None:
        self.config = config
        self._rate = config.exchange_a_to_b_rate
        self._cost_bps = config.cost_bps
        self._least_edge_bps = config.least_edge_bps
        self._round_trip = config.gate == "round_trip"
        # By side, because all trades of a side turn at the same moment: closing them then looks
        # at no other trade, however many are open. The number is the order of opening.
        self._open: dict[Side, list[tuple[int, ArbitrageTrade]]] = {LONG_A: [], LONG_B: []}
        self._opened = 0
        self._last_snapshot: OrderBookSnapshot | None = None

    def detect_opportunity(self, snapshot: OrderBookSnapshot) -> ArbitrageOpportunity | None:
        """What to open now, if anything. No check stops a NaN, for it compares with nothing."""
        # Once a row: the spreads are written out, a call each would take longer than the rest.
        bid_a, ask_a = snapshot.best_bid_a, snapshot.best_ask_a
        bid_b, ask_b = snapshot.best_bid_b, snapshot.best_ask_b
        if bid_a <= 0 or ask_a <= 0 or bid_b <= 0 or ask_b <= 0:
            return None
        if bid_a >= ask_a or bid_b >= ask_b:
            return None
        ask_b *= self._rate
        long_a = (bid_b * self._rate - ask_a) / ask_a * BPS
        long_b = (bid_a - ask_b) / ask_b * BPS
        best = long_b if long_b > long_a else long_a
        net = best - self._cost_bps
        if net < self._least_edge_bps:
            return None
        if self._open_count() >= self.config.max_open_trades:
            return None
        side = LONG_A if long_a >= long_b else LONG_B
        if self._round_trip:
            widths = ask_a - bid_a + (ask_b - bid_b * self._rate)
            net -= self._cost_bps + widths / (ask_a if side == LONG_A else ask_b) * BPS
            if net < self._least_edge_bps:
                return None
        return self._opportunity(snapshot.timestamp, side, best, net)

    def on_snapshot(self, snapshot: OrderBookSnapshot) -> list[ArbitrageTrade]:
        """The trades that this snapshot changed: first the closed ones, then the opened one."""
        self._last_snapshot = snapshot
        sides = self._reversed_sides(snapshot)
        changed = self._close(sides, snapshot) if sides else []
        opportunity = self.detect_opportunity(snapshot)
        if opportunity is not None:
            changed.append(self._opening(opportunity))
        return changed

    def get_open_trades(self) -> list[ArbitrageTrade]:
        """A copy, in the order of opening."""
        return _in_order(self._open.values())

    def get_last_snapshot(self) -> OrderBookSnapshot | None:
        return self._last_snapshot

    def _open_count(self) -> int:
        return len(self._open[LONG_A]) + len(self._open[LONG_B])

    def _opportunity(
        self, timestamp: str, side: Side, spread_bps: float, net_bps: float
    ) -> ArbitrageOpportunity:
        return ArbitrageOpportunity(
            timestamp=timestamp,
            side=side,
            spread_bps=spread_bps,
            gross_edge_bps=spread_bps,
            net_edge_bps=net_bps,
            notional_usd=self.config.max_position_usd,
        )

    def _opening(self, opportunity: ArbitrageOpportunity) -> ArbitrageTrade:
        trade = ArbitrageTrade(
            open_timestamp=opportunity.timestamp,
            side=opportunity.side,
            entry_spread_bps=opportunity.spread_bps,
            notional_usd=opportunity.notional_usd,
        )
        self._open[trade.side].append((self._opened, trade))
        self._opened += 1
        return trade

    def _reversed_sides(self, snapshot: OrderBookSnapshot) -> tuple[Side, ...]:
        """
        Sides with open trades whose opening spread has become negative; zero is not.

        Quotes are not checked here: a crossed book closes, too, and a zero raises.
        """
        if not self.config.close_on_spread_reversal:
            return ()
        turned: tuple[Side, ...] = ()
        if self._open[LONG_A]:
            ask_a = snapshot.best_ask_a
            if (snapshot.best_bid_b * self._rate - ask_a) / ask_a * BPS < 0:
                turned = (LONG_A,)
        if self._open[LONG_B]:
            ask_b = snapshot.best_ask_b * self._rate
            if (snapshot.best_bid_a - ask_b) / ask_b * BPS < 0:
                turned += (LONG_B,)
        return turned

    def _close(self, sides: tuple[Side, ...], snapshot: OrderBookSnapshot) -> list[ArbitrageTrade]:
        closed = _in_order(self._open[side] for side in sides)
        for side in sides:
            self._open[side] = []
        for trade in closed:
            self._book_exit(trade, snapshot)
        return closed

    def _book_exit(self, trade: ArbitrageTrade, snapshot: OrderBookSnapshot) -> None:
        trade.close(
            close_timestamp=snapshot.timestamp,
            exit_spread_bps=0.0,
            taker_fee_a_bps=self.config.taker_fee_a_bps,
            taker_fee_b_bps=self.config.taker_fee_b_bps,
            slippage_bps=self.config.slippage_bps,
        )
        trade.exit_reason = "spread_reversal"


def _in_order(sides: Iterable[list[tuple[int, ArbitrageTrade]]]) -> list[ArbitrageTrade]:
    numbered = sorted((entry for side in sides for entry in side), key=itemgetter(0))
    return [trade for _, trade in numbered]
