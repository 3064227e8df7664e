"""
Which trial is best: rows filtered, ordered, numbered and grouped; nothing is read or printed.

One rule: the same rows give the same order, whatever order they came in. Equal ones
stand by their job_id. A rank needs a trial that succeeded and a finite number to rank
it by; the others come last, without one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any, Protocol

from kubectl_tune.direction import Direction, direction_of
from kubectl_tune.errors import UsageError
from kubectl_tune.result import SEED_ENGINE, dumps, number
from kubectl_tune.resultrow import Row, check_names, value_of, values_of
from kubectl_tune.trial import TrialState
from kubectl_tune.workload import ARBITRAGE

__all__ = ["Group", "Ranked", "Row", "SortKey", "best", "caveat", "rank", "sort_keys"]


@dataclass(frozen=True, slots=True)
class Group:
    """The rows that share the values `by`; the figures are those of the `n` with a rank."""

    by: Mapping[str, Any]
    metric: str
    n: int
    median: float | None
    mean: float | None


@dataclass(frozen=True, slots=True)
class Ranked:
    """A row and its place; with groups, the best row of one."""

    rank: int | None
    row: Row
    group: Group | None = None


class Condition(Protocol):
    @property
    def names(self) -> Collection[str]: ...

    def test(self, values: Mapping[str, Any], /) -> bool: ...


@dataclass(frozen=True, slots=True)
class SortKey:
    name: str
    direction: Direction | None = None  # None: best first where the name tells, else upwards
    numeric: bool = False  # texts don't count

    @property
    def descending(self) -> bool:
        return (self.direction or direction_of(self.name)) == "maximize"


def sort_keys(text: str) -> list[SortKey]:
    """Read what `--sort` takes: names with commas, as in `-win_rate,min_spread_bps:asc`."""
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise UsageError(f"--sort {text!r} holds an empty name")
    return [_sort_key(word) for word in words]


def rank(
    rows: Iterable[Row],
    *,
    metric: str | None = None,
    direction: Direction | None = None,
    where: Condition | None = None,
    top: int | None = None,
    group_by: Sequence[str] = (),
    sort: str | Sequence[SortKey] = (),
) -> list[Ranked]:
    """
    Return the rows that `where` lets pass, best first.

    The order is that of `sort`, else of `metric`, else of the plan, which gives no
    ranks. With `group_by` only the best of each group is left. `top` counts ranks,
    and rows where there are none.
    """
    rows = list(rows)
    asked = sort_keys(sort) if isinstance(sort, str) else list(sort)
    wanted = [*([metric] if metric else []), *(key.name for key in asked), *group_by]
    check_names(rows, [*wanted, *(where.names if where else ())])
    keys = _keys(asked, metric, direction)
    kept = [row for row in rows if where is None or where.test(values_of(row, where.names))]
    places = _numbered(_ordered(kept, keys), keys)
    if group_by:
        places = _best_of_groups(places, group_by, metric or _first(keys))
    return places if top is None else _top(places, top, ranked=bool(keys))


def best(rows: Iterable[Row], metric: str, direction: Direction | None = None) -> Row | None:
    found = rank(rows, metric=metric, direction=direction, top=1)
    return found[0].row if found else None


def caveat(rows: Iterable[Row], place: str) -> str:
    """Return the sentence that must go with a ranking of these rows of a place, or an empty one."""
    flattered = (row for row in rows if str(row.extra.get("engine", "")).startswith(SEED_ENGINE))
    return ARBITRAGE.caveat_of((row.config for row in flattered), place)


def _sort_key(word: str) -> SortKey:
    if word.startswith("-") and len(word) > 1:
        return SortKey(word[1:], "maximize")
    name, _, end = word.rpartition(":")
    if name and end in ("asc", "desc"):
        return SortKey(name, "maximize" if end == "desc" else "minimize")
    return SortKey(word)


def _keys(
    asked: list[SortKey], metric: str | None, direction: Direction | None
) -> Sequence[SortKey]:
    if asked:
        known = {metric: direction}
        return [SortKey(key.name, key.direction or known.get(key.name)) for key in asked]
    if not metric:
        return ()
    if not (direction or direction_of(metric)):
        raise UsageError(
            f"the name {metric} doesn't tell which end of it is best",
            hint="say --direction maximize or --direction minimize",
        )
    return [SortKey(metric, direction, numeric=True)]


def _ordered(rows: Iterable[Row], keys: Sequence[SortKey]) -> list[Row]:
    """Sort by the last key first: Python's sort keeps the order of what is equal."""
    if not keys:
        return sorted(rows, key=lambda row: (row.index, row.job_id))
    ordered = sorted(rows, key=lambda row: row.job_id)
    for key in reversed(keys):
        ordered = _by(key, ordered)
    return sorted(ordered, key=lambda row: row.state != TrialState.SUCCEEDED)


def _by(key: SortKey, rows: list[Row]) -> list[Row]:
    values = _sortable(rows, key)
    have = [place for place, value in enumerate(values) if value is not None]
    lack = [place for place, value in enumerate(values) if value is None]
    have.sort(key=values.__getitem__, reverse=key.descending)
    return [rows[place] for place in have + lack]


def _sortable(rows: Sequence[Row], key: SortKey) -> list[Any]:
    """Return numbers, with None for all else; or the texts, if no row has a number."""
    values = [value_of(row, key.name) for row in rows]
    numbers = [number(value) for value in values]
    if key.numeric or any(value is not None for value in numbers):
        return numbers
    return [value if isinstance(value, str) else None for value in values]


def _numbered(rows: list[Row], keys: Sequence[SortKey]) -> list[Ranked]:
    values = _sortable(rows, keys[0]) if keys else [None] * len(rows)
    earned = [
        value is not None and row.state == TrialState.SUCCEEDED
        for row, value in zip(rows, values, strict=True)
    ]
    return [
        Ranked(place if has else None, row)
        for place, (row, has) in enumerate(zip(rows, earned, strict=True), 1)
    ]


def _first(keys: Sequence[SortKey]) -> str:
    if not keys:
        raise UsageError("--group-by needs to know which trial is best", hint="add --metric NAME")
    return keys[0].name


def _best_of_groups(places: list[Ranked], names: Sequence[str], metric: str) -> list[Ranked]:
    groups: dict[tuple[Any, ...], list[Ranked]] = {}
    for place in places:
        key = tuple(_hashable(value_of(place.row, name)) for name in names)
        groups.setdefault(key, []).append(place)
    return [
        Ranked(order if members[0].rank else None, members[0].row, _group(members, names, metric))
        for order, members in enumerate(groups.values(), 1)
    ]


def _group(members: list[Ranked], names: Sequence[str], metric: str) -> Group:
    values = [number(value_of(member.row, metric)) for member in members if member.rank]
    figures = [float(value) for value in values if value is not None]
    return Group(
        by={name: value_of(members[0].row, name) for name in names},
        metric=metric,
        n=len(figures),
        median=_figure(median, figures),
        mean=_figure(fmean, figures),
    )


def _figure(average: Callable[[list[float]], float], values: list[float]) -> float | None:
    try:
        return number(average(values)) if values else None
    except OverflowError:
        return None


def _hashable(value: Any) -> Any:
    plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return value if plain else ("", dumps(value))


def _top(places: list[Ranked], top: int, *, ranked: bool) -> list[Ranked]:
    if top < 0:
        raise UsageError(f"--top takes a number from 0 up, not {top}")
    return [place for place in places if place.rank or not ranked][:top]
