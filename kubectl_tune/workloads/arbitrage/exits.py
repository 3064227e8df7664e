"""
When positions of one side are left: the rules, and the next row at which one of them says so.

    spread reversal  the opening edge has become negative, as in the first engine
    exit_bps         closing edge >= -exit_bps, of (long out - short out) / long in; instead of the
                     reversal
    take_profit_bps  PnL after all costs, those of closing now included, >= take_profit_bps
    stop_loss_bps    ... <= -stop_loss_bps
    max_hold_seconds so long ago that it was opened

Sources: the closing edge is `min_closing_arbitrage_pct` of hummingbot's spot_perpetual_arbitrage,
with the sign turned; profit, loss and time are the three barriers of its position executor
(strategy_v2/executors/position_executor).

Rows are looked at once: what was clear of hits stays so, because new positions come only at the
row where a search ends.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from heapq import heappop, heappush
from math import inf

from .accounting import Options
from .arbitrage_core import BPS
from .clock import ROUNDING
from .positions import Position

Heap = list[tuple[float, int, Position]]


class Rules:
    """What of the options is about leaving."""

    def __init__(self, options: Options, reversal: bool) -> None:
        self.exit_bps = options.exit_bps
        self.take_bps = options.take_profit_bps
        self.stop_bps = options.stop_loss_bps
        self.hold_seconds = options.max_hold_seconds
        self.reversal = reversal and options.exit_bps is None

    @property
    def own(self) -> bool:
        """Whether there are any that the first engine doesn't have."""
        return self.by_value or not (self.exit_bps is None and self.hold_seconds is None)

    @property
    def by_value(self) -> bool:
        return self.take_bps is not None or self.stop_bps is not None


class Exits:
    """Those of the positions of one side; what they say is asked row by row, never backwards."""

    def __init__(
        self,
        rules: Rules,
        turns: bytes,
        close: array[float],
        net: array[float],
        seconds: Sequence[float],
    ) -> None:
        self._rules = rules
        self._turns = turns
        self._close = close
        self._net = net
        self._seconds = seconds
        self._exits: Heap = []
        self._takes: Heap = []
        self._stops: Heap = []
        self._ends: deque[tuple[int, int]] = deque()
        self._held: dict[int, Position] = {}
        self._clear = 0
        self._hit = -1

    def add(self, position: Position) -> None:
        rules, number = self._rules, position.number
        self._held[number] = position
        self._clear, self._hit = position.row + 1, -1
        if rules.exit_bps is not None:
            edge = -rules.exit_bps / BPS * position.long_price
            heappush(self._exits, (edge, number, position))
        if rules.take_bps is not None:
            heappush(self._takes, (position.unit_for(rules.take_bps), number, position))
        if rules.stop_bps is not None:
            heappush(self._stops, (-position.unit_for(-rules.stop_bps), number, position))
        if rules.hold_seconds is not None:
            until = self._seconds[position.row] + rules.hold_seconds - ROUNDING
            row = bisect_left(self._seconds, until, lo=position.row + 1)
            self._ends.append((row, number))

    def next(self, row: int, end: int) -> int:
        """The first row from here on at which a position is left, or the end."""
        if not self._held:
            return end
        if self._hit >= row:
            return min(self._hit, end)
        start = max(row, self._clear)
        if start < end:
            found = self._search(start, end)
            self._clear = found
            if found < end:
                self._hit = found
                return found
        return end

    def _search(self, start: int, end: int) -> int:
        if self._rules.reversal:
            found = self._turns.find(1, start, end)
            end = end if found < 0 else found
        if self._rules.hold_seconds is not None:
            while self._ends and self._ends[0][1] not in self._held:
                self._ends.popleft()
            if self._ends:
                end = max(start, min(end, self._ends[0][0]))
        if self._exits:
            end = _first_at_least(self._close, self._top(self._exits), start, end)
        if self._rules.by_value:
            high, low = self._top(self._takes), -self._top(self._stops)
            end = _first_outside(self._net, low, high, start, end)
        return end

    def _top(self, heap: Heap) -> float:
        while heap and heap[0][2].reason:
            heappop(heap)
        return heap[0][0] if heap else inf

    def take(self, row: int) -> list[Position]:
        """Those that are left at this row; each has its reason now."""
        if not self._held:
            return []
        left: dict[int, str] = {}
        if self._rules.by_value:
            self._pop(self._stops, -self._net[row], "stop_loss", left)
            self._pop(self._takes, self._net[row], "take_profit", left)
        if self._exits:
            self._pop(self._exits, self._close[row], "closing_edge", left)
        if self._rules.reversal and self._turns[row]:
            left = dict.fromkeys(self._held, "spread_reversal") | left
        while self._ends and self._ends[0][0] <= row:
            number = self._ends.popleft()[1]
            if number in self._held:
                left.setdefault(number, "max_hold")
        for number, reason in left.items():
            self._held[number].reason = reason
        return [self._held.pop(number) for number in left]

    def _pop(self, heap: Heap, value: float, reason: str, left: dict[int, str]) -> None:
        while heap and (heap[0][0] <= value or heap[0][2].reason):
            _, number, position = heappop(heap)
            if not position.reason:
                left.setdefault(number, reason)


def _first_at_least(values: array[float], least: float, start: int, end: int) -> int:
    for row in range(start, end):
        if values[row] >= least:
            return row
    return end


def _first_outside(values: array[float], low: float, high: float, start: int, end: int) -> int:
    for row in range(start, end):
        if not low < values[row] < high:
            return row
    return end
