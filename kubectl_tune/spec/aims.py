"""
What a search is for: objectives, constraints on results, and when to stop a trial early.

A plan made beforehand uses none of it. It is read all the same, so that what is wrong is
said now, and so that no goal is ever taken for its opposite.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubectl_tune import expression
from kubectl_tune.direction import direction_of
from kubectl_tune.errors import UsageError
from kubectl_tune.parameter import number
from kubectl_tune.planline import kind, shown
from kubectl_tune.problem import Findings
from kubectl_tune.spec.values import whole
from kubectl_tune.strictjson import Path
from kubectl_tune.suggest import near

KEYS = ("objective", "constraints", "early_stop")
_METRIC = ("metric", "name", "objectiveMetricName")
_GOAL = ("goal", "type", "direction", "mode")
_GOALS = {"maximize": "maximize", "max": "maximize", "minimize": "minimize", "min": "minimize"}
_STOPS = ("asha", "median", "wilcoxon", "hyperband")
_STOP_KEYS = ("type", "min_step", "eta")
_STOP_SAME = {
    "min_iter": "min_step",
    "grace_period": "min_step",
    "start_step": "min_step",
    "reduction_factor": "eta",
}


@dataclass(frozen=True, slots=True)
class Objective:
    metric: str
    goal: str  # maximize or minimize


def read(
    data: Mapping[Any, Any], config_keys: Collection[str], findings: Findings
) -> tuple[Objective, ...]:
    """Check everything about aims, and return the objectives."""
    found = list(_objectives(data.get("objective"), findings))
    _constraints(data.get("constraints"), config_keys, findings)
    _early_stop(data.get("early_stop"), findings)
    for key in KEYS:
        if data.get(key) is not None:
            said = f"{key} is not used to make a plan"
            findings.warning(said, "it matters to a search that learns from results", (key,))
    return tuple(found)


def _objectives(raw: Any, findings: Findings) -> Iterator[Objective]:
    if raw is None:
        return
    for at, one in enumerate(raw) if isinstance(raw, list | tuple) else [(None, raw)]:
        path: Path = ("objective",) if at is None else ("objective", at)
        named = {"metric": one} if isinstance(one, str) else one
        if not isinstance(named, Mapping):
            hint = "write objective: {metric: ..., goal: maximize}"
            findings.error(f"objective must be the name of a metric, not {kind(one)}", hint, path)
        elif found := _objective(named, path, findings):
            yield found


def _objective(one: Mapping[Any, Any], path: Path, findings: Findings) -> Objective | None:
    for key in one:
        if key not in (*_METRIC, *_GOAL, "additionalMetricNames", "target"):
            meant = near(key, (*_METRIC, *_GOAL)) if isinstance(key, str) else ""
            findings.unknown(f"objective key {shown(key)}", meant, at=(*path, key))
    metric = next((one[key] for key in _METRIC if one.get(key) is not None), None)
    if not isinstance(metric, str) or not metric.strip():
        said = "lacks a metric" if metric is None else f"metric must be a text, not {kind(metric)}"
        findings.error(f"objective {said}", "write {metric: ..., goal: maximize}", path)
        return None
    goal = _goal(metric, one, path, findings)
    return Objective(metric, goal) if goal else None


def _goal(metric: str, one: Mapping[Any, Any], path: Path, findings: Findings) -> str:
    """Return the end that is best: as it is given, else as the metric's name has it."""
    likely = direction_of(metric)
    # Katib's type says which end is best; its goal is a number to stop at.
    given = [(key, one[key]) for key in _GOAL if one.get(key) is not None]
    words = [(key, word) for key, word in given if key != "goal" or number(word) is None]
    if not words:
        if likely is None:
            said = f"objective {metric}: its name does not tell which end is best"
            findings.error(said, f"write {{metric: {metric}, goal: maximize}} or minimize", path)
        return likely or ""
    if len({_GOALS.get(str(word).strip().lower(), "") for _, word in words}) > 1:
        said = f"objective {metric} has both {words[0][0]} and {words[1][0]}"
        findings.error(said, "keep one of them", (*path, words[1][0]))
        return ""
    key, word = words[0]
    goal = _GOALS.get(word.strip().lower(), "") if isinstance(word, str) else ""
    if not goal:
        said = f"objective {metric}: {key} must be maximize or minimize, not {shown(word)}"
        findings.error(said, at=(*path, key))
    elif likely and goal != likely:
        said = f"objective {metric} is to {goal}, and its name says {likely}"
        findings.warning(said, "is the goal meant?", (*path, key))
    return goal


def _constraints(raw: Any, config_keys: Collection[str], findings: Findings) -> None:
    if raw is None:
        return
    texts = [raw] if isinstance(raw, str) else raw
    if not isinstance(texts, list | tuple):
        hint = 'write constraints: ["max_drawdown_pct <= 15"]'
        message = f"constraints must be a list of texts, not {kind(raw)}"
        findings.error(message, hint, ("constraints",))
        return
    for place, text in enumerate(texts):
        path: Path = ("constraints",) if isinstance(raw, str) else ("constraints", place)
        _constraint(text, path, config_keys, findings)


def _constraint(text: Any, path: Path, config_keys: Collection[str], findings: Findings) -> None:
    try:
        if not isinstance(text, str):
            raise UsageError(f"it must be a text, not {kind(text)}")
        names = expression.parse(text).names
    except UsageError as error:
        findings.error(f"constraints: {error}", error.hint, path)
        return
    if names and names.issubset(config_keys):
        said = f"constraints: {shown(text)} is about configs, and not about results"
        findings.warning(said, "where: drops combinations before they run", path)


def _early_stop(raw: Any, findings: Findings) -> None:
    if raw is None:
        return
    if not isinstance(raw, Mapping):
        message = f"early_stop must be a table of keys, not {kind(raw)}"
        findings.error(message, "write early_stop: {type: median}", ("early_stop",))
        return
    for key in raw:
        if _STOP_SAME.get(key, key) not in _STOP_KEYS and key not in ("s", "max_iter", "max_t"):
            meant = near(key, [*_STOP_KEYS, *_STOP_SAME]) if isinstance(key, str) else ""
            findings.unknown(f"early_stop key {shown(key)}", meant, at=("early_stop", key))
    kind_of = raw.get("type")
    if kind_of not in _STOPS:
        meant = near(kind_of, _STOPS) if isinstance(kind_of, str) else ""
        hint = f"did you mean {meant}?" if meant else f"there are {', '.join(_STOPS)}"
        said = "early_stop lacks a type" if kind_of is None else f"unknown type {shown(kind_of)}"
        findings.error(said, hint, ("early_stop", "type"))
    for key in raw:
        if _STOP_SAME.get(key, key) == "min_step":
            whole(raw, key, None, findings, least=0, inside=("early_stop",))
        elif _STOP_SAME.get(key, key) == "eta":
            _eta(key, raw[key], findings)


def _eta(key: str, value: Any, findings: Findings) -> None:
    plain = None if isinstance(value, str) else number(value)
    if plain is None or plain <= 1:
        message = f"early_stop.{key} must be a number above 1, not {shown(value)}"
        findings.error(message, "one in eta trials goes on", ("early_stop", key))
