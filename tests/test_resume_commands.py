"""resume and retry: what goes on, what stays, and what an edited plan changes."""

from __future__ import annotations

import json
import os
import signal

import pytest
from core.waiting import gone, until
from desk import LOCAL, PASSES_UNLESS_2, SCORE, Desk

from kubectl_tune import driving
from kubectl_tune.session import SessionState

COUNTED = ("sh", "-c", 'echo $1 >>ran; echo "{\\"score\\": $1}"; test $1 != 2', "sh", "{x}")
UNTIL_GO = ("sh", "-c", "echo $1 >>begun; while ! test -e go; do sleep 0.02; done", "sh", "{x}")


def halted(desk: Desk, count: int = 3) -> None:
    """A session `s` whose first trial failed, with all others still to be begun."""
    done = desk.run(desk.numbered(count), "-j1", "--halt", "soon,fail=1", "--",
                    "sh", "-c", 'echo $1 >>ran; test -e go', "sh", "{x}")  # fmt: skip
    assert done.code == 1
    assert desk.lines("ran") == ["1"]


# resume


def test_resume_runs_what_is_unfinished_and_nothing_else(desk: Desk):
    """
    After a halt the failure stays, and what had not begun runs: the old failure halts no more.
    """
    halted(desk)
    (desk.folder / "go").touch()

    done = desk.tune("resume", "s")

    assert done.code == 1
    assert "2 of 3 trials on this machine" in done.err
    assert sorted(desk.lines("ran")) == ["1", "2", "3"]
    assert desk.states() == {"t1": "Failed", "t2": "Succeeded", "t3": "Succeeded"}


def test_the_newest_session_is_meant_where_none_is_named(desk: Desk):
    """
    So for resume and retry alike.
    """
    plan = desk.numbered(1)
    desk.run(plan, "--", "true", name="older")
    desk.run(plan, "--", "false", name="newer")

    assert "session/newer Failed" in desk.tune("resume").out
    assert "session/newer Failed" in desk.tune("retry").out
    assert "session/older Succeeded" in desk.tune("resume", "older").out


@pytest.mark.parametrize(("command", "code"), [("true", 0), ("false", 1)])
@pytest.mark.parametrize("verb", ["resume", "retry"])
def test_a_session_that_has_ended_is_left_as_it_is(desk: Desk, command: str, code: int, verb: str):
    """
    It is said that there is nothing to do; the exit code is that of how the session ended.
    """
    desk.run(desk.numbered(1), "--", command)
    if verb == "retry" and code:
        return  # there is something to do, then
    before = desk.session()

    done = desk.tune(verb, "s")

    assert done.code == code
    assert "nothing to do: session s has ended" in done.out
    assert desk.session() == before


def test_a_session_cancelled_or_timed_out_keeps_its_word(desk: Desk):
    """
    Nothing to do changes nothing, whichever way it ended.
    """
    plan = desk.numbered(1)
    desk.run(plan, "--session-timeout", "100ms", "--", "sleep", "60")

    assert desk.tune("resume", "s").code == 1

    assert desk.session()["state"] == "TimedOut"


def test_a_session_that_somebody_drives_is_refused_with_the_drivers_name(desk: Desk):
    """
    To resume, to retry and to merge a plan, all of them.
    """
    plan = desk.numbered(1)
    with desk.started("run", plan, *LOCAL, "--name", "s", "--", *UNTIL_GO) as process:
        until(lambda: desk.lines("begun"), "the trial")

        refused = [
            desk.tune(*words, "s", *more)
            for words, more in ((["resume"], []), (["retry"], []), (["resume"], ["--plan", plan]))
        ]
        (desk.folder / "go").touch()
        process.communicate(timeout=60)

    for done in refused:
        assert (done.code, done.out) == (2, "")
        assert f"session s already has a driver: process {process.pid} on " in done.err
        assert "kubectl tune watch s" in done.err
    assert process.returncode == 0


def test_a_session_whose_driver_was_killed_goes_on(desk: Desk):
    """
    What had succeeded is not run again; what ran is, as the next attempt, and no child is left.
    """
    marker = f"TEST_MARK={desk.folder}"
    plan = desk.numbered(2, env=dict([marker.split("=")]))
    script = 'echo $1 >>begun; test $1 = 1 && echo "{}" && exit; test -e go || sleep 60'
    words = ("--name", "s", "--", "sh", "-c", script, "sh", "{x}")
    with desk.started("run", plan, *LOCAL, "-j1", *words) as process:
        until(lambda: len(desk.lines("begun")) == 2, "both trials")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    gone(marker)
    (desk.folder / "go").touch()

    assert desk.tune("resume", "s").code == 0

    assert sorted(desk.lines("begun")) == ["1", "2", "2"]
    assert {id: trial["attempt"] for id, trial in desk.trials().items()} == {"t1": 1, "t2": 2}


def test_no_session_no_state_file_and_no_such_session_are_said(desk: Desk):
    """
    Exit code 2 each, with what to do.
    """
    nothing = desk.tune("resume")
    desk.run(desk.numbered(1), "--", "true", name="nightly")
    misspelt = desk.tune("resume", "nihgtly")

    assert (nothing.code, misspelt.code) == (2, 2)
    assert "start one with: kubectl tune run PLAN" in nothing.err
    assert "no session named nihgtly" in misspelt.err
    assert "nightly" in misspelt.err


# resume --plan


def lines(**numbers: float) -> list[dict[str, object]]:
    return [
        {"job_id": id, "config": {"x": x}, "output_json": f"out/{id}.json"}
        for id, x in numbers.items()
    ]


def test_an_edited_plan_is_merged_by_job_id(desk: Desk):
    """
    Kept results stay, changed lines run anew, new ones run, and it is said which is which.
    """
    desk.run(desk.plan(*lines(kept=1, changed=2, gone=3, failed=2)), "-j1", "--", *COUNTED)
    desk.plan(*lines(kept=1, changed=5, new=6), name="edited.jsonl")

    done = desk.tune("resume", "s", "--plan", "edited.jsonl")

    assert done.code == 0
    assert done.err.splitlines()[:5] == [
        "1 kept, 1 changed, 1 new, 2 gone",
        "  changed: changed",
        "  new: new",
        "  gone: gone, failed",
        "  gone, but kept for their results: gone",
    ]
    assert sorted(desk.lines("ran")) == ["1", "2", "2", "3", "5", "6"]
    assert desk.states() == dict.fromkeys(["kept", "changed", "gone", "new"], "Succeeded")
    assert desk.trials()["changed"]["attempt"] == 2
    assert desk.json("out/changed.json") == {"score": 5}
    assert desk.session()["total"] == 4


def test_a_plan_that_has_not_changed_changes_nothing(desk: Desk):
    """
    Everything is kept, and there is nothing to do.
    """
    plan = desk.plan(*lines(a=1, b=3))
    desk.run(plan, "--", *COUNTED)
    before = desk.session()

    done = desk.tune("resume", "s", "--plan", plan)

    assert done.code == 0
    assert "2 kept, 0 changed, 0 new, 0 gone" in done.err
    assert desk.session() == before


def test_a_result_follows_the_output_of_its_line(desk: Desk):
    """
    Where a line differs in its output_json only, its result is written there, and nothing runs.
    """
    plan = desk.plan({"job_id": "a", "config": {"x": 1}, "output_json": "old.json"})
    desk.run(plan, "--", *COUNTED)
    desk.plan({"job_id": "a", "config": {"x": 1}, "output_json": "sub/new.json"})

    done = desk.tune("resume", "s", "--plan", plan)

    assert "1 kept" in done.err
    assert desk.json("sub/new.json") == desk.json("old.json") == {"score": 1}
    assert desk.lines("ran") == ["1"]
    done = desk.tune("results", "s", "--metric", "score", "-o", "json")
    assert json.loads(done.out)[0]["output_json"].endswith("sub/new.json")


def test_names_that_collide_once_normalised_stay_apart(desk: Desk):
    """
    A new line whose name would be that of a trial that is there gets another one.
    """
    desk.run(desk.plan(*lines(a_b=1)), "--", *COUNTED)
    desk.plan(
        *lines(a_b=1), {"job_id": "A-B", "config": {"x": 3}}, {"job_id": "a b", "config": {"x": 4}}
    )

    assert desk.tune("resume", "s", "--plan", "plan.jsonl").code == 0

    with desk.store() as store:
        slugs = [row.trial.spec.slug for row in store.trials("s", specs=True)]
    assert slugs[0] == "a-b"
    assert len(set(slugs)) == 3
    assert "score" in desk.tune("logs", "s/A-B").out


def test_a_trial_that_came_back_is_begun(desk: Desk):
    """
    Gone with its failure in one plan, there again in the next.
    """
    script = "test $1 != 2 || test -e go"
    desk.run(desk.plan(*lines(a=1, b=2)), "--", "sh", "-c", script, "sh", "{x}")
    desk.plan(*lines(a=1), name="without.jsonl")
    desk.tune("resume", "s", "--plan", "without.jsonl")
    assert desk.states() == {"a": "Succeeded"}
    (desk.folder / "go").touch()

    assert desk.tune("resume", "s", "--plan", "plan.jsonl").code == 0

    assert desk.states() == {"a": "Succeeded", "b": "Succeeded"}


def test_an_edited_plan_that_is_wrong_changes_nothing(desk: Desk):
    """
    All its problems are listed, as for run.
    """
    desk.run(desk.plan(*lines(a=1)), "--", *COUNTED)
    before = desk.session()
    (desk.folder / "edited.jsonl").write_text('{"job_id": "b", "config": {}}\n{"job_id": 1}\nx\n')

    done = desk.tune("resume", "s", "--plan", "edited.jsonl")

    assert (done.code, done.out) == (2, "")
    assert "line 2" in done.err
    assert "line 3" in done.err
    assert desk.session() == before


def test_a_line_without_a_command_needs_one_from_its_session(desk: Desk):
    """
    Where every line had its own, a new one can't be run without.
    """
    line = {"job_id": "a", "config": {}, "command": ["true"]}
    desk.run(desk.plan(line))
    costs = ("min_spread_bps", "taker_fee_a_bps", "taker_fee_b_bps", "slippage_bps")
    config = {"data_file": "plan.jsonl", "max_position_usd": 1, **dict.fromkeys(costs, 1)}
    desk.plan(line, {"job_id": "b", "config": config})

    done = desk.tune("resume", "s", "--plan", "plan.jsonl")

    assert done.code == 2
    assert "there is no command for b" in done.err
    assert list(desk.states()) == ["a"]


# retry


def test_retry_runs_all_failures_as_the_next_attempt(desk: Desk):
    """
    Failed, timed out and cancelled ones; successes stay.
    """
    plan = desk.plan(
        *({"job_id": id, "config": {}, "env": {"ID": id}} for id in ("good", "bad")),
        {"job_id": "slow", "config": {}, "env": {"ID": "slow"}, "timeout": 0.2},
    )
    script = "case $ID in good) ;; slow) exec sleep 60;; bad) test -e go;; esac"
    desk.run(plan, "-j3", "--", "sh", "-c", script)
    assert desk.states() == {"good": "Succeeded", "bad": "Failed", "slow": "TimedOut"}
    (desk.folder / "go").touch()

    done = desk.tune("retry", "s")

    assert done.code == 1  # the slow one sleeps as before
    assert "2 trials to be tried again" in done.err
    attempts = {id: trial["attempt"] for id, trial in desk.trials().items()}
    assert attempts == {"good": 1, "bad": 2, "slow": 2}


def test_retry_runs_the_trials_that_are_named(desk: Desk):
    """
    With the session in front, before a slash, or the newest.
    """
    desk.run(desk.numbered(3), "--", "sh", "-c", "echo $1 >>ran; false", "sh", "{x}")

    for words in (["s", "t1"], ["s/t2"], ["3"]):
        assert desk.tune("retry", *words).code == 1

    assert sorted(desk.lines("ran")) == ["1", "1", "2", "2", "3", "3"]


@pytest.mark.parametrize(
    ("trial", "said", "hint"),
    [
        ("t1", "trial t1 is Succeeded", "kubectl tune resume s --plan FILE"),
        ("t3", "trial t3 is Pending", "kubectl tune resume s"),
        ("t9", "no trial named t9", ""),
    ],
)
def test_retry_refuses_what_did_not_fail(desk: Desk, trial: str, said: str, hint: str):
    """
    A success is not run twice, and what has not begun has nothing to repeat.
    """
    desk.run(desk.numbered(3), "-j1", "--halt", "now,fail=1", "--", *PASSES_UNLESS_2)
    before = desk.session()

    done = desk.tune("retry", "s", trial)

    assert done.code == 2
    assert said in done.err
    assert hint in done.err
    assert desk.session() == before


def test_retry_after_a_halt_runs_the_failures_and_the_rest(desk: Desk):
    """
    They are all that stands between the session and its end.
    """
    halted(desk)
    (desk.folder / "go").touch()

    assert desk.tune("retry", "s").code == 0

    assert sorted(desk.lines("ran")) == ["1", "1", "2", "3"]


def test_retries_are_counted_anew(desk: Desk):
    """
    Who asks for another try gets as many as the session allows.
    """
    desk.run(desk.numbered(1), "--retries", "1", "--", "sh", "-c", "echo >>ran; false")

    assert desk.tune("retry", "s").code == 1

    assert len(desk.lines("ran")) == 4


def test_a_reused_result_can_be_ranked_after_a_merge(desk: Desk):
    """
    Results of any origin are results.
    """
    desk.run(desk.plan(*lines(a=1)), "--metric", "score", "--", *SCORE, name="one")
    desk.run("plan.jsonl", "--reuse", "--metric", "score", "--", *SCORE, name="two")
    desk.plan(*lines(a=1, b=2))

    done = desk.tune("resume", "two", "--plan", "plan.jsonl")

    assert "best: b  score=2" in done.out


def test_a_drive_in_another_thread_watches_no_signals(desk: Desk):
    """
    Programs may drive sessions where Python allows no signal handlers.
    """
    from concurrent.futures import ThreadPoolExecutor

    halted(desk)
    (desk.folder / "go").touch()

    with desk.store() as store, ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(driving.drive, store, "s", show=lambda *told: None).result()

    assert outcome.standing.state is SessionState.FAILED
    assert sorted(desk.lines("ran")) == ["1", "2", "3"]
