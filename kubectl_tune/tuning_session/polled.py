"""
A client of four methods as an engine: Jobs that are asked how they are, one after the other.

One rule: no answer of the client stops the others. What it raises or says of a Job is that
Job's own trouble; only a cluster that was never reached ends it all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from kubectl_tune.errors import Unauthorized, Unreachable
from kubectl_tune.result import last_object
from kubectl_tune.session import Session
from kubectl_tune.trial import Failure, Trial, TrialEvent, TrialState
from kubectl_tune.tuning_session.kubernetes_client import (
    K8sClientInterface,
    K8sJobStatus,
    Manifest,
)

POLL_SECONDS = 1.0  # between two questions about a Job
UNKNOWN_SECONDS = 60.0  # that nothing may be known of one before it has failed


@dataclass(slots=True)
class _Flight:
    """One attempt that the client has created a Job for."""

    trial: Trial
    job: str
    began: float  # seconds since the epoch
    since: float  # the same moment, monotonic
    look_at: float  # when to ask again
    running: bool = False
    unknown_since: float | None = None


class PolledEngine:
    """`manifest` makes the Job of an attempt; `printed` gets the log of each that has ended."""

    def __init__(
        self,
        session: Session,
        client: K8sClientInterface,
        namespace: str,
        manifest: Callable[[Trial], Manifest],
        printed: dict[str, str],
        *,
        unknown_seconds: float = UNKNOWN_SECONDS,
    ) -> None:
        self._policy = session.info.policy
        self._client = client
        self._namespace = namespace
        self._manifest = manifest
        self._printed = printed
        self._unknown_seconds = unknown_seconds
        self._flights: dict[tuple[str, int], _Flight] = {}
        self._begun: dict[tuple[str, int], str] = {}  # the Job of every attempt
        self._told: list[TrialEvent] = []

    @property
    def slots(self) -> int:
        return self._policy.max_parallel

    def submit(self, trials: Sequence[Trial]) -> list[TrialEvent]:
        new = [trial for trial in trials if (trial.id, trial.attempt) not in self._begun]
        return [self._submit(trial) for trial in new]

    def poll(self, timeout: float) -> list[TrialEvent]:
        if not self._told:
            self._wait(timeout)
        events, self._told = self._told, []
        for flight in list(self._flights.values()):
            if flight.look_at <= time.monotonic():
                events += self._look(flight)
        return events

    def cancel(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            if flight := self._flights.get((trial.id, trial.attempt)):
                self._told.append(self._deleted(flight, TrialState.CANCELLED))

    def logs(self, trial: Trial, *, follow: bool = False) -> Iterator[bytes]:
        name = self._begun.get((trial.id, trial.attempt), "")
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime())
        for line in self._printed.get(name, "").splitlines():
            yield f"{now} stdout F {line}\n".encode()

    def forget(self) -> None:
        pass  # Jobs go by their ttlSecondsAfterFinished

    def close(self) -> list[TrialEvent]:
        return []

    def _submit(self, trial: Trial) -> TrialEvent:
        try:
            job = str(self._client.create_job(self._manifest(trial)) or "")
            reason = "" if job else "the client gave no name for it"
        except Exception as error:  # whatever another's client may raise
            if isinstance(error, Unreachable | Unauthorized) and not self._begun:
                raise
            job, reason = "", str(error) or type(error).__name__
        now, clock = time.time(), time.monotonic()
        if not job:
            return TrialEvent(trial.id, trial.attempt, TrialState.FAILED, now, reason=reason)
        key = trial.id, trial.attempt
        self._begun[key] = job
        self._flights[key] = _Flight(trial, job, now, clock, look_at=clock)
        return TrialEvent(*key, TrialState.SUBMITTED, now, job=job)

    def _wait(self, timeout: float) -> None:
        looks = [flight.look_at for flight in self._flights.values()]
        time.sleep(max(0.0, min([timeout, *(at - time.monotonic() for at in looks)])))

    def _look(self, flight: _Flight) -> list[TrialEvent]:
        status = self._status(flight)
        now = time.monotonic()
        timeout = self._policy.timeout
        flight.look_at = now + POLL_SECONDS
        if timeout is not None:
            flight.look_at = max(now, min(flight.look_at, flight.since + timeout))
        if ending := self._ending(flight, status, now):
            return [ending]
        if timeout is not None and now - flight.since >= timeout:
            return [self._timed_out(flight)]
        if status.status == "Running" and not flight.running:
            flight.running = True
            return [self._event(flight, TrialState.RUNNING)]
        return []

    def _status(self, flight: _Flight) -> K8sJobStatus:
        try:
            return self._client.get_job_status(flight.job, self._namespace)
        except Exception as error:  # whatever another's client may raise
            return K8sJobStatus(flight.job, self._namespace, "Unknown", message=str(error))

    def _ending(self, flight: _Flight, status: K8sJobStatus, now: float) -> TrialEvent | None:
        """Say how an attempt has ended, if it has."""
        said = status.message if isinstance(status.message, str) else ""
        if status.status != "Unknown":
            flight.unknown_since = None
        match status.status:
            case "Succeeded":
                ended = self._ended(flight, TrialState.SUCCEEDED)
                return ended._replace(
                    exit_code=0,
                    result=last_object(reversed(self._printed[flight.job].splitlines())),
                )
            case "Failed" if "DeadlineExceeded" in said:  # the cluster was faster than we
                return self._timed_out(flight)
            case "Failed":
                ended = self._ended(flight, TrialState.FAILED)
                return ended._replace(failure=Failure.EXIT, reason=said)
            case "Pending" | "Running":
                return None
            case "Unknown":
                flight.unknown_since = flight.unknown_since or now
                if now - flight.unknown_since < self._unknown_seconds:
                    return None
            case word:
                said = f"the client says {word!s:.60}"
        reason = f"its status is unknown: {said}".rstrip(": ")
        return self._deleted(flight, TrialState.FAILED)._replace(reason=reason)

    def _timed_out(self, flight: _Flight) -> TrialEvent:
        return self._deleted(flight, TrialState.TIMED_OUT)._replace(failure=Failure.TIMEOUT)

    def _deleted(self, flight: _Flight, state: TrialState) -> TrialEvent:
        """End an attempt: its log is read before its Job is gone."""
        event = self._ended(flight, state)
        delete(self._client, flight.job, self._namespace)
        return event

    def _ended(self, flight: _Flight, state: TrialState) -> TrialEvent:
        self._flights.pop((flight.trial.id, flight.trial.attempt), None)
        self._printed[flight.job] = log_of(self._client, flight.job, self._namespace)
        return self._event(flight, state)

    def _event(self, flight: _Flight, state: TrialState) -> TrialEvent:
        trial = flight.trial
        return TrialEvent(
            trial.id, trial.attempt, state, time.time(), job=flight.job, started=flight.began
        )


def log_of(client: K8sClientInterface, job: str, namespace: str) -> str:
    """Return what a Job has printed, or why that isn't known."""
    try:
        text: object = client.get_pod_logs(job, namespace)
    except Exception as error:  # whatever another's client may raise
        return f"[ERROR] {error}"
    return text if isinstance(text, str) else ""


def delete(client: K8sClientInterface, job: str, namespace: str) -> bool:
    try:
        return bool(client.delete_job(job, namespace))
    except Exception:  # it stays until its time to live is over
        return False
