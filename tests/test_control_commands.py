"""cancel and delete: what they end, what they leave, and where they ask."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess

import pytest
from core.waiting import gone, until
from desk import LOCAL, SCORE, Desk

UNTIL_GO = ("sh", "-c", "echo $1 >>begun; while ! test -e go; do sleep 0.02; done", "sh", "{x}")


def halted(desk: Desk) -> None:
    """A session `s` without a driver: one trial failed, two not begun."""
    desk.run(desk.numbered(3), "-j1", "--halt", "soon,fail=1", "--", "false")


def answered(desk: Desk, answer: str, *words: str) -> tuple[int, str]:
    """Run a command on a terminal, answer what it asks; return its exit code and what it showed."""
    mine, theirs = pty.openpty()
    shown = b""
    with subprocess.Popen(
        desk.words(*words), stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        try:
            while select.select([mine], [], [], 60)[0] and (data := os.read(mine, 4096)):
                shown += data
                if shown.endswith(b"[y/N] "):
                    os.write(mine, f"{answer}\n".encode())
        except OSError:  # how a terminal ends
            pass
    os.close(mine)
    return process.returncode, shown.decode()


# cancel


def test_a_running_session_is_cancelled_through_its_driver(desk: Desk):
    """
    What ran is ended with its processes, what waited is not begun, and the driver says so.
    """
    marker = f"TEST_MARK={desk.folder}"
    plan = desk.numbered(3, env=dict([marker.split("=")]))
    with desk.started("run", plan, *LOCAL, "-j2", "--name", "s", "--", "sleep", "60") as process:
        until(lambda: desk.names() and [*desk.states().values()].count("Running") == 2, "two")

        done = desk.tune("cancel", "s")

        out, _ = process.communicate(timeout=60)
    assert (done.code, done.out) == (0, "session/s cancelled\n")
    assert process.returncode == 1
    assert "session/s Cancelled in" in out
    assert set(desk.states().values()) == {"Cancelled"}
    gone(marker)


def test_one_trial_is_cancelled_and_the_others_go_on(desk: Desk):
    """
    One that runs and one that waits; both have ended when cancel returns.
    """
    plan = desk.numbered(4)
    with desk.started("run", plan, *LOCAL, "-j2", "--name", "s", "--", *UNTIL_GO) as process:
        until(lambda: len(desk.lines("begun")) == 2, "two trials")

        done = desk.tune("cancel", "s", "t1", "t4")

        states = desk.states()
        (desk.folder / "go").touch()
        process.communicate(timeout=60)
    assert (done.code, done.out) == (0, "2 trials of session/s cancelled\n")
    assert (states["t1"], states["t4"]) == ("Cancelled", "Cancelled")
    assert list(desk.states().values()) == ["Cancelled", "Succeeded", "Succeeded", "Cancelled"]
    assert process.returncode == 1
    assert desk.session()["state"] == "Failed"


def test_a_session_without_a_driver_is_cancelled_too(desk: Desk):
    """
    The failure stays one, and what had not begun never will, unless it is asked for again.
    """
    halted(desk)

    assert desk.tune("cancel", "s").out == "session/s cancelled\n"

    assert desk.states() == {"t1": "Failed", "t2": "Cancelled", "t3": "Cancelled"}
    assert desk.session()["state"] == "Cancelled"
    assert "nothing to do" in desk.tune("resume", "s").out
    assert desk.session()["state"] == "Cancelled"
    assert "3 trials to be tried again" in desk.tune("retry", "s").err


def test_results_of_a_killed_driver_survive_a_cancel(desk: Desk):
    """
    What its agent had written down of trials that had ended is read first.
    """
    plan = desk.numbered(3)
    script = 'echo $1 >>begun; test $1 = 1 && echo "{\\"score\\": 1}" && exit; sleep 60'
    words = ("--name", "s", "-j2", "--", "sh", "-c", script, "sh", "{x}")
    with desk.started("run", plan, *LOCAL, *words) as process:
        until(lambda: len(desk.lines("begun")) == 3, "all trials")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    assert desk.tune("cancel", "s").code == 0

    assert desk.states() == {"t1": "Succeeded", "t2": "Cancelled", "t3": "Cancelled"}


def test_a_trial_of_a_session_without_a_driver_is_cancelled(desk: Desk):
    """
    The rest stays as it was, to be resumed.
    """
    halted(desk)

    assert desk.tune("cancel", "s", "t3").out == "1 trial of session/s cancelled\n"

    assert desk.states() == {"t1": "Failed", "t2": "Pending", "t3": "Cancelled"}
    desk.tune("resume", "s")
    assert desk.states()["t3"] == "Cancelled"


def test_the_last_trial_to_be_cancelled_ends_the_session(desk: Desk):
    """
    Nothing is unfinished then.
    """
    halted(desk)

    desk.tune("cancel", "s", "t2", "t3")

    assert desk.session()["state"] == "Failed"
    assert desk.session()["finished"] is not None


@pytest.mark.parametrize("trials", [[], ["t1"]])
def test_what_has_ended_can_not_be_cancelled(desk: Desk, trials: list[str]):
    """
    That is no error, and changes nothing.
    """
    desk.run(desk.numbered(2), "--", "sh", "-c", "test $1 = 1", "sh", "{x}")
    before = desk.session()

    done = desk.tune("cancel", "s", *trials)

    assert (done.code, done.out) == (0, "")
    assert "nothing to cancel" in done.err
    assert desk.session() == before


@pytest.mark.parametrize("verb", ["cancel", "delete"])
def test_without_a_name_somebody_is_asked(desk: Desk, verb: str):
    """
    Yes does it, anything else doesn't, and where nobody can answer it is refused.
    """
    halted(desk)
    before = desk.session()

    silent = desk.alone(verb, stdin=subprocess.DEVNULL)
    no = answered(desk, "no", verb)
    nothing = answered(desk, "", verb)

    assert (silent.returncode, no[0], nothing[0]) == (2, 2, 2)
    assert "-y" in silent.stderr
    assert f"{verb.capitalize()} session s" in no[1]
    assert "nothing was done" in no[1]
    assert desk.session() == before
    assert answered(desk, "y", verb)[0] == 0
    assert desk.names() == ([] if verb == "delete" else ["s"])


@pytest.mark.parametrize("verb", ["cancel", "delete"])
def test_yes_can_be_said_beforehand(desk: Desk, verb: str):
    """
    For scripts.
    """
    halted(desk)

    assert desk.tune(verb, "-y").code == 0


def test_an_unknown_trial_is_said(desk: Desk):
    """
    And nothing else of the same command is cancelled.
    """
    halted(desk)

    done = desk.tune("cancel", "s", "t2", "t9")

    assert done.code == 2
    assert "no trial named t9" in done.err
    assert desk.states()["t2"] == "Pending"


# delete


def test_a_deleted_session_leaves_its_outputs_and_nothing_else(desk: Desk):
    """
    Its records and its folder are gone, and its name is free.
    """
    plan = desk.plan({"job_id": "a", "config": {"x": 1}, "output_json": "out/a.json"})
    desk.run(plan, "--", *SCORE)

    done = desk.tune("delete", "s")

    assert (done.code, done.out) == (0, 'session "s" deleted\n')
    assert desk.json("out/a.json") == {"score": 1}
    assert list((desk.folder / "sessions").iterdir()) == []
    assert desk.tune("status", "s").code == 2
    assert desk.run(plan, "--", *SCORE).code == 0


def test_what_is_deleted_is_gone(desk: Desk):
    """
    Deleting twice is an error, saying it twice in one command is not.
    """
    for name in ("one", "two"):
        desk.run(desk.numbered(1), "--", "true", name=name)

    done = desk.tune("delete", "one", "two", "one")
    again = desk.tune("delete", "one")

    assert (done.code, done.out.count("deleted")) == (0, 2)
    assert again.code == 2


def test_a_session_that_runs_is_not_deleted(desk: Desk):
    """
    Nor are the others that were named with it.
    """
    plan = desk.numbered(1)
    desk.run(plan, "--", "true", name="other")
    with desk.started("run", plan, *LOCAL, "--name", "s", "--", *UNTIL_GO) as process:
        until(lambda: desk.lines("begun"), "the trial")

        done = desk.tune("delete", "other", "s")

        (desk.folder / "go").touch()
        assert process.wait(timeout=60) == 0
    assert (done.code, done.out) == (2, "")
    assert "session s is running" in done.err
    assert "kubectl tune cancel s" in done.err
    assert sorted(desk.names()) == ["other", "s"]


def test_the_beginning_of_a_name_deletes_nothing(desk: Desk):
    """
    Other commands take it; this one can't be undone.
    """
    desk.run(desk.numbered(1), "--", "true", name="nightly")

    done = desk.tune("delete", "night")

    assert done.code == 2
    assert "did you mean nightly?" in done.err
    assert desk.names() == ["nightly"]


def test_a_session_whose_folder_is_gone_can_be_deleted(desk: Desk):
    """
    Somebody may have tidied up by hand.
    """
    import shutil

    desk.run(desk.numbered(1), "--", "true")
    shutil.rmtree(desk.folder / "sessions")

    assert desk.tune("delete", "s").code == 0
