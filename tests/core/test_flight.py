"""How attempts ended, by what was seen of them: a table of pods and records."""

from __future__ import annotations

from typing import Any

import pytest
from core.making import specs

from kubectl_tune.flight import Flight, Heard, ending
from kubectl_tune.harvest import Found
from kubectl_tune.record import Record
from kubectl_tune.trial import Failure, Trial, TrialState

NOTHING = Found(None, b"", "it left no record")
AT = "2026-11-24T12:00:00Z"
LATER = "2026-11-24T12:01:00Z"


def said(why: str, code: int | None = 0) -> Found:
    return Found(Record(code, why, "", 1.0, 2.0, None), b"")


def pod(code: int | None = None, *, phase: str = "Failed", deleted: str = "", **status: Any):
    terminated = {"terminated": {"exitCode": code, "finishedAt": AT}} if code is not None else {}
    meta = {"name": "p", "labels": {"job-name": "j"}}
    going = {"deletionTimestamp": deleted, "deletionGracePeriodSeconds": 30} if deleted else {}
    return {
        "metadata": meta | going,
        "spec": {"nodeName": "n"},
        "status": {
            "phase": phase,
            "containerStatuses": [{"name": "tuning-runner", "state": terminated}],
        } | status,
    }  # fmt: skip


def job(type: str = "", reason: str = "", *, gone: bool = False) -> Heard:
    conditions = [{"type": type, "status": "True", "reason": reason}] if type else []
    return Heard({"metadata": {"name": "j"}, "status": {"conditions": conditions}}, gone)


def end(found: Found, seen: Any, heard: Heard | None = None, *, agent: bool = True, **flight: Any):
    [spec] = specs(1)
    made = Flight(("t0", 1), Trial(spec), heard or job(), seen, **flight)
    return ending(made, found, recorded=agent)


LOST, FAILED, SUCCEEDED = TrialState.LOST, TrialState.FAILED, TrialState.SUCCEEDED
TIMED_OUT, CANCELLED = TrialState.TIMED_OUT, TrialState.CANCELLED
DISK = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."


@pytest.mark.parametrize(
    ("event", "state", "failure"),
    [
        (end(said("exit"), pod(0, phase="Succeeded")), SUCCEEDED, None),
        (end(NOTHING, pod(0, phase="Succeeded")), FAILED, Failure.NO_RESULT),
        (end(NOTHING, pod(3)), FAILED, Failure.EXIT),
        (end(said("exit", 3), pod(3)), FAILED, Failure.EXIT),
        (end(said("sigterm", 143), pod(143)), LOST, Failure.PREEMPTED),
        (end(said("exit"), pod(0, deleted=LATER)), SUCCEEDED, None),
        (end(said("exit"), pod(0), job(gone=True)), SUCCEEDED, None),
        (end(said("sigterm", 143), pod(143), job(gone=True)), LOST, Failure.DELETED),
        (end(said("sigterm", 143), pod(143), cancelled=True), CANCELLED, None),
        (end(said("exit"), pod(0), cancelled=True), SUCCEEDED, None),
        (end(NOTHING, pod(reason="Evicted", message=DISK)), FAILED, Failure.EXIT),
        (end(NOTHING, pod(137, deleted=LATER)), LOST, Failure.PREEMPTED),
        (end(NOTHING, None, job("Failed", "BackoffLimitExceeded")), LOST, Failure.NODE_LOST),
        (end(NOTHING, None, job("Complete")), LOST, Failure.NODE_LOST),
        (end(NOTHING, pod(143), job("FailureTarget", "DeadlineExceeded")), TIMED_OUT,
         Failure.TIMEOUT),
        (end(said("sigterm", 143), pod(143), job("FailureTarget", "MaxFailedIndexesExceeded")),
         LOST, None),
        (end(said("machine", 125), pod(125)), LOST, Failure.NODE_LOST),
        (end(said("setup", 125), pod(125)), FAILED, Failure.EXIT),
        (end(NOTHING, pod(0, phase="Succeeded"), agent=False), SUCCEEDED, None),
        (end(NOTHING, pod(0, deleted="2026-11-24T12:00:30Z"), agent=False), LOST,
         Failure.PREEMPTED),
        (end(NOTHING, pod(0, deleted="2026-11-24T12:05:00Z"), agent=False), SUCCEEDED, None),
        (end(NOTHING, pod(5), agent=False), FAILED, Failure.EXIT),
    ],
    ids=[
        "a record of success", "exit code 0 alone", "an exit code alone", "a record of failure",
        "asked to end", "success of a pod that is deleted later", "success of a deleted Job",
        "a deleted Job", "cancelled", "success before it was cancelled", "over its own disk limit",
        "deleted without a word", "gone with its node", "gone with its result",
        "the session's time is over", "the session is halted", "a machine that could not",
        "a pod that lacks what it needs", "no agent", "no agent, while it is deleted",
        "no agent, deleted later", "no agent, an exit code",
    ],
)  # fmt: skip
def test_endings(event, state, failure):
    """
    A success needs a record; whose fault all else was, the cluster knows best.
    """
    assert (event.state, event.failure) == (state, failure)
    assert event.reason or state is SUCCEEDED


def test_a_pod_that_broke_its_own_limit_says_which():
    """
    Also where no container of it has an exit code.
    """
    assert "1Gi" in end(NOTHING, pod(reason="Evicted", message=DISK)).reason


def test_an_attempt_says_where_it_was():
    """
    Its Job, its pod and its node.
    """
    event = end(NOTHING, pod(3))

    assert (event.job, event.pod, event.node) == ("j", "p", "n")
