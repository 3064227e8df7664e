"""
The planner's first names: the classes that programs know, over the planner that commands use.

One rule: the numbers, names and orders of the jobs are a contract.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .. import planner
from ..parameter import Parameter
from ..spec import FIXED, Spec


@dataclass
class ParamGrid:
    name: str
    values: list[Any]


@dataclass
class TuningSessionConfig:
    """What stays fixed and what is tuned; None means not given, 0 is a value."""

    data_file: str
    min_spread_bps: float | None = None
    taker_fee_a_bps: float | None = None
    taker_fee_b_bps: float | None = None
    slippage_bps: float | None = None
    max_position_usd: float | None = None
    max_open_trades: int = 1
    initial_balance_usd: float = 10000.0
    stop_on_drawdown_pct: float | None = None
    grids: list[ParamGrid] = field(default_factory=list)
    max_jobs: int | None = None
    tag_prefix: str | None = None

    def __post_init__(self) -> None:
        if not self.data_file:
            raise ValueError("data_file is required")


@dataclass
class TuningJobPlan:
    job_id: str
    config: dict[str, Any]
    output_json: str


class TuningSessionPlanner:
    def __init__(self, config: TuningSessionConfig) -> None:
        self.config = config

    def generate_jobs(self) -> list[TuningJobPlan]:
        """Return a job for each combination of the grids, the last grid fastest."""
        return [TuningJobPlan(**job) for job in planner.trials(_spec(self.config))]


def _spec(config: TuningSessionConfig) -> Spec:
    base = {
        "data_file": config.data_file,
        "initial_balance_usd": config.initial_balance_usd,
        "max_open_trades": config.max_open_trades,
    }
    given = {key: getattr(config, key) for key in FIXED if getattr(config, key) is not None}
    grids = tuple(Parameter(grid.name, tuple(grid.values)) for grid in config.grids)
    return Spec({**base, **given}, grids, config.tag_prefix, config.max_jobs)
