"""The rule of news: what compares greater in (attempt, rank) is news, and nothing else is."""

from __future__ import annotations

import pytest
from core.making import specs
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.trial import Failure, Trial, TrialEvent, TrialState

P, S, R, OK, FAILED, LOST = (
    TrialState.PENDING,
    TrialState.SUBMITTED,
    TrialState.RUNNING,
    TrialState.SUCCEEDED,
    TrialState.FAILED,
    TrialState.LOST,
)

EVENTS = st.lists(
    st.builds(
        TrialEvent,
        st.just("t0"),
        st.integers(1, 5),
        st.sampled_from(TrialState),
        st.floats(0, 1e9),
        failure=st.none() | st.sampled_from(Failure),
        reason=st.sampled_from(["", "no node fits", "quota"]),
        pod=st.sampled_from(["", "p"]),
    ),
    max_size=20,
)


def trial(attempt=1, state=P):
    return Trial(specs(1)[0], attempt, state)


@pytest.mark.parametrize(
    ("had", "told", "news"),
    [
        ((1, P), (1, P), False),
        ((1, P), (1, S), True),
        ((1, P), (1, R), True),
        ((1, P), (1, OK), True),
        ((1, S), (1, P), False),
        ((1, S), (1, S), False),
        ((1, R), (1, S), False),
        ((1, R), (1, R), False),
        ((1, R), (1, FAILED), True),
        ((1, OK), (1, R), False),
        ((1, OK), (1, OK), False),
        ((1, OK), (1, FAILED), False),
        ((1, OK), (1, LOST), False),
        ((1, FAILED), (1, OK), False),
        ((1, FAILED), (2, P), True),
        ((1, FAILED), (2, R), True),
        ((2, P), (1, OK), False),
        ((2, R), (1, FAILED), False),
        ((2, R), (3, OK), True),
        ((1, R), (7, S), True),
    ],
)
def test_only_a_later_attempt_or_further_progress_is_news(had, told, news):
    """
    Late, repeated and reordered events change nothing, as long as they say nothing else.
    """
    before = trial(*had)

    after = before.after(TrialEvent("t0", *told))

    assert (after is not before) is news
    assert (after.attempt, after.state) == (told if news else had)


@given(EVENTS)
def test_events_in_any_order_come_to_their_greatest(events):
    """
    Whatever arrives in whatever order, the trial is where the greatest event puts it.
    """
    now = trial()
    for event in events:
        now = now.after(event)

    greatest = max([(1, 0), *((e.attempt, e.state.rank) for e in events)])
    assert (now.attempt, now.state.rank) == greatest
    first = next((e for e in events if (e.attempt, e.state.rank) == greatest), None)
    assert now.state is (first.state if first else P)


@given(EVENTS)
def test_events_told_twice_change_nothing(events):
    """
    Folding the same history again is folding it once: at most why it waits is said again.
    """
    once = trial()
    for event in events:
        once = once.after(event)

    twice = once
    for event in events:
        twice = twice.after(event)

    assert twice == once
    assert twice is once or once.state is S


@given(EVENTS)
def test_a_waiting_trial_has_the_reason_that_was_said_last(events):
    """
    Of the attempt that waits; once one runs or has ended, what is said of waiting is no news.
    """
    now = trial()
    for event in events:
        before, now = now, now.after(event)
        told = [e for e in events[: events.index(event) + 1] if e.attempt == now.attempt]

        if now.state is S and event.attempt == now.attempt and event.state is S:
            assert (now.reason, now.failure) == (event.reason, event.failure)
            assert now.pod == ("p" if any(e.pod and e.state is S for e in told) else "")
        elif event.state is S and event.attempt <= before.attempt:
            assert now is before


@given(EVENTS)
def test_a_trial_has_an_end_exactly_when_it_has_ended(events):
    """
    `finished` belongs to attempts that have ended, and what went wrong is counted once.
    """
    now = trial()
    for event in events:
        now = now.after(event)

        assert (now.finished is not None) is now.state.ended
        assert now.seconds is None or now.seconds >= 0
        assert sum(now.tally.values()) <= now.failures + now.losses


def test_why_a_trial_waits_is_refreshed():
    """
    With another reason, or the name of its pod or node; the same words again are no news.
    """
    waits = trial().after(TrialEvent("t0", 1, S, 1.0, job="j"))

    stuck = waits.after(TrialEvent("t0", 1, S, 2.0, failure=Failure.QUOTA, reason="no room"))
    again = stuck.after(
        TrialEvent("t0", 1, S, 3.0, job="j", failure=Failure.QUOTA, reason="no room")
    )
    named = again.after(TrialEvent("t0", 1, S, 4.0, pod="p", node="n"))

    assert (stuck.job, stuck.failure, stuck.reason) == ("j", Failure.QUOTA, "no room")
    assert again is stuck
    assert (named.job, named.pod, named.node) == ("j", "p", "n")
    assert (named.failure, named.reason, named.state, named.started) == (None, "", S, None)


def test_a_trial_that_runs_waits_for_nothing():
    """
    Its class and reason are gone, and a late word on its waiting changes nothing.
    """
    word = TrialEvent("t0", 1, S, failure=Failure.UNSCHEDULABLE, reason="no node fits")
    now = trial().after(word).after(TrialEvent("t0", 1, R, 5.0))

    assert (now.failure, now.reason) == (None, "")
    assert now.after(word) is now


def test_the_reason_of_an_earlier_attempt_is_no_news():
    """
    Watches tell of Jobs that are long gone.
    """
    now = trial(2, S)

    assert now.after(TrialEvent("t0", 1, S, reason="no node fits")) is now


def test_what_one_event_said_of_an_attempt_the_next_one_need_not_repeat():
    """
    Job, pod, node and start stay known until the attempt has ended.
    """
    now = trial().after(TrialEvent("t0", 1, R, 5.0, job="j", pod="p", node="n"))

    now = now.after(TrialEvent("t0", 1, FAILED, 9.0, exit_code=3))

    assert (now.job, now.pod, now.node, now.started, now.seconds) == ("j", "p", "n", 5.0, 4.0)


def test_the_next_attempt_starts_from_nothing_but_its_counters():
    """
    A retry has no Job, exit code or times of the attempt before it, and knows of its failure.
    """
    why = Failure.EXIT
    now = trial().after(
        TrialEvent("t0", 1, FAILED, 9.0, job="j", failure=why, exit_code=3, started=5.0)
    )

    now = now.after(TrialEvent("t0", 2, S))

    assert now == Trial(specs(1)[0], 2, S, failures=1, tally={(FAILED, why): 1})


def test_asking_for_a_trial_anew_gives_it_all_its_retries():
    """
    Pending with a later attempt is somebody's request, and counts start again.
    """
    now = trial().after(TrialEvent("t0", 1, FAILED, failure=Failure.OOM))
    now = now.after(TrialEvent("t0", 2, FAILED))

    now = now.after(TrialEvent("t0", 3, P))

    assert now == Trial(specs(1)[0], 3)


def test_an_interruption_gives_no_retries_back():
    """
    The driver ended, and nobody has asked for anything.
    """
    now = trial().after(TrialEvent("t0", 1, FAILED, failure=Failure.OOM))

    now = now.after(TrialEvent("t0", 2, LOST)).after(TrialEvent("t0", 3, P))

    assert now == Trial(specs(1)[0], 3, failures=1, tally={(FAILED, Failure.OOM): 1})


def test_losses_without_a_fault_are_not_counted():
    """
    An interrupted attempt says nothing of the machine either.
    """
    lost = trial().after(TrialEvent("t0", 1, LOST))
    evicted = trial().after(TrialEvent("t0", 1, LOST, failure=Failure.PREEMPTED))

    assert (lost.losses, lost.failures, lost.tally) == (0, 0, {})
    assert (evicted.losses, evicted.failures) == (1, 0)
    assert evicted.tally == {(LOST, Failure.PREEMPTED): 1}


def test_a_clock_that_went_back_gives_no_negative_time():
    """
    Times come from several machines.
    """
    now = trial().after(TrialEvent("t0", 1, R, 9.0)).after(TrialEvent("t0", 1, OK, 5.0))

    assert now.seconds == 0
