"""What a dry run shows is what a run creates."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from core.making import info as session_info
from fakecluster import FakeCluster

from kubectl_tune import dryrun
from kubectl_tune.cluster import observed
from kubectl_tune.engines.indexed import IndexedEngine
from kubectl_tune.engines.jobs import JobsEngine
from kubectl_tune.errors import ClusterError, EngineError, Forbidden
from kubectl_tune.session import Session, Target
from kubectl_tune.trial import TrialSpec

SERVERS = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")


class Recorder:
    """A client that writes down what is created."""

    def __init__(self, client) -> None:
        self._client = client
        self.created: list = []

    def __getattr__(self, name: str):
        return getattr(self._client, name)

    def create(self, manifest, *, dry_run: bool = False):
        made = self._client.create(manifest, dry_run=dry_run)
        self.created.append(manifest)
        return made


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    with FakeCluster() as cluster:
        cluster.cordon()
        yield cluster


def plan(tmp_path, engine: str, **pod):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("print(1)\n")
    made = session_info(workdir=tmp_path, extra={"pod": pod}, total=5)
    made = made._replace(target=Target(engine, "c", "s", "default", str(tmp_path)))
    specs = [
        TrialSpec(f"t{n}", n, {"x": n}, image="other:1" if n == 2 else "").named(f"t{n}", f"h{n}")
        for n in range(5)
    ]
    return made, specs


def without_owner(manifest):
    meta = {k: v for k, v in manifest["metadata"].items() if k not in ("ownerReferences", *SERVERS)}
    return {**manifest, "metadata": {"namespace": "default", **meta}}


@pytest.mark.parametrize(
    ("engine", "make", "pod"),
    [
        ("jobs", JobsEngine, {}),
        ("jobs", JobsEngine, {"sync": True, "cpu": "1", "keep": "all"}),
        ("jobs", JobsEngine, {"agent": False}),
        ("indexed", IndexedEngine, {"sync": True}),
    ],
    ids=["jobs", "jobs-with-code", "jobs-without-agent", "indexed-with-code"],
)
def test_a_dry_run_shows_what_a_run_creates(cluster, tmp_path, engine, make, pod):
    """
    The same objects, but for what only the cluster knows: their owner's uid.
    """
    pod = {key: str(tmp_path / "code") if key == "sync" else value for key, value in pod.items()}
    info, specs = plan(tmp_path, engine, **pod)
    client = Recorder(cluster.client())
    session = Session.of(info, specs)
    running = make(session, client, tmp_path)
    running.submit(session.ready(9))
    running.close()

    wanted = list(dryrun.planned(info, specs, "default"))

    def by_name(manifests):
        return {(m["kind"], observed.name(m)): without_owner(m) for m in manifests}

    assert by_name(wanted) == by_name(client.created)
    assert len(wanted) == len(client.created)


def test_two_thousand_trials_are_one_job_and_one_more_are_two():
    """
    Of an Indexed Job; each has the lines of its own indexes.
    """
    info = session_info()._replace(target=Target("indexed", workdir="/"))
    specs = [TrialSpec(f"t{n}", n, {}).named(f"t{n}", "h") for n in range(2001)]

    jobs = [m for m in dryrun.planned(info, specs, "default") if m["kind"] == "Job"]

    assert [job["spec"]["completions"] for job in jobs] == [2000, 1]


def test_the_server_is_asked_without_creating_anything(cluster, tmp_path):
    """
    Of many Jobs about the first few only.
    """
    info, specs = plan(tmp_path, "jobs")
    specs = [s.named(f"s{n}", "h") for n, s in enumerate([specs[0]] * 50)]
    wanted = list(dryrun.planned(info, specs, "default"))

    asked = dryrun.asked(cluster.client(), wanted)

    assert asked == 2 + dryrun.MOST_ASKED
    assert not cluster.all("Job") and not cluster.all("ConfigMap")


def test_a_refusal_says_of_what(cluster, tmp_path):
    """
    In the server's words.
    """
    cluster.refuse("Job", "the policy says no")
    info, specs = plan(tmp_path, "jobs")

    with pytest.raises(ClusterError, match=r"Job t0-bcdfg: .*the policy says no"):
        dryrun.asked(cluster.client(), list(dryrun.planned(info, specs, "default")))


def test_knocking_hears_refusals_but_no_full_quota(cluster, tmp_path):
    """
    A quota that has no room now may have some later.
    """
    info, specs = plan(tmp_path, "jobs")
    cluster.quota(**{"count/jobs.batch": 0})

    dryrun.knock(cluster.client(), info, specs[0])
    cluster.refuse("Job", "the policy says no")

    with pytest.raises(Forbidden, match="the policy says no"):
        dryrun.knock(cluster.client(), info, specs[0])


def test_an_indexed_job_without_an_agent_is_refused_before_anything_is_made(cluster, tmp_path):
    """
    By a knock, and by a dry run.
    """
    info, specs = plan(tmp_path, "indexed", agent=False)

    with pytest.raises(EngineError, match="--no-agent"):
        dryrun.knock(cluster.client(), info, specs[0])
    with pytest.raises(EngineError, match="--no-agent"):
        list(dryrun.planned(info, specs, "default"))
