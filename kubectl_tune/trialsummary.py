"""
All trials of a session in one CSV: how each ended, its metrics and its config.

One rule: there is a row for every trial, the best first, those without a rank last.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from kubectl_tune.columns import Column, all_columns
from kubectl_tune.direction import direction_of
from kubectl_tune.export import as_csv
from kubectl_tune.ranking import Ranked, rank
from kubectl_tune.resultrow import Row, value_of
from kubectl_tune.rows import StoredTrial
from kubectl_tune.session import SessionInfo
from kubectl_tune.trial import Trial

_ENDING = ("attempt", "class", "reason", "exit_code", "seconds")


def summary_csv(info: SessionInfo, trials: Sequence[StoredTrial]) -> str:
    places = _places(info, [_row(stored) for stored in trials])
    named = {column.name: column for column in all_columns(places)}
    own = [named.pop("rank"), named.pop("job_id")]
    state = named.pop("state", Column("state", lambda place: str(place.row.state)))
    ending = [Column(name, partial(_extra, name)) for name in _ENDING]
    return as_csv(places, [*own, state, *ending, *named.values()])


def _places(info: SessionInfo, rows: Sequence[Row]) -> list[Ranked]:
    """Rank what can be ranked; else the order is the plan's."""
    metric = info.metric
    direction = direction_of(metric)
    if info.direction:
        direction = "maximize" if info.direction == "maximize" else "minimize"
    if direction is None or all(value_of(row, metric) is None for row in rows):
        return rank(rows)
    return rank(rows, metric=metric, direction=direction)


def _row(stored: StoredTrial) -> Row:
    trial, spec = stored.trial, stored.trial.spec
    return Row(
        trial.id, stored.metrics or {}, spec.config, spec.output_json, trial.state, spec.index,
        _ended(trial),
    )  # fmt: skip


def _ended(trial: Trial) -> dict[str, Any]:
    return {
        "attempt": trial.attempt,
        "class": trial.failure and str(trial.failure),
        "reason": trial.reason or None,
        "exit_code": trial.exit_code,
        "seconds": None if trial.seconds is None else round(trial.seconds, 3),
    }


def _extra(name: str, place: Ranked) -> Any:
    return place.row.extra[name]
