"""How often an attempt is begun again: by the number of its class, else by the general ones."""

from __future__ import annotations

import pytest
from core.making import session
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.errors import UsageError
from kubectl_tune.retry import parse
from kubectl_tune.trial import Failure, TrialEvent, TrialState

F, T, LOST = TrialState.FAILED, TrialState.TIMED_OUT, TrialState.LOST
ENDINGS = {
    "exit": F, "oom": F, "image": F, "timeout": T,
    "preempted": LOST, "node-lost": LOST, "deleted": LOST,
}  # fmt: skip


def begun(endings, **policy):
    """How many attempts begin at a trial that ends like this, the last ending for ever."""
    now, attempts = session(1, **policy), 0
    while ready := now.ready(1):
        word = endings[min(attempts, len(endings) - 1)]
        attempts += 1
        now.apply(TrialEvent("t0", ready[0].attempt, ENDINGS[word], failure=Failure(word)))
    return attempts


@pytest.mark.parametrize(
    ("retries", "retry", "endings", "attempts"),
    [
        (0, "", ["oom"], 1),
        (0, "oom=1", ["oom"], 2),
        (0, "oom=1", ["exit"], 1),
        (3, "exit=0", ["exit"], 1),
        (3, "exit=0", ["oom"], 4),
        (0, "timeout=2", ["timeout"], 3),
        (0, "oom=1,exit=1", ["oom", "exit", "oom"], 3),
        (1, "oom=2", ["oom", "oom", "exit"], 4),
        (1, "oom=2", ["exit", "oom"], 4),
        (0, "preempted=0", ["preempted"], 1),
        (0, "preempted=12", ["preempted"], 13),
        (0, "preempted=12", ["node-lost"], 11),
        (0, "preempted=12", ["preempted"] * 12 + ["node-lost"], 23),
        (0, "node-lost=1", ["preempted"], 11),
        (5, "", ["deleted"], 1),
        (5, "deleted=1", ["deleted"], 2),
        (0, "deleted=0,preempted=2", ["preempted", "deleted"], 2),
    ],
)
def test_the_number_of_a_class_decides_for_it_alone(retries, retry, endings, attempts):
    """
    What ends otherwise has the retries and losses that it has without.
    """
    numbers = parse([retry]) if retry else {}

    assert begun(endings, retries=retries, retry=numbers) == attempts


def test_who_asks_for_a_trial_anew_gives_it_all_its_retries():
    """
    Those of a class too.
    """
    now = session(1, retry={Failure.OOM: 1})
    for attempt in (1, 2):
        now.apply(TrialEvent("t0", attempt, F, failure=Failure.OOM))
    assert not now.ready(1)

    now.apply(TrialEvent("t0", 3, TrialState.PENDING))
    now.apply(TrialEvent("t0", 3, F, failure=Failure.OOM))

    assert [t.attempt for t in now.ready(1)] == [4]


def test_numbers_may_be_given_together_or_one_by_one():
    """
    `--retry` is a list, and may be said again.
    """
    assert parse(["preempted=10,oom=1", "exit=0"]) == parse(["exit=0", "oom=1, preempted=10"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("preemted=10", "preemted is no class of failures, did you mean preempted?"),
        ("OOM=1", "OOM is no class of failures, did you mean oom?"),
        ("node_lost=1", "did you mean node-lost?"),
        ("all=1", "all is no class of failures"),
        ("oom", "oom: how often?"),
        ("oom=", "oom=: expected a number from 0"),
        ("oom=-1", "oom=-1: expected a number from 0"),
        ("oom=1.5", "oom=1.5: expected a number from 0"),
        ("oom=\u0663", "expected a number from 0"),
        ("oom=1,oom=2", "oom has more than one number"),
        ("oom=1,", "a class is missing"),
        ("", "a class is missing"),
        ("=1", "(nothing) is no class of failures"),
    ],
)
def test_what_can_not_be_read_is_said(text, said):
    """
    With the words that were typed, and a hint that names the classes.
    """
    with pytest.raises(UsageError) as error:
        parse([text])

    assert said in str(error.value)
    assert all(failure in error.value.hint for failure in Failure)


def test_all_that_is_wrong_is_said_at_once():
    """
    Nobody mends a line three times.
    """
    with pytest.raises(UsageError) as error:
        parse(["preemted=x,oom=1", "oom=2,exit"])

    message = str(error.value)
    for said in (
        "preemted is no class",
        "preemted=x: expected",
        "exit: how often?",
        "oom has more",
    ):
        assert said in message


@given(st.lists(st.text("=,oom1x \u0663"), max_size=3))
def test_any_text_is_read_or_refused(words):
    """
    With a sentence, never with anything else.
    """
    try:
        numbers = parse(words)
    except UsageError as error:
        assert str(error).startswith("--retry: ")
    else:
        assert all(isinstance(number, int) and number >= 0 for number in numbers.values())
