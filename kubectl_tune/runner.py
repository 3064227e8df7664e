"""
Drive a session to its end: hand trials to the engine, keep what it reports.

A new session and a resumed one alike. The engine speaks first, so that a resumed session
learns what happened while nobody watched before it begins anything again.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Protocol

from kubectl_tune.engines import Engine
from kubectl_tune.ledger import Ledger
from kubectl_tune.rows import Best
from kubectl_tune.session import Session, SessionState
from kubectl_tune.trial import Failure, Trial, TrialEvent, TrialState

TICK = 0.25  # seconds: how soon a request or a signal is seen
DONE = "done"
UNBEGUN = "cancelled before it began"

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
    """One drive of a session; `run` returns how it ended, or "" when it was told to let go."""

    def __init__(
        self,
        ledger: Ledger,
        engine: Engine,
        *,
        stop: Stop,
        requests: Requests = tuple,
        show: Show = lambda session, ended, best: None,
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
        timeout = self._session.info.policy.session_timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout

    def run(self) -> str:
        try:
            self._keep(self._engine.poll(0))
            self._ledger.save()
            self._engine.forget()
            while self._going():
                self._turn()
            self._halt_if_due()  # by the last that ended
        except BaseException:  # also a second Ctrl-C: no child outlives a drive
            self._engine.close()  # what it ended is found again in its own record
            raise
        self._keep(self._engine.close())
        over = self._ended if not self._stop.signal or not self._session.unfinished else ""
        self._ledger.save(ended=over)
        self._engine.forget()
        return over

    def _going(self) -> bool:
        if self._stop.signal:
            return False
        return bool(self._session.in_flight or (self._session.unfinished and not self._closing))

    def _turn(self) -> None:
        self._obey()
        if not self._closing and (trials := self._session.ready(self._engine.slots)):
            self._ledger.confirm()  # two drivers would begin the same attempts
            self._keep(self._engine.submit(trials))
        self._keep(self._engine.poll(min(TICK, self._ledger.patience)))
        if not self._ledger.patience:
            self._ledger.save()

    def _keep(self, events: Sequence[TrialEvent]) -> None:
        ended = self._ledger.keep(map(self._explained, events))
        self._show(self._session, ended, self._ledger.best)

    def _explained(self, event: TrialEvent) -> TrialEvent:
        """Say of a trial that we ended why we did; the engine knows only that it was told to."""
        if event.state is not TrialState.CANCELLED or event.trial not in self._cut:
            return event
        state, failure, reason = self._cut.pop(event.trial)
        if event.started is None:  # it had waited for room, and may go on waiting
            state, failure = TrialState.LOST, None
        return replace(event, state=state, failure=failure, reason=reason)

    def _obey(self) -> None:
        """Act on requests, the session's time-out and its halt policy."""
        if (now := time.monotonic()) >= self._look_at:
            self._look_at = now + TICK
            for verb, job_id in self._requests():
                if verb == "cancel":
                    self._cancel(job_id)
        if self._deadline is not None and now >= self._deadline:
            self._time_out()
        else:
            self._halt_if_due()

    def _time_out(self) -> None:
        self._deadline = None
        if not self._closing:
            self._ended = SessionState.TIMED_OUT
        reason = f"session time-out of {self._session.info.policy.session_timeout:g}s"
        self._wind_up(TrialState.TIMED_OUT, Failure.TIMEOUT, reason)

    def _halt_if_due(self) -> None:
        if self._closing or not (halt := self._session.halted):
            return
        if halt.when == "now":
            self._wind_up(TrialState.CANCELLED, None, f"halted: --halt {halt}")
        self._ended = SessionState.SUCCEEDED if halt.why == "success" else DONE
        self._closing = True

    def _wind_up(self, state: TrialState, failure: Failure | None, reason: str) -> None:
        self._closing = True
        running = self._session.in_flight
        self._cut |= {trial.id: (state, failure, reason) for trial in running}
        self._engine.cancel(running)

    def _cancel(self, job_id: str | None) -> None:
        if job_id is None:
            self._ended, self._closing = SessionState.CANCELLED, True
            trials = list(self._session.trials.values())
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
