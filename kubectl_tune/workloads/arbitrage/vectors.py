"""
What is calculated for every row at once.

`vectors_plain` does it in plain Python, `vectors_numpy` with numpy, and both give the same bits.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Holding(NamedTuple):
    """What is held from a row on: equity there is `usd + long_a * mark_a + long_b * mark_b`."""

    row: int
    usd: float
    long_a: float
    long_b: float


@dataclass(frozen=True)
class Fall:
    """
    How equity fell from its highest point: in parts of it, in USD, and for how long at most.

        equity = cash + what closing every position brings, sold at the bid and bought at the ask
        part = max (peak - equity) / peak, of all rows

    Source: M. Magdon-Ismail and A. Atiya, Maximum Drawdown (2004); equity as hftbacktest has it,
    but that its mid price, which nobody pays, is the price that would be got.

    The time runs from the last row at the top to the first that is back there, or to the end.
    `stop_row` is the first row where the fall reached what was set as the limit.
    """

    part: float = 0.0
    usd: float = 0.0
    seconds: float = 0.0
    stop_row: int | None = None


class Vectors(Protocol):
    def scaled(self, values: array[float], factor: float) -> array[float]: ...

    def product(self, left: array[float], right: array[float]) -> array[float]: ...

    def total(self, left: array[float], right: array[float]) -> array[float]: ...

    def difference(self, left: array[float], right: array[float]) -> array[float]: ...

    def below_zero(self, values: array[float]) -> bytes: ...

    def markets(self, bid: array[float], ask: array[float]) -> bytes:
        """Rows where both are numbers above zero and not crossed; equal ones are a market."""

    def edges(
        self,
        close_a: array[float],
        close_b: array[float],
        ask_a: array[float],
        ask_b: array[float],
        cost_bps: float,
        least_bps: float,
    ) -> bytes:
        """Rows whose better opening edge reaches the least after costs, rounded as one alone is."""

    def less_fees(
        self,
        value: array[float],
        sold: array[float],
        sold_fee: float,
        bought: array[float],
        bought_fee: float,
    ) -> array[float]:
        """What closing one unit brings, less the fees of both fills."""

    def stale(
        self, seconds: array[float], bid: array[float], ask: array[float], limit: float
    ) -> bytes:
        """Rows where neither price has changed for longer than the limit."""

    def fall(
        self,
        holdings: Sequence[Holding],
        mark_a: array[float],
        mark_b: array[float],
        seconds: array[float],
        initial_usd: float,
        stop_pct: float,
    ) -> Fall:
        """Follow equity from row to row; the first holding is that of row 0."""
