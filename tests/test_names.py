"""Names are always valid, and no two trials share one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.names import normalise, slugs

LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
IDS = st.text(max_size=80) | st.text("aA1_.-é", max_size=70)


@pytest.mark.parametrize(
    ("job_id", "name"),
    [
        ("sess001_0001", "sess001-0001"),
        ("_sess001_0001", "sess001-0001"),
        ("001_a", "job-001-a"),
        ("A..B__c", "a-b-c"),
        ("é_1", "job-1"),
        ("x" * 62 + "_y", "x" * 62),
        ("1" * 63, "job-" + "1" * 59),
        ("\u212a", "k"),  # the Kelvin sign is a k once it is lower case
    ],
)
def test_plain_name_follows_the_rule_of_tuning_jobs(job_id, name):
    """
    Lower case, dashes for the rest, a letter first, at most 63 characters.
    """
    assert normalise(job_id) == name


@given(IDS)
def test_name_is_always_a_label(job_id):
    """
    Whatever the id, its name is a DNS-1123 label that begins with a letter.
    """
    assert LABEL.fullmatch(normalise(job_id))


def test_ids_without_any_letter_get_names_of_their_own():
    """
    Ids of which nothing is left are told apart by a hash.
    """
    assert normalise("...") != normalise("..") != normalise("")


def test_name_is_kept_where_nobody_else_has_it():
    """
    Readable names stay as they are.
    """
    assert slugs(["sess_1", "sess_2"]) == ["sess-1", "sess-2"]


def test_colliding_names_all_get_a_hash():
    """
    Two ids of one plain name both carry a hash, so that order does not matter.
    """
    first, second = slugs(["a_1", "a.1"])

    assert first != second
    assert first.startswith("a-1-")
    assert second.startswith("a-1-")
    assert slugs(["a.1", "a_1"]) == [second, first]


def test_name_that_is_taken_gets_a_hash():
    """
    A name that an earlier trial has is not given again.
    """
    (slug,) = slugs(["a_1"], taken=["A-1"])

    assert slug.startswith("a-1-")


def test_hashed_name_never_meets_a_plain_one():
    """
    An id that is spelled like another's hashed name does not get that name.
    """
    hashed, _ = slugs(["a_1", "a.1"])

    names = slugs(["a_1", "a.1", hashed])

    assert len(set(names)) == 3


@given(st.lists(IDS, max_size=12), st.lists(IDS, max_size=4), st.integers(16, 63))
def test_names_are_unique_valid_and_fit(ids, others, limit):
    """
    One valid name for each id, none twice, none taken, none too long.
    """
    taken = slugs(others)

    names = slugs(ids, limit=limit, taken=taken)

    assert len(names) == len(ids)
    assert len({*names, *taken}) == len(names) + len(taken)
    assert all(LABEL.fullmatch(name) and len(name) <= limit for name in names)
    assert names == slugs(ids, limit=limit, taken=taken)


@given(st.lists(IDS, unique=True, max_size=10))
def test_name_does_not_depend_on_the_order_of_the_plan(ids):
    """
    Sorting a plan changes no trial's name.
    """
    forward = dict(zip(ids, slugs(ids), strict=True))

    assert dict(zip(ids[::-1], slugs(ids[::-1]), strict=True)) == forward
