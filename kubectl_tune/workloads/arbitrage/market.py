"""
A model of one asset on two venues, in steps of 100 ms.

News moves a price that nobody sees. Venue A follows at once, as a rule, and B a step later as
often as not; both have moves of their own, B stands at a basis that drifts slowly and sometimes
jumps. A venue that has moved shows a wide book until it settles: without that, a reversal would
pay, where on real quotes it costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor, sqrt
from typing import NamedTuple

from .portable import Portable, decay, exp

STEP = 0.1  # seconds
START_MS = 1_723_161_240_000  # 2024-08-08, six minutes before midnight UTC


class Quote(NamedTuple):
    """Both tops of book, in ticks of their venue, at a time in milliseconds."""

    time_ms: int
    bid_a: int
    ask_a: int
    bid_b: int
    ask_b: int


@dataclass(frozen=True)
class MarketConfig:
    """Fitted to quotes of Binance spot, USD-M and COIN-M futures of 2024-08-08."""

    seed: int = 7
    price: float = 60_000.0
    tick_a: float = 0.01
    tick_b: float = 0.1
    basis_bps: float = -1.0
    news_per_s: float = 0.7
    news_bps: float = 0.55
    volatility_sd: float = 0.4
    volatility_half_life: float = 20.0
    follow_a: float = 0.92
    follow_b: float = 0.68
    own_per_s: float = 0.35
    own_bps: float = 0.12
    own_keep: float = 0.25
    slow_sd: float = 0.3
    slow_half_life: float = 300.0
    slow_step: float = 0.25
    dislocations_per_min: float = 1.0
    dislocation_bps: float = 2.0
    widen: float = 0.55
    settle: float = 0.8
    flicker_per_s: float = 0.12
    updates_a_move: float = 5.0


class Venue:
    """One top of book: what it makes of the hidden price, and how wide it stands."""

    def __init__(self, config: MarketConfig, draw: Portable, tick: float, follow: float) -> None:
        self.config = config
        self.draw = draw
        self.tick = tick
        self.follow = follow
        self.seen = 0.0
        self.own = 0.0
        self.width = 0.0
        self.gap = 1
        self.level: float | None = None

    def step(self, hidden: float) -> None:
        config, draw = self.config, self.draw
        if self.seen != hidden and draw.chance(self.follow):
            self.seen = hidden
        if draw.chance(config.own_per_s * STEP):
            self.own = config.own_keep * self.own + draw.laplace(config.own_bps)
        if draw.chance(config.flicker_per_s * STEP):
            self.gap = 1 + draw.geometric(0.3)

    def book(self, basis: float) -> tuple[int, int]:
        """Bid and ask in ticks."""
        level = self.seen + self.own + basis
        self._widen(level)
        price = self.config.price * exp(level / 10_000.0)
        side = floor(price * self.width / 20_000.0 / self.tick)
        bid = floor(price / self.tick)
        return bid - side, bid + self.gap + side

    def _widen(self, level: float) -> None:
        if self.draw.chance(self.config.settle):
            self.width = 0.0
        if self.level is not None:
            self.width += self.config.widen * abs(level - self.level)
        self.level = level


class Drift:
    """A value that wanders about zero with a given spread and half-life."""

    def __init__(self, draw: Portable, sd: float, half_life: float, start: float = 0.0) -> None:
        self.draw = draw
        self.keep = decay(STEP, half_life)
        self.noise = sd * sqrt(1.0 - self.keep * self.keep)
        self.value = start

    def step(self) -> float:
        self.value = self.keep * self.value + self.noise * self.draw.normal()
        return self.value


def quotes(config: MarketConfig) -> Iterator[Quote]:
    """One quote for every change of either top of book, without end."""
    draw = Portable(config.seed)
    a = Venue(config, draw, config.tick_a, config.follow_a)
    b = Venue(config, draw, config.tick_b, config.follow_b)
    volatility = Drift(draw, config.volatility_sd, config.volatility_half_life)
    slow = Drift(draw, config.slow_sd, config.slow_half_life, config.slow_sd * draw.normal())
    hidden, last, time_ms = 0.0, None, 0
    while True:
        strength = exp(volatility.step())
        basis = floor(slow.step() / config.slow_step + 0.5) * config.slow_step
        if draw.chance(config.news_per_s * STEP * strength):
            hidden += draw.laplace(config.news_bps * strength)
        if draw.chance(config.dislocations_per_min / 60.0 * STEP):
            b.own += draw.laplace(config.dislocation_bps)
        a.step(hidden)
        b.step(hidden)
        now = Quote(time_ms, *a.book(0.0), *b.book(config.basis_bps + basis))
        if last is None:
            yield now
        elif now[1:] != last[1:]:
            yield from _updates(last, now, draw, config)
        last = now
        time_ms += 100


def _updates(old: Quote, new: Quote, draw: Portable, config: MarketConfig) -> Iterator[Quote]:
    """The way from one quote to the next within a step: venue by venue, a part at a time."""
    last = old
    count = 1 + draw.geometric(config.updates_a_move)
    share_a = share_b = 0.0
    for number in range(1, count + 1):
        if number == count:
            share_a = share_b = 1.0
        elif draw.chance(0.5):
            share_a += (1.0 - share_a) * draw.uniform()
        else:
            share_b += (1.0 - share_b) * draw.uniform()
        at = new.time_ms + min(99, floor(100.0 * number / (count + 1)))
        now = Quote(
            at,
            *_between(old.bid_a, old.ask_a, new.bid_a, new.ask_a, share_a),
            *_between(old.bid_b, old.ask_b, new.bid_b, new.ask_b, share_b),
        )
        if now[1:] != last[1:] and at > last.time_ms:
            yield now
            last = now


def _between(
    old_bid: int, old_ask: int, new_bid: int, new_ask: int, share: float
) -> tuple[int, int]:
    bid = old_bid + floor((new_bid - old_bid) * share)
    ask = old_ask + floor((new_ask - old_ask) * share)
    return bid, max(ask, bid + 1)
