"""What first trials have in common when they fail."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core.making import specs
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.failfast import alike, bare, telling
from kubectl_tune.trial import Failure, Trial, TrialState

F, OK = TrialState.FAILED, TrialState.SUCCEEDED


def failed(*reasons, failure=Failure.EXIT, state=F):
    pairs = zip(specs(len(reasons)), reasons, strict=True)
    return [Trial(spec, 1, state, failure=failure, reason=reason) for spec, reason in pairs]


@pytest.mark.parametrize(
    "reasons",
    [
        ["exit code 1"] * 3,
        ["exit code 1", "exit code 2", "exit code 137"],
        ["t0 ran out of its 2Gi", "t1 ran out of its 2Gi", "t2  ran out of its 16Gi"],
        ["no file /kt/work/t0.1/in", "no file /kt/work/t1.1/in", "no file /kt/work/t2.3/in"],
        ["layer sha256:9f86d081884c7d65 is gone", "layer sha256:60303ae22b998861 is gone"],
        ["took 12.5 s, until 10:32:07", "took 9 s, until 10:33:59"],
        ["pod 3f0d3c2e-9b1a-4b6e-8f1d-0a1b2c3d4e5f", "pod 99999999-1111-2222-3333-444444444444"],
        ["it could not be pulled"],
    ],
)
def test_names_hashes_and_numbers_make_no_difference(reasons):
    """
    Failures are alike that differ in nothing else.
    """
    found = alike(failed(*reasons))

    assert found and found.reason == reasons[0]
    assert found.ids == tuple(f"t{i}" for i in range(len(reasons)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("no such file: data.csv", "no such file: other.csv"),
        ("exit code 1", "exit code 127 (no such command: foo)"),
        ("exit code 1", ""),
        ("bad beef", "bad face"),
    ],
)
def test_other_words_are_another_failure(one, other):
    """
    One cause explains them no longer.
    """
    assert alike(failed(one, other)) is None


def test_another_class_is_another_failure():
    """
    Whatever the words are.
    """
    one, other = failed("it ended", "it ended")

    assert alike([one, other._replace(failure=Failure.OOM)]) is None


def test_what_succeeds_is_not_alike():
    """
    Nor is nothing at all.
    """
    one, other = failed("", "")

    assert alike([one, other._replace(state=OK, failure=None)]) is None
    assert alike([]) is None


def test_names_of_jobs_and_pods_make_no_difference():
    """
    The longest name first: a pod's begins with its Job's, and that with the trial's.
    """
    trials = [
        each._replace(job=f"{each.id}-bcdfg", pod=f"{each.id}-bcdfg-{tail}",
                reason=f'pods "{each.id}-bcdfg-{tail}" of job {each.id}-bcdfg: no space')
        for each, tail in zip(failed("", ""), ("xkcdw", "zzzqq"), strict=True)
    ]  # fmt: skip

    assert alike(trials)


def test_a_timed_out_trial_has_failed():
    """
    Three that hang are no better than three that crash.
    """
    found = alike(failed(*["too long"] * 3, failure=Failure.TIMEOUT, state=TrialState.TIMED_OUT))

    assert found and found.failure is Failure.TIMEOUT


@pytest.mark.parametrize("state", [TrialState.LOST, TrialState.CANCELLED])
def test_what_somebody_else_ended_does_not_tell(state):
    """
    It is no word on the other trials.
    """
    assert list(telling(failed("", state=state), [])) == []


def test_a_trial_that_fails_again_tells_no_more_but_its_success_does():
    """
    It can't stand for three; that it can succeed is news.
    """
    first, second = failed("", "")
    again, well = first._replace(attempt=2), first._replace(attempt=3, state=OK)

    assert list(telling([first, again, second], [])) == [first, second]
    assert list(telling([again, well], [first])) == [well]


@pytest.mark.parametrize("failure", [None, *Failure])
def test_every_class_has_something_to_do(failure):
    """
    With commands that can be typed as they are.
    """
    found = alike([failed("x")[0]._replace(spec=replace(specs(1)[0], id="a b"), failure=failure)])

    assert found
    hint = found.hint("demo")
    assert hint and "{session}" not in hint and "{trial}" not in hint
    assert "demo/a b" not in hint.replace("'demo/a b'", "")


@given(st.text(max_size=60), st.lists(st.text(min_size=1, max_size=5), max_size=3))
def test_any_reason_can_be_laid_bare(reason, names):
    """
    Once is enough, and nothing in it is taken for a pattern.
    """
    once = bare(reason, names)

    assert bare(once, []) == once
    assert not any(char in "0123456789" for char in once)
