"""What is said when a drive leaves something behind, or gives up."""

from __future__ import annotations

import pytest
from core.making import info

from kubectl_tune.driving import Outcome
from kubectl_tune.failfast import Diagnosis
from kubectl_tune.rows import Summary
from kubectl_tune.sessions import Standing
from kubectl_tune.summary import closing
from kubectl_tune.trial import Failure, TrialState


def outcome(engine="jobs", ended="", counts=None, **more):
    about = info(total=6)
    about = about._replace(target=about.target._replace(engine=engine))
    counted = {TrialState(k): n for k, n in (counts or {"Running": 4, "Pending": 2}).items()}
    summary = Summary(about, counted, 4, 61.0 if ended else None, ended, None)
    return Outcome(Standing(summary, None), **{"exit_code": 1} | more)


def verbs(text):
    return [row.split()[2] for row in text.splitlines() if row.startswith("  kubectl tune ")]


@pytest.mark.parametrize("quiet", [False, True])
def test_who_lets_go_of_a_cluster_is_told_that_jobs_go_on(quiet):
    """
    Which ones, and how to come back.
    """
    ids = ("t0", "t1", "t2", "t3")

    text = closing(outcome(exit_code=130, stopped=True, going=ids), "kubectl tune", quiet=quiet)

    assert text.splitlines()[0] == (
        "stopped by Ctrl-C: its Jobs go on: 4 trials (t0, t1, t2, ...) on the cluster"
    )
    assert "session/demo Detached: 4 Running, 2 Pending" in text
    assert "kubectl tune resume demo" in text
    assert quiet or verbs(text) == ["resume", "status", "cancel"]


def test_nothing_goes_on_where_nothing_was_begun():
    """
    Nor is there anything to cancel.
    """
    counts = {"Pending": 6}

    text = closing(outcome(exit_code=143, stopped=True, counts=counts), "kubectl tune")

    assert text.startswith("stopped by a signal: no trial is on the cluster\n")
    assert verbs(text) == ["resume", "status"]


def test_on_this_machine_nothing_goes_on():
    """
    What ran has ended with its driver.
    """
    text = closing(outcome("local", exit_code=130, stopped=True), "kubectl tune")

    assert text.startswith("stopped by Ctrl-C: trials that ran were ended; they begin anew")
    assert "cancel" not in text


def test_what_could_not_be_ended_is_said():
    """
    With the command that tries again.
    """
    text = closing(outcome(ended="TimedOut", going=("t0",)), "kubectl tune")

    assert text.startswith("told to end, but still there: 1 trial (t0)\n")
    assert "cancel" in verbs(text)


@pytest.mark.parametrize("quiet", [False, True])
def test_giving_up_is_said_once_with_what_to_do(quiet):
    """
    The class, the sentence, the trials and the way out, whatever the reason holds.
    """
    diagnosis = Diagnosis(Failure.OOM, "killed\x1b[2J at 2Gi", ("t0", "t1", "t2"))

    text = closing(
        outcome(ended="done", counts={"Failed": 3, "Pending": 3}, diagnosis=diagnosis),
        "kubectl tune --state x",
        quiet=quiet,
    )

    first, trials, todo, verdict = text.splitlines()[:4]
    assert first.startswith("gave up: the first 3 trials failed alike (oom): killed")
    assert "\x1b" not in text
    assert trials == "  trials: t0, t1, t2"
    assert "--memory" in todo
    assert verdict.startswith("session/demo Failed in")
    assert text.count("gave up") == 1


def test_commands_in_a_diagnosis_can_be_typed():
    """
    They name the state file that is in use.
    """
    diagnosis = Diagnosis(Failure.EXIT, "exit code 1", ("t0",))

    text = closing(outcome(ended="done", diagnosis=diagnosis), "kubectl tune --state x")

    assert "gave up: the first trial failed (exit): exit code 1\n" in text
    assert "kubectl tune --state x logs demo --failed" in text
