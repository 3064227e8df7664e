"""One trial in full, as `show` lays it out for people, in the way of `kubectl describe`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kubectl_tune.result import dumps
from kubectl_tune.rows import StoredTrial, output_path
from kubectl_tune.session import SessionInfo
from kubectl_tune.table import cell, clean, duration, table
from kubectl_tune.trial import TrialState

_INDENT = "  "


def trial_text(
    info: SessionInfo,
    stored: StoredTrial,
    attempts: Sequence[Mapping[str, Any]],
    *,
    recipe: str,
    log: str,
    tail: Sequence[str],
    now: float,
) -> str:
    """Lay out a trial; `tail` are the last lines of its log, where they are worth showing."""
    parts = [
        _facts(_head(info, stored, log, now)),
        _section("Config", _facts(_values(stored.trial.spec.config), _INDENT)),
        _section("Metrics", _facts(_values(stored.metrics or {}), _INDENT)),
        _section("Attempts", _indented(_attempts(attempts, now))),
        _section("Run it by hand", _indented(recipe)),
        _section("End of its log", _indented("\n".join(tail))),
    ]
    return "\n".join(filter(None, parts))


def _head(info: SessionInfo, stored: StoredTrial, log: str, now: float) -> dict[str, Any]:
    trial, spec = stored.trial, stored.trial.spec
    ended = trial.finished if trial.state.ended else now
    ran = None if None in (trial.started, ended) else duration(ended - trial.started)  # type: ignore[operator]
    missed = trial.state.ended and trial.state is not TrialState.SUCCEEDED
    timeout = info.policy.timeout if spec.timeout is None else spec.timeout
    return {
        "Name": trial.id,
        "Session": info.name,
        "Index": spec.index,
        "State": str(trial.state),
        "Class": trial.failure,
        "Reason": trial.reason,
        "Exit Code": trial.exit_code,
        "Attempt": trial.attempt,
        "Job": trial.job,
        "Pod": trial.pod,
        "Node": trial.node,
        "Image": spec.image,
        "Started": when(trial.started),
        "Finished": when(trial.finished),
        "Duration": ran,
        "Time-out": None if timeout is None else duration(timeout),
        "Result": None if missed else output_path(spec, info),
        "Log": log,
    }


def _attempts(attempts: Sequence[Mapping[str, Any]], now: float) -> str:
    if not attempts:
        return ""
    rows = [
        [row["attempt"], row["state"], row["class"], row["exit_code"], row["node"], _ran(row, now),
         row["reason"]]
        for row in attempts
    ]  # fmt: skip
    return table(rows, ["attempt", "state", "class", "exit-code", "node", "duration", "reason"])


def _ran(row: Mapping[str, Any], now: float) -> str | None:
    started, finished = row["started"], row["finished"]
    return None if started is None else duration((finished or now) - started)


def when(seconds: float | None) -> str | None:
    """Write a time as `kubectl describe` does, in this machine's time zone."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds).astimezone().strftime("%a, %d %b %Y %H:%M:%S %z")


def _values(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _exact(value) for name, value in values.items()}


def _exact(value: Any) -> Any:
    return value if isinstance(value, str) and value else dumps(value)


def _facts(facts: Mapping[str, Any], indent: str = "") -> str:
    """Align names and values; a fact that is not there takes no line."""
    there = {clean(name): value for name, value in facts.items() if value not in (None, "")}
    width = max(map(len, there), default=0) + 3
    return "".join(f"{indent}{name + ':':<{width}}{cell(value)}\n" for name, value in there.items())


def _section(title: str, text: str) -> str:
    return f"{title}:\n{text}" if text else ""


def _indented(text: str) -> str:
    return "".join(f"{_INDENT}{line}\n" for line in text.rstrip("\n").split("\n")) if text else ""
