"""
What simulated data may have beside prices: sizes, funding rates, the rate of a currency.

Each draws from a stream of its own, so that the market is the same with it and without.
"""

from __future__ import annotations

from math import ceil, floor
from typing import Protocol

from .faults import Row
from .market import START_MS, Drift, Quote
from .portable import Portable, exp

FUNDING = 0.0001  # at each stamp, about: what perpetual futures ask in calm times
SD_BPS = 20.0  # of a currency's rate
HALF_LIFE = 600.0  # seconds


class Extra(Protocol):
    """Columns for a file, and what stands in them beside a quote."""

    @property
    def columns(self) -> tuple[str, ...]: ...

    def cells(self, quote: Quote) -> Row: ...


class Sizes:
    """What may be traded at each price, in coins: about 30,000 USD, a tenth or ten times it."""

    columns = ("best_bid_a_qty", "best_ask_a_qty", "best_bid_b_qty", "best_ask_b_qty")

    def __init__(self, seed: int, price: float) -> None:
        self.draw = Portable(f"{seed} sizes")
        self.coins = 30_000.0 / price
        self.places = len(str(floor(price)))  # the last one is worth a dollar, or less
        self.least = float(f"1e-{self.places}")
        self.prices: tuple[int, ...] = (0, 0, 0, 0)
        self.sizes = ["", "", "", ""]

    def cells(self, quote: Quote) -> Row:
        """A new price has a new size; at an old one it changes now and then."""
        for side, price in enumerate(quote[1:]):
            if price != self.prices[side] or self.draw.chance(0.2):
                self.sizes[side] = self._size()
        self.prices = quote[1:]
        return list(self.sizes)

    def _size(self) -> str:
        size = self.coins * exp(1.4 * self.draw.normal())
        return f"{max(size, self.least):.{self.places}f}"


class Funding:
    """A rate for each venue at the first quote from each full interval on, counted as UTC is."""

    columns = ("funding_a", "funding_b")

    def __init__(self, seed: int, interval: float) -> None:
        self.draw = Portable(f"{seed} funding")
        self.interval = interval
        self.paid = floor(START_MS / 1000.0 / interval)

    def cells(self, quote: Quote) -> Row:
        due = floor((START_MS + quote.time_ms) / 1000.0 / self.interval)
        if due == self.paid:
            return ["", ""]
        self.paid = due
        return [f"{FUNDING * (1.0 + 0.7 * self.draw.normal()):.8f}" for _ in self.columns]


class Currency:
    """
    What a unit of B's currency is worth in A's; B's prices are quoted in B's.

    Times the rate of their row they are what they would be without, but for B's tick.
    """

    columns = ("rate",)

    def __init__(self, seed: int, rate: float, tick: float) -> None:
        self.rate = rate
        self.tick = tick
        exponent = _exponent(tick / rate)
        self.own_tick = float(f"1e{exponent}")  # a power may differ in its last digit elsewhere
        self.places = max(0, -exponent)
        self.drift = Drift(Portable(f"{seed} currency"), SD_BPS, HALF_LIFE)
        self.steps = 0
        self.now = self._spelled()

    def cells(self, quote: Quote) -> Row:
        """It changes once a second."""
        while self.steps < quote.time_ms // 100:
            self.steps += 1
            self.drift.step()
            if self.steps % 10 == 0:
                self.now = self._spelled()
        return [self.now]

    def prices(self, bid: int, ask: int) -> Row:
        """B's book in its own currency: rounded outwards, so that it can't cross."""
        worth = self.tick / float(self.now) / self.own_tick
        low, high = floor(bid * worth), ceil(ask * worth)
        return [f"{ticks * self.own_tick:.{self.places}f}" for ticks in (low, high)]

    def _spelled(self) -> str:
        return f"{self.rate * exp(self.drift.value / 10_000.0):.8g}"


def _exponent(value: float) -> int:
    """The power of ten at or below a number, as its decimal spelling has it."""
    return int(f"{value:.16e}".partition("e")[2])
