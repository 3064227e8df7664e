"""The story of a trial: the store's part, the cluster's part, and what is told without one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from core.making import info, opened, specs

from kubectl_tune.errors import Forbidden, TuneError, Unreachable
from kubectl_tune.explaining import overview, story
from kubectl_tune.ledger import Ledger
from kubectl_tune.session import SessionInfo, Target
from kubectl_tune.store import Store
from kubectl_tune.trial import Failure, TrialEvent, TrialState
from kubectl_tune.views.story import overview_object, overview_text, story_object, story_text

T0 = "2026-01-01T00:00:00Z"
NOW = 1767225660.0  # a minute later
UID = "kubectl-tune.dev/uid"


class Cluster:
    """What one look at a cluster finds."""

    namespace = "lab"

    def __init__(self, *things: dict[str, Any], error: TuneError | None = None) -> None:
        self.things = things
        self.error = error
        self.forbidden: tuple[str, ...] = ()
        self.closed = False

    def list(self, kind: str, selector: str = "", fields: str = "") -> tuple[list[Any], str]:
        if kind in self.forbidden:
            raise Forbidden(f"cannot list {kind}")
        return [each for each in self.things if each["kind"] == kind], "1"

    def close(self) -> None:
        self.closed = True

    def __call__(self, info: SessionInfo) -> Any:
        if self.error:
            raise self.error
        return self


def job(name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "uid": f"uid-{name}", "creationTimestamp": T0}
    return {"kind": "Job", "metadata": metadata, "spec": spec, "status": {}}


def pod(of: str, state: dict[str, Any], phase: str = "Pending") -> dict[str, Any]:
    name = f"{of}-x7k2p"
    labels = {"batch.kubernetes.io/job-name": of}
    metadata = {"name": name, "uid": f"uid-{name}", "creationTimestamp": T0, "labels": labels}
    statuses = [{"name": "tuning-runner", "state": state}]
    status = {"phase": phase, "containerStatuses": statuses}
    return {"kind": "Pod", "metadata": metadata, "spec": {"nodeName": "n1"}, "status": status}


def refused(job: dict[str, Any]) -> dict[str, Any]:
    name = job["metadata"]["name"]
    message = (
        f'Error creating: pods "{name}-9rq4c" is forbidden: exceeded quota: two,'
        " requested: pods=1, used: pods=2, limited: pods=2"
    )
    about = {"kind": "Job", "name": name, "uid": job["metadata"]["uid"]}
    return {
        "kind": "Event", "type": "Warning", "reason": "FailedCreate", "message": message,
        "involvedObject": about, "firstTimestamp": T0, "lastTimestamp": T0, "count": 3,
    }  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path / "state.db") as store:
        yield store


def begun(store: Store, count: int = 4, *, engine: str = "jobs") -> None:
    """A session of which all trials but the last are with the cluster."""
    made = info(total=count)._replace(target=Target(engine, "lab", "https://lab", "lab", "/w"))
    store.create(made, specs(count))
    told = [
        TrialEvent(f"t{n}", 1, TrialState.SUBMITTED, 1.0, job=f"t{n}-bcdfg")
        for n in range(count - 1)
    ]
    keep(store, told)


def keep(store: Store, told: list[TrialEvent]) -> None:
    ledger = Ledger(store.load("demo"), store, store.claim("demo"))
    ledger.keep(told)
    ledger.save()


def test_trials_in_the_same_trouble_are_told_together(store: Store):
    """
    One block a reason, with its trials; those that run are not mentioned.
    """
    begun(store)
    first, second, third = (job(f"t{n}-bcdfg") for n in range(3))
    cluster = Cluster(
        first, second, third, refused(first), refused(second),
        pod("t2-bcdfg", {"running": {"startedAt": T0}}, "Running"),
    )  # fmt: skip

    found = overview(store, "demo", cluster, now=NOW)

    assert [(str(g.state), g.count, list(g.trials)) for g in found.groups] == [
        ("Submitted", 2, ["t0", "t1"]),
        ("Pending", 1, ["t3"]),
    ]
    assert found.groups[0].verdict.failure is Failure.QUOTA
    assert "quota two" in overview_text(found, NOW)
    assert "kubectl tune resume demo" in found.groups[1].verdict.hint
    assert cluster.closed


def test_one_trial_is_told_with_its_events(store: Store):
    """
    Attempts, Job, Events and verdict stand in one text, and in one object.
    """
    begun(store)
    first = job("t0-bcdfg")
    told = story(store, "demo", "t0", Cluster(first, refused(first)), now=NOW)

    text = story_text(told, ["last line"], NOW)
    shown = json.loads(json.dumps(story_object(told)))

    for words in ("t0-bcdfg", "FailedCreate", "x3", "Why:  quota two", "Do:", "last line"):
        assert words in text
    assert shown["verdict"]["class"] == "quota"
    assert shown["verdict"]["state"] == "waiting"
    assert [each["kind"] for each in shown["objects"]] == ["Job"]
    assert [each["reason"] for each in shown["events"]] == ["FailedCreate"]


def test_without_a_cluster_the_store_is_told(store: Store):
    """
    What is known is told, with the reason why it is not more.
    """
    begun(store)
    cluster = Cluster(error=Unreachable("The connection to the server lab was refused"))

    told = story(store, "demo", "t0", cluster, now=NOW)
    found = overview(store, "demo", cluster, now=NOW)

    for notes in (told.notes, found.notes):
        assert "connection to the server lab was refused" in notes[0]
    assert "t0-bcdfg" in story_text(told, [], NOW)
    assert [group.count for group in found.groups] == [3, 1]


def test_without_the_right_to_events_the_rest_is_told(store: Store):
    """
    A missing optional right takes the Events away, and nothing else.
    """
    begun(store)
    waiting = {"waiting": {"reason": "InvalidImageName", "message": "invalid reference format"}}
    cluster = Cluster(job("t0-bcdfg"), pod("t0-bcdfg", waiting))
    cluster.forbidden = ("Event",)

    told = story(store, "demo", "t0", cluster, now=NOW)

    assert told.verdict.failure is Failure.IMAGE
    assert "list events" in told.notes[0]


def test_failures_are_told_with_what_to_do(store: Store):
    """
    The reason that the store has is enough, and so is its advice, with names to type.
    """
    begun(store, 3)
    failed = TrialState.FAILED
    keep(store, [
        TrialEvent("t0", 1, failed, 2.0, failure=Failure.EXIT, reason="exit code 3"),
        TrialEvent("t1", 1, failed, 2.0, failure=Failure.OOM, reason="out of memory"),
    ])  # fmt: skip

    found = overview(store, "demo", Cluster(), now=NOW)

    shown = overview_object(found)["groups"]
    assert {group["verdict"]["class"] for group in shown if group["state"] == "Failed"} == {
        "exit", "oom",
    }  # fmt: skip
    hints = [group["verdict"]["hint"] for group in shown]
    assert any("kubectl tune logs demo/t0" in hint for hint in hints)
    assert any("kubectl tune retry demo t1" in hint for hint in hints)


def test_a_local_session_needs_no_cluster(store: Store):
    """
    Nobody is asked about trials of this machine.
    """
    begun(store, engine="local")

    def connect(info: SessionInfo) -> Any:
        pytest.fail("asked a cluster")

    assert story(store, "demo", "t0", connect, now=NOW).notes == []
    assert overview(store, "demo", connect, now=NOW).notes == []


def test_nothing_to_explain_is_said(store: Store):
    """
    An empty answer would look like an error.
    """
    begun(store, 2)
    keep(store, [
        TrialEvent("t0", 1, TrialState.SUCCEEDED, 2.0, exit_code=0),
        TrialEvent("t1", 1, TrialState.SUCCEEDED, 2.0, exit_code=0),
    ])  # fmt: skip

    assert overview_text(overview(store, "demo", Cluster(), now=NOW), NOW).strip()


def test_what_ended_while_nobody_watched_is_to_be_fetched(store: Store):
    """
    A pod that has ended well is no trouble, but its result is not here yet.
    """
    begun(store, 2)
    over = pod("t0-bcdfg", {"terminated": {"exitCode": 0}}, "Succeeded")

    (group, _) = overview(store, "demo", Cluster(job("t0-bcdfg"), over), now=NOW).groups

    assert "ended" in group.verdict.sentence
    assert "kubectl tune resume demo" in group.verdict.hint


def test_a_job_that_could_not_be_made_keeps_its_reason(store: Store):
    """
    A quota of Jobs leaves nothing in the cluster to read a reason from.
    """
    begun(store, 2)
    keep(store, [
        TrialEvent("t0", 2, TrialState.SUBMITTED, 2.0, failure=Failure.QUOTA, reason="no more Jobs")
    ])  # fmt: skip

    told = story(store, "demo", "t0", Cluster(), now=NOW)

    assert (told.verdict.failure, told.verdict.sentence) == (Failure.QUOTA, "no more Jobs")
    assert "kubectl tune resume demo" in told.verdict.hint


def test_many_failures_alike_are_run_again_together(store: Store):
    """
    The advice is for all of them, and names one to look at.
    """
    begun(store, 4)
    keep(store, [
        TrialEvent(f"t{n}", 1, TrialState.FAILED, 2.0, failure=Failure.EXIT, reason="exit code 3")
        for n in range(3)
    ])  # fmt: skip

    (_, failed) = overview(store, "demo", Cluster(), now=NOW).groups

    assert failed.count == 3
    assert failed.verdict.hint.endswith("kubectl tune retry demo")
