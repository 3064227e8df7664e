"""Faults on a real cluster: the right class and the right sentence, soon."""

from __future__ import annotations

import json

import pytest

SLEEP = ["python", "-c", "import time;time.sleep(300)"]
SOON = 30.0


def line(id: str, command=SLEEP, **more):
    return {"job_id": id, "config": {}, "command": list(command), **more}


@pytest.fixture
def going(namespace):
    """Begin a run in the background; it is cancelled in the end."""
    processes = []

    def begin(*words):
        processes.append(namespace.begin("run", *words, "--name", "faulty"))

    yield begin
    namespace.tune("cancel", "faulty", "-y")
    for process in processes:
        process.communicate(timeout=60)


def running(namespace, id: str):
    trial = namespace.trials("faulty").get(id)
    return trial and trial["state"] == "Running" and trial


def attempts(namespace, id: str):
    shown = json.loads(namespace.tune("show", f"faulty/{id}", "-o", "json").stdout)
    return shown["attempts"]


def test_a_pod_that_somebody_deletes_is_no_fault_of_its_trial(namespace, going):
    """
    The attempt is lost, and begun again.
    """
    going(namespace.plan(line("t")))
    first = namespace.until(lambda: running(namespace, "t"), "the trial to run")

    namespace.kubectl("delete", "pod", first["pod"], "--wait=false")

    again = namespace.until(
        lambda: (now := running(namespace, "t")) and now["attempt"] == 2 and now,
        "the second attempt", SOON + 10,
    )  # fmt: skip
    assert again["pod"] != first["pod"]
    [lost, _] = attempts(namespace, "t")
    assert (lost["state"], lost["class"]) == ("Lost", "preempted")
    assert "pod was deleted" in lost["reason"]


def test_a_job_that_somebody_deletes_is_not_run_again(namespace, going):
    """
    Unless asked for: whoever deleted it may have had a reason.
    """
    going(namespace.plan(line("t"), line("other")))
    first = namespace.until(lambda: running(namespace, "t"), "the trial to run")

    namespace.kubectl("delete", "job", first["job"], "--wait=false")

    lost = namespace.until(
        lambda: (t := namespace.trials("faulty")["t"])["state"] == "Lost" and t,
        "it to be lost",
        SOON,
    )
    assert lost["class"] == "deleted" and "Job was deleted" in lost["reason"]


def test_a_quota_is_waited_for_and_named(namespace, going):
    """
    No trial fails by it; status says which quota, and all of them run in the end.
    """
    namespace.apply(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "two"},
            "spec": {"hard": {"pods": "2"}},
        }
    )
    going(namespace.plan(*(line(f"t{n}") for n in range(3))), "--cpu", "50m")

    waiting = namespace.until(
        lambda: [t for t in namespace.trials("faulty").values() if t["class"] == "quota"],
        "a trial that waits for the quota", SOON,
    )  # fmt: skip
    assert len(waiting) == 1
    assert waiting[0]["state"] == "Submitted"
    assert "two" in waiting[0]["reason"] and "quota" in waiting[0]["reason"]


def test_an_image_that_is_not_there(namespace, going):
    """
    Ends the attempt, in the registry's words.
    """
    going(namespace.plan(line("t", image="kubectl-tune.test/nowhere:1")))

    failed = namespace.until(
        lambda: (t := namespace.trials("faulty").get("t")) and t["class"] == "image" and t,
        "the image's class",
        SOON,
    )
    assert "kubectl-tune.test/nowhere:1" in failed["reason"]


def test_a_cordoned_node(namespace, going):
    """
    The trial waits; status says that no node takes it, and why.
    """
    [node] = [node["metadata"]["name"] for node in namespace.objects("nodes")]
    namespace.kubectl("cordon", node)
    try:
        going(namespace.plan(line("t")))
        waiting = namespace.until(
            lambda: (
                (t := namespace.trials("faulty").get("t")) and t["class"] == "unschedulable" and t
            ),
            "the scheduler's word",
            SOON,
        )
        assert waiting["state"] == "Submitted" and "unschedulable" in waiting["reason"]
    finally:
        namespace.kubectl("uncordon", node)
    namespace.until(lambda: running(namespace, "t"), "the trial to run", SOON)
