"""Jobs as the fake controller has them: their pods, their limits, their endings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecluster import FakeClient, FakeCluster, indexes
from fakecluster.samples import conditions, indexed, job, reason
from kubectl_tune.cluster import Manifest
from kubectl_tune.errors import Forbidden

CASE = 'case "$JOB_COMPLETION_INDEX" in {} esac'


def case(*arms: str) -> tuple[str, str, str]:
    """A command that does something else at each index."""
    return ("sh", "-c", CASE.format(" ;; ".join([*arms, ""])))


def over(cluster: FakeCluster, name: str) -> Manifest:
    """Wait for a Job's terminal condition, and return the Job."""

    def ended() -> Manifest | None:
        found = cluster.find("Job", name)
        return found if {"Complete", "Failed"} & {*conditions(found)} else None

    found = cluster.until(ended, f"the end of {name}")
    assert found
    return found


def history(cluster: FakeCluster, kind: str) -> list[Manifest]:
    return [each.new for each in cluster.api.store.history if each.key.kind == kind]


def events(cluster: FakeCluster, name: str) -> list[tuple[str, str]]:
    found = cluster.all("Event")
    return [(e["reason"], e["message"]) for e in found if e["involvedObject"]["name"] == name]


@given(st.sets(st.integers(0, 60)))
def test_indexes_are_written_as_they_are_read(chosen: set[int]) -> None:
    """Any set of indexes survives Kubernetes' notation."""
    assert indexes.read(indexes.write(chosen)) == chosen


def test_the_notation_of_indexes() -> None:
    """Three and more in a row are a range; two are named."""
    assert indexes.write({1, 3, 4, 5, 7, 9, 10}) == "1,3-5,7,9,10"


def test_success_comes_in_two_steps(client: FakeClient, cluster: FakeCluster) -> None:
    """First that it has succeeded, then that it is over; the pod is counted and released."""
    client.create(job("j"))

    done = over(cluster, "j")

    seen = [conditions(each) for each in history(cluster, "Job")]
    assert seen.index(["SuccessCriteriaMet"]) < seen.index(["SuccessCriteriaMet", "Complete"])
    assert done["status"]["succeeded"] == 1
    assert {"startTime", "completionTime", "ready"} <= set(done["status"])
    assert "active" not in done["status"]
    [pod] = cluster.all("Pod", "job-name=j")
    assert "finalizers" not in pod["metadata"]
    assert pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] == "j"
    assert pod["metadata"]["ownerReferences"][0]["uid"] == done["metadata"]["uid"]
    assert ("Completed", "Job completed") in events(cluster, "j")


def test_failure_comes_in_two_steps(client: FakeClient, cluster: FakeCluster) -> None:
    """The reason is the same in both conditions; the failed pod stays."""
    client.create(job("j", "sh", "-c", "exit 3"))

    done = over(cluster, "j")

    assert conditions(done) == ["FailureTarget", "Failed"]
    assert reason(done, "Failed") == reason(done, "FailureTarget") == "BackoffLimitExceeded"
    assert done["status"]["failed"] == 1
    assert len(cluster.all("Pod")) == 1


def test_failed_pods_are_replaced_up_to_the_limit(client: FakeClient, cluster: FakeCluster) -> None:
    """A back-off limit of two allows three pods."""
    client.create(job("j", "sh", "-c", "exit 1", backoffLimit=2))

    assert over(cluster, "j")["status"]["failed"] == 3
    assert len(cluster.all("Pod")) == 3


def test_parallelism_is_a_limit(client: FakeClient, cluster: FakeCluster) -> None:
    """Never are there more pods than allowed, and in the end as many as asked for."""
    client.create(job("j", completions=5, parallelism=2))

    done = over(cluster, "j")

    assert done["status"]["succeeded"] == 5
    assert max(each["status"].get("active", 0) for each in history(cluster, "Job")) == 2


def test_every_index_has_its_pod(client: FakeClient, cluster: FakeCluster) -> None:
    """Indexed pods know their index by name, label, annotation, host name and environment."""
    client.create(indexed("j", *case("0|2) exit 0", "1) exit 5"), completions=3, parallelism=3))

    done = over(cluster, "j")

    assert done["status"]["completedIndexes"] == "0,2"
    assert done["status"]["failedIndexes"] == "1"
    assert (done["status"]["succeeded"], done["status"]["failed"]) == (2, 1)
    assert reason(done, "Failed") == "FailedIndexes"
    pods = cluster.all("Pod")
    for number, pod in enumerate(pods):
        index = "batch.kubernetes.io/job-completion-index"
        assert pod["metadata"]["name"].startswith(f"j-{number}-")
        assert pod["metadata"]["labels"][index] == str(number)
        assert pod["metadata"]["annotations"][index] == str(number)
        assert pod["spec"]["hostname"] == f"j-{number}"


def test_indexes_are_tried_again_for_themselves(client: FakeClient, cluster: FakeCluster) -> None:
    """Each index has its own limit; its pods say how often it has failed before."""
    command = case("0) exit 0", "1) exit 1")
    client.create(indexed("j", *command, completions=2, backoffLimitPerIndex=1))

    done = over(cluster, "j")

    count = "batch.kubernetes.io/job-index-failure-count"
    counts = [p["metadata"]["annotations"][count] for p in cluster.all("Pod")]
    assert sorted(counts) == ["0", "0", "1"]
    assert done["status"]["failed"] == 2


def test_too_many_failed_indexes_end_it(client: FakeClient, cluster: FakeCluster) -> None:
    """What was not begun by then never is."""
    client.create(
        indexed("j", "sh", "-c", "exit 1", completions=9, parallelism=1, maxFailedIndexes=1)
    )

    done = over(cluster, "j")

    assert reason(done, "Failed") == "MaxFailedIndexesExceeded"
    assert done["status"]["failedIndexes"] == "0,1"


def policy(action: str, **rule: object) -> dict[str, object]:
    return {"rules": [{"action": action, **rule}]}


def codes(*values: int) -> dict[str, object]:
    return {"operator": "In", "values": [*values]}


def test_exit_codes_can_fail_an_index_at_once(client: FakeClient, cluster: FakeCluster) -> None:
    """FailIndex spares further tries, of that index only."""
    client.create(
        indexed(
            "j",
            *case("0) exit 5", "1) exit 6"),
            completions=2,
            backoffLimitPerIndex=1,
            podFailurePolicy=policy("FailIndex", onExitCodes=codes(5)),
        )
    )

    assert over(cluster, "j")["status"]["failed"] == 3


def test_exit_codes_can_fail_a_job_at_once(client: FakeClient, cluster: FakeCluster) -> None:
    """FailJob names the container, the pod and the rule."""
    rules = policy("FailJob", onExitCodes=codes(5))
    client.create(job("j", "sh", "-c", "exit 5", backoffLimit=6, podFailurePolicy=rules))

    done = over(cluster, "j")

    [pod] = cluster.all("Pod")
    assert reason(done, "Failed") == "PodFailurePolicy"
    assert done["status"]["conditions"][-1]["message"] == (
        f"Container c for pod default/{pod['metadata']['name']} failed with exit code 5"
        " matching FailJob rule at index 0"
    )


def running(cluster: FakeCluster, selector: str = "", but: str = "") -> str:
    """Wait until a pod runs, and return its name."""

    def found() -> str:
        return next(
            (
                pod["metadata"]["name"]
                for pod in cluster.all("Pod", selector)
                if pod["status"]["phase"] == "Running"
                and pod["metadata"]["name"] != but
                and "deletionTimestamp" not in pod["metadata"]
            ),
            "",
        )

    return cluster.until(found, "a pod that runs")


DISRUPTED = policy("Ignore", onPodConditions=[{"type": "DisruptionTarget"}])


def test_disruptions_can_be_let_off(client: FakeClient, cluster: FakeCluster) -> None:
    """An evicted pod is replaced after its end, and its failure counts for nothing."""
    client.create(job("j", "sleep", "60", podFailurePolicy=DISRUPTED))

    first = running(cluster)
    cluster.evict(first)
    second = running(cluster, but=first)

    found = cluster.find("Job", "j")
    assert found
    assert "failed" not in found["status"]
    assert not conditions(found)
    assert [p["metadata"]["name"] for p in cluster.all("Pod")] == [second]


def test_a_deleted_pod_is_a_failure(client: FakeClient, cluster: FakeCluster) -> None:
    """The Job fails at once; that it is over it says when the pod is gone."""
    client.create(job("j", "sleep", "60"))

    cluster.delete("Pod", running(cluster))
    done = over(cluster, "j")

    assert done["status"]["failed"] == 1
    target, failed = (
        next(n for n, each in enumerate(cluster.api.store.history) if type in conditions(each.new))
        for type in ("FailureTarget", "Failed")
    )
    gone = [e.type == "DELETED" and e.key.kind == "Pod" for e in cluster.api.store.history]
    assert target < gone.index(True) < failed


def test_a_job_deadline_deletes_its_pods(client: FakeClient, cluster: FakeCluster) -> None:
    """Pods that run then are gone with their logs, and counted as failed."""
    client.create(job("j", "sleep", "60", activeDeadlineSeconds=1))

    done = over(cluster, "j")

    assert reason(done, "Failed") == "DeadlineExceeded"
    assert done["status"]["failed"] == 1
    assert not cluster.all("Pod")


def test_a_suspended_job_has_no_pods(client: FakeClient, cluster: FakeCluster) -> None:
    """Suspension takes pods away without counting them; resumed, it begins again."""
    client.create(job("j", "sleep", "60"))
    running(cluster)

    client.patch("Job", "j", {"spec": {"suspend": True}})
    cluster.until(lambda: not cluster.all("Pod"), "the end of the pods")
    assert conditions(cluster.find("Job", "j")) == ["Suspended"]
    client.patch("Job", "j", {"spec": {"suspend": False}})
    running(cluster)

    found = cluster.find("Job", "j")
    assert found
    assert not conditions(found)
    assert "failed" not in found["status"]


def test_parallelism_can_be_changed(client: FakeClient, cluster: FakeCluster) -> None:
    """More gives more pods; none pauses the Job without a failure."""
    client.create(indexed("j", "sleep", "60", completions=9, parallelism=1))
    running(cluster)

    client.patch("Job", "j", {"spec": {"parallelism": 3}})
    cluster.until(lambda: len(cluster.all("Pod")) == 3, "three pods")
    client.patch("Job", "j", {"spec": {"parallelism": 0}})
    cluster.until(lambda: not cluster.all("Pod"), "the end of all pods")

    found = cluster.find("Job", "j")
    assert found
    assert "failed" not in found["status"]


def test_a_deleted_job_takes_its_pods_along(client: FakeClient, cluster: FakeCluster) -> None:
    """Running and ended ones; none is held by its finalizer."""
    client.create(job("j", "sleep", "60"))
    client.create(job("k"))
    over(cluster, "k")
    running(cluster)

    client.delete_collection("Job", "of in (j,k)")

    assert not client.list("Job")[0]
    cluster.until(lambda: not cluster.all("Pod"), "the end of the pods")


def test_jobs_expire(client: FakeClient, cluster: FakeCluster) -> None:
    """A Job whose time to live is over goes by itself."""
    client.create(job("j", ttlSecondsAfterFinished=0))

    cluster.until(lambda: not cluster.all("Job") and not cluster.all("Pod"), "its end")


def test_a_quota_holds_pods_back(client: FakeClient, cluster: FakeCluster) -> None:
    """Events on the Job say so; pods come as others end."""
    cluster.quota(pods=1)
    for name in ("a", "b"):
        client.create(job(name, "sleep", "60"))
    cluster.until(lambda: "FailedCreate" in dict(events(cluster, "b")), "the event")

    told = dict(events(cluster, "b"))["FailedCreate"]
    assert told.startswith('Error creating: pods "b-')
    assert told.endswith(
        " is forbidden: exceeded quota: quota, requested: pods=1, used: pods=1, limited: pods=1"
    )
    found = cluster.find("ResourceQuota", "quota")
    assert found
    assert found["status"]["used"] == {"pods": "1"}
    cluster.delete("Job", "a")
    running(cluster, "job-name=b")


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({}, "failed quota: q: must specify limits.cpu for: c; requests.memory for: c"),
        (
            {"limits": {"cpu": "2", "memory": "512Mi"}},
            "exceeded quota: q, requested: limits.cpu=2, used: limits.cpu=0, limited: limits.cpu=1",
        ),
    ],
)
def test_quotas_count_resources(
    client: FakeClient, cluster: FakeCluster, resources: Manifest, words: str
) -> None:
    """Pods must say what a quota counts, and may not have more than is left (seen on 1.34)."""
    cluster.quota("q", **{"limits.cpu": 1, "requests.memory": "1Gi"})

    client.create(job("j", container={"resources": resources}))

    cluster.until(lambda: "FailedCreate" in dict(events(cluster, "j")), "the event")
    assert dict(events(cluster, "j"))["FailedCreate"].endswith(f" is forbidden: {words}")


def test_jobs_are_counted_at_once(client: FakeClient, cluster: FakeCluster) -> None:
    """A quota of Jobs refuses the request itself."""
    cluster.quota(**{"count/jobs.batch": 1})
    client.create(job("a", suspend=True))

    with pytest.raises(Forbidden, match=r'jobs.batch "b" is forbidden: exceeded quota: quota,'):
        client.create(job("b"))


def test_refused_pods_are_tried_again(client: FakeClient, cluster: FakeCluster) -> None:
    """What admission denies is an Event on the Job, until admission relents."""
    cluster.refuse("Pod", 'violates PodSecurity "restricted:latest"')
    client.create(job("j"))
    cluster.until(lambda: "FailedCreate" in dict(events(cluster, "j")), "the event")

    cluster.relent()

    over(cluster, "j")
