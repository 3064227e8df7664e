"""
A spec: what stays fixed, what is tuned, and how many trials come of it.

A spec file of the seed means what it always meant; everything else is an addition. A key
that looks misspelt is an error, because the plan would silently be another one; a key
that nobody knows is ignored with a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from kubectl_tune import expression, parameter, planline
from kubectl_tune.errors import UsageError
from kubectl_tune.expression import Expression
from kubectl_tune.parameter import Parameter, number
from kubectl_tune.planline import kind, shown
from kubectl_tune.problem import PlanProblems, Problem, Severity
from kubectl_tune.suggest import near
from kubectl_tune.trial import EMPTY
from kubectl_tune.workload import ARBITRAGE, Workload

# The keys that every config has, the built-in workload's, in the order of the seed.
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
_SEARCH = ("method", "max_trials", "seed", "parallel", "parameters")
_SAME = {
    "run_cap": "max_trials",
    "maxTrialCount": "max_trials",
    "num_samples": "max_trials",
    "epochs": "max_trials",
    "parallelTrialCount": "parallel",
}
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
_METHODS = ("grid", "random")
_NOT_FIXED = ("data_file", "job_id", "repeat")
_DEEPEST = 20


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
    reader = _Reader(workload, found)
    spec = reader.spec(data)
    errors = [p for p in reader.problems if p.severity is Severity.ERROR]
    if errors or spec is None:
        raise PlanProblems(name, errors)
    return spec


class _Reader:
    def __init__(self, workload: Workload, found: Sequence[Problem]) -> None:
        self.problems = list(found)
        self._workload = workload
        self._foreign = False  # the spec has a command of its own

    def spec(self, data: Any) -> Spec | None:
        if data is None and self.problems:  # it could not be read, and that has been said
            return None
        if not isinstance(data, Mapping):
            what = "is empty" if data is None else f"must be a table of keys, not {kind(data)}"
            self._error(f"the spec {what}", "it begins with data_file: FILE")
            return None
        self._foreign = data.get("command") is not None
        self._unknown(data)
        base = self._base(data)
        tuned, fixed, limits = self._space(data)
        base.update(fixed)
        self._overlaps(base, fixed, tuned, data)
        repeat = self._whole(data, "repeat", 1, least=1)
        self._not_twice("repeat", repeat > 1, base, tuned)
        return Spec(
            base,
            tuple(tuned),
            self._prefix(data),
            self._whole(data, "max_jobs", None, least=0),
            **limits,
            repeat=repeat,
            where=self._where(data, [*base, *(one.name for one in tuned)]),
            extras=self._extras(data),
            warnings=tuple(p for p in self.problems if p.severity is Severity.WARNING),
        )

    # What stays fixed

    def _base(self, data: Mapping[str, Any]) -> dict[str, Any]:
        inner = data.get("fixed")
        if inner is not None and not isinstance(inner, Mapping):
            self._error(f"fixed must be a table of keys, not {kind(inner)}")
        given = inner if isinstance(inner, Mapping) else {}
        values = {key: _first(given.get(key), data.get(key)) for key in self._fixed_keys(given)}
        base = self._start(data, values)
        for key, value in values.items():
            if value is not None:
                base[key] = self._value(f"fixed {key}", key, value)
        return base

    def _start(self, data: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the keys that stand first, and stand in every config."""
        file = data.get("data_file")
        if file is not None and not isinstance(file, str):
            self._error(f"data_file must be a text, not {kind(file)}")
        elif not file and not self._foreign:
            hint = "a spec for a command of your own says so: command: [python, train.py, ...]"
            self._error("data_file is required", hint)
        if self._foreign:
            return {"data_file": file} if file else {}
        return {**ALWAYS, "data_file": file}

    def _fixed_keys(self, given: Mapping[str, Any]) -> Iterator[str]:
        yield from FIXED
        for key in (key for key in given if key not in FIXED):
            if not isinstance(key, str):
                self._error(f"a key under fixed must be a text, not {kind(key)}")
            elif self._foreign or self._reads(key):
                yield key
            else:
                self._strange(f"fixed key {shown(key)}", near(key, self._workload.known_keys))

    def _reads(self, key: str) -> bool:
        return key in self._workload.known_keys and key not in _NOT_FIXED

    def _value(self, where: str, key: str, value: Any) -> Any:
        """Return a config value as it goes into the plan."""
        if problem := _unwritable(value, 0):
            self._error(f"{where}: {problem}")
        elif not self._foreign and key in self._workload.number_keys:
            plain = number(value)
            if plain is None:
                self._error(f"{where} must be a number, not {shown(value)}")
            elif isinstance(value, str):
                self._warning(f"{where}: {shown(value)} is read as a number", "drop the quotes")
                return plain
        return value

    # What is tuned

    def _space(
        self, data: Mapping[str, Any]
    ) -> tuple[list[Parameter], dict[str, Any], dict[str, Any]]:
        tuned, fixed = self._entries("grids", data.get("grids"), stepped=True)
        seed = self._whole(data, "seed", 0, least=0)
        sample = self._whole(data, "sample", None, least=1)
        limits = {"most": sample, "drawn": sample is not None, "ordered": True, "seed": seed}
        if data.get("search") is not None:
            more, also, limits = self._search(data["search"], limits)
            tuned, fixed = [*tuned, *more], {**fixed, **also}
        self._twice([one.name for one in tuned])
        return tuned, fixed, limits

    def _search(
        self, search: Any, limits: dict[str, Any]
    ) -> tuple[list[Parameter], dict[str, Any], dict[str, Any]]:
        if not isinstance(search, Mapping):
            self._error(f"search must be a table of keys, not {kind(search)}")
            return [], {}, limits
        plain = {_SAME.get(str(key), str(key)): value for key, value in search.items()}
        for key in plain:
            if key not in _SEARCH:
                self._strange(f"search key {shown(key)}", near(key, [*_SEARCH, *_SAME]))
        random = self._method(plain) == "random"
        tuned, fixed = self._entries("search.parameters", plain.get("parameters"), not random)
        most = self._whole(plain, "max_trials", None, least=0, inside="search.")
        if random and most is None:
            self._error("search.max_trials is required", "random search has no end of its own")
        if limits["drawn"]:
            self._error("sample and search exclude each other", "give search.max_trials")
        seed = self._whole(plain, "seed", limits["seed"], least=0, inside="search.")
        return tuned, fixed, {"most": most, "drawn": random, "ordered": False, "seed": seed}

    def _method(self, search: Mapping[str, Any]) -> Any:
        method = search.get("method", "grid")
        if method not in _METHODS:
            meant = near(method, _METHODS) if isinstance(method, str) else ""
            hint = f"did you mean {meant}?" if meant else "a plan is made by grid or random"
            self._error(f"unknown search.method {shown(method)}", hint)
        return method

    def _entries(
        self, where: str, raw: Any, stepped: bool
    ) -> tuple[list[Parameter], dict[str, Any]]:
        """Read a list of entries with names, or a table of them."""
        if isinstance(raw, Mapping):
            raw = [_named(name, entry) for name, entry in raw.items()]
        if raw is not None and not isinstance(raw, list | tuple):
            self._error(f"{where} must be a list, not {kind(raw)}")
            return [], {}
        tuned: list[Parameter] = []
        fixed: dict[str, Any] = {}
        for place, entry in enumerate(raw or ()):
            self._entry(f"{where}[{place}]", entry, tuned, fixed, stepped)
        return tuned, fixed

    def _entry(
        self, where: str, entry: Any, tuned: list[Parameter], fixed: dict[str, Any], stepped: bool
    ) -> None:
        if not isinstance(entry, Mapping):
            self._error(f"{where} must be a table of keys, not {kind(entry)}")
            return
        name = entry.get("name")
        where = f"{where} {name}" if isinstance(name, str) else where
        reading = parameter.read(entry)
        for message, hint in reading.errors:
            self._error(f"{where} {message}", hint)
        for message, hint in reading.warnings:
            self._warning(f"{where} {message}", hint)
        self._known(where, name)
        for key, value in reading.fixed.items():
            fixed[key] = self._value(where, key, value)
        if reading.parameter:
            tuned.append(self._parameter(where, reading.parameter, stepped))

    def _parameter(self, where: str, one: Parameter, stepped: bool) -> Parameter:
        if one.ranged:
            if stepped and one.step is None:
                hint = "give its step, or draw from it with search: {method: random}"
                self._error(f"{where}: a grid needs the step of its range", hint)
            return one
        if not one.choices:
            self._warning(f"{where} has no values", "the plan will be empty")
        choices = (self._value(where, one.name, value) for value in one.choices)
        return Parameter(one.name, tuple(choices))

    def _known(self, where: str, name: Any) -> None:
        if not self._foreign and isinstance(name, str) and name not in self._workload.known_keys:
            if meant := near(name, self._workload.known_keys):
                self._error(f"{where}: unknown parameter", f"did you mean {meant}?")
            else:
                hint = f"the {self._workload.name} workload does not read it"
                self._warning(f"{where}: unknown parameter", hint)

    def _twice(self, names: list[str]) -> None:
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                self._error(f"{name} is tuned twice", "each parameter has one entry")

    def _overlaps(
        self,
        base: Mapping[str, Any],
        fixed: Mapping[str, Any],
        tuned: list[Parameter],
        data: Mapping[str, Any],
    ) -> None:
        inner = data.get("fixed")
        given = {*data, *(inner if isinstance(inner, Mapping) else ()), *fixed}
        for one in tuned:
            if one.name in base and one.name in given:
                self._warning(f"{one.name} is fixed and tuned", "its fixed value is not used")

    # What comes of it

    def _whole(
        self, data: Mapping[str, Any], key: str, default: Any, *, least: int, inside: str = ""
    ) -> Any:
        value = data.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            self._error(f"{inside}{key} must be a whole number, not {shown(value)}")
        elif value < least:
            self._error(f"{inside}{key} must be at least {least}, not {value}")
        else:
            return value
        return default

    def _prefix(self, data: Mapping[str, Any]) -> Any:
        prefix = data.get("tag_prefix")
        if isinstance(prefix, bool) or not isinstance(prefix, str | int | float | None):
            self._error(f"tag_prefix must be a text, not {kind(prefix)}")
        elif not str(prefix).isprintable():
            self._error("tag_prefix holds a character that does not print")
        elif problem := _unwritable(prefix, 0):
            self._error(f"tag_prefix: {problem}")
        return prefix

    def _where(self, data: Mapping[str, Any], known: list[str]) -> Expression | None:
        text = data.get("where")
        if text is None:
            return None
        try:
            if not isinstance(text, str):
                raise UsageError(f"it must be a text, not {kind(text)}")
            where = expression.parse(text)
        except UsageError as error:
            self._error(f"where: {error}", error.hint)
            return None
        for name in sorted(where.names.difference(known)):
            meant = near(name, known)
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(known)}"
            self._error(f"where: no config has {name}", hint)
        return where

    def _not_twice(
        self, key: str, added: bool, base: Mapping[str, Any], tuned: list[Parameter]
    ) -> None:
        if added and (key in base or any(one.name == key for one in tuned)):
            self._error(f"{key} is both a parameter and asked for", "rename the parameter")

    def _extras(self, data: Mapping[str, Any]) -> dict[str, Any]:
        extras = {key: data[key] for key in EXTRAS if data.get(key) is not None}
        for fault in planline.faults({"job_id": "a", "config": {}, **extras}):
            self._error(fault.message, fault.hint)
        return extras

    def _unknown(self, data: Mapping[str, Any]) -> None:
        known = (*_OWN, *FIXED, *_ADDED)
        for key in data:
            if not isinstance(key, str):
                self._error(f"a key must be a text, not {kind(key)}")
            elif key in _LATER:
                self._warning(f"{key} is not used to make a plan")
            elif key not in known:
                meant = _OTHER_WORDS.get(key, "") or near(key, known)
                self._strange(f"key {shown(key)}", meant, "put it under fixed to have it in config")

    def _strange(self, what: str, meant: str, otherwise: str = "nothing reads it") -> None:
        if meant:
            self._error(f"unknown {what}", f"did you mean {meant}?")
        else:
            self._warning(f"unknown {what} is ignored", otherwise)

    def _error(self, message: str, hint: str = "") -> None:
        self.problems.append(Problem(0, 0, message, hint))

    def _warning(self, message: str, hint: str = "") -> None:
        self.problems.append(Problem(0, 0, message, hint, Severity.WARNING))


def _first(*values: Any) -> Any:
    """Return the first value that is given; 0 is one, null is not."""
    return next((value for value in values if value is not None), None)


def _named(name: Any, entry: Any) -> Any:
    """Turn `NAME: {min: 1, max: 3}` or `NAME: [1, 2]` into an entry that has its name inside."""
    if isinstance(entry, Mapping):
        return {"name": name, **entry}
    return {"name": name, "values": entry}


def _unwritable(value: Any, depth: int) -> str:
    """Say why a value can't stand in a plan, or nothing."""
    if depth > _DEEPEST:
        return "nested too deeply"
    if isinstance(value, float) and not abs(value) < float("inf"):
        return f"{value} is not a number that JSON has"
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        return "it holds half of a character"
    if isinstance(value, list):
        return next(filter(None, (_unwritable(part, depth + 1) for part in value)), "")
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            return "a key is no text"
        return next(filter(None, (_unwritable(part, depth + 1) for part in value.values())), "")
    known = value is None or isinstance(value, str | int | float)
    return "" if known else f"{type(value).__name__} can't be written as JSON"
