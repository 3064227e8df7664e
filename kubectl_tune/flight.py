"""
One attempt on its way through a cluster, and how it ended: pure judgement of what was seen.

Its rule: a success needs the agent's record, whatever the exit code. Where there is none, the
cluster's own words decide whose fault it was.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from kubectl_tune import record
from kubectl_tune.cluster import Manifest, diagnosis, observed
from kubectl_tune.harvest import Found, last_object
from kubectl_tune.trial import Failure, Trial, TrialEvent, TrialState

Key = tuple[str, int]  # trial and attempt
Fate = tuple[TrialState, Failure | None, str]  # state, class and reason
SIGKILLED = 137  # 128 + SIGKILL, as shells and kubelets have it

STATES = {
    Failure.TIMEOUT: TrialState.TIMED_OUT,
    Failure.PREEMPTED: TrialState.LOST,
    Failure.NODE_LOST: TrialState.LOST,
    Failure.DELETED: TrialState.LOST,
    Failure.OOM: TrialState.FAILED,
}


@dataclass(slots=True)
class Heard:
    """A Job as it was last heard of; the attempts of an Indexed Job share one."""

    job: Manifest
    gone: bool = False


@dataclass(slots=True)
class Flight:
    """An attempt as far as it has come; the driver's thread alone changes it."""

    key: Key
    trial: Trial
    heard: Heard | None = None
    pod: Manifest | None = None
    pod_gone: bool = False
    cancelled: bool = False
    fate: Fate | None = None  # why we ended it ourselves
    running: bool = False
    over: bool = False
    followed: threading.Thread | None = None
    log: list[bytes] = field(default_factory=list)  # what was read of it while its pod was going
    harvest: bool = False  # its last look is under way
    since: float = 0.0  # monotonic: when it began to wait
    ending_since: float | None = None  # when its pod began to go, or its Job was over
    told: str = ""  # what was said of its waiting
    make: Callable[[], Manifest] | None = None  # sends its Job; None once there is one
    sending: bool = False  # that is under way

    @property
    def job(self) -> Manifest | None:
        return self.heard.job if self.heard else None

    @property
    def job_name(self) -> str:
        if self.heard:
            return observed.name(self.heard.job)
        return observed.job_of(self.pod) if self.pod else ""


def event(flight: Flight, state: TrialState, *, at: float = 0.0) -> TrialEvent:
    """Say that an attempt reached a state, and where."""
    return _placed(flight, TrialEvent(*flight.key, state, at or time.time()))


def waits(flight: Flight, failure: Failure | None, reason: str) -> TrialEvent:
    """Say why an attempt does not run yet."""
    flight.told = reason
    return event(flight, TrialState.SUBMITTED)._replace(failure=failure, reason=reason)


def ending(flight: Flight, found: Found, *, recorded: bool) -> TrialEvent:
    """
    Say how an attempt ended.

    `recorded` attempts are run by an agent; of others the exit code is all there is.
    """
    blame = _blame(flight)
    if found.record and not (blame and _was_killed(found.record)):
        return _placed(flight, record.event(*flight.key, found.record))
    terminated = observed.terminated(flight.pod or {}) or {}
    code = found.record.code if found.record else terminated.get("exitCode")
    well = not recorded and bool(terminated) and code == 0
    result = None
    if blame and not (well and observed.ended_before_deletion(flight.pod or {})):
        state, failure, reason = blame
    elif well:
        state, failure, reason = TrialState.SUCCEEDED, None, ""
        result = last_object(found.log)
    else:
        failure, reason = _diagnosed(flight, found, recorded)
        state = STATES.get(failure, TrialState.FAILED)
    ended = event(flight, state, at=observed.seconds(terminated.get("finishedAt")) or 0.0)
    return ended._replace(
        failure=failure, reason=reason, exit_code=code, result=result,
        started=observed.seconds(terminated.get("startedAt")),
    )  # fmt: skip


def _was_killed(said: record.Record) -> bool:
    """Say whether the agent saw its trial killed from outside: the cluster knows by whom."""
    return said.why == "sigterm" or (said.why == "exit" and said.code == SIGKILLED)


def _blame(flight: Flight) -> Fate | None:
    """Say why an attempt ended, where that was somebody's doing and not its own."""
    if flight.fate:
        return flight.fate
    if flight.cancelled:
        return TrialState.CANCELLED, None, "cancelled"
    failure, reason = diagnosis.ended(flight.pod) if flight.pod else (None, "")
    if failure in STATES:
        return STATES[failure], failure, reason
    if flight.heard and (flight.heard.gone or observed.being_deleted(flight.heard.job)):
        return TrialState.LOST, Failure.DELETED, "its Job was deleted by somebody else"
    if by_job := _by_job(flight):
        return by_job
    if flight.pod and (flight.pod_gone or observed.being_deleted(flight.pod)):
        return TrialState.LOST, Failure.PREEMPTED, reason or "its pod was deleted"
    return None


def _by_job(flight: Flight) -> Fate | None:
    """Say why a Job ends all of its pods, if it does."""
    doom = observed.doom(flight.job or {}) or {}
    if doom.get("reason") == "DeadlineExceeded":
        return TrialState.TIMED_OUT, Failure.TIMEOUT, "the session's time was over"
    if doom.get("reason") == "MaxFailedIndexesExceeded":
        return TrialState.LOST, None, "halted: too many trials of its Job have failed"
    return None


def _diagnosed(flight: Flight, found: Found, recorded: bool) -> tuple[Failure, str]:
    """Say what went wrong with an attempt that left no record."""
    if flight.pod is None:
        finished = observed.finished(flight.job or {}) or {}
        said = finished.get("message") or finished.get("reason") or found.trouble
        return Failure.NODE_LOST, f"no pod of it is left, nor its result: {said}"
    failure, reason = diagnosis.ended(flight.pod)
    code = (observed.terminated(flight.pod) or {}).get("exitCode")
    if failure and (code != 0 or not recorded):
        return failure, reason
    return Failure.NO_RESULT, f"its agent left no record: {found.trouble}"


def _placed(flight: Flight, told: TrialEvent) -> TrialEvent:
    pod = flight.pod
    return told._replace(
        job=flight.job_name, pod=observed.name(pod) if pod else "",
        node=observed.node(pod or {}),
    )  # fmt: skip
