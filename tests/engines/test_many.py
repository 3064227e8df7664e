"""Sessions of two thousand trials: what grows with them grows in proportion, no faster."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from core.making import info as session_info

from kubectl_tune import agent
from kubectl_tune.cluster import Change, manifests
from kubectl_tune.engines.indexed import IndexedEngine
from kubectl_tune.errors import Conflict, NotFound
from kubectl_tune.session import Policy, Session
from kubectl_tune.trial import Failure, TrialSpec, TrialState

COUNT = 2000
STAMP = "2026-11-24T12:00:00Z"


class Still:
    """A client of a cluster in which only happens what a test says; it counts what is asked."""

    namespace, server = "default", "https://still.test"

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        self.things: dict[tuple[str, str], dict] = {}
        self.events: list[dict] = []

    def create(self, manifest, *, dry_run: bool = False):
        key = manifest["kind"], manifest["metadata"]["name"]
        self.requests["create", key[0]] += 1
        if key in self.things:
            raise Conflict("there")
        meta = {"uid": "/".join(key), "creationTimestamp": STAMP} | manifest["metadata"]
        self.things[key] = {"status": {}, **manifest, "metadata": meta}
        return self.things[key]

    def get(self, kind: str, name: str):
        if (kind, name) not in self.things:
            raise NotFound("not there")
        return self.things[kind, name]

    def list(self, kind: str, selector: str = "", fields: str = ""):
        self.requests["list", kind] += 1
        if kind == "Event":
            return self.events, "1"
        part = selector.partition("part=")[2]
        found = [thing for (of, _), thing in self.things.items() if of == kind and not part]
        return found, "1"

    def watch(self, kind: str, selector: str, since: str, *, seconds: int = 270) -> Iterator:
        time.sleep(0.5)  # a reflector's own thread, which has nothing to hear
        return iter(())

    def logs(self, request):
        self.requests["get", "log"] += 1
        return iter([f"{STAMP} out\n".encode()])

    def close(self) -> None:
        pass


@pytest.fixture
def client() -> Still:
    return Still()


@pytest.fixture
def session(tmp_path: Path) -> Session:
    made = session_info(workdir=tmp_path, policy=Policy(max_parallel=50), total=COUNT)
    return Session.of(made, [TrialSpec(f"t{n}", n, {}).named(f"t{n}", "h") for n in range(COUNT)])


def pod(job: str, index: int):
    """A pod that has ended well, with its record."""
    record = {"code": 0, "why": "exit", "detail": "", "started": 1.0, "at": 2.0, "result": "{}"}
    message, _ = agent.message(record, 1)
    ended = {"exitCode": 0, "message": message.decode(), "finishedAt": STAMP}
    name = f"{job}-{index}-xxxxx"
    return {
        "kind": "Pod",
        "metadata": {
            "name": name, "uid": name, "labels": {"batch.kubernetes.io/job-name": job},
            "annotations": {"batch.kubernetes.io/job-completion-index": str(index)},
        },
        "spec": {"nodeName": "n"},
        "status": {
            "phase": "Succeeded",
            "containerStatuses": [{"name": "tuning-runner", "state": {"terminated": ended}}],
        },
    }  # fmt: skip


def fold(session: Session, events) -> None:
    for event in events:
        session.apply(event)


def test_two_thousand_endings_are_folded_with_a_log_each(client, session, tmp_path):
    """
    One request a trial beside those that all of them share.
    """
    engine = IndexedEngine(session, client, tmp_path)
    fold(session, engine.poll(0))
    fold(session, engine.submit(session.ready(COUNT)))
    name = manifests.shard_name(session.info, 1)
    job = client.things["Job", name]

    for index in range(COUNT):
        client_job = {**job, "status": {"active": 50, "succeeded": index}}
        fold(session, engine._fleet.observe("Job", Change("MODIFIED", client_job)))
        fold(session, engine._fleet.observe("Pod", Change("ADDED", pod(name, index))))
    while session.in_flight:
        fold(session, engine.poll(1.0))
    engine.close()

    assert +session.counts == {TrialState.SUCCEEDED: COUNT}
    assert client.requests["create", "Job"] == 1
    assert client.requests.total() - client.requests["get", "log"] <= 12
    assert client.requests["get", "log"] == COUNT


def test_what_all_wait_for_is_found_out_once(client, session, tmp_path):
    """
    However many wait, and however many Events the namespace has of others.
    """
    now = [0.0]
    engine = IndexedEngine(session, client, tmp_path, clock=lambda: now[0])
    fold(session, engine.poll(0))
    fold(session, engine.submit(session.ready(COUNT)))
    job = manifests.shard_name(session.info, 1)
    full = "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"
    client.events = [event("Job", job, f'Error creating: pods "x" is forbidden: {full}')]
    client.events += [event("Pod", f"other-{n}", "something else") for n in range(5000)]

    told = []
    for _ in range(20):
        now[0] += 2.0
        told += engine.poll(0.02)
    fold(session, told)
    engine.close()

    assert {trial.failure for trial in session.in_flight} == {Failure.QUOTA}
    assert len(told) == len({(e.trial, e.reason) for e in told})
    assert client.requests["list", "Event"] <= 5


def event(kind: str, name: str, message: str):
    return {
        "kind": "Event", "type": "Warning", "reason": "FailedCreate", "message": message,
        "metadata": {"name": name}, "count": 1, "lastTimestamp": STAMP,
        "involvedObject": {"kind": kind, "name": name},
    }  # fmt: skip
