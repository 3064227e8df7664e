"""What a spec comes to, before a plan is written: how many trials, the first of them, how long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from kubectl_tune import planner
from kubectl_tune.parameter import Parameter
from kubectl_tune.planner import Chosen
from kubectl_tune.spec import Spec
from kubectl_tune.spec.method import Method

FIRST = 5  # trials that are shown
COUNTED = 1_000_000  # combinations that are gone through to be counted
SEARCHED = 100_000  # combinations that are gone through for the first trials
PARALLEL = 4  # what `run` has without --max-parallel


@dataclass(frozen=True, slots=True)
class Preview:
    spec: Spec
    trials: int | None  # None where counting would take too long
    chosen: int | None  # combinations
    first: tuple[dict[str, Any], ...]
    remarks: tuple[str, ...] = ()

    @property
    def parallel(self) -> int:
        return self.spec.parallel or PARALLEL

    def seconds(self, of_a_trial: float) -> float | None:
        return None if self.trials is None else self.trials * of_a_trial / self.parallel


def preview(spec: Spec) -> Preview:
    countable = (spec.combinations or 0) <= COUNTED
    chosen = planner.choose(spec, None if countable else SEARCHED)
    if spec.method is Method.GRID:
        count = _count(spec)
    else:
        points = list(chosen.points)
        chosen, count = Chosen(points, chosen.remarks), len(points)
    first = tuple(islice(planner.trials(spec, chosen), FIRST))
    trials = None if count is None else count * spec.each
    if trials is not None and spec.max_jobs is not None:
        trials = min(trials, spec.max_jobs)
    return Preview(spec, trials, count, first, chosen.remarks)


def _count(spec: Spec) -> int | None:
    size = spec.combinations
    if spec.where is None:
        return size if size is None or spec.most is None else min(size, spec.most)
    if size is None or size > COUNTED:
        return None
    return sum(1 for _ in planner.choose(spec).points)


def bounded(spec: Spec) -> bool:
    """Tell whether something in the spec says how many trials are meant."""
    return spec.max_jobs is not None or spec.most is not None or spec.method is not Method.GRID


def product_size(spec: Spec) -> int:
    """Return how many trials the full product is, before `where`."""
    return (spec.combinations or 0) * spec.each


def understood(spec: Spec) -> dict[str, Any]:
    """Return the spec in our own words, whoever's it was read from."""
    return dict(_understood(spec))


def _understood(spec: Spec) -> Iterator[tuple[str, Any]]:
    tuned = {one.name: _entry(one) for one in spec.parameters}
    base = {key: value for key, value in spec.base.items() if key not in tuned}
    if base.get("data_file") is not None:
        yield "data_file", base.pop("data_file")
    if spec.prefix is not None:
        yield "tag_prefix", spec.prefix
    yield from spec.extras.items()
    if base:
        yield "fixed", base
    if spec.method is Method.GRID and spec.most is None:
        yield "grids", tuned
    elif spec.ordered:
        yield from (("grids", tuned), ("sample", spec.most), ("seed", spec.seed))
    else:
        yield "search", dict(_search(spec, tuned))
    if spec.where is not None:
        yield "where", spec.where.text
    if spec.repeat > 1:
        yield "repeat", spec.repeat
    if spec.validate is not None:
        yield "validate", spec.validate
    if spec.max_jobs is not None:
        yield "max_jobs", spec.max_jobs
    if spec.objectives:
        yield "objective", [{"metric": one.metric, "goal": one.goal} for one in spec.objectives]


def _search(spec: Spec, tuned: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "method", str(spec.method)
    yield "max_trials", spec.most
    if spec.method is not Method.GRID:
        yield "seed", spec.seed
    if spec.parallel is not None:
        yield "parallel", spec.parallel
    yield "parameters", tuned


def _entry(one: Parameter) -> dict[str, Any]:
    if not one.ranged:
        return {"values": list(one.choices)}
    ends: dict[str, Any] = {"min": one.low, "max": one.high}
    if one.step is not None:
        ends["step"] = one.step
    return {**ends, "log": True} if one.log else ends
