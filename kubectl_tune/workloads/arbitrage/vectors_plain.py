"""Columns in plain Python, a fixed sequence of IEEE 754 operations on each row."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise, repeat
from math import inf
from operator import add, le, lt, mul, sub

from .arbitrage_core import BPS
from .vectors import Fall, Holding


def scaled(values: array[float], factor: float) -> array[float]:
    return array("d", map(mul, values, repeat(factor)))


def product(left: array[float], right: array[float]) -> array[float]:
    return array("d", map(mul, left, right))


def total(left: array[float], right: array[float]) -> array[float]:
    return array("d", map(add, left, right))


def difference(left: array[float], right: array[float]) -> array[float]:
    return array("d", map(sub, left, right))


def below_zero(values: array[float]) -> bytes:
    return bytes(map(lt, values, repeat(0.0)))


def markets(bid: array[float], ask: array[float]) -> bytes:
    if all(map(le, bid, ask)) and min(bid, default=1.0) > 0.0 and max(ask, default=1.0) < inf:
        return b"\1" * len(bid)
    return bytes([0.0 < low <= high < inf for low, high in zip(bid, ask, strict=True)])


def edges(
    close_a: array[float],
    close_b: array[float],
    ask_a: array[float],
    ask_b: array[float],
    cost_bps: float,
    least_bps: float,
) -> bytes:
    return bytes(
        [
            (long_a if (long_a := out_b / buy_a) > (long_b := out_a / buy_b) else long_b) * BPS
            - cost_bps
            >= least_bps
            for out_a, out_b, buy_a, buy_b in zip(close_a, close_b, ask_a, ask_b, strict=True)
        ]
    )


def less_fees(
    value: array[float],
    sold: array[float],
    sold_fee: float,
    bought: array[float],
    bought_fee: float,
) -> array[float]:
    return array(
        "d",
        [
            each - out * sold_fee - back * bought_fee
            for each, out, back in zip(value, sold, bought, strict=True)
        ],
    )


def stale(seconds: array[float], bid: array[float], ask: array[float], limit: float) -> bytes:
    old = bytearray(len(bid))
    since, last = 0.0, [0.0, 0.0]
    for row, (now, *prices) in enumerate(zip(seconds, bid, ask, strict=True)):
        if prices != last:
            since, last = now, prices
        elif now - since > limit:
            old[row] = 1
    return bytes(old)


def fall(
    holdings: Sequence[Holding],
    mark_a: array[float],
    mark_b: array[float],
    seconds: array[float],
    initial_usd: float,
    stop_pct: float,
) -> Fall:
    peak, top, low = initial_usd, 0, initial_usd  # low: where equity fell to since the peak
    part = usd = longest = 0.0
    stop_row = None
    for (row, held, long_a, long_b), end in _spans(holdings, len(seconds)):
        flat = not long_a and not long_b
        rows = range(row, row + 1 if flat else end)
        for at, a, b in zip(rows, mark_a[row : rows.stop], mark_b[row : rows.stop], strict=True):
            equity = held + long_a * a + long_b * b
            if equity >= peak:
                if low < peak:
                    longest = max(longest, seconds[at] - seconds[top])
                peak, top, low = equity, at, equity
            elif equity < low:
                low = equity
                usd = max(usd, peak - low)
                part = max(part, (peak - low) / peak)
                if stop_row is None and 100.0 * part >= stop_pct:
                    stop_row = at
        if flat and low == peak:
            top = end - 1
    if low < peak:
        longest = max(longest, seconds[-1] - seconds[top])
    return Fall(part, usd, longest, stop_row)


def _spans(holdings: Sequence[Holding], rows: int) -> Iterator[tuple[Holding, int]]:
    for holding, later in pairwise(holdings):
        yield holding, later.row
    yield holdings[-1], rows
