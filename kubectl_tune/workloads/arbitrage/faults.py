"""Rows gone bad, for trying out what becomes of them: about so many in a million, by chance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

Row = list[str]


def with_faults(rows: Iterable[Row], per_million: float, seed: int) -> Iterator[Row]:
    """NaN, zero and crossed prices, rows twice, and rows that come after the next one."""
    draw = Random(seed).random  # of all that Random has, only this never changes
    late: list[Row] = []
    for row in rows:
        fault = FAULTS[int(draw() * len(FAULTS))] if draw() * 1e6 < per_million else ""
        if fault == "late" and not late:
            late.append(row)
            continue
        yield _spoilt(row, fault, 1 + int(draw() * 4) if fault in ("nan", "zero") else 0)
        if fault == "twice":
            yield row
        while late:
            yield late.pop()
    yield from late


FAULTS = ("nan", "zero", "crossed", "twice", "late")


def _spoilt(row: Row, fault: str, column: int) -> Row:
    if fault == "crossed":
        stamp, bid_a, ask_a, *others = row
        return [stamp, ask_a, bid_a, *others]
    if column:
        return [*row[:column], "nan" if fault == "nan" else "0", *row[column + 1 :]]
    return row
