"""
A trial is one line of the plan; an attempt is one try at it.

`TrialSpec` is what to run; it comes from the plan and never changes. `Trial` adds
what has become of it so far: a new one replaces it at every event that is news.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

EMPTY: Mapping[str, Any] = MappingProxyType({})


class TrialState(StrEnum):
    PENDING = "Pending"  # in the plan, or to be tried again; no engine has it
    SUBMITTED = "Submitted"  # an engine has it; nothing runs yet
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    TIMED_OUT = "TimedOut"
    CANCELLED = "Cancelled"
    LOST = "Lost"  # evicted, deleted, interrupted, or its machine died: not the trial's fault
    PRUNED = "Pruned"  # stopped early by a search, its last value kept

    @property
    def rank(self) -> int:
        """How far an attempt has come; it ends once, in one of six ways."""
        return _RANKS.get(self, 3)

    @property
    def ended(self) -> bool:
        return self.rank == 3

    @property
    def in_flight(self) -> bool:
        return self.rank in (1, 2)


_RANKS = {TrialState.PENDING: 0, TrialState.SUBMITTED: 1, TrialState.RUNNING: 2}


class Failure(StrEnum):
    """The class of an ending that is no success; every engine uses these words."""

    EXIT = "exit"
    OOM = "oom"
    TIMEOUT = "timeout"
    IMAGE = "image"
    UNSCHEDULABLE = "unschedulable"
    QUOTA = "quota"
    PREEMPTED = "preempted"
    NODE_LOST = "node-lost"
    DELETED = "deleted"
    NO_RESULT = "no-result"
    BAD_RESULT = "bad-result"


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """
    One plan line, checked. An empty `command` means the session's.

    A session adds `slug`, a DNS label of its own for names of Jobs and files, and `hash`,
    which is equal for trials that would compute the same.
    """

    id: str  # the line's job_id
    index: int  # its place among the plan's trials, from 0
    config: Mapping[str, Any]
    output_json: str = ""
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None  # seconds
    image: str = ""
    slug: str = ""
    hash: str = ""

    def named(self, slug: str, hash: str) -> TrialSpec:
        return replace(self, slug=slug, hash=hash)


class TrialEvent(NamedTuple):
    """
    An attempt at `trial` reached `state`: the one thing engines say and the store keeps.

    Times are seconds since the epoch. `job`, `pod` and `node` are the place's own
    names; `result` is the JSON text that a trial wrote.
    """

    trial: str
    attempt: int
    state: TrialState
    at: float = 0.0
    job: str = ""
    pod: str = ""
    node: str = ""
    failure: Failure | None = None
    reason: str = ""
    exit_code: int | None = None
    started: float | None = None
    result: str | None = None


Tally = Mapping[tuple[TrialState, Failure], int]
_FAULTLESS: Tally = MappingProxyType({})


class Trial(NamedTuple):
    spec: TrialSpec
    attempt: int = 1
    state: TrialState = TrialState.PENDING
    job: str = ""
    pod: str = ""
    node: str = ""
    failure: Failure | None = None
    reason: str = ""
    exit_code: int | None = None
    started: float | None = None
    finished: float | None = None
    # What has gone wrong since the trial was last asked for:
    failures: int = 0  # attempts that failed or were timed out
    losses: int = 0  # attempts that were lost
    tally: Tally = _FAULTLESS  # both, by how they ended

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def seconds(self) -> float | None:
        """How long the attempt ran, once it has ended."""
        if self.started is None or self.finished is None:
            return None
        return max(0.0, self.finished - self.started)

    def after(self, event: TrialEvent) -> Trial:
        """
        Return the trial as it is after `event`, or itself if that is no news.

        Watches deliver late, twice, and out of order; a Job that succeeded may
        be deleted later. News is what compares greater: a later attempt, or
        further progress of this one. Besides, what a waiting attempt waits for may
        change: another Submitted of the same attempt refreshes that, and nothing else.
        """
        state = event.state
        if (event.attempt, state.rank) <= (self.attempt, self.state.rank):
            waits = event.attempt == self.attempt and state is self.state is TrialState.SUBMITTED
            return self._waiting(event) if waits else self
        if state is TrialState.PENDING:
            interrupted = self.state is TrialState.LOST and self.failure is None
            # Else somebody asks for it anew, and so are its retries.
            return self.again(event.attempt) if interrupted else Trial(self.spec, event.attempt)
        trial = self if event.attempt == self.attempt else self.again(event.attempt)
        missed = state in _FAULTS or (state is TrialState.LOST and event.failure is not None)
        return Trial(  # not `replace`: this is done for every event of every trial
            spec=trial.spec,
            attempt=trial.attempt,
            state=state,
            job=event.job or trial.job,
            pod=event.pod or trial.pod,
            node=event.node or trial.node,
            failure=event.failure,
            reason=event.reason,
            exit_code=event.exit_code,
            started=_started(trial, event),
            finished=event.at if state.ended else None,
            failures=trial.failures + (missed and state is not TrialState.LOST),
            losses=trial.losses + (missed and state is TrialState.LOST),
            tally=_counted(trial.tally, event) if missed else trial.tally,
        )

    def _waiting(self, event: TrialEvent) -> Trial:
        """Return the trial with the reason why it still waits, or itself if that is the same."""
        now = self._replace(
            job=event.job or self.job,
            pod=event.pod or self.pod,
            node=event.node or self.node,
            failure=event.failure,
            reason=event.reason,
        )
        return self if now == self else now

    def again(self, attempt: int = 0) -> Trial:
        """Return the next attempt at this trial, not begun."""
        return Trial(
            self.spec,
            attempt or self.attempt + 1,
            failures=self.failures,
            losses=self.losses,
            tally=self.tally,
        )


_FAULTS = (TrialState.FAILED, TrialState.TIMED_OUT)


def _counted(tally: Tally, event: TrialEvent) -> Tally:
    if event.failure is None:
        return tally
    ending = (event.state, event.failure)
    return {**tally, ending: tally.get(ending, 0) + 1}


def _started(trial: Trial, event: TrialEvent) -> float | None:
    if event.started is not None:
        return event.started
    return event.at if event.state is TrialState.RUNNING else trial.started
