"""Which trials the words of a user mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.errors import UsageError
from kubectl_tune.selection import choose, only

IDS = [f"grid-{number:03}" for number in range(1, 21)] + ["base", "base-2", "last one", "a,b"]
PLACES = [f"t{letter}" for letter in "abcdefghij"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("grid-007", "grid-007"),
        ("base", "base"),  # exact, though base-2 begins so too
        ("last", "last one"),
        ("7", "grid-007"),
        ("07", "grid-007"),
        ("17", "grid-017"),
        ("-020", "grid-020"),
        ("one", "last one"),
        ("a,b", "a,b"),
    ],
)
def test_a_trial_may_be_named_by_what_makes_it_clear(word, meant):
    """
    The whole job_id, else the beginning of one, else the end of one.
    """
    assert choose([word], IDS) == [meant]


def test_trials_come_in_the_order_asked_for_and_once():
    """
    Naming a trial twice, in two ways, is naming it.
    """
    assert choose(["base", "3", "grid-003", "1"], IDS) == ["base", "grid-003", "grid-001"]


def test_a_word_that_fits_several_trials_is_refused():
    """
    The sentence names some of them and says what to do.
    """
    with pytest.raises(
        UsageError, match=r"^grid may mean 20 trials: grid-001, .*, \.\.\.$"
    ) as said:
        choose(["grid"], IDS)

    assert said.value.hint == "write more of the job_id"


def test_all_that_is_wrong_is_said_at_once():
    """
    Two typos are two things to correct, not two runs of the command.
    """
    with pytest.raises(UsageError) as said:
        choose(["bsae", "grid-003", "nope", ""], IDS)

    assert str(said.value) == "no trial named bsae; no trial named nope; no trial named ''"
    assert said.value.hint == "did you mean base?"


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("1", "a"),
        ("1,3,5-8:2,last", "acegj"),
        ("last,1", "aj"),
        ("3-3", "c"),
        ("8-", "hij"),
        ("8-last", "hij"),
        ("8-99", "hij"),
        ("1-last:4", "aei"),
        ("2-:3", "beh"),
        ("tc,1", "ac"),
        (" 1 , 2 ,", "ab"),
        ("all", "abcdefghij"),
        ("1,1,1-2", "ab"),
    ],
)
def test_only_selects_by_place_range_and_name(text, letters):
    """
    Places count from 1, ranges include both ends, what comes out is in plan order.
    """
    assert only(text, PLACES) == [f"t{letter}" for letter in letters]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("11", "11: the plan has 10 trials"),
        ("5-2", "5-2: the range ends before it begins"),
        ("0", "no trial named 0"),
        ("1-3:0", "no trial named 1-3:0"),
        ("tx,11", "no trial named tx; 11: the plan has 10 trials"),
        ("", "--only '' selects no trial"),
        (",", "--only ',' selects no trial"),
        ("-3", "no trial named -3"),
    ],
)
def test_only_refuses_what_is_not_there(text, said):
    """
    A selection that can't be made is a sentence, never fewer trials than asked for.
    """
    with pytest.raises(UsageError) as caught:
        only(text, PLACES)

    assert str(caught.value) == said


def test_a_job_id_that_looks_like_a_selection_is_a_job_id():
    """
    An exact job_id always means itself, a comma in it included.
    """
    ids = ["2", "1", "1-2", "x,y", "all"]

    assert only("1", ids) == ["1"]
    assert only("1-2", ids) == ["1-2"]
    assert only("x,y", ids) == ["x,y"]
    assert only("all", ids) == ["all"]


words = st.text(st.sampled_from("ab1-,:last0 "), max_size=6)


@given(st.lists(words.filter(bool), unique=True, min_size=1), st.data())
def test_every_exact_job_id_can_be_chosen(ids, data):
    """
    Whatever other job_ids there are, each one reaches its trial, alone and in `--only`.
    """
    id = data.draw(st.sampled_from(ids))

    assert choose([id], ids) == [id]
    assert only(id, ids) == [id]


@given(words, st.lists(words.filter(bool), unique=True))
def test_any_text_selects_in_plan_order_or_is_refused(text, ids):
    """
    No text is a bug.
    """
    try:
        chosen = only(text, ids)
    except UsageError:
        return
    assert chosen and chosen == [id for id in ids if id in set(chosen)]
