"""Cancelling what nobody drives: trials that go on without a driver are ended and waited for."""

from __future__ import annotations

import pytest
from core.fakes import ENDS, Remote
from core.making import info, opened, specs

from kubectl_tune.control import end
from kubectl_tune.ledger import Ledger
from kubectl_tune.session import Policy, SessionState
from kubectl_tune.sessions import standing
from kubectl_tune.trial import Failure, TrialEvent, TrialState

RUNNING, SUBMITTED = TrialState.RUNNING, TrialState.SUBMITTED


class Detached:
    """A session of four trials: t0 runs, t1 waits for a node, t2 is lost, t3 never began."""

    def __init__(self, store):
        self.store = store
        store.create(info(policy=Policy(retries=3), total=4), specs(4))
        ledger = Ledger(store.load("demo"), store, store.claim("demo"))
        ledger.keep(
            [
                TrialEvent("t0", 1, RUNNING, 5.0),
                TrialEvent("t1", 1, SUBMITTED, 5.0, reason="no node fits"),
                TrialEvent("t2", 1, TrialState.LOST, 5.0, failure=Failure.PREEMPTED),
            ]
        )
        ledger.save()

    def end(self, engine, *ids, patience=5.0):
        ledger = Ledger(self.store.load("demo"), self.store, self.store.claim("demo"))
        engine.hold(ledger.session.in_flight)
        return end(ledger, engine, ids, patience)

    @property
    def states(self):
        return [str(t.state) for t in self.store.load("demo").trials.values()]

    @property
    def state(self):
        return standing(self.store, "demo").state


@pytest.fixture
def detached(tmp_path):
    with opened(tmp_path / "state.db") as store:
        yield Detached(store)


HANG = {"t0": ["hang"], "t1": ["hang"]}


def test_what_goes_on_is_ended_and_what_waits_is_not_begun(detached):
    """
    Retries too; then the session is over.
    """
    assert detached.state is SessionState.DETACHED

    assert detached.end(Remote(HANG)) == []

    assert detached.states == ["Cancelled"] * 4
    assert detached.state is SessionState.CANCELLED


def test_trials_that_are_named_are_ended_alone(detached):
    """
    The others go on, and the session can be gone on with.
    """
    engine = Remote(HANG)

    assert detached.end(engine, "t0", "t2") == []

    assert engine.cancelled == ["t0"]
    assert detached.states == ["Cancelled", "Submitted", "Cancelled", "Pending"]
    assert detached.state is SessionState.DETACHED


def test_what_has_ended_while_nobody_watched_stays(detached):
    """
    Its result is worth more than the request.
    """
    first = [TrialEvent("t0", 1, TrialState.SUCCEEDED, 9.0, result='{"m": 1}')]

    detached.end(Remote({"t1": ["hang"]}, first=first))

    assert detached.states == ["Succeeded", "Cancelled", "Cancelled", "Cancelled"]
    assert detached.store.result("demo", "t0") == '{"m": 1}'


@pytest.mark.parametrize("word", ["fail", "lost"])
def test_an_attempt_that_ends_by_itself_meanwhile_is_not_begun_again(detached, word):
    """
    Though the session would try it again.
    """
    meanwhile = ENDS[word] | {"started": 6.0}
    engine = Remote(HANG)
    engine.cancel = lambda trials: engine._told.extend(
        TrialEvent(t.id, t.attempt, at=7.0, **meanwhile) for t in trials
    )

    assert detached.end(engine) == []

    assert detached.states == ["Cancelled"] * 4
    assert [row["attempt"] for row in detached.store.attempts("demo", "t0")] == [1, 2]
    assert detached.state is SessionState.CANCELLED


def test_what_can_not_be_ended_is_named_and_left(detached):
    """
    The session isn't over while something of it may run.
    """
    left = detached.end(Remote(HANG, deaf=True), patience=0.1)

    assert left == ["t0", "t1"]
    assert detached.states == ["Running", "Submitted", "Cancelled", "Cancelled"]
    assert detached.state is SessionState.DETACHED
