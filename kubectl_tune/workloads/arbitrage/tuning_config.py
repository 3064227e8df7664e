"""
The settings of one tuning job: a data file, a strategy, and how its accounts are kept.

A configuration is checked when it is made and names everything that is wrong with it at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from .accounting import Options
from .arbitrage_core import GATES, ArbitrageConfig, Gate
from .bad_rows import POLICIES, BadRowPolicy
from .order import ORDERS, Order

NON_NEGATIVE = ("min_spread_bps", "taker_fee_a_bps", "taker_fee_b_bps", "slippage_bps")
POSITIVE = (
    "max_position_usd",
    "initial_balance_usd",
    "stop_on_drawdown_pct",
    "exchange_a_to_b_rate",
)


@dataclass(frozen=True)
class TuningConfig:
    data_file: str
    min_spread_bps: float
    taker_fee_a_bps: float
    taker_fee_b_bps: float
    slippage_bps: float
    max_position_usd: float
    max_open_trades: int = 1
    initial_balance_usd: float = 10_000.0
    stop_on_drawdown_pct: float | None = None
    tag: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    exchange_a_to_b_rate: float = 1.0
    gate: Gate | Literal["seed"] = "min_spread"
    bad_rows: BadRowPolicy | None = None  # None: as the accounting implies, see `policy`
    job_id: str | None = None
    seed: int | None = None
    options: Options = field(default_factory=Options)
    order: Order | None = None  # None: as the accounting implies, see `row_order`
    row_start: int = 0
    row_stop: int | None = None
    fold: int | None = None  # a label, and so is the next
    part: str | None = None

    def __post_init__(self) -> None:
        if self.gate == "seed":
            object.__setattr__(self, "gate", "min_spread")
        problems = list(_problems(self))
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def policy(self) -> BadRowPolicy:
        """Honest accounts leave bad rows out: nobody could have traded at their prices."""
        return self.bad_rows or ("skip" if self.options.honest else "seed")

    @property
    def locked(self) -> bool:
        """Whether a bid equal to its ask is no fault: unless it is asked for, at honest prices."""
        return self.options.honest and self.bad_rows is None

    @property
    def row_order(self) -> Order | None:
        return self.order or ("check" if self.options.honest else None)

    @property
    def strategy(self) -> ArbitrageConfig:
        return ArbitrageConfig(
            min_spread_bps=self.min_spread_bps,
            taker_fee_a_bps=self.taker_fee_a_bps,
            taker_fee_b_bps=self.taker_fee_b_bps,
            slippage_bps=self.slippage_bps,
            max_position_usd=self.max_position_usd,
            max_open_trades=self.max_open_trades,
            exchange_a_to_b_rate=self.exchange_a_to_b_rate,
            gate="min_spread" if self.gate == "seed" else self.gate,
        )


def _problems(config: TuningConfig) -> Iterator[str]:
    if not config.data_file:
        yield "data_file must be specified"
    for name in (*NON_NEGATIVE, *POSITIVE):
        value = getattr(config, name)
        if value is None and name == "stop_on_drawdown_pct":
            continue
        if not math.isfinite(value):
            yield f"{name} must be a finite number"
        elif value < 0 and name in NON_NEGATIVE:
            yield f"{name} must be non-negative"
        elif value <= 0 and name in POSITIVE:
            yield f"{name} must be positive"
    if config.max_open_trades < 1:
        yield "max_open_trades must be at least 1"
    for name, choices in CHOICES.items():
        value = getattr(config, name)
        if value is not None and value not in choices:
            yield f"{name} must be one of {', '.join(choices)}"
    yield from config.options.problems()
    if config.gate == "round_trip" and config.options.accounting == "seed":
        yield "gate: round_trip needs accounting: two_leg"
    if config.options.rate_column is not None and config.exchange_a_to_b_rate != 1.0:
        yield "rate_column and exchange_a_to_b_rate exclude each other"
    yield from _bound_problems(config)


GATE_NAMES = (*GATES, "seed")  # the first engine's own is `min_spread`
CHOICES: dict[str, tuple[str, ...]] = {"gate": GATE_NAMES, "bad_rows": POLICIES, "order": ORDERS}


def _bound_problems(config: TuningConfig) -> Iterator[str]:
    start, stop = config.row_start, config.row_stop
    if start < 0:
        yield "row_start must be non-negative"
    if stop is not None and stop < 0:
        yield "row_stop must be non-negative"
    elif stop is not None and stop <= start:
        yield f"row_stop must be greater than row_start, which is {start}"


RESULT_KEYS = (
    "data_file",
    "min_spread_bps",
    "taker_fee_a_bps",
    "taker_fee_b_bps",
    "slippage_bps",
    "max_position_usd",
    "max_open_trades",
    "initial_balance_usd",
    "stop_on_drawdown_pct",
    "tag",
)
_OPTIONS: dict[str, Any] = {option.name: option.default for option in fields(Options)}
OTHER_KEYS: dict[str, Any] = {
    "exchange_a_to_b_rate": 1.0,
    "gate": "min_spread",
    "bad_rows": None,
    **_OPTIONS,
    "order": None,
    "row_start": 0,
    "row_stop": None,
    "fold": None,
    "part": None,
}


def config_block(config: TuningConfig) -> dict[str, Any]:
    """The ten settings of every result, and of the others those that differ from their default."""
    block = {name: getattr(config, name) for name in RESULT_KEYS}
    implied = {"order": "check"} if config.options.honest else {"bad_rows": "seed"}
    for name, default in OTHER_KEYS.items():
        value = getattr(config.options if name in _OPTIONS else config, name)
        if value not in (default, implied.get(name, default)):
            block[name] = dict(value) if isinstance(value, Mapping) else value
    return block


def config_summary(config: TuningConfig, snapshots: int) -> dict[str, Any]:
    summary = config_block(config) | {"snapshots_count": snapshots}
    return summary if config.job_id is None else summary | {"job_id": config.job_id}
