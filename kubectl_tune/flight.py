"""
One attempt on its way through a cluster, and how it ended: pure judgement of what was seen.

Its rule: a success needs the agent's record, whatever the exit code. Where there is none, the
cluster's own words decide whose fault it was.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from kubectl_tune import record
from kubectl_tune.cluster import Manifest, diagnosis, observed
from kubectl_tune.harvest import Found, last_object
from kubectl_tune.trial import Failure, Trial, TrialEvent, TrialState

Key = tuple[str, int]  # trial and attempt
Fate = tuple[TrialState, Failure | None, str]  # a state, and its class and reason
SIGKILLED = 137  # 128 + SIGKILL, as shells and kubelets have it

STATES = {
    Failure.TIMEOUT: TrialState.TIMED_OUT,
    Failure.PREEMPTED: TrialState.LOST,
    Failure.NODE_LOST: TrialState.LOST,
    Failure.DELETED: TrialState.LOST,
    Failure.OOM: TrialState.FAILED,
}


@dataclass(slots=True)
class Flight:
    """An attempt as far as it has come; the driver's thread alone changes it."""

    key: Key
    trial: Trial
    job: Manifest | None = None
    pod: Manifest | None = None
    job_gone: bool = False
    pod_gone: bool = False
    cancelled: bool = False
    fate: Fate | None = None  # why we ended it ourselves
    running: bool = False
    over: bool = False
    followed: threading.Thread | None = None
    log: bytes = b""
    harvest: bool = False  # its last look is under way
    since: float = 0.0  # monotonic: when it began to wait
    ending_since: float | None = None  # when its pod began to go, or its Job was over
    told: str = ""  # what was said of its waiting
    make: Callable[[], Manifest] | None = None  # sends its Job, where a quota has refused it
    make_at: float = 0.0  # monotonic: when to try again

    @property
    def is_open(self) -> bool:
        """Whether nothing has been done about it yet: it may still come to run."""
        return not (self.cancelled or self.fate or self.harvest or self.make or self.over)


def event(flight: Flight, state: TrialState, *, at: float = 0.0) -> TrialEvent:
    """Say that an attempt reached a state, and where."""
    return _placed(flight, TrialEvent(*flight.key, state, at or time.time()))


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
    result = None
    if blame:
        state, failure, reason = blame
    elif terminated and not recorded and code == 0:
        state, failure, reason = TrialState.SUCCEEDED, None, ""
        result = last_object(found.log)
    else:
        fault, reason = _diagnosed(flight, found, recorded)
        state, failure = STATES.get(fault, TrialState.FAILED), fault
    return replace(
        event(flight, state, at=observed.seconds(terminated.get("finishedAt")) or 0.0),
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
    if flight.job_gone:
        return TrialState.LOST, Failure.DELETED, "its Job was deleted by somebody else"
    finished = observed.condition(flight.job or {}, "Failed") or {}
    if finished.get("reason") == "DeadlineExceeded":
        return TrialState.TIMED_OUT, Failure.TIMEOUT, "the session's time was over"
    if flight.pod and (flight.pod_gone or observed.being_deleted(flight.pod)):
        return TrialState.LOST, Failure.PREEMPTED, reason or "its pod was deleted"
    return None


def _diagnosed(flight: Flight, found: Found, recorded: bool) -> tuple[Failure, str]:
    """Say what went wrong with an attempt that left no record."""
    if flight.pod is None:
        finished = observed.condition(flight.job or {}, "Failed") or {}
        said = finished.get("message") or finished.get("reason") or found.trouble
        # Of a Job that has failed, the pod went with its node; else it went with its result.
        gone = Failure.NODE_LOST if finished else Failure.DELETED
        return gone, f"no pod of it is left: {said}"
    failure, reason = diagnosis.ended(flight.pod)
    code = (observed.terminated(flight.pod) or {}).get("exitCode")
    if failure and not (recorded and code == 0):
        return failure, reason
    return Failure.NO_RESULT, f"its agent left no record: {found.trouble}"


def _placed(flight: Flight, told: TrialEvent) -> TrialEvent:
    pod = flight.pod
    job = observed.name(flight.job) if flight.job else observed.job_of(pod) if pod else ""
    return replace(
        told, job=job, pod=observed.name(pod) if pod else "", node=observed.node(pod or {})
    )
