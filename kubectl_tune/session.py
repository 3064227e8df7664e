"""
A session is one execution of a plan, seen as the sum of its events.

No I/O and no clock here: the store brings trials back from disk, engines bring
events, and `apply` folds them. Resuming is therefore loading and going on. Nothing
here is done once per trial and event: a session of 100,000 trials folds an event
as fast as one of ten.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple

from kubectl_tune.halt import Halt
from kubectl_tune.retry import MISSES, begins_again
from kubectl_tune.trial import Failure, Trial, TrialEvent, TrialSpec, TrialState

FAULTS = MISSES


class SessionState(StrEnum):
    PENDING = "Pending"
    RUNNING = "Running"
    DETACHED = "Detached"  # no driver, trials unfinished
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    TIMED_OUT = "TimedOut"


class Target(NamedTuple):
    """Where a session runs; kept with it, so that resume goes back to the same place."""

    engine: str
    context: str = ""
    server: str = ""
    namespace: str = ""
    workdir: str = "."  # absolute: output_json and relative paths start here


class Policy(NamedTuple):
    """How a session is run. Times are in seconds; None is no limit."""

    max_parallel: int = 4
    timeout: float | None = None
    session_timeout: float | None = None
    retries: int = 0
    halt: Halt | None = None
    shuffle: bool = False
    requires_result: bool = False
    retry: Mapping[Failure, int] = {}  # classes with numbers of their own
    fail_fast: bool = False

    def begins_again(self, trial: Trial) -> bool:
        """Say whether the next attempt is due for a trial whose last one has ended."""
        return begins_again(trial, self.retries, self.retry)


class SessionInfo(NamedTuple):
    """What a session is, as opposed to how far it has come."""

    name: str
    uid: str  # five characters, part of every name that the session gives
    plan: str
    target: Target
    policy: Policy = Policy()
    command: tuple[str, ...] = ()  # for lines without one of their own
    workload: str = ""  # the built-in one's name, when its command is the default
    metric: str = ""
    direction: str = ""  # maximize or minimize
    caveat: str = ""  # said beside every ranking
    created: float = 0.0
    total: int = 0
    extra: Mapping[str, Any] = {}


class Session:
    def __init__(self, info: SessionInfo, trials: Iterable[Trial]) -> None:
        self.info = info
        self.trials = {trial.id: trial for trial in trials}
        self.counts = Counter(trial.state for trial in self.trials.values())
        self.settled: Counter[TrialState] = Counter()  # ended, and not to be begun again
        self._in_flight: dict[str, None] = {}
        # Not a dict: one that shrinks at its head is slow to iterate.
        self._waiting: OrderedDict[str, None] = OrderedDict()
        for trial in self._in_order():
            self._place(trial)
        self._before = self.settled.copy()

    @classmethod
    def of(cls, info: SessionInfo, specs: Iterable[TrialSpec]) -> Session:
        return cls(info, map(Trial, specs))

    def apply(self, event: TrialEvent) -> bool:
        """Fold in one event; say whether it was news."""
        old = self.trials[event.trial]
        new = old.after(event)
        if new is old:
            return False
        self.trials[event.trial] = new
        if old.state is new.state and new.state.in_flight:
            return True
        self.counts[old.state] -= 1
        self.counts[new.state] += 1
        self._in_flight.pop(event.trial, None)
        self._waiting.pop(event.trial, None)
        if self._is_settled(old):
            self.settled[old.state] -= 1
        self._place(new)
        return True

    def ready(self, slots: int) -> list[Trial]:
        """Return the attempts to begin now, so that at most `slots` are in flight."""
        free = max(0, slots - len(self._in_flight))
        waiting = (self.next_attempt(self.trials[id]) for id in islice(self._waiting, free))
        return [trial for trial in waiting if trial]

    @property
    def in_flight(self) -> list[Trial]:
        return [self.trials[id] for id in self._in_flight]

    @property
    def unfinished(self) -> int:
        """How many trials run, or are still to be begun."""
        return len(self.trials) - self.settled.total()

    @property
    def halted(self) -> Halt | None:
        """
        The policy's halt, once the trials that have ended call for it.

        Those count that have ended since the session was loaded: else one that was halted
        could never be gone on with.
        """
        halt, ended = self.info.policy.halt, self.settled - self._before
        due = halt and halt.due(
            failed=sum(ended[state] for state in FAULTS),
            succeeded=ended[TrialState.SUCCEEDED],
            done=ended.total(),
            total=len(self.trials),
        )
        return halt if due else None

    def next_attempt(self, trial: Trial) -> Trial | None:
        """Return the attempt to begin for a trial that runs nowhere, if there is to be one."""
        if trial.state is TrialState.PENDING:
            return trial
        return trial.again() if self.info.policy.begins_again(trial) else None

    def _is_settled(self, trial: Trial) -> bool:
        return trial.state.ended and self.next_attempt(trial) is None

    def _place(self, trial: Trial) -> None:
        if trial.state.in_flight:
            self._in_flight[trial.id] = None
        elif self.next_attempt(trial):
            self._waiting[trial.id] = None
        else:
            self.settled[trial.state] += 1

    def _in_order(self) -> list[Trial]:
        trials = list(self.trials.values())
        if self.info.policy.shuffle:  # the same order whenever the session is loaded
            import random  # takes a while, and few sessions are shuffled

            random.Random(self.info.uid).shuffle(trials)
        return trials


def session_state(
    counts: Mapping[TrialState, int], *, driven: bool, ended: str = "", begun: bool = False
) -> SessionState:
    """
    Derive a session's state from its trials: by the first rule that applies.

    `driven` says that a driver has it now, `begun` that it has attempts; `ended` is what
    its last driver wrote down when it finished the session: `Cancelled`, `TimedOut`,
    `Succeeded` where it was halted by as many successes as were asked for, or plain `done`.
    """
    total = sum(counts.values())
    if driven:
        return SessionState.RUNNING
    if counts.get(TrialState.SUCCEEDED, 0) == total:
        return SessionState.SUCCEEDED
    if ended in (SessionState.CANCELLED, SessionState.TIMED_OUT, SessionState.SUCCEEDED):
        return SessionState(ended)
    if ended:
        return SessionState.FAILED
    if counts.get(TrialState.PENDING, 0) == total and not begun:
        return SessionState.PENDING
    return SessionState.DETACHED
