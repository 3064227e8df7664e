"""How long trials usually take: the median of an earlier session that ran the like."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median

from kubectl_tune.rows import StoredTrial
from kubectl_tune.session import SessionInfo
from kubectl_tune.store import Store
from kubectl_tune.trial import TrialState

_SESSIONS = 100  # the newest, to look for one alike
_TRIALS = 10_000  # of it


@dataclass(frozen=True, slots=True)
class Usual:
    seconds: float
    session: str
    trials: int


def usual(store: Store, spec: str, command: Sequence[str], workload: str) -> Usual | None:
    """
    Return the median of the newest session that is like what a spec plans.

    One of a plan with the spec's name comes first, then one of the same command, which is the
    built-in workload's where there is none.
    """
    infos = [store.info(name) for name in islice(store.names(), _SESSIONS)]
    alike = [info for info in infos if _stem(info.plan) == _stem(spec)]
    alike += [info for info in infos if _runs(info, command, workload)]
    for info in alike:
        times = list(_times(store, info.name))
        if times:
            return Usual(median(times), info.name, len(times))
    return None


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def _runs(info: SessionInfo, command: Sequence[str], workload: str) -> bool:
    return list(info.command) == list(command) if command else info.workload == workload


def _times(store: Store, name: str) -> Iterator[float]:
    done = store.trials(name, states=[TrialState.SUCCEEDED], limit=_TRIALS)
    for stored in done:
        seconds = _seconds(stored)
        if seconds is not None:
            yield seconds


def _seconds(stored: StoredTrial) -> float | None:
    """Return what the trial says of its own time, else how long its attempt was."""
    said = (stored.metrics or {}).get("runtime_seconds")
    if isinstance(said, int | float) and not isinstance(said, bool) and said >= 0:
        return float(said)
    started, finished = stored.trial.started, stored.trial.finished
    if started is None or finished is None:
        return None
    return max(0.0, finished - started)
