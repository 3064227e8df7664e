"""
Drive a session to its end: hand trials to the engine, keep what it reports.

A new session and a resumed one alike. The engine speaks first, so that a resumed session
learns what happened while nobody watched before it begins anything again.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from kubectl_tune import failfast
from kubectl_tune.engines import Engine
from kubectl_tune.failfast import Diagnosis
from kubectl_tune.ledger import Ledger
from kubectl_tune.rows import Best
from kubectl_tune.session import Session, SessionState
from kubectl_tune.trial import Failure, Trial, TrialEvent, TrialState

TICK = 0.25  # seconds: how soon a request or a signal is seen
END_SECONDS = 45.0  # that all trials may take to end once they were told to
DONE = "done"
UNBEGUN = "cancelled before it began"
ALIKE = "ended, since the first trials failed alike: --fail-fast"

Requests = Callable[[], Sequence[tuple[str, str | None]]]  # (verb, job_id or None for all)


class Show(Protocol):
    def __call__(self, session: Session, ended: Sequence[Trial], best: Best | None) -> None:
        """Show how the session stands, the trials that have just ended, and the best so far."""


class Stop:
    """The signal that asks this driver to let go, if one came."""

    def __init__(self) -> None:
        self.signal = 0

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, 143 after SIGTERM or SIGHUP."""
        return 130 if self.signal == signal.SIGINT else 143


@contextmanager
def stopping() -> Iterator[Stop]:
    """
    Turn the first SIGINT, SIGTERM or SIGHUP into a request to stop; the second one ends us.

    Signals are for the main thread. In another one nothing is watched, nor could be.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def note(number: int, frame: FrameType | None) -> None:
        if stop.signal:
            raise KeyboardInterrupt
        stop.signal = number

    watched = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # else we are under nohup
        watched.append(signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in watched}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Driver:
    """
    One drive of a session; `run` returns how it ended, or "" when it was told to let go.

    What was told to end is waited for `patience` seconds, and no longer: a cluster that can't
    be reached may never say so.
    """

    def __init__(
        self,
        ledger: Ledger,
        engine: Engine,
        *,
        stop: Stop,
        requests: Requests = tuple,
        show: Show = lambda session, ended, best: None,
        patience: float = END_SECONDS,
    ) -> None:
        self._ledger = ledger
        self._session = ledger.session
        self._engine = engine
        self._stop = stop
        self._requests = requests
        self._show = show
        self._ended = DONE
        self._closing = False  # begin nothing more
        self._look_at = 0.0  # when to look for requests again
        self._cut: dict[str, tuple[TrialState, Failure | None, str]] = {}  # why we ended it
        self._patience = patience
        self._until = math.inf  # when to stop waiting for what was told to end
        policy = self._session.info.policy
        timeout = policy.session_timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self.diagnosis: Diagnosis | None = None  # of first trials that failed alike
        self._first: list[Trial] = []  # the attempts that ended first,
        self._telling = 0  # and how many of them tell; 0 once they have told
        if policy.fail_fast:
            self._telling = min(failfast.ENOUGH, self._session.unfinished)

    def run(self) -> str:
        try:
            self._keep(self._engine.poll(0))
            self._ledger.save()
            self._engine.forget()
            while self._going():
                self._turn()
            if not self._session.in_flight:
                self._give_up_if_due()  # by the last that ended
            self._ledger.save()  # closing may take long, and be interrupted
        except BaseException:  # also a second Ctrl-C: no child outlives a drive
            self._engine.close()  # what it ended is found again in its own record
            raise
        self._keep(self._engine.close())
        over = self._ended if not self._stop.signal or not self._session.unfinished else ""
        self._ledger.save(ended=over)
        self._engine.forget()
        return over

    def _going(self) -> bool:
        if self._stop.signal or time.monotonic() >= self._until:
            return False
        return bool(self._session.in_flight or (self._session.unfinished and not self._closing))

    def _turn(self) -> None:
        self._obey()
        if not self._closing and (trials := self._session.ready(self._room())):
            self._ledger.confirm()  # two drivers would begin the same attempts
            self._keep(self._engine.submit(trials))
        self._keep(self._engine.poll(min(TICK, self._ledger.patience)))
        if not self._ledger.patience:
            self._ledger.save()
            self._engine.forget()

    def _room(self) -> int:
        """Return how many attempts may be in flight."""
        info, slots = self._session.info, self._engine.slots
        if self._telling and info.target.engine == "local":
            # It takes more than run at once where trials are short, and would begin those
            # before we hear how the first ones have ended.
            return min(slots, info.policy.max_parallel or os.cpu_count() or 1)
        return slots

    def _keep(self, events: Sequence[TrialEvent]) -> None:
        ended = self._ledger.keep(map(self._explained, events))
        if len(self._first) < self._telling:
            self._first += failfast.telling(ended, self._first)
        self._show(self._session, ended, self._ledger.best)

    def _explained(self, event: TrialEvent) -> TrialEvent:
        """Say of a trial that we ended why we did; the engine knows only that it was told to."""
        if event.state is not TrialState.CANCELLED or event.trial not in self._cut:
            return event
        state, failure, reason = self._cut.pop(event.trial)
        if event.started is None:  # it had waited for room, and may go on waiting
            state, failure = TrialState.LOST, None
        return event._replace(state=state, failure=failure, reason=reason)

    def _obey(self) -> None:
        """Act on requests, the session's time-out, and reasons to give up."""
        if (now := time.monotonic()) >= self._look_at:
            self._look_at = now + TICK
            for verb, job_id in self._requests():
                if verb == "cancel":
                    self._cancel(job_id)
        if self._deadline is not None and now >= self._deadline:
            self._time_out()
        else:
            self._give_up_if_due()

    def _time_out(self) -> None:
        self._deadline = None
        if not self._closing:
            self._ended = SessionState.TIMED_OUT
        reason = f"session time-out of {self._session.info.policy.session_timeout:g}s"
        self._wind_up(TrialState.TIMED_OUT, Failure.TIMEOUT, reason)

    def _give_up_if_due(self) -> None:
        """Fail fast if the first trials failed alike, or halt if the policy says so."""
        if self._closing:
            return
        if self._telling and len(self._first) >= self._telling:
            self.diagnosis = failfast.alike(self._first[: self._telling])
            self._telling = 0
        if self.diagnosis:
            self._wind_up(TrialState.CANCELLED, None, ALIKE)
        elif halt := self._session.halted:
            if halt.when == "now":
                self._wind_up(TrialState.CANCELLED, None, f"halted: --halt {halt}")
            self._ended = SessionState.SUCCEEDED if halt.why == "success" else DONE
            self._closing = True

    def _wind_up(self, state: TrialState, failure: Failure | None, reason: str) -> None:
        running = self._session.in_flight
        self._cut |= {trial.id: (state, failure, reason) for trial in running}
        self._end_all()

    def _end_all(self) -> None:
        self._closing = True
        self._until = time.monotonic() + self._patience
        self._engine.cancel(self._session.in_flight)

    def _cancel(self, job_id: str | None) -> None:
        if job_id is None:
            self._ended = SessionState.CANCELLED
            trials = list(self._session.trials.values())
            self._end_all()
        else:
            trials = [t for t in [self._session.trials.get(job_id)] if t]
            self._engine.cancel([trial for trial in trials if trial.state.in_flight])
        self._keep(cancelled(self._session, trials))


def cancelled(session: Session, trials: Sequence[Trial]) -> list[TrialEvent]:
    """The events that cancel attempts which are still to be begun; what has ended stays."""
    waiting = filter(None, map(session.next_attempt, trials))
    return [
        TrialEvent(each.id, each.attempt, TrialState.CANCELLED, time.time(), reason=UNBEGUN)
        for each in waiting
    ]
