"""
From a spec to the lines of a plan: the same spec gives the same bytes, everywhere, always.

Combinations come in the order of the product, the last parameter fastest, and are made one
at a time, so that a plan may be longer than memory. Chance comes from
`random.Random(seed).random()` alone, the one generator whose numbers Python promises to keep.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from math import prod
from random import Random
from typing import Any

from kubectl_tune import design
from kubectl_tune import spec as specs
from kubectl_tune.errors import PlanError
from kubectl_tune.parameter import Parameter
from kubectl_tune.spec import Spec
from kubectl_tune.spec.method import Method
from kubectl_tune.workload import ARBITRAGE, Workload

Point = tuple[Any, ...]

_COUNTABLE = 2**53  # shares of the way that a float can tell apart
_PATIENCE = 10_000  # draws in a row that give nothing new
_SEARCHED = 1_000_000  # combinations in a row that `where` drops


@dataclass(frozen=True, slots=True)
class Chosen:
    """Combinations in the order of the plan, and what is to be said of the choice."""

    points: Iterable[Point]
    remarks: tuple[str, ...] = ()


def lines(
    data: Mapping[str, Any] | Spec, *, name: str = "spec", workload: Workload = ARBITRAGE
) -> Iterator[str]:
    """Return the plan's lines; what is wrong with the spec is raised before the first one."""
    spec = data if isinstance(data, Spec) else specs.read(data, name=name, workload=workload)
    return (json.dumps(trial) for trial in trials(spec))


def trials(spec: Spec, chosen: Chosen | None = None) -> Iterator[dict[str, Any]]:
    """Yield the plan's lines as objects."""
    prefix = spec.prefix or "job"
    folder = f"outputs/tuning/{spec.prefix}/" if spec.prefix else "outputs/tuning/"
    for number, config in enumerate(islice(configs(spec, chosen), spec.max_jobs), 1):
        job_id = f"{prefix}_{number:04d}"
        output = f"{folder}{job_id}.json"
        yield {"job_id": job_id, "config": config, "output_json": output, **spec.extras}


def configs(spec: Spec, chosen: Chosen | None = None) -> Iterator[dict[str, Any]]:
    """Yield the configs of all trials: each combination's windows, and repeats of each."""
    tag = {"tag": spec.prefix} if spec.prefix else {}
    windows = [window.config() for window in spec.windows] or [{}]
    for point in (chosen or choose(spec)).points:
        config = _config(spec, point)
        for window in windows:
            for repeat in range(1, spec.repeat + 1):
                counted = {"repeat": repeat} if spec.repeat > 1 else {}
                yield {**config, **window, **counted, **tag}


def choose(spec: Spec, looked_at: int | None = None) -> Chosen:
    """
    Choose combinations by the spec's method; a product is gone through as it is used.

    Of a product, at most so many are looked at.
    """
    if not all(one.ranged or one.choices for one in spec.parameters):
        return Chosen(())
    if spec.method is Method.GRID:
        points = islice(_product(spec), looked_at)
        return Chosen(islice((point for point in points if _wanted(spec, point)), spec.most))
    if spec.method.a_design:
        return _designed(spec)
    size = spec.combinations
    even = size is not None and size <= _COUNTABLE and not any(one.log for one in spec.parameters)
    return Chosen(_sampled(spec) if even else _drawn(spec))


def _config(spec: Spec, point: Point) -> dict[str, Any]:
    names = (one.name for one in spec.parameters)
    return {**spec.base, **dict(zip(names, point, strict=True))}


def _designed(spec: Spec) -> Chosen:
    """Make a design, and leave out points that `where` drops or that repeat an earlier one."""
    make = design.sobol if spec.method is Method.SOBOL else design.latin_hypercube
    found: dict[str, Point] = {}
    dropped = repeated = 0
    for shares in make(spec.most or 0, len(spec.parameters), spec.seed):
        point = tuple(one.at(share) for one, share in zip(spec.parameters, shares, strict=True))
        if not _wanted(spec, point):
            dropped += 1
        elif (key := json.dumps(point)) in found:
            repeated += 1
        else:
            found[key] = point
    return Chosen(list(found.values()), tuple(_left_out(spec, dropped, repeated)))


def _left_out(spec: Spec, dropped: int, repeated: int) -> Iterator[str]:
    left = f"of {spec.most} points of the design"
    if dropped:
        yield f"where drops {dropped} {left}; they are not replaced, for that would unbalance it"
    if repeated:
        yield f"{repeated} {left} repeat an earlier one and are left out"


def _wanted(spec: Spec, point: Point) -> bool:
    return spec.where is None or spec.where.test(_config(spec, point))


def _product(spec: Spec) -> Iterator[Point]:
    return product(*(one.values() for one in spec.parameters))


def _sampled(spec: Spec) -> list[Point]:
    """Draw combinations, none of them twice, until there are enough or no more."""
    values = [_distinct(one) for one in spec.parameters]
    chosen: list[int] = []
    misses = 0
    for place in design.shuffled(prod(map(len, values)), Random(spec.seed)):
        if len(chosen) == spec.most:
            break
        misses += 1
        if _wanted(spec, _combination(values, place)):
            chosen.append(place)
            misses = 0
        if misses > _SEARCHED:
            raise _too_few(spec, len(chosen))
    return [_combination(values, place) for place in (sorted(chosen) if spec.ordered else chosen)]


def _distinct(parameter: Parameter) -> Sequence[Any]:
    """Return its values, each once; by their texts, because 1, 1.0 and true are equal."""
    values = parameter.values()
    return values if parameter.ranged else list({json.dumps(one): one for one in values}.values())


def _combination(values: Sequence[Sequence[Any]], place: int) -> Point:
    """Return the combination at a place of the product."""
    point: list[Any] = []
    for choices in reversed(values):
        place, choice = divmod(place, len(choices))
        point.append(choices[choice])
    return tuple(reversed(point))


def _drawn(spec: Spec) -> list[Point]:
    """Draw one value after the other until there are enough different points, or no more."""
    chance = Random(spec.seed)
    found: dict[str, Point] = {}
    misses = 0
    while len(found) < min(spec.most or 0, spec.combinations or _COUNTABLE):
        point = tuple(one.at(chance.random()) for one in spec.parameters)
        misses += 1
        if _wanted(spec, point) and (key := json.dumps(point)) not in found:
            found[key], misses = point, 0
        if misses > _PATIENCE:
            raise _too_few(spec, len(found))
    return list(found.values())


def _too_few(spec: Spec, found: int) -> PlanError:
    return PlanError(
        f"only {found} of {spec.most} different trials found by drawing",
        hint="ask for fewer, or let where drop less",
    )
