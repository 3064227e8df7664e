"""How columns are calculated: with numpy where it is installed and worth its import."""

from __future__ import annotations

from . import vectors_plain
from .vectors import Vectors

WORTH_IT = 100_000  # rows; importing numpy takes as long as so many do without it


def fastest(rows: int) -> Vectors:
    if rows < WORTH_IT:
        return vectors_plain
    try:
        from . import vectors_numpy
    except ImportError:
        return vectors_plain
    return vectors_numpy
