"""
The part of a spec that is tuned: grids, and a search over more of them.

A list of entries with names, or a table of them, mean the same; whose words they are does
not matter. Every entry is read, also after one that is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubectl_tune.parameter import Parameter
from kubectl_tune.planline import kind
from kubectl_tune.problem import Findings
from kubectl_tune.spec import entry as entries
from kubectl_tune.spec import search as searches
from kubectl_tune.spec.method import Method
from kubectl_tune.spec.values import config_value, fits, whole
from kubectl_tune.strictjson import Path
from kubectl_tune.suggest import near
from kubectl_tune.workload import Workload


@dataclass(slots=True)
class Space:
    """What is tuned, what is not after all, and how many combinations are chosen how."""

    parameters: list[Parameter] = field(default_factory=list)
    fixed: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)  # of names, also of wrong entries
    most: int | None = None
    method: Method = Method.GRID
    ordered: bool = False
    seed: int = 0
    parallel: int | None = None


def read(data: Mapping[str, Any], findings: Findings, workload: Workload | None) -> Space:
    """Return the space of a spec; without a workload, any key may be tuned."""
    reader = _Reader(findings, workload)
    space = Space(seed=whole(data, "seed", 0, findings, least=0))
    reader.entries(("grids",), data.get("grids"), space, stepped=True)
    sample = whole(data, "sample", None, findings, least=1)
    if sample is not None:
        space.most, space.method, space.ordered = sample, Method.RANDOM, True
    if data.get("search") is not None:
        if sample is not None:
            findings.error(
                "sample and search exclude each other", "give search.max_trials", ("sample",)
            )
        search = searches.read(data["search"], data, findings)
        reader.entries(
            ("search", "parameters"),
            search.parameters,
            space,
            stepped=search.method is Method.GRID,
        )
        space.seed = space.seed if search.seed is None else search.seed
        space.most, space.method, space.ordered = search.most, search.method or Method.GRID, False
        space.parallel = search.parallel
    if space.method is Method.RANDOM and _drawn(space) > searches.MOST:
        said = f"at most {searches.MOST:,} trials are drawn, not {_drawn(space):,}"
        key = "sample" if space.ordered else "search"
        findings.error(said, "only grid has no such limit", (key,))
    return space


def _drawn(space: Space) -> int:
    """Return how many trials a draw comes to: no more than there are."""
    ends = [one.count() for one in space.parameters if one.finite]
    there = math.prod(ends) if len(ends) == len(space.parameters) else math.inf
    return int(min(space.most or 0, there))


class _Reader:
    def __init__(self, findings: Findings, workload: Workload | None) -> None:
        self._findings = findings
        self._workload = workload

    def entries(self, at: Path, raw: Any, space: Space, *, stepped: bool) -> None:
        """Read a list of entries with names, or a table of them."""
        where = ".".join(map(str, at))
        if raw is not None and not isinstance(raw, list | tuple | Mapping):
            self._findings.error(f"{where} must be a list, not {kind(raw)}", at=at)
            return
        for place, (inner, entry) in enumerate(_entries(raw or ())):
            if isinstance(entry, Mapping):
                name = entry.get("name")
                named = f" {name}" if isinstance(name, str) else ""
                key = ".".join(map(str, inner[::2]))  # between them stands `parameters`
                if named and isinstance(raw, Mapping) and name != key:
                    said = f"{where}[{place}] is {key} by its key, and {name} by its name"
                    self._findings.error(said, "drop the name", (*at, *inner, "name"))
                self._entry(f"{where}[{place}]{named}", (*at, *inner), entry, space, stepped)
            else:
                message = f"{where}[{place}] must be a table of keys, not {kind(entry)}"
                self._findings.error(message, at=(*at, *inner))

    def _entry(
        self, where: str, at: Path, entry: Mapping[str, Any], space: Space, stepped: bool
    ) -> None:
        found = entries.read(entry, where, at, self._findings)
        self._known(where, entry.get("name"), at)
        if found and found.name in space.places:
            self._findings.error(f"{found.name} is tuned twice", "each parameter has one entry", at)
        if isinstance(found, entries.Fixed):
            space.fixed[found.name] = self._value(where, found.name, found.value, at)
        elif found:
            space.parameters.append(self._parameter(where, at, found, stepped))
        if isinstance(entry.get("name"), str):
            space.places.setdefault(entry["name"], at)

    def _parameter(self, where: str, at: Path, one: Parameter, stepped: bool) -> Parameter:
        if one.ranged:
            if stepped and one.step is None:
                hint = "give its step, or draw from it with search: {method: random}"
                if one.log:
                    hint = "list its values, or draw from it with search: {method: random}"
                self._findings.error(f"{where}: a grid needs the step of its range", hint, at)
            self._ends(where, at, one)
            return one
        if not one.choices:
            self._findings.warning(f"{where} has no values", "the plan will be empty", at)
        return Parameter(
            one.name, tuple(self._value(where, one.name, value, at) for value in one.choices)
        )

    def _ends(self, where: str, at: Path, one: Parameter) -> None:
        """Check both ends of a range, and a value between them."""
        between = one.low + (one.step or (0 if one.whole else 0.5))
        for value in dict.fromkeys((one.low, one.high, between)):
            if not fits(where, one.name, value, self._findings, self._workload, at):
                return

    def _value(self, where: str, key: str, value: Any, at: Path) -> Any:
        return config_value(where, key, value, self._findings, self._workload, at)

    def _known(self, where: str, name: Any, at: Path) -> None:
        workload = self._workload
        if workload and isinstance(name, str) and name not in workload.known_keys:
            if meant := near(name, workload.known_keys):
                self._findings.error(f"{where}: unknown parameter", f"did you mean {meant}?", at)
            else:
                hint = f"the {workload.name} workload does not read it"
                self._findings.warning(f"{where}: unknown parameter", hint, at)


def _entries(raw: Any) -> Iterator[tuple[Path, Any]]:
    """Yield entries with their names inside, and the path to each."""
    if not isinstance(raw, Mapping):
        for place, entry in enumerate(raw):
            yield (place,), entry
        return
    for name, entry in raw.items():
        if isinstance(entry, Mapping) and isinstance(entry.get("parameters"), Mapping):
            # W&B nests them; a plan has them by names with dots.
            for (inner, *rest), one in _entries(entry["parameters"]):
                dotted = {**one, "name": f"{name}.{one['name']}"}
                yield (name, "parameters", inner, *rest), dotted
        elif isinstance(entry, Mapping):
            yield (name,), {"name": name, **entry}
        else:
            yield (name,), {"name": name, "values": entry}
