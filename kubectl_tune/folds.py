"""
Windows over the rows of a file: folds that walk forward in time, and rows held out to the end.

Every test follows its train, nothing overlaps what is held out, and all windows of a kind are
equally long, so that what they measure can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PARTS = ("train", "test", "holdout")


@dataclass(frozen=True, slots=True)
class Window:
    """Rows from `start` on, before `stop`, counted from 0."""

    part: str
    start: int
    stop: int
    fold: int | None = None  # from 1; what is held out belongs to none

    @property
    def rows(self) -> int:
        return self.stop - self.start

    def config(self) -> dict[str, int | str]:
        """Return what it says to a trial, as keys of its config."""
        fold = {} if self.fold is None else {"fold": self.fold}
        return {"row_start": self.start, "row_stop": self.stop, **fold, "part": self.part}


KEYS = ("row_start", "row_stop", "fold", "part")


@dataclass(frozen=True, slots=True)
class Walk:
    """How long the windows are, in rows, and how far each fold is from the one before."""

    train: int
    test: int
    step: int
    anchored: bool = False  # every train begins with the first row, and grows


def windows(rows: int, walk: Walk | None, holdout: int, gap: int) -> list[Window]:
    """
    Return all windows over so many rows: train and test of each fold, then what is held out.

    `gap` rows stand unused between train and test and before what is held out, because a
    trade that is open at the end of one would else be known to the other.
    """
    end = rows - holdout - gap if holdout else rows
    if walk:
        found = list(_walked(end, walk, gap))
    else:
        found = [Window("train", 0, end, 1)] if end > 0 else []
    held = [Window("holdout", rows - holdout, rows)] if holdout else []
    return found + held


def _walked(end: int, walk: Walk, gap: int) -> Iterator[Window]:
    fold, start = 1, 0
    while (stop := start + walk.train) + gap + walk.test <= end:
        yield Window("train", 0 if walk.anchored else start, stop, fold)
        yield Window("test", stop + gap, stop + gap + walk.test, fold)
        fold, start = fold + 1, start + walk.step
