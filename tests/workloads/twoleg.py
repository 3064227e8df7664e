"""What the tests of the two-leg accounts share: quotes from rows, and a run over them."""

from __future__ import annotations

from array import array

from kubectl_tune.workloads.arbitrage import two_leg, vectors_plain
from kubectl_tune.workloads.arbitrage.accounting import Options
from kubectl_tune.workloads.arbitrage.arbitrage_core import ArbitrageConfig
from kubectl_tune.workloads.arbitrage.quotes import Quotes

STRATEGY = ("min_spread_bps", "max_position_usd", "max_open_trades", "close_on_spread_reversal",
            "exchange_a_to_b_rate", "gate")  # fmt: skip


def quotes(rows, seconds=None, **columns):
    """Rows are (bid_a, ask_a, bid_b, ask_b), a second apart unless it is said when."""
    prices = [array("d", column) for column in zip(*rows, strict=True)]
    times = range(len(rows)) if seconds is None else seconds
    return Quotes(
        [repr(time) for time in times],
        *prices,
        columns={name: array("d", values) for name, values in columns.items()},
    )


def run(quotes, *, costs=(0.0, 0.0, 0.0), initial=10_000.0, stop=None, steps=None,
        columns=vectors_plain, **settings):  # fmt: skip
    """A run of two-leg accounts; settings of the strategy and options by name, costs in bps."""
    fee_a, fee_b, slippage = costs
    strategy = {"min_spread_bps": 0.0, "max_position_usd": 1000.0}
    strategy |= {name: settings.pop(name) for name in STRATEGY if name in settings}
    return two_leg.run(
        quotes,
        ArbitrageConfig(
            taker_fee_a_bps=fee_a, taker_fee_b_bps=fee_b, slippage_bps=slippage, **strategy
        ),
        Options(accounting="two_leg", **settings),
        initial_balance_usd=initial,
        stop_on_drawdown_pct=stop,
        max_steps=steps,
        columns=columns,
    )


def trades(run):
    """In the order of opening."""
    return [event.trade for event in run.events if event.kind == "open"]
