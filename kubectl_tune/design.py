"""
Designs: points spread evenly over a space, as shares from 0 to 1 of the way along each axis.

Equal counts, axes and seeds give equal points on every machine. Chance comes from
`random.Random(seed).random()` alone, also that of Sobol points.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from random import Random

from kubectl_tune.errors import PlanError

Share = tuple[float, ...]

# A millionth of a stratum, so that rounding never takes a point into the next one.
_MARGIN = 1e-6
_BITS = 30  # of a Sobol point


def latin_hypercube(points: int, axes: int, seed: int) -> list[Share]:
    """Return points of which each of as many equal strata of every axis holds exactly one."""
    chance = Random(seed)
    columns = [
        [_inside(stratum, chance.random()) / points for stratum in shuffled(points, chance)]
        for _ in range(axes)
    ]
    return list(zip(*columns, strict=True)) if columns else [()] * points


def shuffled(size: int, chance: Random) -> Iterator[int]:
    """Yield the numbers below `size` in random order, holding only those that have moved."""
    moved: dict[int, int] = {}
    for first in range(size):
        other = first + int(chance.random() * (size - first))
        yield moved.get(other, other)
        moved[other] = moved.pop(first, first)


def _inside(stratum: int, share: float) -> float:
    return stratum + _MARGIN + share * (1 - 2 * _MARGIN)


def sobol(points: int, axes: int, seed: int) -> list[Share]:
    """
    Return the first points of a Sobol sequence, shifted by chance.

    scipy has the sequence, which is the same in all its versions. Its own scrambling draws
    from numpy, whose numbers may change; so we shift the digits of each axis ourselves, a
    digital shift, which keeps the balance.
    """
    try:
        from scipy.stats import qmc
    except ImportError as error:
        raise PlanError(
            "search.method sobol needs scipy, which is not installed",
            hint=f"{_scipy()} take method: lhs, which needs nothing",
        ) from error
    if not axes:
        return [()] * points
    if axes > qmc.Sobol.MAXDIM:
        raise PlanError(f"a Sobol sequence has at most {qmc.Sobol.MAXDIM} parameters, not {axes}")
    chance = Random(seed)
    shifts = [int(chance.random() * (1 << _BITS)) for _ in range(axes)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of counts that are no power of two
        rows = qmc.Sobol(axes, scramble=False, bits=_BITS).random(points).tolist()
    return [tuple(map(_shifted, row, shifts)) for row in rows]


def _scipy() -> str:
    if getattr(sys, "frozen", False):  # an archive, into which nothing can be installed
        return "this archive has no extras:"
    return "pip install 'kubectl-tune[sobol]', or"


def _shifted(share: float, shift: int) -> float:
    # From the middle of its cell: a point on the edge would be the low end itself.
    return ((int(share * (1 << _BITS)) ^ shift) + 0.5) / (1 << _BITS)
