"""What the fake cluster lets go wrong: lost nodes, evictions, outages, no room."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from core.waiting import until

from fakecluster import FakeClient, FakeCluster
from fakecluster.samples import conditions, job, pod, state
from kubectl_tune.cluster import LogRequest, Manifest
from kubectl_tune.errors import ClusterError, Unreachable


def phase(cluster: FakeCluster, name: str, phase: str) -> Manifest:
    def found() -> Manifest | None:
        pod = cluster.find("Pod", name)
        return pod if pod and pod["status"]["phase"] == phase else None

    pod = cluster.until(found, f"{name} to be {phase}")
    assert pod
    return pod


def gone(cluster: FakeCluster, name: str) -> Manifest:
    """Wait for a pod's deletion; return how it last was."""
    cluster.until(lambda: cluster.find("Pod", name) is None, f"the end of {name}")
    writes = cluster.api.store.history
    return next(w.new for w in reversed(writes) if w.key.name == name and w.type == "DELETED")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("evict", "EvictionByEvictionAPI"), ("preempt", "PreemptionByScheduler")],
)
def test_disrupted_pods_say_so(
    client: FakeClient, cluster: FakeCluster, fault: str, reason: str
) -> None:
    """The condition stands before the pod is marked for deletion, and to its end."""
    client.create(pod("p", "sleep", "60"))
    phase(cluster, "p", "Running")

    getattr(cluster, fault)("p")

    last = gone(cluster, "p")
    found = [c for c in last["status"]["conditions"] if c["type"] == "DisruptionTarget"]
    assert [each["reason"] for each in found] == [reason]


def test_a_node_under_pressure_evicts(client: FakeClient, cluster: FakeCluster) -> None:
    """The pod fails as Evicted, and stays."""
    client.create(pod("p", "sleep", "60"))
    phase(cluster, "p", "Running")

    cluster.press("p")

    done = phase(cluster, "p", "Failed")
    assert done["status"]["reason"] == "Evicted"
    assert "DisruptionTarget" in conditions(done)


def test_memory_runs_out(client: FakeClient, cluster: FakeCluster) -> None:
    """The container ends as OOMKilled with 137, without a word of its own."""
    client.create(pod("p", "sleep", "60"))
    phase(cluster, "p", "Running")

    cluster.oom("p")

    terminated = state(phase(cluster, "p", "Failed"))["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (137, "OOMKilled")


def test_a_lost_node_keeps_its_pods(client: FakeClient, cluster: FakeCluster) -> None:
    """They run for ever on paper, deleted or not, and have no logs; back, it tells their end."""
    for name in ("p", "q"):
        client.create(pod(name, "sleep", "60"))
        phase(cluster, name, "Running")

    cluster.node_lost()
    cluster.expel("q")
    client.create(pod("r", "true"))

    assert "Ready" not in conditions(cluster.find("Pod", "p"))
    assert phase(cluster, "q", "Running")["metadata"]["deletionTimestamp"]
    with pytest.raises(ClusterError) as caught:
        [*client.logs(LogRequest("p"))]
    assert caught.value.code == 500
    cluster.node_back()
    reason = state(phase(cluster, "p", "Failed"))["terminated"]["reason"]
    assert reason == "ContainerStatusUnknown"
    gone(cluster, "q")
    phase(cluster, "r", "Succeeded")


def test_a_removed_node_takes_its_pods(client: FakeClient, cluster: FakeCluster) -> None:
    """Its pods are gone with it, and their Job has failed."""
    client.create(job("j", "sleep", "60"))
    [name] = cluster.until(
        lambda: [
            p["metadata"]["name"] for p in cluster.all("Pod") if p["status"]["phase"] == "Running"
        ],
        "a running pod",
    )

    cluster.node_removed()

    last = gone(cluster, name)
    assert "DisruptionTarget" in conditions(last)
    cluster.until(lambda: "Failed" in conditions(cluster.find("Job", "j")), "the Job's failure")


def test_a_cordoned_node_takes_no_pods(client: FakeClient, cluster: FakeCluster) -> None:
    """Pods stay Pending with the scheduler's words, and run once it is uncordoned."""
    cluster.cordon()
    client.create(pod("p", "true"))

    def scheduled() -> list[Manifest]:
        found = cluster.find("Pod", "p")
        return list(found["status"].get("conditions", ())) if found else []

    [condition] = cluster.until(scheduled, "the scheduler's word")
    assert (condition["type"], condition["status"]) == ("PodScheduled", "False")
    assert condition["reason"] == "Unschedulable"
    words = "0/1 nodes are available: 1 node(s) were unschedulable."
    assert condition["message"].startswith(words)
    assert [*client.logs(LogRequest("p"))] == []
    cluster.uncordon()
    phase(cluster, "p", "Succeeded")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"resources": {"requests": {"cpu": "2"}}}, "1 Insufficient cpu."),
        ({"resources": {"limits": {"nvidia.com/gpu": "1"}}}, "1 Insufficient nvidia.com/gpu."),
        ({"pod": {"nodeSelector": {"a": "b"}}}, "1 node(s) didn't match Pod's node affinity"),
    ],
)
def test_pods_that_fit_nowhere(asked: Manifest, words: str) -> None:
    """The scheduler says what is missing, in an event as well."""
    with FakeCluster(cpu="1500m") as cluster:
        cluster.client().create(pod("p", "true", **asked))
        [event] = cluster.until(lambda: cluster.all("Event"), "the event")

    assert event["reason"] == "FailedScheduling"
    assert words in event["message"]


def test_nodes_fill_up_and_empty(cluster: FakeCluster, client: FakeClient) -> None:
    """A pod that finds no room runs when another one has ended."""
    half = {"resources": {"requests": {"cpu": "40"}}}
    client.create(pod("p", "sleep", "60", **half))
    phase(cluster, "p", "Running")
    client.create(pod("q", "true", **half))
    cluster.until(lambda: conditions(cluster.find("Pod", "q")) == [], "q to wait")

    client.delete("Pod", "p")

    phase(cluster, "q", "Succeeded")


def test_a_followed_log_breaks_with_the_server(client: FakeClient, cluster: FakeCluster) -> None:
    """Who reads a log is told that the connection is gone."""
    client.create(pod("p", "sh", "-c", "echo ready; sleep 60"))
    phase(cluster, "p", "Running")
    follow = client.logs(LogRequest("p", follow=True))
    next(follow)

    cluster.api_down()

    with pytest.raises(Unreachable):
        next(follow)


def test_nothing_is_left_behind() -> None:
    """Closing ends every process, whatever session it is in, every thread, and the files."""
    before = {*threading.enumerate()}
    with FakeCluster() as cluster:
        folder = cluster.machine.folder
        client = cluster.client()
        client.create(pod("p", "sh", "-c", "trap '' TERM; setsid sleep 60 & sleep 60"))
        client.create(pod("q", "true", image="nope:1"))
        phase(cluster, "p", "Running")
    assert not folder.exists()
    until(lambda: {*threading.enumerate()} <= before, "the end of all threads")
    marker = os.fsencode(folder)
    assert not [p for p in Path("/proc").glob("[0-9]*/environ") if marker in _content(p)]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
