"""
The two-leg accounts, written down as they read: slow, short, and nothing of ours in it.

Every row looks at every open trade, which is a dict; equity is summed up from all of them.
"""

from __future__ import annotations

A, B = "LONG_A_SHORT_B", "LONG_B_SHORT_A"
MICROSECOND = 1e-6


def backtest(rows, seconds, costs, *, initial=10_000.0, stop=None, notional=1000.0, least=0.0,
             at_once=1, reversal=True, round_trip=False, exit_bps=None, take=None, lose=None,
             hold=None, late=(0.0, 0.0), close_at_end=False, funding=None, age=None):  # fmt: skip
    """Rows are (bid_a, ask_a, bid_b, ask_b), all good; funding has a pair of rates a row."""
    fee_a, fee_b, slip = costs
    cost = fee_a + fee_b + slip
    funding = funding or [(0.0, 0.0)] * len(rows)
    trades, equity, orders, stale, peak, deepest, processed = [], [], [], 0, initial, 0.0, 0

    def fees(trade):
        return (fee_a, fee_b) if trade["side"] == A else (fee_b, fee_a)

    def paid(trade, long, short):
        long_fee, short_fee = fees(trade)
        of_legs = trade["q"] * (long * long_fee + short * short_fee)
        return (of_legs + notional * slip) / 1e4

    def out(trade, row_a, row_b):
        if trade["side"] == A:
            return rows[row_a][0], rows[row_b][3]
        return rows[row_b][2], rows[row_a][1]

    def worth(trade, row, closing_costs):
        long, short = out(trade, row, row)
        gross = trade["q"] * (long - trade["long"] + trade["short"] - short)
        late = paid(trade, long, short) if closing_costs else 0.0
        return gross - trade["paid"] - late + trade["funding"]

    def reason(trade, row):
        bid_a, ask_a, bid_b, ask_b = rows[row]
        net = worth(trade, row, True) / notional * 1e4
        long, short = out(trade, row, row)
        if lose is not None and net <= -lose:
            return "stop_loss"
        if take is not None and net >= take:
            return "take_profit"
        if exit_bps is not None:
            if (long - short) / trade["long"] * 1e4 >= -exit_bps:
                return "closing_edge"
        elif reversal and (bid_b < ask_a if trade["side"] == A else bid_a < ask_b):
            return "spread_reversal"
        since = seconds[row] - seconds[trade["row"]]
        return "max_hold" if hold is not None and since >= hold - MICROSECOND else None

    def arrival(row, delay):
        then = seconds[row] + delay - MICROSECOND
        return next((at for at in range(row, len(rows)) if seconds[at] >= then), len(rows))

    def close(trade, row_a, row_b):
        long, short = out(trade, row_a, row_b)
        gross = trade["q"] * (long - trade["long"] + trade["short"] - short)
        trade["pnl"] = gross - trade["paid"] - paid(trade, long, short) + trade["funding"]
        trade["closed"] = max(row_a, row_b)

    def fill(order):
        _, row_a, row_b, side, trade = order
        if trade is not None:
            close(trade, row_a, row_b)
            return
        long, short = rows[row_a][1], rows[row_b][2]
        if side == B:
            long, short = rows[row_b][3], rows[row_a][0]
        trade = {"side": side, "row": max(row_a, row_b), "long": long, "short": short,
                 "q": notional / long, "funding": 0.0, "why": None, "closed": None}  # fmt: skip
        trade["paid"] = paid(trade, long, short)
        trades.append(trade)

    def send(row, side, trade=None):
        row_a, row_b = arrival(row, late[0]), arrival(row, late[1])
        order = (max(row_a, row_b), row_a, row_b, side, trade)
        if order[0] == row:
            fill(order)
        else:
            orders.append(order)

    changed = [0, 0]
    for row, (bid_a, ask_a, bid_b, ask_b) in enumerate(rows):
        held = [trade for trade in trades if trade["closed"] is None]
        for venue, pays in ((0, A), (1, B)):
            mid = (rows[row][2 * venue] + rows[row][2 * venue + 1]) / 2
            for trade in held:
                sign = -1 if trade["side"] == pays else 1
                trade["funding"] += sign * trade["q"] * funding[row][venue] * mid
            prices = slice(2 * venue, 2 * venue + 2)
            if row and rows[row][prices] != rows[row - 1][prices]:
                changed[venue] = row
        for order in [order for order in orders if order[0] <= row]:
            orders.remove(order)
            fill(order)
        for trade in [t for t in trades if t["closed"] is None and t["row"] < row]:
            if trade["why"] is None and (why := reason(trade, row)):
                trade["why"] = why
                send(row, trade["side"], trade)
        long_a, long_b = (bid_b - ask_a) / ask_a * 1e4, (bid_a - ask_b) / ask_b * 1e4
        net, side = max(long_a, long_b) - cost, A if long_a >= long_b else B
        widths = (ask_a - bid_a + (ask_b - bid_b)) / (ask_a if side == A else ask_b) * 1e4
        good = net >= least and (not round_trip or net - (cost + widths) >= least)
        busy = sum(trade["closed"] is None for trade in trades)
        busy += sum(order[4] is None for order in orders)
        if good and busy < at_once:
            if age is not None and any(seconds[row] - seconds[at] > age for at in changed):
                stale += 1
            else:
                send(row, side)
        if close_at_end and row == len(rows) - 1:
            for trade in trades:
                if trade["closed"] is None:
                    trade["why"] = "end_of_data"
                    close(trade, row, row)
        equity.append(
            initial
            + sum(t["pnl"] for t in trades if t["closed"] is not None)
            + sum(worth(t, row, False) for t in trades if t["closed"] is None)
        )
        peak = max(peak, equity[-1])
        deepest = max(deepest, (peak - equity[-1]) / peak)
        if stop is not None and 100 * (peak - equity[-1]) / peak >= stop:
            break
        processed += 1
    return {"trades": trades, "equity": equity, "drawdown": 100 * deepest, "stale": stale,
            "steps": processed}  # fmt: skip
