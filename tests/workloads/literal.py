"""
The formulas of the backtest, written down as they read: slow, short, and nothing of ours in it.

Trades are lists [side, entry, pnl or None]; every snapshot looks at every open trade.
"""

from __future__ import annotations


def backtest(rows, config, *, initial=10_000.0, max_steps=None, stop=None):
    """Rows are (timestamp, bid_a, ask_a, bid_b, ask_b); gives the result and the events."""
    rate = config.get("exchange_a_to_b_rate", 1.0)
    least = config["min_spread_bps"] if config.get("gate", "min_spread") == "min_spread" else 0.0
    cost = config["taker_fee_a_bps"] + config["taker_fee_b_bps"] + config["slippage_bps"]
    limit = config.get("max_open_trades", 1)
    open_trades, events = [], []
    realized, peak, deepest, won, lost, opened, steps = 0.0, initial, 0.0, 0, 0, 0, 0
    for time, bid_a, ask_a, bid_b, ask_b in rows:
        if max_steps is not None and steps >= max_steps:
            break
        still = []
        for trade in open_trades:
            if not config.get("close_on_spread_reversal", True):
                spread = 0.0
            elif trade[0] == "LONG_A_SHORT_B":
                spread = (bid_b * rate - ask_a) / ask_a * 1e4
            else:
                spread = (bid_a - ask_b * rate) / (ask_b * rate) * 1e4
            if spread < 0:
                trade[2] = (trade[1] - 0.0 - cost) / 1e4 * config["max_position_usd"]
                realized += trade[2]
                won += trade[2] > 0
                lost += not trade[2] > 0
                events.append((time, "close", *trade))
            else:
                still.append(trade)
        open_trades = still
        new = _opportunity(bid_a, ask_a, bid_b * rate, ask_b * rate, bid_b, ask_b, cost, least)
        if new and len(open_trades) < limit:
            open_trades.append([*new, None])
            opened += 1
            events.append((time, "open", *new))
        balance = initial + realized
        peak = max(peak, balance)
        drawdown = (peak - balance) / peak if peak > 0 else 0.0
        deepest = max(deepest, drawdown)
        if stop is not None and 100 * drawdown >= stop:
            break
        steps += 1
    closed = won + lost
    result = {
        "total_trades": opened,
        "closed_trades": closed,
        "open_trades": len(open_trades),
        "final_balance_usd": initial + realized,
        "realized_pnl_usd": realized,
        "max_drawdown_pct": 100 * deepest,
        "win_rate": won / closed if closed else 0.0,
        "avg_pnl_per_trade_usd": realized / closed if closed else 0.0,
        "stats": {
            "steps_processed": steps,
            "total_snapshots": len(rows),
            "winning_trades": won,
            "losing_trades": lost,
        },
    }
    return result, events


def _opportunity(bid_a, ask_a, bid_b, ask_b, raw_bid_b, raw_ask_b, cost, least):
    if bid_a <= 0 or ask_a <= 0 or raw_bid_b <= 0 or raw_ask_b <= 0:
        return None
    if bid_a >= ask_a or raw_bid_b >= raw_ask_b:
        return None
    long_a = (bid_b - ask_a) / ask_a * 1e4
    long_b = (bid_a - ask_b) / ask_b * 1e4
    if max(long_a, long_b) - cost < least:
        return None
    return ("LONG_A_SHORT_B" if long_a >= long_b else "LONG_B_SHORT_A", max(long_a, long_b))
