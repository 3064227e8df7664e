"""
Settings of a spec that its workload doesn't take together.

An error where no trial could run; where some could, by their accounting, a warning: `where` may
drop the others, and the plan is checked once more before it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from itertools import chain
from typing import Any

from kubectl_tune import planconfig
from kubectl_tune.parameter import Parameter
from kubectl_tune.planline import Fault
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
    name, honest = workload.honest
    books = tuned[name].choices if name in tuned else (fixed.get(name),)
    told = _meant(workload, data).union(*(_unfit(workload, {name: one}) for one in books))
    said = [list(_clashes(workload, {**fixed, name: one}, tuned, told)) for one in books]
    for fault in dict.fromkeys(chain(*said)):
        at = _place(str(fault.path[-1]), data, found)
        if all(fault in one for one in said):
            hint = f"add {name}: {honest} to the spec" if fault.hint else ""
            findings.error(fault.message, hint, at)
        else:
            findings.warning(fault.message, "not all of its trials have that", at)


def _meant(workload: Workload, data: Mapping[Any, Any]) -> set[str]:
    """Return the keys that misspelt ones stand for: those have been told of already."""
    inner = data.get("fixed")
    given = {*data, *(inner if isinstance(inner, Mapping) else ())}
    unknown = [key for key in given if isinstance(key, str) and key not in workload.settings]
    return {near(key, workload.known_keys) for key in unknown} - given


def _clashes(
    workload: Workload, fixed: Mapping[str, Any], tuned: Mapping[str, Parameter], told: Set[str]
) -> Iterator[Fault]:
    """Yield what doesn't go together in one accounting, each tuned key by itself."""
    name = workload.honest[0]
    yield from planconfig.clashes(workload, fixed, _unfit(workload, fixed) | told)
    for one in tuned.values():
        setting = workload.settings.get(one.name)
        if setting is None or setting.free is None:
            continue
        for value in (one.low, one.high) if one.ranged else one.choices:
            alone = {one.name: value, name: fixed[name]}
            yield from planconfig.clashes(workload, alone, _unfit(workload, alone) | told)


def _unfit(workload: Workload, config: Mapping[str, Any]) -> set[str]:
    settings = workload.settings
    given = {key: value for key, value in config.items() if key in settings and value is not None}
    return {key for key, value in given.items() if planconfig.unfit(settings[key], value)}


def _place(key: str, data: Mapping[Any, Any], found: Space) -> Path:
    inner = data.get("fixed")
    if key in found.places:
        return found.places[key]
    return ("fixed", key) if isinstance(inner, Mapping) and key in inner else (key,)
