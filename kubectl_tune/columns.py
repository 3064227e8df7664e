"""
Which columns a ranking shows: all for a machine, for a reader those that tell trials apart.

One rule: a column says where it comes from, by `metrics.` or `config.`, wherever all
columns stand together, so that no two share a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from kubectl_tune.direction import direction_of
from kubectl_tune.ranking import Ranked
from kubectl_tune.result import dig, dumps, flat, number
from kubectl_tune.resultrow import Row, check_names, value_of
from kubectl_tune.trial import TrialState


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    value: Callable[[Ranked], Any]
    exact: bool = False  # shown as it was typed, not as a measurement


def all_columns(ranked: Sequence[Ranked]) -> list[Column]:
    rows = [place.row for place in ranked]
    return [
        *map(_own, ("rank", "job_id")),
        *([_own("state")] if _unfinished(rows) else []),
        *(_metric(name, f"metrics.{name}") for name in _names(row.metrics for row in rows)),
        *(_config(name, f"config.{name}") for name in _names(row.config for row in rows)),
        *map(_own, _GROUP if _grouped(ranked) else ()),
        _own("output_json"),
    ]


def chosen_columns(
    ranked: Sequence[Ranked], names: Iterable[str], *, among: Sequence[Row] = ()
) -> list[Column]:
    """
    Return the columns that `--columns` names, each once; unknown ones raise UsageError.

    A name is known if one of `among` has it, of which `ranked` may be the head.
    """
    names = list(dict.fromkeys(names))
    known = [*among, *(place.row for place in ranked)]
    check_names(known, [name for name in names if name not in _OWN])
    return [_own(name) if name in _OWN else _any(name, ranked) for name in names]


def telling_columns(
    ranked: Sequence[Ranked],
    *,
    metric: str | None = None,
    also: Sequence[str] = (),
    among: Sequence[Row] = (),
    wide: bool = False,
) -> list[Column]:
    """
    Return what a reader wants: the metric, a few others, and the config that varies.

    `also` names the other metrics; by default those of `_USUAL`, then those whose name
    tells which end is best. The config that varies among the rows `among` is shown, of
    which `ranked` may be the head; `wide` shows every metric and config key.
    """
    rows = [place.row for place in ranked]
    metrics = _names(row.metrics for row in rows)
    others = list(also) or _few(rows, [name for name in metrics if name != metric])
    if wide:
        others = metrics
    keys = _names(row.config for row in rows) if wide else varying(among or rows)
    return [
        *map(_own, ("rank", "trial")),
        *([_own("state")] if _unfinished(rows) else []),
        *([_any(metric, ranked)] if metric else []),
        *map(_own, _GROUP if _grouped(ranked) else ()),
        *(_metric(name, name) for name in others if name != metric),
        *(_config(name, name) for name in keys if name != metric),
    ]


def varying(rows: Sequence[Row]) -> list[str]:
    """Return the config keys that tell rows apart; one that repeats the job_id adds nothing."""
    return [name for name in _names(row.config for row in rows) if _varies(rows, name)]


_GROUP = ("n", "median", "mean")
_OWN: dict[str, Callable[[Ranked], Any]] = {
    "rank": lambda place: place.rank,
    "trial": lambda place: place.row.job_id,
    "job_id": lambda place: place.row.job_id,
    "state": lambda place: str(place.row.state),
    "output_json": lambda place: place.row.output_json or None,
    "n": lambda place: place.group and place.group.n,
    "median": lambda place: place.group and place.group.median,
    "mean": lambda place: place.group and place.group.mean,
}
_USUAL = ("max_drawdown_pct", "total_trades", "win_rate", "sharpe", "accuracy", "loss")
_FEW = 2  # a line has about 80 columns


def _own(name: str) -> Column:
    return Column(name, _OWN[name])


def _metric(name: str, title: str) -> Column:
    return Column(title, lambda place: dig(place.row.metrics, name))


def _config(name: str, title: str) -> Column:
    return Column(title, lambda place: dig(place.row.config, name), exact=True)


def _any(name: str, ranked: Sequence[Ranked]) -> Column:
    measured = any(dig(place.row.metrics, name) is not None for place in ranked)
    exact = not measured and not name.startswith("metrics.")
    return Column(name, lambda place: value_of(place.row, name), exact=exact)


def _names(objects: Iterable[Any]) -> list[str]:
    names: dict[str, None] = {}
    for values in objects:
        names.update(dict.fromkeys(flat(values)))
    return list(names)


def _few(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    measured = [name for name in names if any(_number(row, name) for row in rows)]
    usual = [name for name in _USUAL if name in measured]
    telling = [name for name in measured if direction_of(name)]
    return list(dict.fromkeys([*usual, *telling, *measured]))[:_FEW]


def _number(row: Row, name: str) -> bool:
    return number(dig(row.metrics, name)) is not None


def _varies(rows: Sequence[Row], name: str) -> bool:
    values = [dig(row.config, name) for row in rows]
    if all(value == row.job_id for value, row in zip(values, rows, strict=True)):
        return False
    same = partial(_same, values[0])
    return not all(map(same, values))


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) or dumps(one) == dumps(other)  # NaN differs from itself


def _unfinished(rows: Iterable[Row]) -> bool:
    return any(row.state != TrialState.SUCCEEDED for row in rows)


def _grouped(ranked: Iterable[Ranked]) -> bool:
    return any(place.group for place in ranked)
