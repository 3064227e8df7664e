"""
What a run earned over time, in a fixed number of buckets.

The edges come from the data alone, so the series of all trials over one file line up: bucket k
holds the rows i with i * 240 // rows == k.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import Any

from .arbitrage_core import LONG_A
from .ledger import TradeEvent

BUCKETS = 240


def pnl_series(events: Iterable[TradeEvent], rows: int) -> dict[str, Any]:
    """
    PnL realized within each bucket, and the position at its end: how many trades are open, those
    long A counted positive and those long B negative.
    """
    pnl_usd = [0.0] * BUCKETS
    change = [0] * BUCKETS
    for step, kind, trade in events:
        bucket = step * BUCKETS // rows
        direction = 1 if trade.side == LONG_A else -1
        if kind == "open":
            change[bucket] += direction
        else:
            change[bucket] -= direction
            pnl_usd[bucket] += trade.pnl_usd or 0.0
    return {
        "bucket": "rows",
        "n": BUCKETS,
        "pnl_usd": pnl_usd,
        "position": list(accumulate(change)),
    }
