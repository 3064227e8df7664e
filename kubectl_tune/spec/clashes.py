"""
Settings of a spec that its workload doesn't take together, whatever else is tuned.

What holds for some combinations alone is not told here: `where` may drop them, and the plan is
checked once more before it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubectl_tune import planconfig
from kubectl_tune.parameter import Parameter
from kubectl_tune.problem import Findings
from kubectl_tune.spec.space import Space
from kubectl_tune.strictjson import Path
from kubectl_tune.suggest import near
from kubectl_tune.workload import Workload


def read(
    data: Mapping[Any, Any],
    base: Mapping[str, Any],
    found: Space,
    workload: Workload,
    findings: Findings,
) -> None:
    """Name fixed keys that don't go together, and tuned ones that don't go with the accounting."""
    tuned = {one.name: one for one in found.parameters}
    fixed = {key: value for key, value in {**base, **found.fixed}.items() if key not in tuned}
    books = _books(workload, fixed, tuned)
    wrong = _wrong(workload, {**fixed, **books}, data)
    said = list(planconfig.clashes(workload, {**fixed, **books}, wrong))
    for one in tuned.values():
        for value in (one.low, one.high) if one.ranged else one.choices:
            if clash := list(planconfig.clashes(workload, {one.name: value, **books}, wrong)):
                said += clash
                break
    name, honest = workload.honest
    for fault in said:
        hint = f"add {name}: {honest} to the spec" if fault.hint else ""
        findings.error(fault.message, hint, _place(str(fault.path[-1]), data, found))


def _books(
    workload: Workload, fixed: Mapping[str, Any], tuned: Mapping[str, Parameter]
) -> dict[str, Any]:
    """Return the accounting that all trials have, or the honest one if it is among theirs."""
    name, honest = workload.honest
    choices = tuned[name].choices if name in tuned else (fixed.get(name),)
    return {name: honest if honest in choices else next(iter(choices), None)}


def _wrong(workload: Workload, config: Mapping[str, Any], data: Mapping[Any, Any]) -> set[str]:
    """Return the keys that have been told of already, and those that misspelt ones stand for."""
    inner = data.get("fixed")
    given = {*data, *(inner if isinstance(inner, Mapping) else ())}
    unknown = [key for key in given if isinstance(key, str) and key not in workload.settings]
    meant = {near(key, workload.known_keys) for key in unknown} - given
    unfit = {
        key
        for key, value in config.items()
        if key in workload.settings
        and value is not None
        and planconfig.unfit(workload.settings[key], value)
    }
    return unfit | meant


def _place(key: str, data: Mapping[Any, Any], found: Space) -> Path:
    inner = data.get("fixed")
    if key in found.places:
        return found.places[key]
    return ("fixed", key) if isinstance(inner, Mapping) and key in inner else (key,)
