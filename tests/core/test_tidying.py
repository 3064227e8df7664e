"""What becomes of the Jobs of ended attempts: noted first, then deleted, many at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from core.making import info as session_info
from core.making import specs
from core.waiting import until
from fakecluster import FakeCluster

from kubectl_tune.cluster import manifests
from kubectl_tune.errors import Forbidden, Unreachable
from kubectl_tune.noted import noted
from kubectl_tune.provision import Provision
from kubectl_tune.session import Session
from kubectl_tune.tidying import BATCH, Tidier
from kubectl_tune.trial import Failure, TrialEvent, TrialState

SUCCEEDED, FAILED, LOST = TrialState.SUCCEEDED, TrialState.FAILED, TrialState.LOST


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    with FakeCluster() as cluster:
        cluster.cordon()
        yield cluster


class Desk:
    """A session whose trials have Jobs that have ended."""

    def __init__(self, cluster: FakeCluster, count: int = 3, **pod) -> None:
        self.cluster = cluster
        self.session = Session.of(session_info(extra={"pod": pod}), specs(count))
        self.provision = Provision(self.session, cluster.client())
        for trial in self.session.trials.values():
            place = self.provision.place(trial)
            cluster.client().create(manifests.job(self.provision.scene, trial, place))
        self.tidier = Tidier(self.session, cluster.client(), self.provision)

    def end(self, id: str, state: TrialState = SUCCEEDED, **more) -> None:
        event = TrialEvent(id, 1, state, 1.0, job=f"{id}-bcdfg", **more)
        self.session.apply(event)
        self.tidier.note([event])

    def jobs(self) -> set[str]:
        return {job["metadata"]["name"].partition("-")[0] for job in self.cluster.all("Job")}

    def noted(self) -> dict[str, TrialEvent]:
        maps = self.cluster.all("ConfigMap", "kubectl-tune.dev/part=done")
        return {each.event.trial: each.event for each in noted(maps)}


def test_few_are_left_until_it_is_worth_it(cluster):
    """
    Each request is for many; at the end for all.
    """
    desk = Desk(cluster)
    desk.end("t0")

    desk.tidier.tidy()
    assert desk.jobs() == {"t0", "t1", "t2"} and not desk.noted()
    desk.tidier.tidy(all=True)

    assert desk.jobs() == {"t1", "t2"} and set(desk.noted()) == {"t0"}
    assert desk.tidier.idle


def test_many_go_beside_the_drivers_work(cluster):
    """
    Two requests for a batch of them.
    """
    desk = Desk(cluster, BATCH)
    before = cluster.requests.total()
    for id in desk.session.trials:
        desk.end(id)

    desk.tidier.tidy()

    until(lambda: not desk.jobs(), "the Jobs to be gone")
    assert len(desk.noted()) == BATCH
    assert cluster.requests.total() - before == 2


@pytest.mark.parametrize(
    ("keep", "left"), [("all", {"t0", "t1", "t2"}), ("failed", {"t1"}), ("none", set())]
)
def test_what_is_kept_is_noted_all_the_same(cluster, keep, left):
    """
    Its Job may be gone when it is asked for.
    """
    desk = Desk(cluster, keep=keep)
    desk.end("t0")
    desk.end("t1", FAILED, failure=Failure.EXIT)
    desk.end("t2", LOST, failure=Failure.PREEMPTED)

    desk.tidier.tidy(all=True)

    assert desk.jobs() == left
    assert set(desk.noted()) == {"t0", "t1", "t2"}


def test_what_can_not_be_noted_is_not_deleted(cluster):
    """
    It is tried again another time.
    """
    desk = Desk(cluster)
    desk.end("t0")
    cluster.fail_next("create", "ConfigMap", Unreachable("no route"))

    desk.tidier.tidy(all=True)
    assert desk.jobs() == {"t0", "t1", "t2"}
    desk.tidier.tidy(all=True)

    assert desk.jobs() == {"t1", "t2"}


def test_what_nobody_lets_us_note_is_left_to_the_cluster(cluster):
    """
    Without asking again: it goes when its time is over.
    """
    desk = Desk(cluster)
    desk.end("t0")
    cluster.fail_next("create", "ConfigMap", Forbidden("no right"))

    desk.tidier.tidy(all=True)

    assert desk.jobs() == {"t0", "t1", "t2"} and desk.tidier.idle


def test_a_full_quota_has_no_room_for_what_failed(cluster):
    """
    Else the session would wait for itself; who wants all of them kept gets his way.
    """
    desk = Desk(cluster)
    desk.end("t0", FAILED, failure=Failure.EXIT)
    desk.tidier.tidy(all=True)
    assert desk.jobs() == {"t0", "t1", "t2"}

    desk.tidier.tidy(all=True, cramped=True)

    assert desk.jobs() == {"t1", "t2"}


def test_an_ending_is_noted_as_the_session_took_it(cluster):
    """
    A driver may know better why it ended a trial.
    """
    desk = Desk(cluster)
    told = TrialEvent("t0", 1, TrialState.CANCELLED, 1.0, job="t0-bcdfg", reason="cancelled")
    late = TrialEvent("t1", 1, TrialState.CANCELLED, 1.0, job="t1-bcdfg", reason="cancelled")
    desk.session.apply(TrialEvent("t0", 1, TrialState.TIMED_OUT, 1.0, failure=Failure.TIMEOUT))
    desk.session.apply(TrialEvent("t1", 2, TrialState.PENDING))

    desk.tidier.note([told, late])
    desk.tidier.tidy(all=True)

    found = desk.noted()
    assert (found["t0"].state, found["t0"].failure) == (TrialState.TIMED_OUT, Failure.TIMEOUT)
    assert (found["t1"].state, found["t1"].failure) == (LOST, None)


def test_a_result_that_no_config_map_can_hold_keeps_its_job(cluster):
    """
    Until its time is over it can be had from there.
    """
    import random

    desk = Desk(cluster)
    desk.end("t0", result=random.Random(1).randbytes(700 << 10).hex())
    desk.end("t1")

    desk.tidier.tidy(all=True)

    assert desk.jobs() == {"t0", "t2"}
    assert set(desk.noted()) == {"t1"}
