"""
What a workload needs, as plain values: its command, its files, what its numbers mean.

Nothing here imports a workload. The product runs any command; the built-in one is
described by these lines alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["number", "whole", "text", "label", "choice", "switch", "amounts", "file"]


@dataclass(frozen=True, slots=True)
class Setting:
    """
    What a config key may hold; null is no value, whatever the kind.

    A label is a text or a number, a switch true or false. Amounts are numbers by the names
    that `choices` has.
    """

    kind: Kind
    choices: tuple[str, ...] = ()
    least: float | None = None
    above: float | None = None  # more than this
    free: tuple[Any, ...] | None = None  # values that need no honest books; None: all of them


@dataclass(frozen=True, slots=True)
class Workload:
    name: str
    command: tuple[str, ...]
    settings: Mapping[str, Setting]  # every config key it reads
    required_keys: tuple[str, ...]
    metric: str
    direction: str  # maximize or minimize
    caveat: str  # goes with every ranking; ends with a command that needs words for its place
    requires_result: bool  # a trial without a result has failed
    comparison: tuple[str, ...] = ()  # prints a config's metrics in the books of each accounting
    honest: tuple[str, str] = ("", "")  # key and value of a config that needs no caveat
    honest_metric: str = ""  # what its results are ranked by: open positions count there, too
    spec_keys: tuple[str, ...] = ()  # config keys that a spec may have beside `fixed`, too
    apart: tuple[tuple[str, str, Any], ...] = ()  # two keys, one value of the second goes with both
    rising: tuple[tuple[str, str], ...] = ()  # the second key's number is greater; 0 if not given

    @property
    def known_keys(self) -> tuple[str, ...]:
        return tuple(self.settings)

    @property
    def file_keys(self) -> tuple[str, ...]:
        """Those whose value is an input file."""
        return tuple(key for key, setting in self.settings.items() if setting.kind == "file")

    @property
    def number_keys(self) -> tuple[str, ...]:
        numbers = ("number", "whole")
        return tuple(key for key, setting in self.settings.items() if setting.kind in numbers)

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


_POSITIVE = Setting("number", above=0)
_COSTS = dict.fromkeys(
    ("min_spread_bps", "taker_fee_a_bps", "taker_fee_b_bps", "slippage_bps"),
    Setting("number", least=0),
)
_EXIT = Setting("number", above=0, free=())
_LATENCY = Setting("number", least=0, free=(0,))
_ROW = Setting("whole", least=0)
_ACCOUNTS = {
    "accounting": Setting("choice", ("seed", "two_leg")),
    "exit_bps": Setting("number", free=()),
    "take_profit_bps": _EXIT,
    "stop_loss_bps": _EXIT,
    "max_hold_seconds": _EXIT,
    "equity": Setting("choice", ("realized", "mark_to_market"), free=()),
    "close_at_end": Setting("switch", free=(False,)),
    "fill": Setting("choice", ("full", "top_of_book"), free=("full",)),
    "funding": Setting("file", free=()),
    "rate_column": Setting("text", free=()),
    "balances": Setting("amounts", ("a", "b"), free=()),
    "latency_ms_a": _LATENCY,
    "latency_ms_b": _LATENCY,
    "max_quote_age_ms": _EXIT,
    "order": Setting("choice", ("check", "sort", "file")),
}
_GATES = ("min_spread", "zero", "round_trip", "seed")

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
    settings={
        "data_file": Setting("file"),
        **_COSTS,
        "max_position_usd": _POSITIVE,
        "max_open_trades": Setting("whole", least=1),
        "initial_balance_usd": _POSITIVE,
        "stop_on_drawdown_pct": _POSITIVE,
        "tag": Setting("label"),
        "exchange_a_to_b_rate": _POSITIVE,
        "gate": Setting("choice", _GATES, free=("min_spread", "zero", "seed")),
        "bad_rows": Setting("choice", ("seed", "skip", "error")),
        "job_id": Setting("label"),
        "seed": Setting("whole"),
        **_ACCOUNTS,
        "row_start": _ROW,
        "row_stop": _ROW,
        "fold": Setting("whole"),  # a label, and so is the next
        "part": Setting("label"),
        "repeat": Setting("label"),  # written by the planner, to tell repeated trials apart
    },
    required_keys=("data_file", *_COSTS, "max_position_usd"),
    metric="realized_pnl_usd",
    direction="maximize",
    caveat=(
        "this engine flatters: it books every exit at a spread of 0, so no trade of it can lose, "
        "and ranking by its PnL can pick the wrong parameters; "
        "what honest books say of them: kubectl tune results --explain-accounting"
    ),
    requires_result=True,
    comparison=("python", "-m", "kubectl_tune.workloads.arbitrage.compare", "--config", "{config}"),
    honest=("accounting", "two_leg"),
    honest_metric="net_pnl_usd",
    spec_keys=tuple(_ACCOUNTS),
    apart=(("rate_column", "exchange_a_to_b_rate", 1.0),),
    rising=(("row_start", "row_stop"),),
)
