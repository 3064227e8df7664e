"""
Rows of the state file as values, and values as rows: pure functions, both ways.

What every command reads is made of named tuples, which take a sixth of the time that
dataclasses take to be made.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kubectl_tune.halt import Halt
from kubectl_tune.session import Policy, SessionInfo, Target
from kubectl_tune.trial import Failure, Tally, Trial, TrialSpec, TrialState

TRIAL_COLUMNS = (
    "idx, job_id, slug, hash, state, attempt, job, pod, node, class, reason, exit_code,"
    " started, finished, failures, losses, tally, metrics"
)


class StoredResult(NamedTuple):
    """A result that an attempt wrote, with what rankings need of it."""

    trial: TrialSpec
    attempt: int
    text: str
    metrics: Mapping[str, Any]
    objective: float | None


class StoredTrial(NamedTuple):
    """A trial as the store has it; `trial.spec.config` is empty unless it was asked for."""

    trial: Trial
    metrics: Mapping[str, Any] | None


class Best(NamedTuple):
    job_id: str
    metric: str
    value: float


class Summary(NamedTuple):
    """A session without its trials: what `list` and the head of `status` need."""

    info: SessionInfo
    counts: Mapping[TrialState, int]
    attempts: int
    finished: float | None
    ended: str
    best: Best | None


def session_row(info: SessionInfo, folder: str) -> dict[str, Any]:
    """Return a new session's columns by name."""
    return {
        "name": info.name, "uid": info.uid, "folder": folder, "plan": info.plan,
        **info.target._asdict(), "command": json.dumps(info.command),
        "policy": json.dumps(info.policy._asdict() | {"halt": str(info.policy.halt or "")}),
        "workload": info.workload, "metric": info.metric, "direction": info.direction,
        "caveat": info.caveat, "extra": json.dumps(dict(info.extra)), "created": info.created,
        "total": info.total,
    }  # fmt: skip


def session_info(row: Mapping[str, Any]) -> SessionInfo:
    policy = json.loads(row["policy"])
    policy["halt"] = Halt.parse(policy["halt"] or "never")
    policy["retry"] = {Failure(name): n for name, n in policy.get("retry", {}).items()}
    target = Target(*(row[key] for key in ("engine", "context", "server", "namespace", "workdir")))
    return SessionInfo(
        row["name"], row["uid"], row["plan"], target, Policy(**policy),
        tuple(json.loads(row["command"])), row["workload"], row["metric"], row["direction"],
        row["caveat"], row["created"], row["total"], json.loads(row["extra"]),
    )  # fmt: skip


def stored_trial(row: Sequence[Any]) -> StoredTrial:
    (index, job_id, slug, hash, state, attempt, job, pod, node, failure, reason, exit_code,
     started, finished, failures, losses, tally, metrics, line) = row  # fmt: skip
    spec = _spec(json.loads(line) if line else {"job_id": job_id, "config": {}}, index, slug, hash)
    trial = Trial(
        spec, attempt, TrialState(state), job, pod, node,
        Failure(failure) if failure else None, reason, exit_code, started, finished,
        failures, losses, _tally(tally) if tally else {},
    )  # fmt: skip
    return StoredTrial(trial, json.loads(metrics) if metrics else None)


def plan_line(spec: TrialSpec) -> str:
    """The plan line of a checked spec, with what is empty left out."""
    line: dict[str, Any] = {"job_id": spec.id, "config": spec.config}
    optional = {
        "output_json": spec.output_json, "command": list(spec.command), "env": dict(spec.env),
        "timeout": spec.timeout, "image": spec.image,
    }  # fmt: skip
    return json.dumps(line | {key: value for key, value in optional.items() if value})


def _spec(line: Mapping[str, Any], index: int, slug: str, hash: str) -> TrialSpec:
    return TrialSpec(
        line["job_id"], index, line["config"], line.get("output_json", ""),
        tuple(line.get("command", ())), line.get("env", {}), line.get("timeout"),
        line.get("image", ""), slug, hash,
    )  # fmt: skip


def tally_text(tally: Tally) -> str:
    """
    Write down how attempts ended: every ending with its number.

    >>> tally_text({(TrialState.FAILED, Failure.OOM): 2, (TrialState.LOST, Failure.PREEMPTED): 1})
    'Failed/oom=2 Lost/preempted=1'
    """
    return " ".join(f"{state}/{failure}={count}" for (state, failure), count in tally.items())


def _tally(text: str) -> Tally:
    tally = {}
    for part in text.split():
        ending, _, count = part.partition("=")
        state, _, failure = ending.partition("/")
        tally[TrialState(state), Failure(failure)] = int(count)
    return tally


def output_path(spec: TrialSpec, info: SessionInfo) -> str:
    if not spec.output_json:
        return ""
    return os.path.normpath(os.path.join(info.target.workdir, spec.output_json))


def misses(trial: Trial) -> tuple[int, int, str]:
    return trial.failures, trial.losses, tally_text(trial.tally)


def place(trial: Trial) -> tuple[Any, ...]:
    return (
        trial.job, trial.pod, trial.node, trial.failure, trial.reason, trial.exit_code,
        trial.started, trial.finished,
    )  # fmt: skip
