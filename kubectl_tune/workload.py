"""
What a workload needs, as plain values: its command, its files, what its numbers mean.

Nothing here imports a workload. The product runs any command; the built-in one is
described by these lines alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Workload:
    name: str
    command: tuple[str, ...]
    file_keys: tuple[str, ...]  # config keys whose value is an input file
    number_keys: tuple[str, ...]
    known_keys: tuple[str, ...]  # every config key it reads
    required_keys: tuple[str, ...]
    metric: str
    direction: str  # maximize or minimize
    caveat: str  # goes with every ranking; ends with a command that needs words for its place
    requires_result: bool  # a trial without a result has failed
    whole_keys: tuple[str, ...] = ()  # those of the numbers that count something
    comparison: tuple[str, ...] = ()  # prints a config's metrics in the books of each accounting
    honest: tuple[str, str] = ("", "")  # key and value of a config that needs no caveat
    honest_metric: str = ""  # what its results are ranked by: open positions count there, too
    honest_keys: tuple[str, ...] = ()  # those that mean something only together with it
    spec_keys: tuple[str, ...] = ()  # config keys that a spec may have beside `fixed`, too

    def flatters(self, config: Mapping[str, Any]) -> bool:
        key, value = self.honest
        return config.get(key) != value

    def computed(self, engine: str) -> bool:
        """Whether an engine that a result names, as in arbitrage/seed/1, is this workload's."""
        return engine.partition("/")[0] == self.name

    def metric_of(self, configs: Sequence[Mapping[str, Any]]) -> str:
        """Return what results of these configs are ranked by, unless something else is asked."""
        honest = configs and self.honest_metric and not any(map(self.flatters, configs))
        return self.honest_metric if honest else self.metric

    def caveat_of(self, configs: Iterable[Mapping[str, Any]], place: str) -> str:
        """
        Return what goes with a ranking of results of these configs, or "".

        `place` is where `results` finds them: the name of a session, or `--dir FOLDER`.
        """
        return f"{self.caveat} {place}" if any(map(self.flatters, configs)) else ""


_COSTS = ("min_spread_bps", "taker_fee_a_bps", "taker_fee_b_bps", "slippage_bps")
_EXITS = ("exit_bps", "take_profit_bps", "stop_loss_bps", "max_hold_seconds")
_TIMES = ("latency_ms_a", "latency_ms_b", "max_quote_age_ms")
_BOUNDS = ("row_start", "row_stop")
_HONEST = (
    *_EXITS,
    "equity",
    "close_at_end",
    "fill",
    "funding",
    "rate_column",
    "balances",
    *_TIMES,
)

ARBITRAGE = Workload(
    name="arbitrage",
    command=(
        "python",
        "-m",
        "kubectl_tune.workloads.arbitrage.tune",
        "--config",
        "{config}",
        "--output-json",
        "{output_json}",
    ),
    file_keys=("data_file", "funding"),
    number_keys=(
        *_COSTS,
        "max_position_usd",
        "max_open_trades",
        "initial_balance_usd",
        "stop_on_drawdown_pct",
        "exchange_a_to_b_rate",
        "seed",
        *_EXITS,
        *_TIMES,
        *_BOUNDS,
        "fold",
    ),
    known_keys=(
        "data_file",
        *_COSTS,
        "max_position_usd",
        "max_open_trades",
        "initial_balance_usd",
        "stop_on_drawdown_pct",
        "tag",
        "exchange_a_to_b_rate",
        "gate",
        "bad_rows",
        "job_id",
        "seed",
        "accounting",
        *_HONEST,
        "order",
        *_BOUNDS,
        "fold",  # a label, and so is the next
        "part",
        "repeat",  # written by the planner, to tell repeated trials apart
    ),
    required_keys=("data_file", *_COSTS, "max_position_usd"),
    metric="realized_pnl_usd",
    direction="maximize",
    caveat=(
        "this engine flatters: it books every exit at a spread of 0, so no trade of it can lose, "
        "and ranking by its PnL can pick the wrong parameters; "
        "what honest books say of them: kubectl tune results --explain-accounting"
    ),
    requires_result=True,
    whole_keys=("max_open_trades", "seed", *_BOUNDS, "fold"),
    comparison=("python", "-m", "kubectl_tune.workloads.arbitrage.compare", "--config", "{config}"),
    honest=("accounting", "two_leg"),
    honest_metric="net_pnl_usd",
    honest_keys=_HONEST,
    spec_keys=("accounting", *_HONEST, "order"),
)
