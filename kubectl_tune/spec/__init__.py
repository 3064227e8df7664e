"""
A spec: what stays fixed, what is tuned, and how many trials come of it.

A spec of the first planner means what it always meant; everything else is an addition. A
key that looks misspelt is an error, because the plan would silently be another one; a key
that nobody knows is ignored with a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from kubectl_tune import expression, planline
from kubectl_tune.errors import UsageError
from kubectl_tune.expression import Expression
from kubectl_tune.parameter import Parameter
from kubectl_tune.planline import kind, shown
from kubectl_tune.problem import Findings, PlanProblems, Problem, Severity
from kubectl_tune.spec import space
from kubectl_tune.spec.space import Space, config_value, unwritable
from kubectl_tune.suggest import near
from kubectl_tune.trial import EMPTY
from kubectl_tune.workload import ARBITRAGE, Workload

# The keys that every config of the built-in workload has, and their old order.
ALWAYS = {"data_file": "", "initial_balance_usd": 10000.0, "max_open_trades": 1}
FIXED = (
    "min_spread_bps",
    "taker_fee_a_bps",
    "taker_fee_b_bps",
    "slippage_bps",
    "max_position_usd",
    "max_open_trades",
    "initial_balance_usd",
    "stop_on_drawdown_pct",
)
EXTRAS = ("command", "env", "timeout", "image")  # they go into every line of the plan

_OWN = ("data_file", "fixed", "grids", "max_jobs", "tag_prefix")
_ADDED = ("where", "repeat", "seed", "sample", "search", *EXTRAS)
_LATER = ("objective", "constraints", "early_stop", "validate")
_OTHER_WORDS = {
    "parameters": "search.parameters",
    "method": "search.method",
    "max_trials": "search.max_trials",
    "params": "grids",
    "space": "grids",
    "prefix": "tag_prefix",
    "limit": "max_jobs",
    "filter": "where",
}
_NOT_FIXED = ("data_file", "job_id", "repeat")


@dataclass(frozen=True, slots=True)
class Spec:
    base: Mapping[str, Any]  # config of every trial, before its parameters
    parameters: tuple[Parameter, ...] = ()
    prefix: Any = None  # of job_ids, and the tag
    max_jobs: int | None = None
    most: int | None = None  # combinations, after `where`
    drawn: bool = False  # at random
    ordered: bool = False  # combinations drawn are put in the order of the product
    seed: int = 0
    repeat: int = 1
    where: Expression | None = None
    extras: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    warnings: tuple[Problem, ...] = ()

    @property
    def combinations(self) -> int | None:
        """Return how many there are before `where`; None if a range has no steps."""
        if not all(finite(one) for one in self.parameters):
            return None
        return prod(one.count() for one in self.parameters)


def finite(one: Parameter) -> bool:
    """Tell whether a parameter has values to count, each as likely as the other."""
    return not one.ranged or (not one.log and (one.whole or one.step is not None))


def read(
    data: Any,
    *,
    name: str = "spec",
    workload: Workload = ARBITRAGE,
    found: Sequence[Problem] = (),
) -> Spec:
    """Return the spec, or raise `PlanProblems` with everything that is wrong, `found` included."""
    findings = Findings(found)
    spec = None
    if isinstance(data, Mapping):
        foreign = data.get("command") is not None
        spec = _Reader(data, findings, None if foreign else workload).spec()
    elif data is not None or not found:
        what = "is empty" if data is None else f"must be a table of keys, not {kind(data)}"
        findings.error(f"the spec {what}", "it begins with data_file: FILE")
    errors = findings.of(Severity.ERROR)
    if errors or spec is None:
        raise PlanProblems(name, errors)
    return spec


class _Reader:
    """Reads a spec for a workload, or for a command of its own."""

    def __init__(
        self, data: Mapping[Any, Any], findings: Findings, workload: Workload | None
    ) -> None:
        self._data = data
        self._findings = findings
        self._workload = workload

    def spec(self) -> Spec:
        self._unknown()
        base = self._base()
        found = space.read(self._data, self._findings, self._workload)
        self._overlaps({**base, **found.fixed}, found)
        base.update(found.fixed)
        repeat = self._whole("repeat", 1, least=1)
        names = [*base, *(one.name for one in found.parameters)]
        if repeat > 1 and "repeat" in names:
            self._findings.error("repeat is both a parameter and asked for", "rename the parameter")
        return Spec(
            base,
            tuple(found.parameters),
            self._prefix(),
            self._whole("max_jobs", None, least=0),
            found.most,
            found.drawn,
            found.ordered,
            found.seed,
            repeat,
            self._where(names),
            self._extras(),
            self._findings.of(Severity.WARNING),
        )

    def _base(self) -> dict[str, Any]:
        """Return the config keys that are the same in all trials."""
        inner = self._data.get("fixed")
        if inner is not None and not isinstance(inner, Mapping):
            self._findings.error(f"fixed must be a table of keys, not {kind(inner)}")
        given = inner if isinstance(inner, Mapping) else {}
        base = self._start()
        for key in self._fixed_keys(given):
            # 0 is a value, null is none.
            value = self._data.get(key) if given.get(key) is None else given[key]
            if value is not None:
                where = f"fixed {key}"
                base[key] = config_value(where, key, value, self._findings, self._workload)
        return base

    def _start(self) -> dict[str, Any]:
        """Return the keys that stand first, and stand in every config."""
        file = self._data.get("data_file")
        if file is not None and not isinstance(file, str):
            self._findings.error(f"data_file must be a text, not {kind(file)}")
        elif not file and self._workload:
            hint = "a spec for a command of your own says so: command: [python, train.py, ...]"
            self._findings.error("data_file is required", hint)
        if self._workload:
            return {**ALWAYS, "data_file": file}
        return {"data_file": file} if file else {}

    def _fixed_keys(self, given: Mapping[Any, Any]) -> Iterator[str]:
        yield from FIXED
        for key in (key for key in given if key not in FIXED):
            if not isinstance(key, str):
                self._findings.error(f"a key under fixed must be a text, not {kind(key)}")
            elif self._reads(key):
                yield key
            elif self._workload:
                meant = near(key, self._workload.known_keys)
                self._findings.unknown(f"fixed key {shown(key)}", meant)

    def _reads(self, key: str) -> bool:
        if self._workload is None:
            return True
        return key in self._workload.known_keys and key not in _NOT_FIXED

    def _overlaps(self, base: Mapping[str, Any], found: Space) -> None:
        inner = self._data.get("fixed")
        given = {*self._data, *(inner if isinstance(inner, Mapping) else ()), *found.fixed}
        for one in found.parameters:
            if one.name in base and one.name in given:
                message = f"{one.name} is fixed and tuned"
                self._findings.warning(message, "its fixed value is not used")

    def _whole(self, key: str, default: Any, *, least: int) -> Any:
        return space.whole(self._data, key, default, self._findings, least=least)

    def _prefix(self) -> Any:
        prefix = self._data.get("tag_prefix")
        if isinstance(prefix, bool) or not isinstance(prefix, str | int | float | None):
            self._findings.error(f"tag_prefix must be a text, not {kind(prefix)}")
        elif not str(prefix).isprintable():
            self._findings.error("tag_prefix holds a character that does not print")
        elif problem := unwritable(prefix):
            self._findings.error(f"tag_prefix: {problem}")
        return prefix

    def _where(self, known: list[str]) -> Expression | None:
        text = self._data.get("where")
        if text is None:
            return None
        try:
            if not isinstance(text, str):
                raise UsageError(f"it must be a text, not {kind(text)}")
            where = expression.parse(text)
        except UsageError as error:
            self._findings.error(f"where: {error}", error.hint)
            return None
        for name in sorted(where.names.difference(known)):
            meant = near(name, known)
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(known)}"
            self._findings.error(f"where: no config has {name}", hint)
        return where

    def _extras(self) -> dict[str, Any]:
        extras = {key: self._data[key] for key in EXTRAS if self._data.get(key) is not None}
        for fault in planline.faults({"job_id": "a", "config": {}, **extras}):
            self._findings.error(fault.message, fault.hint)
        return extras

    def _unknown(self) -> None:
        known = (*_OWN, *FIXED, *_ADDED)
        for key in self._data:
            if not isinstance(key, str):
                self._findings.error(f"a key must be a text, not {kind(key)}")
            elif key in _LATER:
                self._findings.warning(f"{key} is not used to make a plan")
            elif key not in known:
                meant = _OTHER_WORDS.get(key, "") or near(key, known)
                hint = "put it under fixed to have it in config"
                self._findings.unknown(f"key {shown(key)}", meant, hint)
