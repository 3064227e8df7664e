"""Why an attempt isn't running, and why a pod ended, from what the cluster shows of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.cluster.diagnosis import Verdict, diagnose, ended
from kubectl_tune.cluster.images import is_final
from kubectl_tune.trial import Failure

# What an API server 1.34 said of Jobs that were made to go wrong, 12 s after they were created.
RECORDED = Path(__file__).parent.parent / "data" / "waiting-v1.34.jsonl"
NOW = datetime(2026, 11, 24, 10, 50, 49, tzinfo=UTC).timestamp()
T0 = "2026-01-01T00:00:00Z"
START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()

Manifest = dict[str, Any]


def recorded() -> list[Manifest]:
    return [json.loads(line) for line in RECORDED.read_text().splitlines()]


def seen(name: str, *, now: float = NOW) -> Verdict:
    """Diagnose a recorded Job among all others."""
    things = recorded()
    pods = [
        each
        for each in things
        if each["kind"] == "Pod" and each["metadata"]["labels"]["job-name"] == name
    ]
    (job,) = [x for x in things if x["kind"] == "Job" and x["metadata"]["name"] == name]
    events = [each for each in things if each["kind"] == "Event"]
    return diagnose(job, pods[0] if pods else None, events, now=now)


def a_job(**spec: Any) -> Manifest:
    metadata = {"name": "t1-bcdfg", "uid": "job-uid", "creationTimestamp": T0}
    return {"metadata": metadata, "spec": spec, "status": {}}


def a_pod(
    state: Manifest | None = None, *, node: str = "n1", phase: str = "Pending", **status: Any
) -> Manifest:
    """A pod with a node; `state` is that of our container."""
    name = "t1-bcdfg-x7k2p"
    metadata = {"name": name, "uid": "pod-uid", "creationTimestamp": T0}
    containers = [{"name": "tuning-runner", "state": state}] if state else []
    status = {"phase": phase, "containerStatuses": containers} | status
    spec = {"nodeName": node, "containers": [{"name": "tuning-runner", "image": "python:3.11"}]}
    return {"metadata": metadata, "spec": spec, "status": status}


def an_event(
    reason: str, message: str, *, of: Manifest, at: int = 1, to: int = 0, count: int = 1
) -> Manifest:
    """An Event `at` seconds after the beginning, and until then again and again."""
    first, last = (datetime.fromtimestamp(START + s, UTC).isoformat() for s in (at, to or at))
    about = {"kind": "Job" if "job" in of["metadata"]["uid"] else "Pod", **of["metadata"]}
    return {
        "type": "Warning", "reason": reason, "message": message, "count": count,
        "involvedObject": about, "firstTimestamp": first, "lastTimestamp": last,
    }  # fmt: skip


def bearable(text: str) -> bool:
    """Say whether nothing in a text can move a terminal's cursor."""
    return not {"Cc", "Cf", "Cs", "Zl", "Zp"} & set(map(category, text))


def refused(message: str, times: int = 1) -> Verdict:
    job = a_job()
    event = an_event("FailedCreate", f"Error creating: {message}", of=job, count=times)
    return diagnose(job, None, [event], now=START + 5)


def image(message: str, *, reason: str = "ErrImagePull", after: float = 60) -> Verdict:
    pod = a_pod({"waiting": {"reason": reason, "message": message}})
    return diagnose(a_job(), pod, [], now=START + after)


@pytest.mark.parametrize(
    ("job", "failure", "state", "words"),
    [
        ("quota", "quota", "waiting", ["two", "pods=1", "used pods=0", "limited to pods=0"]),
        ("must", "quota", "fatal", ["must", "limits.cpu for: tuning-runner"]),
        ("lr", "quota", "fatal", ["LimitRange", "maximum memory", "100Mi", "1Gi"]),
        ("psa", "unschedulable", "fatal", ['PodSecurity "restricted:latest"', "runAsNonRoot"]),
        ("sa", "unschedulable", "fatal", ["service account ghost", "diag"]),
        ("prio", "unschedulable", "fatal", ["priority class ghost"]),
        ("big", "unschedulable", "waiting", ["0/1 nodes", "Insufficient cpu", "cpu=100"]),
        ("sel", "unschedulable", "waiting", ["affinity/selector", "disk=ssd"]),
        ("pvc", "unschedulable", "waiting", ['persistentvolumeclaim "nope" not found']),
        ("cm", "unschedulable", "waiting", ['volume "d"', 'configmap "ghost" not found']),
        ("cmenv", "unschedulable", "waiting", ['configmap "ghost" not found']),
        ("secenv", "unschedulable", "waiting", ['secret "ghost" not found']),
        ("root", "image", "waiting", ["runAsNonRoot and image will run as root"]),
        ("badimage", "image", "fatal", ["BAD IMAGE", "invalid reference format"]),
        ("never", "image", "fatal", ["foo:1", "pull policy of Never"]),
        ("noimage", "image", "waiting", ["nope.example/none:1", "no such host"]),
        ("gate", None, "waiting", ["example.com/gate"]),
        ("susp", None, "waiting", ["suspended"]),
        ("deadline", None, "fine", ["running"]),
        ("exit", "exit", "fine", ["exit code 1", "ValueError: no licence"]),
        ("nopy", "exit", "fine", ['"python9"', "not found"]),
        ("oom", "oom", "fine", ["OOMKilled", "50Mi"]),
    ],
)
def test_a_real_cluster_is_understood(job: str, failure: str, state: str, words: list[str]):
    """
    For every kind of trouble the class, the judgement and the cluster's key words are right.
    """
    verdict = seen(job)

    assert (verdict.failure, verdict.state) == (failure, state)
    assert [word for word in words if word not in verdict.sentence] == []


def test_no_sentence_names_a_pod():
    """
    Trials in the same trouble have the same sentence, whatever their pods are called.
    """
    pods = [each["metadata"]["name"] for each in recorded() if each["kind"] == "Pod"]
    jobs = {each["metadata"]["name"] for each in recorded() if each["kind"] == "Job"}

    said = [seen(job).sentence for job in jobs]

    assert [(pod, text) for pod in pods for text in said if pod in text] == []


@pytest.mark.parametrize("job", ["cmenv", "secenv", "root"])
def test_a_missing_part_is_final_after_half_a_minute(job: str):
    """
    What a container needs may still be created, for a while.
    """
    assert seen(job).state == "waiting"
    assert seen(job, now=NOW + 20).state == "fatal"


def test_no_quota_is_final():
    """
    There is room again when others have ended.
    """
    assert seen("quota", now=NOW + 3600).state == "waiting"


@pytest.mark.parametrize(
    ("message", "final"),
    [
        ('failed to resolve reference "docker.io/library/a:1": docker.io/library/a:1: not found',
         True),
        (('rpc error: code = Unknown desc = Error response from daemon: manifest for a:1 not found:'
         " manifest unknown"), True),
        (("pull access denied, repository does not exist or may require authorization: server"
         " message: insufficient_scope: authorization failed"), True),
        ("failed to authorize: 401 Unauthorized", True),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", True),
        ("no match for platform in manifest: not found", True),
        ("pull QPS exceeded", False),
        ("429 Too Many Requests - toomanyrequests: unauthenticated pull rate limit: denied", False),
        ("net/http: TLS handshake timeout", False),
        ("dial tcp: lookup r.example: no such host", False),
        ("dial tcp 10.0.0.1:443: i/o timeout", False),
        ("unexpected status from HEAD request: 503 Service Unavailable", False),
        ("something nobody has seen before", False),
    ],
)  # fmt: skip
def test_registries_say_no_or_not_now(message: str, final: bool):
    """
    Only what won't change by itself ends an attempt, and only after it was seen for 15 s.
    """
    late, early = image(message, after=20), image(message, after=5)

    assert (late.state, late.failure) == ("fatal" if final else "waiting", Failure.IMAGE)
    assert early.state == "waiting"
    assert message.rpartition(": ")[2] in late.sentence


@pytest.mark.parametrize("name", ["r.io/denied/timeout:429", "r.io/unauthorized:1", "denied:1"])
def test_the_name_of_an_image_is_no_reason(name: str):
    """
    Only the registry's words count, whatever an image is called.
    """
    assert is_final(f"{name}: not found", name)
    assert not is_final(f'Head "https://r.io/v2/{name}": EOF {name}', name)


def test_a_back_off_that_says_nothing_is_explained_by_the_events():
    """
    Older kubelets forget the registry's words while they wait to try again.
    """
    pod = a_pod(
        {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "a"'}}
    )
    said = 'Failed to pull image "a": rpc error: code = NotFound desc = a: manifest unknown'
    events = [
        an_event("Failed", said, of=pod, at=2, to=30, count=2),
        an_event("Failed", "Error: ImagePullBackOff", of=pod, at=30),
    ]

    verdict = diagnose(a_job(), pod, events, now=START)  # a clock that is half a minute slow

    assert verdict.state == "fatal"
    assert verdict.sentence.endswith("a: manifest unknown")
    assert verdict.since == START + 2


@pytest.mark.parametrize(
    ("message", "times", "state", "words"),
    [
        ('admission webhook "v.example" denied the request: no team label', 1, "waiting",
         ['"v.example"', "no team label"]),
        ('admission webhook "v.example" denied the request: no team label', 2, "fatal",
         ["denied"]),
        (('Internal error occurred: failed calling webhook "v.example": Post "https://x": context'
         ' deadline exceeded'), 9, "waiting", ['"v.example"', "deadline exceeded"]),
        (('pods "a-" is forbidden: error looking up service account ns/default: serviceaccount'
         ' "default" not found'), 1, "waiting", ["service account default"]),
        (('pods "a-" is forbidden: unable to create new content in namespace ns because it is being'
         " terminated"), 1, "fatal", ["namespace ns is being deleted"]),
        ("the moon is in the way", 50, "waiting", ["the moon is in the way"]),
    ],
)  # fmt: skip
def test_refusals(message: str, times: int, state: str, words: list[str]):
    """
    A refusal is final when it has been said often enough to be meant.
    """
    verdict = refused(message, times)

    assert verdict.state == state
    assert [word for word in words if word not in verdict.sentence] == []


def test_the_newest_refusal_counts():
    """
    When a quota has been raised and something else is wrong now, that is said.
    """
    job = a_job()
    events = [
        an_event("FailedCreate", 'pods "a" is forbidden: violates PodSecurity "baseline:v1": x',
                 of=job, at=60),
        an_event("FailedCreate", "exceeded quota: q, requested: pods=1, used: pods=2, limited:"
                 " pods=2", of=job, at=5, to=50, count=9),
    ]  # fmt: skip

    assert "PodSecurity" in diagnose(job, None, events, now=START + 61).sentence


def test_a_refusal_that_was_overcome_is_forgotten():
    """
    Once a pod was made, earlier failures to make one explain nothing.
    """
    job = a_job()
    events = [
        an_event("FailedCreate", "exceeded quota: q, requested: a, used: b, limited: c", of=job),
        an_event("SuccessfulCreate", "Created pod: x", of=job, at=9),
    ]

    assert diagnose(job, None, events, now=START + 10).sentence == "its Job has no pod yet"


def test_what_befell_an_earlier_pod_of_the_name_is_not_told_of_this_one():
    """
    Events are matched by uid, and without one by name and age.
    """
    pod = a_pod({"waiting": {"reason": "ContainerCreating"}})
    other, older = a_pod(), a_pod()
    other["metadata"]["uid"] = "another"
    del older["metadata"]["uid"]
    older["metadata"].setdefault("uid", "")
    events = [
        an_event("FailedMount", "of another", of=other),
        an_event("FailedMount", "long ago", of=older, at=-3600),
    ]

    verdict = diagnose(a_job(), pod, events, now=START + 5)

    assert (verdict.failure, verdict.sentence) == (
        None,
        "its container is being created on node n1",
    )


def test_kueue_says_what_a_queued_job_waits_for():
    """
    A Job that waits in a queue is no error, and the queue is named.
    """
    job = a_job(suspend=True)
    job["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "team-a"}
    about = {"kind": "Workload", "name": "job-t1-bcdfg-4f2a1"}
    event = {
        "reason": "Pending", "involvedObject": about, "lastTimestamp": T0,
        "message": "couldn't assign flavors to pod set main: insufficient quota for cpu",
    }  # fmt: skip

    verdict = diagnose(job, None, [event], now=START)

    assert (verdict.failure, verdict.state) == (None, "waiting")
    assert "team-a" in verdict.sentence
    assert "insufficient quota for cpu" in verdict.sentence


def test_an_index_that_waits_for_its_turn_is_fine():
    """
    An Indexed Job that runs as many pods as it may is not stuck, whatever happened before.
    """
    job = a_job(parallelism=2, completions=40) | {"status": {"active": 2}}
    events = [an_event("FailedCreate", "exceeded quota: q", of=job)]

    assert diagnose(job, None, events, now=START).state == "fine"


@pytest.mark.parametrize(
    ("status", "failure", "words"),
    [
        ({"reason": "Evicted", "message": "The node was low on resource: memory."},
         "preempted", "low on resource: memory"),
        ({"reason": "Evicted", "message": "Pod ephemeral local storage usage exceeds the total"
          " limit of containers 1Gi."}, "exit", "limit of containers 1Gi"),
        ({"reason": "Evicted", "message": "Container x exceeded its request", "conditions": [
            {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}]},
         "preempted", "exceeded its request"),
        ({"conditions": [{"type": "DisruptionTarget", "status": "True",
                          "reason": "PreemptionByScheduler"}]}, "preempted", "higher priority"),
        ({"conditions": [{"type": "DisruptionTarget", "status": "True",
                          "reason": "EvictionByEvictionAPI"}]}, "preempted", "drained"),
        ({"conditions": [{"type": "DisruptionTarget", "status": "True",
                          "reason": "DeletionByPodGC"}]}, "node-lost", "gone"),
        ({"conditions": [{"type": "DisruptionTarget", "status": "True",
                          "reason": "DeletionByTaintManager"}]}, "node-lost", "not ready"),
        ({"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "FromMars",
                          "message": "because"}]}, "preempted", "FromMars: because"),
        ({"reason": "Terminated", "message": "Pod was terminated in response to imminent node"
          " shutdown."}, "node-lost", "shutdown"),
        ({"reason": "OutOfcpu", "message": "Pod was rejected: Node didn't have enough resource:"
          " cpu"}, "preempted", "OutOfcpu"),
        ({"reason": "DeadlineExceeded"}, "timeout", "too long"),
        ({"initContainerStatuses": [{"name": "mesh", "state": {"terminated": {"exitCode": 3}}}]},
         "exit", "init container mesh: exit code 3"),
    ],
)  # fmt: skip
def test_why_pods_end(status: Manifest, failure: str, words: str):
    """
    What the cluster did is told apart from what the program did.
    """
    found, sentence = ended(a_pod(phase="Failed", **status))

    assert found == failure
    assert words in sentence


@pytest.mark.parametrize(
    ("terminated", "failure", "words"),
    [
        ({"exitCode": 3, "reason": "Error"}, "exit", "exit code 3"),
        ({"exitCode": 137, "reason": "Error"}, "exit", "SIGKILL"),
        ({"exitCode": 137, "reason": "OOMKilled"}, "oom", "OOMKilled"),
        ({"exitCode": 137, "reason": "ContainerStatusUnknown"}, "node-lost", "lost sight"),
        ({"exitCode": 128, "reason": "StartError", "message": "runc create failed: unable to start"
          ' container process: exec: "python3": executable file not found in $PATH: unknown'},
         "exit", "--no-agent"),
        ({"exitCode": 1, "reason": "Error", "message": '{"kt":1,"a":1}'}, "exit", "exit code 1"),
        ({"exitCode": 0, "reason": "Completed"}, None, ""),
    ],
)  # fmt: skip
def test_how_containers_end(terminated: Manifest, failure: str | None, words: str):
    """
    Exit codes, the memory limit and commands that aren't there have their own words.
    """
    phase = "Succeeded" if terminated["exitCode"] == 0 else "Failed"

    found, sentence = ended(a_pod({"terminated": terminated}, phase=phase))

    assert found == failure
    assert words in sentence
    assert '"kt"' not in sentence


def test_a_pod_that_goes_on_has_not_ended():
    """
    Neither a class nor a reason is made up for a pod that runs.
    """
    assert ended(a_pod({"running": {"startedAt": T0}}, phase="Running")) == (None, "")


def test_hostile_words_are_made_visible():
    """
    No server can move the cursor of who reads its words, or hide a second line.
    """
    verdict = refused("evil \x1b[2Jwords\nerror: all is \u202ewell" + " and on" * 500)

    assert bearable(verdict.sentence)
    assert len(verdict.sentence) <= 600


texts = st.text(max_size=30) | st.sampled_from(
    ["ErrImagePull", "FailedCreate", "Unschedulable", "exceeded quota: ", "Evicted", "OOMKilled"]
)
states = st.fixed_dictionaries(
    {},
    optional={
        "waiting": st.fixed_dictionaries({}, optional={"reason": texts, "message": texts}),
        "terminated": st.fixed_dictionaries(
            {"exitCode": st.integers(0, 300)}, optional={"reason": texts, "message": texts}
        ),
    },
)
conditions = st.fixed_dictionaries(
    {"type": st.sampled_from(["PodScheduled", "DisruptionTarget", "Ready"]) | texts},
    optional={"status": st.sampled_from(["True", "False"]), "reason": texts, "message": texts},
)
happened = st.lists(st.tuples(texts, texts, st.booleans(), st.integers(-5, 99)), max_size=4)


@given(states, st.lists(conditions, max_size=3), happened, texts, texts, st.booleans())
def test_nothing_a_newer_server_says_is_too_much(
    state: Manifest, conditions: list[Manifest], told: Sequence[Any], phase: str, why: str, on: bool
):
    """
    Unknown reasons, phases and conditions are passed on as text, never raised.
    """
    job = a_job()
    pod = a_pod(state, phase=phase, node="n1" if on else "", conditions=conditions, reason=why)
    events = [an_event(r, m, of=job if of else pod, at=at) for r, m, of, at in told]

    for verdict in (diagnose(job, pod, events, now=START), diagnose(job, None, events, now=START)):
        assert verdict.state in ("waiting", "fatal", "fine")
        assert bearable(verdict.sentence)
    assert bearable(ended(pod)[1])


@pytest.mark.parametrize(
    "state", [{"running": {"startedAt": T0}}, {"terminated": {"exitCode": 143}}]
)
def test_a_pod_that_somebody_deletes_is_not_blamed_on_its_program(state: Manifest):
    """
    Nobody knows who deleted it, so there is no class; the reason says that much.
    """
    pod = a_pod(state, phase="Running")
    pod["metadata"]["deletionTimestamp"] = T0

    assert ended(pod) == (None, "its pod was deleted")


def test_a_pod_that_is_being_evicted_says_by_whom():
    """
    While there is still time to read its log, the reason is known.
    """
    drained = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    pod = a_pod({"running": {"startedAt": T0}}, phase="Running", conditions=[drained])
    pod["metadata"]["deletionTimestamp"] = T0

    verdict = diagnose(a_job(), pod, [], now=START)

    assert (verdict.failure, verdict.state) == (Failure.PREEMPTED, "waiting")
    assert "drained" in verdict.sentence


def test_a_node_that_is_not_ready_is_named():
    """
    The pod still says that it runs; its node has not been heard of.
    """
    unready = {"type": "Ready", "status": "False"}
    pod = a_pod({"running": {"startedAt": T0}}, phase="Running", conditions=[unready])

    verdict = diagnose(
        a_job(), pod, [an_event("NodeNotReady", "Node is not ready", of=pod)], now=START
    )

    assert verdict.failure is Failure.NODE_LOST
    assert "n1" in verdict.sentence


def test_before_there_is_anything_to_see_nothing_is_made_up():
    """
    A Job that the watch hasn't brought yet is no fault.
    """
    assert diagnose(None, None, [], now=START).state == "waiting"
    assert diagnose(None, None, [], now=START).failure is None
