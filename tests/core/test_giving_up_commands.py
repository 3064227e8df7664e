"""--retry and --fail-fast on the command line, with trials on this machine."""

from __future__ import annotations

import pytest
from desk import Desk


def test_a_class_is_tried_again_as_often_as_was_named(desk: Desk):
    """
    And the others as --retries says.
    """
    plan = desk.plan(
        {"job_id": "bad", "config": {}, "command": ["false"]},
        {"job_id": "slow", "config": {}, "command": ["sleep", "60"], "timeout": 0.1},
    )

    done = desk.run(plan, "--retries", "3", "--retry", "exit=0", "--retry", "timeout=1,oom=4")

    assert done.code == 1
    assert {id: trial["attempt"] for id, trial in desk.trials().items()} == {"bad": 1, "slow": 2}


def test_a_wrong_retry_starts_nothing(desk: Desk):
    """
    All that is wrong with it is said.
    """
    done = desk.run(desk.numbered(1), "--retry", "preemted=3,oom=x", "--", "true")

    assert done.code == 2
    assert "preemted is no class of failures, did you mean preempted?" in done.err
    assert "oom=x: expected a number from 0" in done.err
    assert desk.names() == []


@pytest.mark.parametrize("count", [1, 2, 60])
def test_a_plan_that_fails_alike_is_given_up(desk: Desk, count: int):
    """
    With one diagnosis, and most of it not begun.
    """
    words = ("sh", "-c", 'echo "no data for $1"; exit 3', "sh", "{x}")

    done = desk.run(desk.numbered(count), "-j1", "--retries", "2", "--fail-fast", "--", *words)

    assert done.code == 1
    assert done.out.count("gave up: ") == 1
    assert "(exit): exit code 3" in done.out
    assert "trials: t1" in done.out
    assert "logs s --failed" in done.out
    states = list(desk.states().values())
    assert desk.session()["state"] == "Failed"
    assert states.count("Failed") == min(count, 3)
    assert states.count("Pending") == max(0, count - 3)


def test_a_plan_that_works_is_not_given_up(desk: Desk):
    """
    One success among the first is enough.
    """
    done = desk.run(
        desk.numbered(5), "-j1", "--fail-fast", "--", "sh", "-c", "test $1 = 2", "sh", "{x}"
    )

    assert "gave up" not in done.out
    assert list(desk.states().values()).count("Failed") == 4
