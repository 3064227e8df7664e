"""Pods as the fake kubelet runs them: phases, files, the environment, and their ends."""

from __future__ import annotations

import base64
import json
import os
import re
from typing import Any

import pytest

from fakecluster import FakeClient, FakeCluster
from fakecluster.expansion import expand
from fakecluster.samples import config_map, pod, state
from kubectl_tune.cluster import LogRequest, Manifest
from kubectl_tune.errors import Invalid, NotFound

PYTHON = ("python3", "-I", "-S", "-c")
DUMP = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]))"


def read(client: FakeClient, name: str, **asked: Any) -> str:
    request = LogRequest(name, **{"timestamps": False, **asked})
    return b"".join(client.logs(request)).decode()


def ended(cluster: FakeCluster, name: str) -> Manifest:
    return in_phase(cluster, name, "Succeeded", "Failed")


def in_phase(cluster: FakeCluster, name: str, *phases: str) -> Manifest:
    def found() -> Manifest | None:
        pod = cluster.find("Pod", name)
        return pod if pod and pod["status"]["phase"] in phases else None

    pod = cluster.until(found, f"{name} to be {phases[0]}")
    assert pod
    return pod


def waits(cluster: FakeCluster, name: str, reason: str) -> str:
    """Wait until a container waits for a reason; return its message."""

    def found() -> str:
        pod = cluster.find("Pod", name)
        waiting = state(pod or {"status": {}}).get("waiting", {})
        return waiting.get("message", " ") if waiting.get("reason") == reason else ""

    return cluster.until(found, f"{name} to wait for {reason}")


def warned(cluster: FakeCluster, reason: str) -> str:
    def found() -> str:
        return next((e["message"] for e in cluster.all("Event") if e["reason"] == reason), "")

    return cluster.until(found, f"the event {reason}")


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("$(NO)", "$(NO)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$$$x", "$$x"),
        ("$", "$"),
        ("x$$", "x$"),
        ("$(", "$("),
        ("$()", "$()"),
        ("$(A", "$(A"),
        ("$é$A", "$é$A"),
    ],
)
def test_references_are_expanded_as_in_kubernetes(text: str, expanded: str) -> None:
    """Seen on 1.34: what is unknown stays, two dollars are one, the rest is text."""
    assert expand(text, {"A": "1"}) == expanded


def test_a_pod_succeeds(client: FakeClient, cluster: FakeCluster) -> None:
    """It goes from Pending over Running to Succeeded, with times and a message."""
    script = "import sys; open(sys.argv[1], 'w').write('all is well')"
    client.create(pod("p", *PYTHON, script, "/dev/termination-log"))

    done = ended(cluster, "p")

    terminated = state(done)["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (0, "Completed")
    assert terminated["message"] == "all is well"
    assert terminated["startedAt"] <= terminated["finishedAt"]
    writes = [each.new for each in cluster.api.store.history if each.key.name == "p"]
    phases = list(dict.fromkeys(each["status"]["phase"] for each in writes))
    assert phases == ["Pending", "Running", "Succeeded"]
    # As in a real cluster, the container's end is seen before the pod's.
    assert any(s["status"]["phase"] == "Running" and "terminated" in state(s) for s in writes)


def test_a_pod_fails(client: FakeClient, cluster: FakeCluster) -> None:
    """Its exit code is kept; without a message the end of the log can stand in."""
    fallback = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    client.create(pod("p", "sh", "-c", "echo no; exit 3", **fallback))

    done = ended(cluster, "p")

    terminated = state(done)["terminated"]
    assert done["status"]["phase"] == "Failed"
    assert (terminated["exitCode"], terminated["reason"]) == (3, "Error")
    assert terminated["message"] == "no\n"


def test_a_long_message_is_cut(client: FakeClient, cluster: FakeCluster) -> None:
    """The kubelet keeps the last 4096 bytes."""
    script = "import sys; open(sys.argv[1], 'w').write('a' * 5000 + 'end')"
    client.create(pod("p", *PYTHON, script, "/dev/termination-log"))

    message = state(ended(cluster, "p"))["terminated"]["message"]

    assert message == "a" * 4093 + "end"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("/no/such", 'exec: "/no/such": stat /no/such: no such file or directory: unknown'),
        ("nosuch", 'exec: "nosuch": executable file not found in $PATH: unknown'),
    ],
)
def test_a_command_that_cannot_start(
    client: FakeClient, cluster: FakeCluster, program: str, words: str
) -> None:
    """The container ends as StartError with the runtime's words, without having begun."""
    client.create(pod("p", program))

    terminated = state(ended(cluster, "p"))["terminated"]

    assert (terminated["exitCode"], terminated["reason"]) == (128, "StartError")
    assert terminated["startedAt"] == "1970-01-01T00:00:00Z"
    assert terminated["message"].endswith(words)
    assert read(client, "p") == ""


def test_the_environment_is_the_pods_own(client: FakeClient, cluster: FakeCluster) -> None:
    """Fields, keys and references are resolved; nothing comes from the test's environment."""
    client.create(config_map("m", data={"k": "from a map"}))
    cluster.machine.secrets["s"] = {"TOKEN": "hidden"}
    field = "metadata.annotations['note']"
    made = pod(
        "p", *PYTHON, DUMP, "$(A)-$(NO)", "$$(A)",
        envFrom=[{"secretRef": {"name": "s"}}],
        env=[
            {"name": "A", "value": "1$$"},
            {"name": "B", "value": "$(A)$(LATER)"},
            {"name": "LATER", "value": "x"},
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "NOTE", "valueFrom": {"fieldRef": {"fieldPath": field}}},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "MAP", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}},
        ],
    )  # fmt: skip
    made["metadata"]["annotations"] = {"note": 'a "note"'}
    os.environ["OF_THE_TEST"] = "1"
    client.create(made)

    ended(cluster, "p")
    arguments, env, folder = json.loads(read(client, "p"))

    assert arguments == ["1$-$(NO)", "$(A)"]
    assert env["B"] == "1$$(LATER)"
    assert (env["NAME"], env["NODE"], env["HOSTNAME"]) == ("p", "node1", "p")
    assert (env["NOTE"], env["MAP"], env["TOKEN"]) == ('a "note"', "from a map", "hidden")
    assert "OF_THE_TEST" not in env
    assert folder != os.getcwd()


def test_volumes_are_mounted(client: FakeClient, cluster: FakeCluster) -> None:
    """ConfigMaps, whole, in part and projected, and empty folders, at the paths of the pod."""
    binary = base64.b64encode(b"\0\xff").decode()
    client.create(config_map("m", data={"a": "text"}, binaryData={"b": binary}))
    client.create(config_map("n", data={"c": "more"}))
    script = (
        "import os, sys\n"
        "for path in sys.argv[1:]:\n"
        "    print(sorted(os.listdir(path)))\n"
        "print(open(sys.argv[1] + '/b', 'rb').read())\n"
        "open(sys.argv[3] + '/x', 'w')\n"
        "print(os.listdir(sys.argv[4]))\n"
        "print(os.environ['AT'].startswith(os.environ['KT_ROOT']), len(os.environ['KT_ROOT']) > 1)"
    )
    items = [{"key": "a", "path": "sub/renamed"}]
    projected = [
        {"configMap": {"name": "m", "items": items}},
        {"configMap": {"name": "n"}},
        {"configMap": {"name": "absent", "optional": True}},
    ]
    volumes = [
        {"name": "m", "configMap": {"name": "m"}},
        {"name": "both", "projected": {"sources": projected}},
        {"name": "empty", "emptyDir": {}},
    ]
    places = [("m", "/kt/m"), ("both", "/kt/both"), ("empty", "/kt/one"), ("empty", "/other/two")]
    client.create(
        pod(
            "p", *PYTHON, script, "/kt/m", "/kt/both", "/kt/one", "/other/two",
            volumeMounts=[{"name": name, "mountPath": path} for name, path in places],
            env=[{"name": "KT_ROOT", "value": "/"}, {"name": "AT", "value": "/kt/m/a"}],
            pod={"volumes": volumes},
        )
    )  # fmt: skip

    done = ended(cluster, "p")

    assert done["status"]["phase"] == "Succeeded", read(client, "p")
    lines = re.sub(r"'\.\.20[^']*', ", "", read(client, "p")).splitlines()
    assert lines == [
        "['..data', 'a', 'b']", "['..data', 'c', 'sub']", "[]", "[]",
        r"b'\x00\xff'", "['x']", "True True",
    ]  # fmt: skip


def test_claims_outlive_their_pods(client: FakeClient, cluster: FakeCluster) -> None:
    """What one pod leaves in a claim, the next one finds."""
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    mounts = [{"name": "v", "mountPath": "/data"}]
    for name, command in (("w", "echo kept > $AT/file"), ("r", "cat $AT/file")):
        env = [{"name": "AT", "value": "/data"}]
        client.create(
            pod(name, "sh", "-c", command, env=env, volumeMounts=mounts, pod={"volumes": volumes})
        )
        ended(cluster, name)

    assert read(client, "r") == "kept\n"


def test_a_pod_waits_for_its_config_map(client: FakeClient, cluster: FakeCluster) -> None:
    """The event says what is missing; once it is there, the pod runs."""
    volumes = [{"name": "v", "configMap": {"name": "late"}}]
    mounts = [{"name": "v", "mountPath": "/v"}]
    client.create(pod("p", "true", volumeMounts=mounts, pod={"volumes": volumes}))

    why = warned(cluster, "FailedMount")
    with pytest.raises(Invalid, match="is waiting to start: ContainerCreating"):
        read(client, "p")
    client.create(config_map("late"))

    assert why == 'MountVolume.SetUp failed for volume "v" : configmap "late" not found'
    ended(cluster, "p")


def test_an_image_that_cannot_be_pulled(client: FakeClient, cluster: FakeCluster) -> None:
    """The registry's words are in the pod's status; the pod runs when the image is there."""
    client.create(pod("p", "true", image="nope:1"))

    message = waits(cluster, "p", "ImagePullBackOff")
    cluster.add_image("nope:1")

    assert message.startswith('Back-off pulling image "nope:1": ErrImagePull: failed to pull')
    assert message.endswith("docker.io/library/nope:1: not found")
    ended(cluster, "p")


def test_root_is_refused_where_it_must_not_be(client: FakeClient, cluster: FakeCluster) -> None:
    """runAsNonRoot needs another user, of the image or of the pod."""
    client.create(pod("p", "true", pod={"securityContext": {"runAsNonRoot": True}}))
    security = {"runAsNonRoot": True, "runAsUser": 1000}
    client.create(pod("q", "true", pod={"securityContext": security}))

    message = waits(cluster, "p", "CreateContainerConfigError")

    assert message.startswith("container has runAsNonRoot and image will run as root (pod: ")
    ended(cluster, "q")


def test_a_missing_secret_is_a_configuration_error(
    client: FakeClient, cluster: FakeCluster
) -> None:
    """The pod waits and says which."""
    ref = {"secretKeyRef": {"name": "none", "key": "k"}}
    client.create(pod("p", "true", env=[{"name": "A", "valueFrom": ref}]))

    assert waits(cluster, "p", "CreateContainerConfigError") == 'secret "none" not found'


def test_logs_as_they_are_asked_for(client: FakeClient, cluster: FakeCluster) -> None:
    """Both streams in one log; lines have times, can be counted from the end, or by time."""
    client.create(pod("p", "sh", "-c", "echo one; echo two >&2; printf three"))
    ended(cluster, "p")

    timed = read(client, "p", timestamps=True).splitlines()

    assert read(client, "p") == "one\ntwo\nthree\n"
    assert read(client, "p", tail=2) == "two\nthree\n"
    assert read(client, "p", since="2100-01-01T00:00:00Z") == ""
    assert read(client, "p", since=timed[2].split()[0]).endswith("three\n")
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z \w+$", line) for line in timed)
    with pytest.raises(Invalid, match="container zz is not valid for pod p"):
        read(client, "p", container="zz")
    with pytest.raises(NotFound, match='pods "q" not found'):
        read(client, "q")


def test_a_followed_log_ends_with_its_container(client: FakeClient, cluster: FakeCluster) -> None:
    """Lines come while the container runs; the last one when it ends."""
    script = 'echo one; until [ -e "$GO" ]; do sleep 0.01; done; echo two'
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]
    mounts = [{"name": "v", "mountPath": "/c"}]
    env = [{"name": "GO", "value": "/c/go"}]
    made = pod("p", "sh", "-c", script, env=env, volumeMounts=mounts, pod={"volumes": volumes})
    client.create(made)
    in_phase(cluster, "p", "Running")

    follow = client.logs(LogRequest("p", follow=True, timestamps=False))
    assert next(follow) == b"one\n"
    (cluster.machine.folder / "claims" / "default" / "c" / "go").touch()

    assert [*follow] == [b"two\n"]


def test_long_lines_are_served_whole(client: FakeClient, cluster: FakeCluster) -> None:
    """They are kept in pieces, of which the first alone has a time when served."""
    client.create(pod("p", *PYTHON, "print('x' * 40000); print('end')"))
    ended(cluster, "p")

    lines = read(client, "p", timestamps=True).splitlines()

    assert [len(line.split(" ", 1)[1]) for line in lines] == [40000, 3]
    # The runtime counts pieces, not lines.
    assert read(client, "p", tail=2) == "x" * (40000 - 2 * 16384) + "\nend\n"


TRAP = "trap 'echo told; exit 7' TERM; echo ready; while :; do sleep 0.05; done"


def ready(cluster: FakeCluster, client: FakeClient, name: str) -> None:
    in_phase(cluster, name, "Running")
    assert next(client.logs(LogRequest(name, follow=True, timestamps=False))) == b"ready\n"


def test_deletion_gives_grace(client: FakeClient, cluster: FakeCluster) -> None:
    """First the mark, then SIGTERM; the pod goes when its process has ended."""
    client.create(pod("p", "sh", "-c", TRAP))
    ready(cluster, client, "p")

    client.delete("Pod", "p")
    cluster.until(lambda: cluster.find("Pod", "p") is None, "the end of p")

    last = [each for each in cluster.api.store.history if each.key.name == "p"]
    marked = [each.new for each in last if "deletionTimestamp" in each.new["metadata"]]
    assert marked[0]["status"]["phase"] == "Running"
    assert marked[0]["metadata"]["deletionGracePeriodSeconds"] == 30
    assert last[-1].type == "DELETED"
    assert state(last[-1].new)["terminated"]["exitCode"] == 7
    with pytest.raises(NotFound):
        read(client, "p")


def test_after_the_grace_comes_the_end(client: FakeClient, cluster: FakeCluster) -> None:
    """What does not hear SIGTERM is killed, with all of its children."""
    script = "trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 60' & echo ready; sleep 60"
    client.create(pod("p", "sh", "-c", script))
    ready(cluster, client, "p")

    client.delete("Pod", "p", grace=1)
    cluster.until(lambda: cluster.find("Pod", "p") is None, "the end of p")

    last = cluster.api.store.history[-1].new
    assert state(last)["terminated"]["exitCode"] == 137


def test_a_pods_deadline_fails_it(client: FakeClient, cluster: FakeCluster) -> None:
    """The pod and its log stay, and say why."""
    client.create(pod("p", "sh", "-c", TRAP, pod={"activeDeadlineSeconds": 1}))

    done = ended(cluster, "p")

    assert (done["status"]["phase"], done["status"]["reason"]) == ("Failed", "DeadlineExceeded")
    text = "Pod was active on the node longer than the specified deadline"
    assert done["status"]["message"] == text
    assert state(done)["terminated"]["exitCode"] == 7
    assert read(client, "p") == "ready\ntold\n"
