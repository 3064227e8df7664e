"""
One run over the books: what is opened, what is left, and at which prices it is filled.

A decision is filled at once, or, with a latency, on each venue at the first row that is no earlier
than the decision and the latency of that venue; the position counts from the later of both:

    filled at  min {row: time(row) >= time(decision) + latency of the venue}

Source: constant order entry latency of hftbacktest, one for each venue
(https://hftbacktest.readthedocs.io/en/latest/latency_models.html).
Only rows where something can happen are looked at.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Sequence
from operator import attrgetter
from typing import Literal, NamedTuple

from .accounting import Options
from .arbitrage_core import BPS, LONG_A, LONG_B, ArbitrageConfig, ArbitrageTrade, Side
from .balances import Balances
from .clock import ROUNDING
from .depth import ASK_A, ASK_B, BID_A, BID_B, Depth
from .exits import Exits
from .ledger import TradeEvent
from .positions import Costs, Position
from .vectors import Holding
from .view import View

DUST = 1e-9  # parts of the wanted quantity that are not worth a trade


class Order(NamedTuple):
    """To open a side, or to close a position; filled on each venue at its row, wholly at `row`."""

    side: Side
    row: int
    row_a: int
    row_b: int
    position: Position | None


class Trading:
    """Goes through the rows once; afterwards it has the trades and what was held when."""

    def __init__(
        self,
        view: View,
        strategy: ArbitrageConfig,
        options: Options,
        timestamps: Sequence[str],
        costs: Costs,
        initial_usd: float,
        depth: Depth | None,
        balances: Balances | None,
    ) -> None:
        self.view = view
        self.strategy = strategy
        self.options = options
        self.costs = costs
        self.initial_usd = initial_usd
        self.realized_usd = 0.0
        self.positions: list[Position] = []
        self.closed: list[Position] = []
        self.events: list[TradeEvent] = []
        self.holdings = [Holding(0, initial_usd, 0.0, 0.0)]
        self.refused: Counter[str] = Counter()
        self.refused_usd = 0.0
        self._marks = options.marks
        self._late_a = options.latency_ms_a / 1000.0
        self._late_b = options.latency_ms_b / 1000.0
        self._timestamps = timestamps
        self._depth = depth
        self._balances = balances
        self._exits: dict[Side, Exits] = {side: view.exits(side) for side in (LONG_A, LONG_B)}
        self._orders: deque[Order] = deque()
        self._rests: dict[Side, deque[Position]] = {LONG_A: deque(), LONG_B: deque()}
        self._open: dict[int, Position] = {}
        self._opening = 0
        self._candidate = -1
        self._held_usd = 0.0
        self._quantity: dict[Side, float] = {LONG_A: 0.0, LONG_B: 0.0}
        self._moved = False

    def go(self, end: int) -> None:
        """Up to a row, which no longer counts."""
        row = -1
        while (row := self._next(row + 1, end)) < end:
            self._step(row)
        if self.options.close_at_end and end:
            self._close_all(end - 1)

    def _step(self, row: int) -> None:
        closing = self._closing(row)  # before fills of this row, which can't be left at it
        if self._depth is not None:
            self._fill_rests(row)
        while self._orders and self._orders[0].row <= row:
            self._fill(self._orders.popleft())
        for position in closing:
            self._send(row, position.side, position)
        if self.view.opens[row] and self._room:
            self._enter(row)
        if self._moved:
            self._hold(row)

    def _closing(self, row: int) -> list[Position]:
        """Those that are left at this row, in the order of opening."""
        if not self._open:
            return []
        closing = self._exits[LONG_A].take(row) + self._exits[LONG_B].take(row)
        return sorted(closing, key=attrgetter("number")) if len(closing) > 1 else closing

    def _next(self, row: int, end: int) -> int:
        """The next row from this one on at which something can happen."""
        if self._rests[LONG_A] or self._rests[LONG_B]:
            return row
        if self._orders:
            end = min(end, self._orders[0].row)
        if self._room:
            if self._candidate < row:
                found = self.view.opens.find(1, row)
                self._candidate = len(self.view.opens) if found < 0 else found
            end = min(end, self._candidate)
        end = self._exits[LONG_A].next(row, end)
        return self._exits[LONG_B].next(row, end)

    @property
    def _room(self) -> bool:
        return len(self._open) + self._opening < self.strategy.max_open_trades

    def _enter(self, row: int) -> None:
        if self.view.locked(row) and not self.view.own_rules:
            return
        side = self._side(row)
        if side is None:
            return
        if self.view.stale is not None and self.view.stale[row]:
            self.refused["stale_quotes"] += 1
            return
        self._opening += 1
        self._send(row, side)

    def _side(self, row: int) -> Side | None:
        """The one to open, unless the gate asks for more than that row's edge."""
        books = self.view.books
        ask_a, ask_b = books.ask_a[row], books.ask_b[row]
        long_a, long_b = books.close_b[row] / ask_a * BPS, books.close_a[row] / ask_b * BPS
        side = LONG_A if long_a >= long_b else LONG_B
        if self.strategy.gate != "round_trip":
            return side
        widths = ask_a - books.bid_a[row] + (ask_b - books.bid_b[row])
        net = max(long_a, long_b) - self.strategy.cost_bps
        net -= self.strategy.cost_bps + widths / (ask_a if side == LONG_A else ask_b) * BPS
        return side if net >= self.strategy.least_edge_bps else None

    def _send(self, row: int, side: Side, position: Position | None = None) -> None:
        row_a = self._arrival(row, self._late_a) if self._late_a else row
        row_b = self._arrival(row, self._late_b) if self._late_b else row
        order = Order(side, max(row_a, row_b), row_a, row_b, position)
        if order.row == row:
            self._fill(order)
        else:
            self._orders.append(order)

    def _arrival(self, row: int, latency: float) -> int:
        seconds = self.view.books.seconds
        return bisect_left(seconds, seconds[row] + latency - ROUNDING, lo=row)

    def _fill(self, order: Order) -> None:
        if order.position is None:
            self._opening -= 1
            self._fill_opening(order)
        else:
            self._fill_close(order.position, order.row_a, order.row_b)
            if order.position.quantity:
                self._rests[order.side].append(order.position)

    def _fill_opening(self, order: Order) -> None:
        long_price, short_price = self.view.entry(order.side, order.row_a, order.row_b)
        notional_usd = self.strategy.max_position_usd
        wanted = notional_usd / long_price
        quantity = wanted
        if self._depth is not None or self._balances is not None:
            quantity = self._affordable(order, wanted, long_price, short_price)
        if quantity < wanted:
            self.refused_usd += (wanted - quantity) * long_price
            if not quantity:
                return
            self.refused["reduced"] += 1
            notional_usd = quantity * long_price
        trade = ArbitrageTrade(
            open_timestamp=self._timestamp(order.row),
            side=order.side,
            entry_spread_bps=(short_price - long_price) / long_price * BPS,
            notional_usd=notional_usd,
        )
        self._take_up(
            Position(
                number=len(self.positions),
                side=order.side,
                row=order.row,
                notional_usd=notional_usd,
                quantity=quantity,
                long_price=long_price,
                short_price=short_price,
                carry=self.view.carried(order.side, order.row),
                costs=self.costs,
                trade=trade,
            )
        )

    def _affordable(
        self, order: Order, wanted: float, long_price: float, short_price: float
    ) -> float:
        """As much of the wanted quantity as sizes and balances allow; 0 counts as refused."""
        quantity = wanted
        if self._depth is not None:
            quantity = min(quantity, self._depth.most(*_entry_sizes(order)))
            if quantity < DUST * wanted:
                self.refused["no_size"] += 1
                return 0.0
        if self._balances is not None:
            quantity = min(quantity, self._balances.most(order.side, long_price, short_price))
            if quantity < DUST * wanted:
                self.refused["no_balance"] += 1
                return 0.0
        if self._depth is not None:
            self._depth.take(quantity, *_entry_sizes(order))
        return quantity

    def _take_up(self, position: Position) -> None:
        self.positions.append(position)
        self._open[position.number] = position
        self._exits[position.side].add(position)
        self._add(position)
        if self._balances is not None:
            self._balances.open(position)
        self._tell(position.row, "open", position)

    def _fill_rests(self, row: int) -> None:
        """What closes could not get at their row is taken from the rows after it, oldest first."""
        for rests in self._rests.values():
            while rests:
                self._fill_close(rests[0], row, row)
                if rests[0].quantity:
                    break
                rests.popleft()

    def _fill_close(self, position: Position, row_a: int, row_b: int) -> None:
        """As much as the sizes allow, maybe nothing."""
        quantity = position.quantity
        if self._depth is not None:
            sizes = _exit_sizes(position.side, row_a, row_b)
            quantity = min(quantity, self._depth.most(*sizes))
            if not quantity:
                return
            self._depth.take(quantity, *sizes)
        self._leave(position, quantity, row_a, row_b)

    def _leave(self, position: Position, quantity: float, row_a: int, row_b: int) -> None:
        long_exit, short_exit = self.view.exit(position.side, row_a, row_b)
        row = max(row_a, row_b)
        self._remove(position)
        if self._balances is not None:
            self._balances.close(position, quantity, long_exit, short_exit)
        position.leave(quantity, long_exit, short_exit, self.view.carried(position.side, row))
        if position.quantity:
            self._add(position)
        else:
            self._settle(position, row)

    def _settle(self, position: Position, row: int) -> None:
        del self._open[position.number]
        if not self._open:  # no rounding stays behind
            self._held_usd = self._quantity[LONG_A] = self._quantity[LONG_B] = 0.0
        position.close_row = row
        self.realized_usd += position.book(self._timestamp(row))
        self.closed.append(position)
        self._tell(row, "close", position)

    def _close_all(self, row: int) -> None:
        """At the prices of the last row, whatever size they have."""
        for position in list(self._open.values()):
            position.reason = "end_of_data"
            self._leave(position, position.quantity, row, row)
        self._orders = deque(order for order in self._orders if order.position is None)
        self._hold(row)

    def _add(self, position: Position) -> None:
        self._moved = True
        position.held_usd = position.holding_usd()
        self._held_usd += position.held_usd
        self._quantity[position.side] += position.quantity

    def _remove(self, position: Position) -> None:
        self._moved = True
        self._held_usd -= position.held_usd
        self._quantity[position.side] -= position.quantity

    def _hold(self, row: int) -> None:
        usd = self.initial_usd + self.realized_usd
        held = Holding(row, usd, 0.0, 0.0)
        if self._marks:
            long_a, long_b = self._quantity[LONG_A], self._quantity[LONG_B]
            held = Holding(row, usd + self._held_usd, long_a, long_b)
        if self.holdings[-1].row == row:
            self.holdings.pop()
        self.holdings.append(held)
        self._moved = False

    def _tell(self, row: int, kind: Literal["open", "close"], position: Position) -> None:
        self.events.append(TradeEvent(self.view.books.rows[row], kind, position.trade))

    def _timestamp(self, row: int) -> str:
        return self._timestamps[self.view.books.rows[row]]

    @property
    def open_positions(self) -> list[Position]:
        return list(self._open.values())

    def unfilled(self) -> dict[str, int]:
        """Decisions whose fill, or a part of it, lies behind the last row."""
        closes = sum(order.position is not None for order in self._orders)
        rests = sum(bool(each.quantity) for rests in self._rests.values() for each in rests)
        return {"openings": len(self._orders) - closes, "closes": closes + rests}


def _entry_sizes(order: Order) -> tuple[tuple[int, int], tuple[int, int]]:
    if order.side == LONG_A:
        return (ASK_A, order.row_a), (BID_B, order.row_b)
    return (BID_A, order.row_a), (ASK_B, order.row_b)


def _exit_sizes(side: Side, row_a: int, row_b: int) -> tuple[tuple[int, int], tuple[int, int]]:
    if side == LONG_A:
        return (BID_A, row_a), (ASK_B, row_b)
    return (ASK_A, row_a), (BID_B, row_b)
