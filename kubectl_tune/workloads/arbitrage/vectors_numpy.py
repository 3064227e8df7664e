"""Columns with numpy: the operations of `vectors_plain` on each row, in the same order."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np

from .arbitrage_core import BPS
from .vectors import Fall, Holding


def scaled(values: array[float], factor: float) -> array[float]:
    return _column(_seen(values) * factor)


def product(left: array[float], right: array[float]) -> array[float]:
    return _column(_seen(left) * _seen(right))


def total(left: array[float], right: array[float]) -> array[float]:
    return _column(_seen(left) + _seen(right))


def difference(left: array[float], right: array[float]) -> array[float]:
    return _column(_seen(left) - _seen(right))


def below_zero(values: array[float]) -> bytes:
    return _marks(_seen(values) < 0.0)


def markets(bid: array[float], ask: array[float]) -> bytes:
    low, high = _seen(bid), _seen(ask)
    return _marks((low > 0.0) & (low <= high) & (high < np.inf))


def edges(
    close_a: array[float],
    close_b: array[float],
    ask_a: array[float],
    ask_b: array[float],
    cost_bps: float,
    least_bps: float,
) -> bytes:
    best = np.maximum(_seen(close_b) / _seen(ask_a), _seen(close_a) / _seen(ask_b))
    return _marks(best * BPS - cost_bps >= least_bps)


def less_fees(
    value: array[float],
    sold: array[float],
    sold_fee: float,
    bought: array[float],
    bought_fee: float,
) -> array[float]:
    return _column(_seen(value) - _seen(sold) * sold_fee - _seen(bought) * bought_fee)


def stale(seconds: array[float], bid: array[float], ask: array[float], limit: float) -> bytes:
    low, high, time = _seen(bid), _seen(ask), _seen(seconds)
    rows = np.arange(len(low))
    rows[1:][(low[1:] == low[:-1]) & (high[1:] == high[:-1])] = 0
    return _marks(time - time[np.maximum.accumulate(rows)] > limit)


def fall(
    holdings: Sequence[Holding],
    mark_a: array[float],
    mark_b: array[float],
    seconds: array[float],
    initial_usd: float,
    stop_pct: float,
) -> Fall:
    equity = _equity(holdings, _seen(mark_a), _seen(mark_b))
    peak = np.maximum.accumulate(np.maximum(equity, initial_usd))
    usd = peak - equity
    part = usd / peak
    reached = np.flatnonzero(100.0 * part >= stop_pct)
    return Fall(
        float(part.max()),
        float(usd.max()),
        _longest(equity >= peak, _seen(seconds)),
        int(reached[0]) if len(reached) else None,
    )


def _equity(holdings: Sequence[Holding], mark_a: Any, mark_b: Any) -> Any:
    first = np.array([holding.row for holding in holdings])
    usd = np.array([holding.usd for holding in holdings])
    long_a = np.array([holding.long_a for holding in holdings])
    long_b = np.array([holding.long_b for holding in holdings])
    lengths = np.diff(np.append(first, len(mark_a)))
    equity = np.repeat(long_a, lengths) * mark_a
    equity = np.repeat(usd, lengths) + equity
    return equity + np.repeat(long_b, lengths) * mark_b


def _longest(at_top: Any, seconds: Any) -> float:
    """The longest time between rows at the top that has one below it; row 0 starts at the top."""
    tops = np.flatnonzero(at_top)
    starts = np.append(0, tops)
    ends = np.append(tops, len(at_top) - 1)
    below = ends - starts > 1
    if len(tops):
        below[0] = not at_top[0]
        below[-1] = not at_top[-1]
    else:
        below[0] = True
    times = (seconds[ends] - seconds[starts])[below]
    return float(times.max()) if len(times) else 0.0


def _seen(values: array[float]) -> Any:
    return np.frombuffer(values) if values else np.empty(0)


def _column(values: Any) -> array[float]:
    column = array("d")
    column.frombytes(values.tobytes())
    return column


def _marks(values: Any) -> bytes:
    mask: bytes = values.tobytes()
    return mask
