"""
How a backtest is accounted: the options, and what each means where it isn't given.

Without any of them the first engine's books are kept, figure for figure. `accounting: two_leg`
alone books both legs at prices that were there to be had, on the same decisions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Literal

Accounting = Literal["seed", "two_leg"]
Equity = Literal["realized", "mark_to_market"]
Fill = Literal["full", "top_of_book"]

ACCOUNTINGS: tuple[Accounting, ...] = ("seed", "two_leg")
EQUITIES: tuple[Equity, ...] = ("realized", "mark_to_market")
FILLS: tuple[Fill, ...] = ("full", "top_of_book")
_CHOICES: dict[str, tuple[str, ...]] = {
    "accounting": ACCOUNTINGS,
    "equity": EQUITIES,
    "fill": FILLS,
}
_NON_NEGATIVE = ("latency_ms_a", "latency_ms_b")
_POSITIVE = ("take_profit_bps", "stop_loss_bps", "max_hold_seconds", "max_quote_age_ms")
_NAMES = ("funding", "rate_column")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    What may be said of the accounts; prices and edges in basis points of the notional.

    All but `accounting` need `two_leg`: the first engine has no word for them.
    """

    accounting: Accounting = "seed"
    exit_bps: float | None = None  # leave at a closing edge >= -exit_bps, not at the reversal
    take_profit_bps: float | None = None  # leave at a PnL >= this, net of all costs
    stop_loss_bps: float | None = None  # leave at a PnL <= minus this, net of all costs
    max_hold_seconds: float | None = None
    equity: Equity | None = None  # None: as `accounting` implies, see `marks`
    close_at_end: bool = False  # else what is open is reported as unrealized
    latency_ms_a: float = 0.0  # a decision is filled at the first quote that is no earlier
    latency_ms_b: float = 0.0
    fill: Fill = "full"  # or up to the size that both books show
    funding: str | None = None  # a file of rates, besides the columns funding_a and funding_b
    rate_column: str | None = None  # of the data file: what B's prices count, row by row
    balances: Mapping[str, float] | None = None  # in USD, of the venues "a" and "b"
    max_quote_age_ms: float | None = None  # nothing is opened on prices that stand for longer

    @property
    def honest(self) -> bool:
        return self.accounting == "two_leg"

    @property
    def marks(self) -> bool:
        """Whether drawdown is that of the liquidation value, not of the realized balance."""
        return self.equity == "mark_to_market" or (self.equity is None and self.honest)

    def problems(self) -> Iterator[str]:
        """Yield all that is wrong, in the order of the fields."""
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if value is None:
                continue
            if name in _CHOICES and value not in _CHOICES[name]:
                yield f"{name} must be one of {', '.join(_CHOICES[name])}"
            elif isinstance(value, float) and not math.isfinite(value):
                yield f"{name} must be a finite number"
            elif name in _NON_NEGATIVE and value < 0:
                yield f"{name} must be non-negative"
            elif name in _POSITIVE and value <= 0:
                yield f"{name} must be positive"
            if name == "balances" and not _payable(value):
                yield "balances must name a and b, with no amount below zero"
            if name in _NAMES and not value:
                yield f"{name} must not be empty"
            if name != "accounting" and value != field.default and self.accounting == "seed":
                yield f"{name} needs accounting: two_leg"


def _payable(balances: Mapping[str, float]) -> bool:
    return set(balances) == {"a", "b"} and all(0 <= usd < math.inf for usd in balances.values())
