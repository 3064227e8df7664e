"""
The part of a spec that is tuned: grids, and a search over more of them.

A list of entries with names, or a table of them, mean the same; whose words they are does
not matter. Every entry is read, also after one that is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubectl_tune import parameter
from kubectl_tune.parameter import Parameter, number
from kubectl_tune.planline import kind, shown
from kubectl_tune.problem import Findings
from kubectl_tune.suggest import near
from kubectl_tune.workload import Workload

_SEARCH = ("method", "max_trials", "seed", "parallel", "parameters")
_SAME = {
    "run_cap": "max_trials",
    "maxTrialCount": "max_trials",
    "num_samples": "max_trials",
    "epochs": "max_trials",
    "parallelTrialCount": "parallel",
}
_METHODS = ("grid", "random")
_DEEPEST = 20


@dataclass(slots=True)
class Space:
    """What is tuned, what is not after all, and how many combinations are chosen how."""

    parameters: list[Parameter] = field(default_factory=list)
    fixed: dict[str, Any] = field(default_factory=dict)
    most: int | None = None
    drawn: bool = False
    ordered: bool = False
    seed: int = 0


def read(data: Mapping[str, Any], findings: Findings, workload: Workload | None) -> Space:
    """Return the space of a spec; without a workload, any key may be tuned."""
    reader = _Reader(findings, workload)
    space = Space(seed=whole(data, "seed", 0, findings, least=0))
    reader.entries("grids", data.get("grids"), space, stepped=True)
    sample = whole(data, "sample", None, findings, least=1)
    if sample is not None:
        space.most, space.drawn, space.ordered = sample, True, True
    if data.get("search") is not None:
        reader.search(data["search"], space)
    names = [one.name for one in space.parameters]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            findings.error(f"{name} is tuned twice", "each parameter has one entry")
    return space


def whole(
    data: Mapping[str, Any],
    key: str,
    default: Any,
    findings: Findings,
    *,
    least: int,
    inside: str = "",
) -> Any:
    """Return a whole number of a table, or the default where there is none or a wrong one."""
    value = data.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        findings.error(f"{inside}{key} must be a whole number, not {shown(value)}")
    elif value < least:
        findings.error(f"{inside}{key} must be at least {least}, not {value}")
    else:
        return value
    return default


def config_value(
    where: str, key: str, value: Any, findings: Findings, workload: Workload | None
) -> Any:
    """Return a config value as it goes into the plan."""
    if problem := unwritable(value):
        findings.error(f"{where}: {problem}")
    elif workload and key in workload.number_keys:
        plain = number(value)
        if plain is None:
            findings.error(f"{where} must be a number, not {shown(value)}")
        elif isinstance(value, str):
            findings.warning(f"{where}: {shown(value)} is read as a number", "drop the quotes")
            return plain
    return value


class _Reader:
    def __init__(self, findings: Findings, workload: Workload | None) -> None:
        self._findings = findings
        self._workload = workload

    def search(self, search: Any, space: Space) -> None:
        if not isinstance(search, Mapping):
            self._findings.error(f"search must be a table of keys, not {kind(search)}")
            return
        if space.drawn:
            self._findings.error("sample and search exclude each other", "give search.max_trials")
        plain = {_SAME.get(str(key), str(key)): value for key, value in search.items()}
        for key in plain:
            if key not in _SEARCH:
                meant = near(key, [*_SEARCH, *_SAME])
                self._findings.unknown(f"search key {shown(key)}", meant)
        random = self._method(plain) == "random"
        self.entries("search.parameters", plain.get("parameters"), space, stepped=not random)
        space.seed = self._whole(plain, "seed", space.seed)
        space.most = self._whole(plain, "max_trials", None)
        space.drawn, space.ordered = random, False
        if random and plain.get("max_trials") is None:
            hint = "random search has no end of its own"
            self._findings.error("search.max_trials is required", hint)

    def _whole(self, search: Mapping[str, Any], key: str, default: Any) -> Any:
        return whole(search, key, default, self._findings, least=0, inside="search.")

    def _method(self, search: Mapping[str, Any]) -> Any:
        method = search.get("method", "grid")
        if method not in _METHODS:
            meant = near(method, _METHODS) if isinstance(method, str) else ""
            hint = f"did you mean {meant}?" if meant else "a plan is made by grid or random"
            self._findings.error(f"unknown search.method {shown(method)}", hint)
        return method

    def entries(self, where: str, raw: Any, space: Space, *, stepped: bool) -> None:
        """Read a list of entries with names, or a table of them."""
        if isinstance(raw, Mapping):
            raw = [_named(name, entry) for name, entry in raw.items()]
        if raw is not None and not isinstance(raw, list | tuple):
            self._findings.error(f"{where} must be a list, not {kind(raw)}")
            return
        for place, entry in enumerate(raw or ()):
            if isinstance(entry, Mapping):
                name = entry.get("name")
                named = f" {name}" if isinstance(name, str) else ""
                self._entry(f"{where}[{place}]{named}", entry, space, stepped)
            else:
                message = f"{where}[{place}] must be a table of keys, not {kind(entry)}"
                self._findings.error(message)

    def _entry(self, where: str, entry: Mapping[str, Any], space: Space, stepped: bool) -> None:
        reading = parameter.read(entry)
        for message, hint in reading.errors:
            self._findings.error(f"{where} {message}", hint)
        for message, hint in reading.warnings:
            self._findings.warning(f"{where} {message}", hint)
        self._known(where, entry.get("name"))
        for key, value in reading.fixed.items():
            space.fixed[key] = self._value(where, key, value)
        if reading.parameter:
            space.parameters.append(self._parameter(where, reading.parameter, stepped))

    def _parameter(self, where: str, one: Parameter, stepped: bool) -> Parameter:
        if one.ranged:
            if stepped and one.step is None:
                hint = "give its step, or draw from it with search: {method: random}"
                self._findings.error(f"{where}: a grid needs the step of its range", hint)
            return one
        if not one.choices:
            self._findings.warning(f"{where} has no values", "the plan will be empty")
        return Parameter(
            one.name, tuple(self._value(where, one.name, value) for value in one.choices)
        )

    def _value(self, where: str, key: str, value: Any) -> Any:
        return config_value(where, key, value, self._findings, self._workload)

    def _known(self, where: str, name: Any) -> None:
        workload = self._workload
        if workload and isinstance(name, str) and name not in workload.known_keys:
            if meant := near(name, workload.known_keys):
                self._findings.error(f"{where}: unknown parameter", f"did you mean {meant}?")
            else:
                hint = f"the {workload.name} workload does not read it"
                self._findings.warning(f"{where}: unknown parameter", hint)


def _named(name: Any, entry: Any) -> Any:
    """Turn `NAME: {min: 1, max: 3}` or `NAME: [1, 2]` into an entry that has its name inside."""
    if isinstance(entry, Mapping):
        return {"name": name, **entry}
    return {"name": name, "values": entry}


def unwritable(value: Any, depth: int = 0) -> str:
    """Say why a value can't stand in a plan, or nothing."""
    if depth > _DEEPEST:
        return "nested too deeply"
    if isinstance(value, float) and not abs(value) < float("inf"):
        return f"{value} is not a number that JSON has"
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        return "it holds half of a character"
    if isinstance(value, list):
        return next(filter(None, (unwritable(part, depth + 1) for part in value)), "")
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            return "a key is no text"
        return next(filter(None, (unwritable(part, depth + 1) for part in value.values())), "")
    known = value is None or isinstance(value, str | int | float)
    return "" if known else f"{type(value).__name__} can't be written as JSON"
