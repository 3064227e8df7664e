"""
Sessions and trials as tables: what `list` and `status` show to people.

NAME first, AGE last, in kubectl's layout; what does not apply is `<none>`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kubectl_tune.result import dig
from kubectl_tune.rows import StoredTrial
from kubectl_tune.session import FAULTS, SessionInfo
from kubectl_tune.sessions import Standing
from kubectl_tune.table import Paint, age, duration, table

_REASON = 60  # characters of a reason; all of it with -o wide

Cell = Callable[[StoredTrial], Any]


def sessions_table(standings: Sequence[Standing], now: float, *, wide: bool = False) -> str:
    rows = [session_row(each, now, wide=wide) for each in standings]
    return table(rows, session_headers(wide=wide))


def session_headers(*, wide: bool = False, namespaces: bool = False) -> list[str]:
    headers = ["name", "state", "done", "failed", "total", "engine", "best"]
    headers += ["best-trial", "metric", "plan", "context"] if wide else []
    headers += ["namespace"] if wide and not namespaces else []
    return [*(["namespace"] if namespaces else []), *headers, "age"]


def session_row(
    standing: Standing, now: float, *, wide: bool = False, namespaces: bool = False
) -> list[Any]:
    info, best = standing.summary.info, standing.summary.best
    row = [
        info.name, str(standing.state), done(standing), failed(standing), info.total,
        info.target.engine, best and best.value,
    ]  # fmt: skip
    if wide:
        row += [best and best.job_id, best and best.metric, info.plan, info.target.context]
    place = [info.target.namespace]
    row += place if wide and not namespaces else []
    return [*(place if namespaces else []), *row, age(info.created, now)]


def trials_table(
    trials: Iterable[StoredTrial],
    info: SessionInfo,
    now: float,
    *,
    wide: bool = False,
    no_headers: bool = False,
    paint: Paint | None = None,
) -> str:
    shown = list(trials)
    columns = (_wide if wide else _narrow)(shown, info, now)
    rows = [[cell(trial) for cell in columns.values()] for trial in shown]
    headers = [name.replace("_", "-") for name in columns]
    return table(rows, headers, no_headers=no_headers, paint=paint)


def done(standing: Standing) -> int:
    """How many trials have ended, one way or another."""
    return sum(count for state, count in standing.summary.counts.items() if state.ended)


def failed(standing: Standing) -> int:
    return sum(standing.summary.counts.get(state, 0) for state in FAULTS)


def _narrow(trials: Sequence[StoredTrial], info: SessionInfo, now: float) -> dict[str, Cell]:
    columns: dict[str, Cell] = {
        "name": lambda each: each.trial.id,
        "state": lambda each: str(each.trial.state),
        "attempt": lambda each: each.trial.attempt,
        **_metric(trials, info),
    }
    if any(each.trial.failure for each in trials):
        columns["class"] = lambda each: each.trial.failure
    if any(each.trial.reason for each in trials):
        columns["reason"] = lambda each: _cut(each.trial.reason)
    return columns | _times(now)


def _wide(trials: Sequence[StoredTrial], info: SessionInfo, now: float) -> dict[str, Cell]:
    return {
        "name": lambda each: each.trial.id,
        "index": lambda each: each.trial.spec.index,
        "state": lambda each: str(each.trial.state),
        "attempt": lambda each: each.trial.attempt,
        **_metric(trials, info),
        "job": lambda each: each.trial.job,
        "pod": lambda each: each.trial.pod,
        "node": lambda each: each.trial.node,
        "class": lambda each: each.trial.failure,
        "reason": lambda each: each.trial.reason,
        "exit-code": lambda each: each.trial.exit_code,
        **_times(now),
    }


def _metric(trials: Sequence[StoredTrial], info: SessionInfo) -> dict[str, Cell]:
    name = info.metric
    if not name or all(dig(each.metrics or {}, name) is None for each in trials):
        return {}
    return {name: lambda each: dig(each.metrics or {}, name)}


def _times(now: float) -> dict[str, Cell]:
    def ran(each: StoredTrial) -> str | None:
        trial = each.trial
        if trial.started is None:
            return None
        return duration((trial.finished or now) - trial.started)

    def begun(each: StoredTrial) -> str | None:
        started = each.trial.started
        return None if started is None else age(started, now)

    return {"duration": ran, "age": begun}


def _cut(reason: str) -> str:
    return reason if len(reason) <= _REASON else f"{reason[: _REASON - 1]}…"
