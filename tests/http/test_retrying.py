"""How often and how long anything is tried: bounded, whatever a server does."""

from __future__ import annotations

from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.cluster.retrying import (
    ASKED,
    ATTEMPTS,
    CUT,
    LONGEST_PAUSE,
    PATIENT,
    UNHEARD,
    Tries,
    Trouble,
    seconds,
    trouble,
)
from tests.http.ways import Clock

TROUBLES = st.builds(Trouble, st.booleans(), st.booleans(), st.floats(0, 1e6))


@given(st.lists(TROUBLES, min_size=1, max_size=5), st.floats(0, PATIENT), st.floats(0, 1))
def test_every_call_ends(troubles, patience, jitter):
    """
    Nobody waits longer than patience allows, or than a server that asks is worth.
    """
    clock = Clock()
    tries = Tries(lambda: patience, clock, clock.sleep, lambda: jitter)

    left = cycle(troubles)
    while tries.again(next(left)):
        pass

    assert sum(clock.slept) <= max(patience, ASKED)


@pytest.mark.parametrize(
    ("status", "passing", "unsure"),
    [
        (429, True, False),
        (500, False, True),
        (502, True, True),
        (503, True, True),
        (504, False, True),
        (599, False, True),
    ],
)
def test_what_a_status_means(status, passing, unsure):
    """
    Only 429 says for certain that nothing was done.
    """
    assert trouble(status, "7") == Trouble(passing, unsure, 7.0)


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 409, 410, 422])
def test_what_is_final(status):
    """
    The same request would get the same answer.
    """
    assert trouble(status) is None


@pytest.mark.parametrize(
    ("text", "value"), [("", 0), ("3", 3), ("-3", 0), ("1e9", 0), ("٣", 0), ("Mon, 1 Jan", 0)]
)
def test_retry_after(text, value):
    """
    Seconds, or nothing that we know.
    """
    assert seconds(text) == value


def test_what_does_not_pass_is_tried_a_few_times():
    """
    However patient we are.
    """
    clock = Clock()
    tries = Tries(lambda: PATIENT, clock, clock.sleep, lambda: 0.0)
    broken = Trouble(passing=False, unsure=True)

    assert [tries.again(broken) for _ in range(ATTEMPTS)] == [True] * (ATTEMPTS - 1) + [False]


def test_waits_grow_up_to_a_limit():
    """
    A server that comes back is found soon, and isn't pressed meanwhile.
    """
    clock = Clock()
    tries = Tries(lambda: PATIENT, clock, clock.sleep, lambda: 0.0)

    while tries.again(UNHEARD):
        pass

    assert clock.slept == sorted(clock.slept)
    assert clock.slept[:3] == [0.5, 1.0, 2.0]
    assert clock.slept[-1] == LONGEST_PAUSE
    assert not tries.doubtful


def test_doubt_stays():
    """
    One attempt that may have been done is enough.
    """
    clock = Clock()
    tries = Tries(lambda: PATIENT, clock, clock.sleep, lambda: 0.0)

    tries.again(CUT)
    tries.again(UNHEARD)

    assert tries.doubtful
