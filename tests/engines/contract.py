"""
What every engine promises, as tests that each engine's own tests inherit.

An engine's tests give the fixture `place`: somewhere to run trials that behave as they are told
to, and to see what has really happened there. Behaviours are words:

  ok       ends well at once            result   ends well with the result RESULT
  fail     ends with exit code 3        forever  runs until it is ended
  print    prints `out` and ends well
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pytest
from core.waiting import until

from kubectl_tune import log
from kubectl_tune.engines import Engine
from kubectl_tune.session import Session
from kubectl_tune.trial import Failure, Trial, TrialEvent, TrialState

RESULT = {"metrics": {"m": 1.5}}
PATIENCE = 30.0


class Place(Protocol):
    def session(self, *behaviours: str, **policy: Any) -> Session:
        """A new session with one trial of each behaviour: t0, t1, ..."""

    def connect(self, session: Session) -> Engine:
        """The engine of a new driver of the session; closed after the test."""

    def abandon(self, engine: Engine) -> None:
        """Let the engine's driver die: nobody polls or closes it any more."""

    def vanish(self, engine: Engine) -> None:
        """Let what runs there disappear without a trace, as a machine that loses its power."""

    def begun(self) -> Counter[tuple[str, int]]:
        """How often each attempt really began."""

    def most_at_once(self) -> int:
        """How many ran at the same time, at most."""


def follow(
    session: Session, engine: Engine, done: Callable[[], bool], first: Sequence[TrialEvent] = ()
) -> list[TrialEvent]:
    """Fold what the engine reports into the session until it is as it should be."""
    deadline, told = time.monotonic() + PATIENCE, list(first)
    for event in told:
        session.apply(event)
    while not done():
        assert time.monotonic() < deadline, f"waited in vain; what came: {told}"
        for event in engine.poll(0.2):
            told.append(event)
            session.apply(event)
    return told


def finish(session: Session, engine: Engine) -> list[TrialEvent]:
    """Run a session to its end as a driver does, without retries."""
    told: list[TrialEvent] = []

    def step() -> bool:
        for event in engine.submit(session.ready(engine.slots)):
            told.append(event)
            session.apply(event)
        return not session.unfinished

    return told + follow(session, engine, step)


def begin(session: Session, engine: Engine) -> None:
    """Submit all trials and wait until each runs or has ended."""
    events = engine.submit(session.ready(engine.slots))
    rank = TrialState.RUNNING.rank
    follow(session, engine, lambda: all(t.state.rank >= rank for t in every(session)), events)


def every(session: Session) -> list[Trial]:
    return list(session.trials.values())


def states(session: Session) -> list[TrialState]:
    return [trial.state for trial in every(session)]


class EngineContract:
    @pytest.fixture
    def place(self) -> Place:
        raise NotImplementedError

    def test_trials_run_to_their_end(self, place):
        """
        Every trial begins once and ends well, with its times and its result.
        """
        session = place.session("ok", "result", "ok")

        told = finish(session, place.connect(session))

        assert states(session) == [TrialState.SUCCEEDED] * 3
        assert place.begun() == {(f"t{i}", 1): 1 for i in range(3)}
        [text] = [event.result for event in told if event.result]
        assert json.loads(text) == RESULT
        for trial in every(session):
            assert trial.exit_code == 0 and trial.node
            assert trial.seconds is not None and trial.failure is None

    def test_events_of_an_attempt_come_in_its_order(self, place):
        """
        Submitted, running, ended; no state is told twice.
        """
        session = place.session("ok", "fail", "ok")

        told = finish(session, place.connect(session))

        for trial in every(session):
            ranks = [event.state.rank for event in told if event.trial == trial.id]
            assert ranks == sorted(set(ranks)) and ranks[-1] == TrialState.FAILED.rank

    def test_a_failure_is_a_result(self, place):
        """
        It is told as an event, with its class, reason and exit code; nothing is raised.
        """
        session = place.session("fail", "ok")

        finish(session, place.connect(session))

        failed = session.trials["t0"]
        assert (failed.state, failed.failure) == (TrialState.FAILED, Failure.EXIT)
        assert failed.exit_code == 3
        assert "3" in failed.reason
        assert session.trials["t1"].state is TrialState.SUCCEEDED

    def test_submitting_twice_begins_once(self, place):
        """
        While it runs, and after it has ended.
        """
        session = place.session("forever", "ok")
        engine = place.connect(session)
        trials = session.ready(9)
        first = [*engine.submit(trials), *engine.submit(trials)]
        follow(session, engine, lambda: session.trials["t1"].state.ended, first)

        again = engine.submit(trials)

        follow(session, engine, lambda: session.trials["t0"].state is TrialState.RUNNING, again)
        until(lambda: ("t0", 1) in place.begun(), "the trial to begin")
        engine.cancel(trials)
        follow(session, engine, lambda: session.trials["t0"].state.ended)
        assert place.begun() == {("t0", 1): 1, ("t1", 1): 1}

    def test_the_next_attempt_is_another_one(self, place):
        """
        A retry begins, whatever became of the attempt before it.
        """
        session = place.session("fail")
        engine = place.connect(session)
        finish(session, engine)

        session.apply(TrialEvent("t0", 2, TrialState.PENDING))
        finish(session, engine)

        assert place.begun() == {("t0", 1): 1, ("t0", 2): 1}
        assert session.trials["t0"].attempt == 2

    def test_waiting_ends_when_nothing_happens(self, place):
        """
        A poll without news returns, with nothing.
        """
        session = place.session("forever")
        engine = place.connect(session)
        assert engine.poll(0) == []
        begin(session, engine)

        assert list(engine.poll(0.05)) == []
        assert list(engine.poll(0)) == []

    def test_a_cancelled_trial_ends_as_cancelled(self, place):
        """
        And the others go on.
        """
        session = place.session("forever", "forever")
        engine = place.connect(session)
        begin(session, engine)

        engine.cancel([session.trials["t0"]])

        follow(session, engine, lambda: session.trials["t0"].state.ended)
        assert states(session) == [TrialState.CANCELLED, TrialState.RUNNING]

    def test_cancelling_what_is_gone_is_no_error(self, place):
        """
        It has ended, or was never submitted: it stays as it is.
        """
        session = place.session("ok", "ok")
        engine = place.connect(session)
        engine.cancel(every(session))
        finish(session, engine)

        engine.cancel(every(session))

        assert list(engine.poll(0.05)) == []
        assert states(session) == [TrialState.SUCCEEDED] * 2

    def test_a_trial_that_takes_too_long_is_ended(self, place):
        """
        By its own time-out, while others have none.
        """
        session = place.session("forever", "ok", timeout=0.3)

        finish(session, place.connect(session))

        assert states(session) == [TrialState.TIMED_OUT, TrialState.SUCCEEDED]
        assert session.trials["t0"].failure is Failure.TIMEOUT

    def test_no_more_run_at_once_than_the_policy_says(self, place):
        """
        Whatever number of slots the engine offers.
        """
        session = place.session(*["ok"] * 12, max_parallel=3)

        finish(session, place.connect(session))

        assert place.most_at_once() <= 3
        assert place.begun().total() == 12

    def test_a_new_driver_learns_first_what_has_disappeared(self, place):
        """
        The first poll after connecting says that the attempt is lost; the next one is begun, by
        the driver or by the place itself.
        """
        session = place.session("forever")
        engine = place.connect(session)
        begin(session, engine)
        place.vanish(engine)

        again = place.connect(session)

        told = list(again.poll(0))
        for event in told:
            session.apply(event)
        assert TrialState.LOST in [event.state for event in told if event.attempt == 1]
        assert [t.attempt for t in [*session.ready(9), *session.in_flight]] == [2]

    def test_a_new_driver_learns_first_what_has_ended(self, place):
        """
        A result that nobody watched is not lost, nor computed again.
        """
        session = place.session("result")
        engine = place.connect(session)
        unsaved = Session.of(session.info, [session.trials["t0"].spec])
        finish(unsaved, engine)
        place.abandon(engine)

        again = place.connect(session)

        [event] = [event for event in again.poll(0) if event.state.ended]
        assert (event.trial, event.attempt, event.state) == ("t0", 1, TrialState.SUCCEEDED)
        assert json.loads(event.result or "") == RESULT
        assert place.begun() == {("t0", 1): 1}

    def test_what_was_printed_can_be_read(self, place):
        """
        As log lines, while the engine is there; of an attempt that never began, nothing.
        """
        session = place.session("print", "ok")
        engine = place.connect(session)
        finish(session, engine)

        printed = list(log.parse(engine.logs(session.trials["t0"])))

        assert [line.text for line in printed] == [b"out"]
        assert list(engine.logs(session.trials["t0"].again())) == []

    def test_closing_twice_is_no_error(self, place):
        """
        Nor is closing an engine that never had anything to do.
        """
        session = place.session("ok")
        engine = place.connect(session)

        assert list(engine.close()) == []
        assert list(engine.close()) == []
