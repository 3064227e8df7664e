"""
What each accounting says of the same trials: a line for each of both, or an object for a trial.

Ranks are among the trials shown, in each accounting's own order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubectl_tune.columns import Column, all_columns, varying
from kubectl_tune.comparing import Compared, Metrics, ranks
from kubectl_tune.direction import Direction
from kubectl_tune.export import as_csv, as_md, as_table
from kubectl_tune.ranking import Ranked
from kubectl_tune.result import dig, dumps
from kubectl_tune.resultrow import Row
from kubectl_tune.table import cell, clean
from kubectl_tune.views.objects import json_text

FORMATS = ("table", "wide", "json", "jsonl", "csv", "md")
# What tells whether trades make money, under names that leave both accountings room on a line.
SHOWN = {
    "net_pnl_usd": "pnl_usd",
    "win_rate": "win_rate",
    "max_drawdown_pct": "drawdown_pct",
    "fees_usd": "fees_usd",
    "total_trades": "trades",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    compared: Sequence[Compared]
    metric: str
    direction: Direction | None
    among: Sequence[Row]  # all that might have been compared

    @property
    def accountings(self) -> list[str]:
        return list(dict.fromkeys(name for each in self.compared for name in each.books))

    def ranks(self) -> dict[str, list[int | None]]:
        """By accounting, in the order of the trials."""
        return {
            name: ranks(self.compared, name, self.metric, self.direction)
            for name in self.accountings
        }


def comparison_text(comparison: Comparison, form: str) -> str:
    match form:
        case "json":
            return json_text(list(_objects(comparison)))
        case "jsonl":
            return "".join(dumps(each) + "\n" for each in _objects(comparison))
        case "csv":
            lines = _lines(comparison)
            return as_csv(lines, [_ACCOUNTING, *all_columns(lines)[:-1]])
    lines, note = _lines(comparison), " ".join(verdict(comparison))
    columns = _columns(comparison, lines, wide=form == "wide")
    return (as_md if form == "md" else as_table)(lines, columns, note)


def verdict(comparison: Comparison) -> Iterator[str]:
    """Say in words what the figures come to, and which trials the ranks are about."""
    count, total = len(comparison.compared), len(comparison.among)
    best = {name: _first(order, comparison) for name, order in comparison.ranks().items()}
    if best and not any(best.values()):
        neither = " nor ".join(map(clean, best))
        yield f"Neither {neither} has a {clean(comparison.metric)} to rank by."
    elif count > 1:
        of = f" of {total}" if count < total else ""
        yield f"Ranks are among these {count}{of} trials: {_firsts(best)}."
    yield from _worth(comparison, best)


def _firsts(best: Mapping[str, Compared | None]) -> str:
    ids = {name: clean(first.row.job_id) if first else "none" for name, first in best.items()}
    if len(set(map(id, best.values()))) == 1:
        return f"{' and '.join(map(clean, ids))} put {next(iter(ids.values()))} first"
    return "; ".join(f"{clean(name)} puts {trial} first" for name, trial in ids.items())


def _worth(comparison: Comparison, best: Mapping[str, Compared | None]) -> Iterator[str]:
    """Say what the favourite of the first accounting that has one is worth in the books of each."""
    favourite = next(filter(None, best.values()), None)
    if favourite:
        values = {name: dig(books, comparison.metric) for name, books in favourite.books.items()}
        said = " and ".join(f"{cell(value)} by {clean(name)}" for name, value in values.items())
        yield f"{clean(comparison.metric)} of {clean(favourite.row.job_id)} is {said}."


def _first(order: Sequence[int | None], comparison: Comparison) -> Compared | None:
    places = zip(order, comparison.compared, strict=True)
    return next((each for rank, each in places if rank == 1), None)


def _objects(comparison: Comparison) -> Iterator[dict[str, Any]]:
    places = comparison.ranks()
    for index, each in enumerate(comparison.compared):
        yield {
            "job_id": each.row.job_id,
            "metric": comparison.metric,
            "rank": {name: order[index] for name, order in places.items()},
            "accounting": {name: dict(books) for name, books in each.books.items()},
            "config": dict(each.row.config),
        }


def _lines(comparison: Comparison) -> list[Ranked]:
    """One line for each accounting of a trial, as if both were trials."""
    places = comparison.ranks()
    return [
        Ranked(
            places[name][index],
            Row(each.row.job_id, _once(books), each.row.config, extra={"accounting": name}),
        )
        for index, each in enumerate(comparison.compared)
        for name, books in each.books.items()
    ]


def _once(books: Metrics) -> Metrics:
    """Leave out of the block of further metrics what stands beside it, too."""
    further = books.get("metrics_extra")
    if not isinstance(further, Mapping):
        return books
    rest = {name: value for name, value in further.items() if name not in books}
    return {name: value for name, value in books.items() if value is not further} | rest


_ACCOUNTING = Column("accounting", lambda place: place.row.extra["accounting"])


def _columns(comparison: Comparison, lines: Sequence[Ranked], *, wide: bool) -> list[Column]:
    keys = varying(comparison.among or [each.row for each in comparison.compared])
    if wide:
        keys = list(dict.fromkeys(key for line in lines for key in line.row.config))
    keys = [key for key in keys if key != _ACCOUNTING.name]  # that of the line says more
    names = [comparison.metric, *SHOWN]
    names += [name for line in lines for name in line.row.metrics] if wide else []
    return [
        Column("trial", lambda place: place.row.job_id),
        _ACCOUNTING,
        Column("rank", lambda place: place.rank),
        *(_metric(name) for name in dict.fromkeys(names) if _any(lines, name)),
        *(_config(key) for key in keys),
    ]


def _any(lines: Sequence[Ranked], name: str) -> bool:
    return any(dig(line.row.metrics, name) is not None for line in lines)


def _metric(name: str) -> Column:
    return Column(SHOWN.get(name, name), lambda place: dig(place.row.metrics, name))


def _config(name: str) -> Column:
    return Column(name, lambda place: dig(place.row.config, name), exact=True)
