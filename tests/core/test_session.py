"""A session is the sum of its events: what it counts always equals a count from scratch."""

from __future__ import annotations

import random
import sys
from collections import Counter

import pytest
from core.making import info, session, specs
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.halt import Halt
from kubectl_tune.retry import MAX_LOSSES
from kubectl_tune.session import Policy, Session, SessionState, session_state
from kubectl_tune.trial import Failure, TrialEvent, TrialState

OK, FAILED, TIMED_OUT = TrialState.SUCCEEDED, TrialState.FAILED, TrialState.TIMED_OUT
LOST, RUNNING, CANCELLED = TrialState.LOST, TrialState.RUNNING, TrialState.CANCELLED

EVENTS = st.lists(
    st.builds(
        TrialEvent,
        st.sampled_from(["t0", "t1", "t2", "t3"]),
        st.integers(1, 14),
        st.sampled_from(TrialState),
        failure=st.none() | st.sampled_from(Failure),
    ),
    max_size=40,
)
NUMBERS = st.dictionaries(st.sampled_from(Failure), st.integers(0, 3), max_size=3)


def settled(trial, history, retries, numbers):
    """
    Whether a trial has ended and is not to be begun again, by the words of the rulings.

    `history` are the (state, class) of its attempts since it was last asked for.
    """
    state, own = trial.state, numbers.get(trial.failure)
    if state in (FAILED, TIMED_OUT, LOST) and own is not None:
        return [failure for _, failure in history].count(trial.failure) > own
    others = [ended for ended, failure in history if failure not in numbers]
    match state:
        case TrialState.FAILED | TrialState.TIMED_OUT:
            return len(others) - others.count(LOST) > retries
        case TrialState.LOST:
            return trial.failure is Failure.DELETED or others.count(LOST) > MAX_LOSSES
    return state in (OK, CANCELLED, TrialState.PRUNED)


def note(history, before, event):
    """Write down an event that was news to a trial."""
    past = history.setdefault(event.trial, [])
    if event.state is TrialState.PENDING:
        if before.state is not LOST or before.failure:  # else it was only interrupted
            past.clear()
    elif event.state in (FAILED, TIMED_OUT) or (event.state is LOST and event.failure):
        past.append((event.state, event.failure))


@given(EVENTS, st.integers(0, 2), NUMBERS, st.booleans(), st.integers(0, 6))
def test_every_count_equals_a_recount(events, retries, numbers, shuffle, slots):
    """
    After any events in any order, nothing that the session keeps has drifted.
    """
    now, history = session(4, retries=retries, retry=numbers, shuffle=shuffle), {}

    def over(trial):
        return settled(trial, history.get(trial.id, []), retries, numbers)

    for event in events:
        before = now.trials[event.trial]
        if now.apply(event):
            note(history, before, event)

        trials = now.trials.values()
        done = Counter(t.state for t in trials if over(t))
        flying = {t.id for t in trials if t.state.in_flight}
        assert +now.counts == Counter(t.state for t in trials)
        assert +now.settled == done
        assert now.unfinished == len(trials) - done.total()
        assert {t.id for t in now.in_flight} == flying
        ready = now.ready(slots)
        waiting = {t.id for t in trials if not over(t)} - flying
        assert len(ready) == max(0, min(slots - len(flying), len(waiting)))
        assert {t.id for t in ready} <= waiting
        assert len({t.id for t in ready}) == len(ready)


@given(EVENTS, st.integers(0, 2), NUMBERS)
def test_a_session_loaded_again_is_the_same_session(events, retries, numbers):
    """
    Counts and queues need nothing but the trials, so that resuming is loading.
    """
    now = session(4, retries=retries, retry=numbers)
    for event in events:
        now.apply(event)

    loaded = Session(now.info, now.trials.values())

    assert +loaded.counts == +now.counts
    assert +loaded.settled == +now.settled
    assert {t.id for t in loaded.in_flight} == {t.id for t in now.in_flight}
    assert {(t.id, t.attempt) for t in loaded.ready(9)} == {(t.id, t.attempt) for t in now.ready(9)}


@given(EVENTS)
def test_attempts_to_begin_are_never_ones_that_were_begun(events):
    """
    An attempt number is given once: what is ready is later than all that was heard of.
    """
    now, begun = session(4, retries=2), set()
    for event in events:
        if now.apply(event) and event.state is not TrialState.PENDING:
            begun.add((event.trial, event.attempt))

        assert not begun & {(t.id, t.attempt) for t in now.ready(9)}


def test_trials_begin_in_the_order_of_the_plan():
    """
    The slots are filled from the top of the plan, and what runs takes one.
    """
    now = session(5)
    now.apply(TrialEvent("t0", 1, RUNNING))

    assert [t.id for t in now.ready(3)] == ["t1", "t2"]
    assert [t.id for t in now.ready(1)] == []


def test_a_retry_waits_behind_what_has_not_been_tried():
    """
    One bad trial doesn't hold up the others.
    """
    now = session(3, retries=1)
    now.apply(TrialEvent("t0", 1, FAILED))

    assert [(t.id, t.attempt) for t in now.ready(9)] == [("t1", 1), ("t2", 1), ("t0", 2)]


@pytest.mark.parametrize("retries", [0, 1, 3])
@pytest.mark.parametrize("state", [FAILED, TIMED_OUT])
def test_a_trial_is_tried_again_as_often_as_allowed(state, retries):
    """
    `--retries N` means N attempts more than one.
    """
    now, attempts = session(1, retries=retries), 0
    while ready := now.ready(1):
        attempts += 1
        now.apply(TrialEvent("t0", ready[0].attempt, state))

    assert attempts == retries + 1
    assert now.unfinished == 0


def test_lost_attempts_are_begun_again_without_counting_as_failures():
    """
    Ten losses are borne; the eleventh settles the trial, retries or not.
    """
    now, attempts = session(1, retries=5), 0
    while ready := now.ready(1):
        attempts += 1
        now.apply(TrialEvent("t0", ready[0].attempt, LOST, failure=Failure.NODE_LOST))

    assert attempts == 11
    assert now.trials["t0"].failures == 0
    assert now.settled == {LOST: 1}


def test_what_somebody_deleted_is_not_begun_again():
    """
    Deleting a Job by hand is a decision.
    """
    now = session(1, retries=5)

    now.apply(TrialEvent("t0", 1, LOST, failure=Failure.DELETED))

    assert now.ready(9) == []
    assert now.unfinished == 0


def test_why_a_trial_waits_changes_no_count():
    """
    Nor the order of those in flight.
    """
    now = session(3)
    for id in ("t0", "t1"):
        now.apply(TrialEvent(id, 1, TrialState.SUBMITTED))
    before = +now.counts

    assert now.apply(TrialEvent("t0", 1, TrialState.SUBMITTED, reason="no node fits"))

    assert +now.counts == before
    assert [(t.id, t.reason) for t in now.in_flight] == [("t0", "no node fits"), ("t1", "")]


def order(uid, count=50):
    now = Session.of(info(policy=Policy(shuffle=True), uid=uid), specs(count))
    return [t.id for t in now.ready(count)]


def test_a_shuffled_order_is_the_session_s_own():
    """
    Loaded again, a session has the same order; another one has another.
    """
    assert order("bcdfg") == order("bcdfg") != order("xyzbc")
    assert sorted(order("bcdfg")) == sorted(f"t{i}" for i in range(50))


def test_a_resumed_shuffle_goes_on_where_it_was():
    """
    Trials that have ended don't change the order of the others.
    """
    whole = order("bcdfg")
    now = Session.of(info(policy=Policy(shuffle=True), uid="bcdfg"), specs(50))
    for id in whole[:20]:
        now.apply(TrialEvent(id, 1, OK))

    again = Session(now.info, now.trials.values())

    assert [t.id for t in again.ready(50)] == whole[20:]


def calls(count):
    """Calls of Python and C functions that it takes to run `count` trials, four at once."""
    now, total = session(count), 0

    def note(frame, what, argument):
        nonlocal total
        total += what in ("call", "c_call")

    sys.setprofile(note)
    try:
        while ready := now.ready(4):
            for trial in ready:
                now.apply(TrialEvent(trial.id, 1, RUNNING))
            for trial in now.in_flight:
                now.apply(TrialEvent(trial.id, 1, OK))
    finally:
        sys.setprofile(None)
    assert now.unfinished == 0
    return total


def test_an_event_costs_the_same_in_a_long_session():
    """
    The number of calls grows as the number of trials does.
    """
    assert calls(4000) <= 4.1 * calls(1000)


def test_a_hundred_thousand_trials_fold_in_any_order():
    """
    A long session gives every attempt once, whatever order its ends come in.
    """
    now, dice, begun = session(100_000), random.Random(5), Counter()
    while wave := now.ready(64):
        dice.shuffle(wave)
        for trial in wave:
            begun[trial.id] += 1
            now.apply(TrialEvent(trial.id, 1, OK))

    assert len(begun) == begun.total() == 100_000
    assert +now.counts == {OK: 100_000}


@pytest.mark.parametrize(
    ("halt", "events", "due"),
    [
        ("soon,fail=2", [("t0", FAILED)], False),
        ("soon,fail=2", [("t0", FAILED), ("t1", TIMED_OUT)], True),
        ("soon,fail=1", [("t0", CANCELLED)], False),
        ("now,success=2", [("t0", OK), ("t1", OK)], True),
        ("now,success=2", [("t0", OK), ("t1", FAILED)], False),
        ("now,done=2", [("t0", OK), ("t1", FAILED)], True),
        ("now,done=2", [("t0", RUNNING), ("t1", FAILED)], False),
        ("soon,fail=50%", [("t0", FAILED)], False),
        ("soon,fail=50%", [("t0", FAILED), ("t1", FAILED)], True),
    ],
)
def test_a_session_halts_by_the_trials_that_have_settled(halt, events, due):
    """
    Four trials, and the counts that GNU parallel would look at.
    """
    now = session(4, halt=Halt.parse(halt))
    for id, state in events:
        now.apply(TrialEvent(id, 1, state))

    assert bool(now.halted) is due


def test_a_failure_that_is_tried_again_is_no_reason_to_halt_yet():
    """
    Only the last attempt a trial has counts.
    """
    now = session(2, retries=1, halt=Halt.parse("soon,fail=1"))
    now.apply(TrialEvent("t0", 1, FAILED))
    assert not now.halted

    now.apply(TrialEvent("t0", 2, FAILED))

    assert now.halted


@pytest.mark.parametrize(
    ("counts", "driven", "ended", "state"),
    [
        ({"Pending": 2}, False, "", SessionState.PENDING),
        ({"Pending": 2}, True, "", SessionState.RUNNING),
        ({"Succeeded": 2}, True, "", SessionState.RUNNING),
        ({"Succeeded": 2}, False, "", SessionState.SUCCEEDED),
        ({"Succeeded": 2}, False, "done", SessionState.SUCCEEDED),
        ({"Succeeded": 2}, False, "TimedOut", SessionState.SUCCEEDED),
        ({"Succeeded": 1, "Failed": 1}, False, "done", SessionState.FAILED),
        ({"Succeeded": 1, "Pending": 1}, False, "done", SessionState.FAILED),
        ({"Succeeded": 1, "Pending": 1}, False, "", SessionState.DETACHED),
        ({"Succeeded": 1, "Pending": 1}, False, "Succeeded", SessionState.SUCCEEDED),
        ({"Running": 1, "Pending": 1}, False, "", SessionState.DETACHED),
        ({"Cancelled": 2}, False, "Cancelled", SessionState.CANCELLED),
        ({"Succeeded": 1, "TimedOut": 1}, False, "TimedOut", SessionState.TIMED_OUT),
    ],
)
def test_the_state_of_a_session_follows_from_its_trials(counts, driven, ended, state):
    """
    One word for a session, by the first rule that applies.
    """
    counted = {TrialState(name): count for name, count in counts.items()}

    assert session_state(counted, driven=driven, ended=ended) is state
