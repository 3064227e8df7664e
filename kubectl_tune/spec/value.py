"""A spec, read and right: what stays fixed, what is tuned, how trials are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from kubectl_tune.expression import Expression
from kubectl_tune.folds import Window
from kubectl_tune.parameter import Parameter
from kubectl_tune.problem import Problem
from kubectl_tune.spec.aims import Objective
from kubectl_tune.spec.method import Method
from kubectl_tune.trial import EMPTY


@dataclass(frozen=True, slots=True)
class Spec:
    base: Mapping[str, Any]  # config of every trial, before its parameters
    parameters: tuple[Parameter, ...] = ()
    prefix: Any = None  # of job_ids, and the tag
    max_jobs: int | None = None
    most: int | None = None  # combinations, after `where`; of a design, before it
    method: Method = Method.GRID
    ordered: bool = False  # combinations drawn are put in the order of the product
    seed: int = 0
    repeat: int = 1
    where: Expression | None = None
    windows: tuple[Window, ...] = ()  # every combination is tried on each
    validate: Any = None  # what made the windows
    extras: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    parallel: int | None = None
    objectives: tuple[Objective, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def combinations(self) -> int | None:
        """Return how many there are before `where`; None if a range has no steps."""
        if not all(one.finite for one in self.parameters):
            return None
        return prod(one.count() for one in self.parameters)

    @property
    def each(self) -> int:
        """Return how many trials a combination comes to."""
        return self.repeat * max(1, len(self.windows))
