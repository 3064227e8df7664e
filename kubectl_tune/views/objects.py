"""
Sessions and trials as programs read them: the objects of `-o json` and `-o yaml`.

Their keys are a promise. What is not known, or does not apply, is null; times are RFC 3339 in
UTC, to the second, as Kubernetes writes them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

from kubectl_tune.result import dumps, finite
from kubectl_tune.rows import StoredTrial, output_path
from kubectl_tune.session import SessionInfo
from kubectl_tune.sessions import Standing
from kubectl_tune.trial import Trial, TrialState
from kubectl_tune.views.yamltext import yaml_text

if TYPE_CHECKING:
    from kubectl_tune.launch import Launch

INDENT = 4  # kubectl's
API_VERSION = "kubectl-tune.dev/v1"


def session_object(standing: Standing) -> dict[str, Any]:
    """A session without its trials."""
    summary, info = standing.summary, standing.summary.info
    best = summary.best
    return {
        "kind": "Session",
        "name": info.name,
        "state": str(standing.state),
        "plan": info.plan,
        "engine": info.target.engine,
        "context": info.target.context or None,
        "namespace": info.target.namespace or None,
        "created": stamp(info.created),
        "finished": stamp(summary.finished),
        "counts": {str(state): summary.counts.get(state, 0) for state in TrialState},
        "total": info.total,
        "attempts": summary.attempts,
        "best": best
        and {
            "job_id": best.job_id,
            "metric": best.metric,
            "value": finite(best.value),
            "caveat": info.caveat or None,
        },
    }


def trial_object(stored: StoredTrial) -> dict[str, Any]:
    trial, metrics = stored.trial, stored.metrics
    return {
        "job_id": trial.id,
        "index": trial.spec.index,
        "state": str(trial.state),
        "attempt": trial.attempt,
        **_place(trial),
        "metrics": finite(metrics),
    }


def shown_trial(
    info: SessionInfo,
    stored: StoredTrial,
    attempts: Iterable[Mapping[str, Any]],
    launch: Launch,
    log: str,
) -> dict[str, Any]:
    """One trial with all there is to know of it."""
    spec = stored.trial.spec
    return {
        "kind": "Trial",
        "session": info.name,
        **trial_object(stored),
        "config": dict(spec.config),
        "output_json": output_path(spec, info) or None,
        "log": log or None,
        "command": list(launch.argv),
        "env": dict(launch.env),
        "timeout": launch.timeout,
        "attempts": [attempt_object(attempt) for attempt in attempts],
    }


def attempt_object(row: Mapping[str, Any]) -> dict[str, Any]:
    """One attempt, from its row in the store."""
    started, finished = row["started"], row["finished"]
    return {
        **{key: row[key] for key in ("attempt", "state")},
        **{key: row[key] or None for key in ("job", "pod", "node", "class", "reason")},
        "exit_code": row["exit_code"],
        "started": stamp(started),
        "finished": stamp(finished),
        "seconds": _rounded(None if None in (started, finished) else finished - started),
    }


def queried(shown: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return what paths are looked up in: the object, with `metadata` as kubectl's have it.

    So `.metadata.name` is found in ours, too.
    """
    if "metadata" in shown:
        return dict(shown)
    name, created = shown.get("job_id") or shown["name"], shown.get("created")
    metadata = {"name": name, "creationTimestamp": created or shown.get("started")}
    if shown.get("namespace"):
        metadata["namespace"] = shown["namespace"]
    return {**shown, "metadata": metadata}


def resource_list(items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return objects as the List that kubectl makes of them."""
    return {
        "apiVersion": "v1",
        "items": [*items],
        "kind": "List",
        "metadata": {"resourceVersion": ""},
    }


def json_status(standing: Standing, trials: Iterable[StoredTrial]) -> Iterator[str]:
    """Yield the text of a session with its trials in pieces, because there may be many."""
    head = dumps(session_object(standing), indent=INDENT).removesuffix("\n}")
    objects = (_listed(trial_object(trial)) for trial in trials)
    first = next(objects, None)
    if first is None:
        yield f'{head},\n    "trials": []\n}}\n'
        return
    yield f'{head},\n    "trials": [\n{first}'
    yield from (f",\n{text}" for text in objects)
    yield "\n    ]\n}\n"


def json_text(value: object) -> str:
    return dumps(value, indent=INDENT) + "\n"


def yaml_status(standing: Standing, trials: Iterable[StoredTrial]) -> Iterator[str]:
    """Yield the text of a session with its trials in pieces."""
    yield yaml_text(session_object(standing))
    texts = (yaml_text([trial_object(trial)]) for trial in trials)
    first = next(texts, None)
    yield from chain(["trials: []\n"] if first is None else ["trials:\n", first], texts)


def stamp(seconds: float | None) -> str | None:
    """
    Write a time as Kubernetes does.

    >>> stamp(0.9)
    '1970-01-01T00:00:00Z'
    """
    if seconds is None or not math.isfinite(seconds):
        return None
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    return text.removesuffix("+00:00") + "Z"


def _place(trial: Trial) -> dict[str, Any]:
    return {
        "job": trial.job or None,
        "pod": trial.pod or None,
        "node": trial.node or None,
        "class": trial.failure and str(trial.failure),
        "reason": trial.reason or None,
        "exit_code": trial.exit_code,
        "started": stamp(trial.started),
        "finished": stamp(trial.finished),
        "seconds": _rounded(trial.seconds),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(max(0.0, seconds), 3)


def _listed(trial: dict[str, Any]) -> str:
    """
    Write a trial as one object of the list in a session.

    As `dumps` would with an indent, at a tenth of its cost: there may be 100,000 of them.
    """
    metrics = trial.pop("metrics")
    inner = _write_metrics(metrics) if metrics else dumps(metrics)
    return f'{_pad(2)}{_write_trial(trial)},\n{_pad(3)}"metrics": {inner}\n{_pad(2)}}}'


def _pad(depth: int) -> str:
    return " " * depth * INDENT


def _writer(depth: int, *, close: bool) -> Callable[[Mapping[str, Any]], str]:
    """Return what writes an object of scalars, one a line, at this depth of a document."""
    lead, tail = "\n" + _pad(depth + 1), "\n" + _pad(depth) + "}" if close else ""
    encode = json.JSONEncoder(separators=("," + lead, ": "), allow_nan=False).encode

    def write(values: Mapping[str, Any]) -> str:
        return "{" + lead + encode(values)[1:-1].replace("\x7f", "\\u007f") + tail

    return write


_write_trial, _write_metrics = _writer(2, close=False), _writer(3, close=True)
