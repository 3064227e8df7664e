"""The commands on a cluster, each as its user runs it, against an API server in memory."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from desk import PASSES_UNLESS_2, SCORE, Desk
from fakecluster import FakeCluster
from fakecluster.server import Front

RANKED = ("--metric", "score", "--direction", "maximize")


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    with FakeCluster() as cluster:
        yield cluster


@pytest.fixture
def front(cluster: FakeCluster) -> Iterator[Front]:
    front = Front(cluster)
    yield front
    front.close()


@pytest.fixture
def kubeconfig(front: Front, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kubeconfig of the environment: the current context is `admin`."""
    path = front.kubeconfig(desk.folder / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


pytestmark = pytest.mark.usefixtures("kubeconfig")


class Gate:
    """A file that trials wait for, so that nothing depends on how long anything takes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "gate"

    def waits(self, then: str = "true", first: str = "true") -> tuple[str, ...]:
        """A command that waits for the gate; the trial's x is its $1."""
        text = f"{first}; while ! test -e {self.path}; do sleep 0.02; done; {then}"
        return ("sh", "-c", text, "sh", "{x}")

    def open(self) -> None:
        self.path.touch()


@pytest.fixture
def gate(desk: Desk) -> Gate:
    return Gate(desk.folder)


SCORES = 'echo "{\\"score\\": $1}"'


def until(answer: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := answer()):
        assert time.monotonic() < deadline, f"waited {seconds:g}s in vain for {what}"
        time.sleep(0.02)
    return found


def running(cluster: FakeCluster, count: int = 1, namespace: str = "default") -> None:
    """Wait until so many pods run."""

    def found() -> bool:
        pods = cluster.all("Pod", namespace=namespace)
        return sum(pod["status"]["phase"] == "Running" for pod in pods) >= count

    cluster.until(found, f"{count} running pods")


def switch(path: Path, **entries: Any) -> None:
    """Change top-level entries of a kubeconfig."""
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | entries))


# A session from its beginning to its end


def test_a_plan_runs_on_the_cluster(desk: Desk, front: Front):
    """
    Every line becomes a trial there; results are files here, and all commands know of them.
    """
    lines = [{"job_id": f"t{x}", "config": {"x": x}} for x in (1, 2, 3)]
    plan = desk.plan(*({**line, "output_json": f"out/{line['job_id']}.json"} for line in lines))

    done = desk.tune("run", plan, "--name", "s", *RANKED, "--", *SCORE)

    assert done.code == 0, done.err
    assert "session/s Succeeded" in done.out
    assert [desk.json(f"out/t{x}.json")["score"] for x in (1, 2, 3)] == [1, 2, 3]
    status = desk.session()
    place = [status[each] for each in ("engine", "context", "namespace")]
    assert place == ["jobs", "admin", "default"]
    assert status["best"]["job_id"] == "t3"
    assert desk.tune("logs", "t2").out == '{"score": 2}\n'
    assert desk.tune("results", "-o", "csv").out.splitlines()[1].split(",")[1] == "t3"
    assert desk.tune("best").code == 0
    assert "Succeeded" in desk.tune("show", "t1").out
    (desk.folder / "out/t1.json").unlink()
    assert desk.tune("collect").code == 0
    assert desk.json("out/t1.json")["score"] == 1


def test_failures_make_the_exit_code_1(desk: Desk):
    """
    A trial that failed there is a failure here, with its log.
    """
    done = desk.tune("run", desk.numbered(3), "--name", "s", "--", *PASSES_UNLESS_2)

    assert done.code == 1
    assert desk.states() == {"t1": "Succeeded", "t2": "Failed", "t3": "Succeeded"}


def test_the_options_of_pods_outlive_their_command(desk: Desk, cluster: FakeCluster):
    """
    A resumed session makes its pods as the run that began it was told to.
    """
    plan = desk.numbered(2)
    pod = ("--cpu", "250m", "--env", "COLOUR=red", "--label", "team=quants", "--keep", "all")
    desk.tune("run", plan, "--name", "s", *pod, "--", *PASSES_UNLESS_2)

    desk.tune("retry", "s", "t2")

    again = next(j for j in cluster.all("Job") if j["metadata"]["name"].endswith("-a2"))
    container = again["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["requests"]["cpu"] == "250m"
    assert {"name": "COLOUR", "value": "red"} in container["env"]
    assert again["metadata"]["labels"]["team"] == "quants"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_a_signal_lets_go_and_the_jobs_go_on(
    desk: Desk, cluster: FakeCluster, gate: Gate, number: int, code: int
):
    """
    What runs is not ended; resume takes it up, and nothing runs twice.
    """
    plan = desk.numbered(3)
    with desk.started("run", plan, "--name", "s", "-j", 2, "--", *gate.waits(SCORES)) as driver:
        running(cluster, 2)

        driver.send_signal(number)
        out, err = driver.communicate(timeout=30)

    assert driver.returncode == code
    assert out == ""
    assert "its Jobs go on: 2 trials (t1, t2) on the cluster" in err
    assert "kubectl tune resume s" in err
    running(cluster, 2)
    gate.open()
    done = desk.tune("resume", "s")
    assert done.code == 0, done.err
    assert {t["attempt"] for t in desk.trials().values()} == {1}


def test_a_driver_that_was_killed_is_resumed(desk: Desk, cluster: FakeCluster, gate: Gate):
    """
    After kill -9 the next driver finds what runs, and what ended meanwhile.
    """
    plan = desk.numbered(3)
    with desk.started("run", plan, "--name", "s", "--", *gate.waits(SCORES)) as driver:
        running(cluster, 3)
        busy = desk.tune("resume", "s")
        os.killpg(driver.pid, signal.SIGKILL)
        driver.communicate(timeout=30)
    gate.open()

    done = desk.tune("resume", "s")

    assert busy.code == 2
    assert f"session s already has a driver: process {driver.pid}" in busy.err
    assert done.code == 0, done.err
    assert {(t["state"], t["attempt"]) for t in desk.trials().values()} == {("Succeeded", 1)}


# Where sessions live


def test_flags_say_where_jobs_land(
    desk: Desk, cluster: FakeCluster, kubeconfig: Path, front: Front, monkeypatch
):
    """
    --kubeconfig, --context and -n are kubectl's; where it was is recorded with the session.
    """
    monkeypatch.delenv("KUBECONFIG")
    cluster.add_namespace("lab")
    plan = desk.numbered(1)

    done = desk.tune(
        "run", plan, "--kubeconfig", "kubeconfig", "--context", "user", "-n", "lab",
        "--name", "s", "--keep", "all", "--", "true",
    )  # fmt: skip

    assert done.code == 0, done.err
    assert len(cluster.all("Job", namespace="lab")) == 1
    assert cluster.all("Job") == []
    with desk.store() as store:
        target = store.info("s").target
    assert (target.context, target.server, target.namespace) == ("user", front.url, "lab")


def test_a_session_stays_where_it_is(
    desk: Desk, cluster: FakeCluster, kubeconfig: Path, gate: Gate
):
    """
    Whatever the current context is by now, and whatever -n says: every command goes where the
    session was begun.
    """
    cluster.add_namespace("lab")
    plan = desk.numbered(2)
    command = gate.waits(SCORES, "echo on")
    done = desk.tune("submit", plan, "-n", "lab", "--name", "s", "--", *command)
    assert done.code == 0, done.err
    running(cluster, 2, namespace="lab")
    config = yaml.safe_load(kubeconfig.read_text())
    nowhere = {"name": "other", "cluster": {"server": "https://127.0.0.1:9"}}
    context = {"name": "other", "context": {"cluster": "other", "user": "admin"}}
    switch(
        kubeconfig,
        clusters=[*config["clusters"], nowhere],
        contexts=[*config["contexts"], context],
        **{"current-context": "other"},
    )

    assert desk.states() == {"t1": "Running", "t2": "Running"}
    assert desk.tune("logs", "s/t1", "--context", "other").out == "on\n"
    assert desk.tune("cancel", "s", "t2", "-n", "default").code == 0
    gate.open()
    assert desk.tune("resume", "s").code == 1
    assert desk.states() == {"t1": "Succeeded", "t2": "Cancelled"}
    assert desk.tune("delete", "s").code == 0
    cluster.until(lambda: not cluster.all("Job", namespace="lab"), "the Jobs to be gone")


def test_a_context_that_means_another_cluster_is_not_followed(
    desk: Desk, kubeconfig: Path, gate: Gate, cluster: FakeCluster
):
    """
    A session is never looked for on another cluster; what is known of it is shown all the same.
    """
    desk.tune("submit", desk.numbered(1), "--name", "s", "--", *gate.waits())
    config = yaml.safe_load(kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    switch(kubeconfig, **config)

    status, resume = desk.tune("status", "s"), desk.tune("resume", "s")

    assert status.code == 0
    assert "https://127.0.0.1:9 in the kubeconfig now" in status.err
    assert "Detached" in status.out
    assert resume.code == 2
    assert "session s lives in context admin" in resume.err


def test_a_context_that_is_gone_is_named(desk: Desk, kubeconfig: Path, gate: Gate):
    """
    The error says which session, which context, and which contexts there are.
    """
    desk.tune("submit", desk.numbered(1), "--name", "s", "--", *gate.waits())
    config = yaml.safe_load(kubeconfig.read_text())
    switch(kubeconfig, contexts=config["contexts"][1:], **{"current-context": "user"})

    done = desk.tune("resume", "s")

    assert done.code == 2
    assert "session s lives in context admin" in done.err
    assert "context was not found for specified context: admin" in done.err


def test_without_a_kubeconfig_there_is_the_local_engine(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    """
    No cluster is an error with both ways out, and leaves no session behind.
    """
    monkeypatch.delenv("KUBECONFIG")

    done = desk.tune("run", desk.numbered(1), "--", "true")

    assert done.code == 2
    assert "--engine local" in done.err
    assert desk.names() == []


def test_an_unreachable_cluster_leaves_nothing_behind(desk: Desk, kubeconfig: Path):
    """
    A session that its cluster never heard of doesn't exist.
    """
    config = yaml.safe_load(kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    switch(kubeconfig, **config)

    done = desk.tune("run", desk.numbered(1), "--name", "s", "--", "true")

    assert done.code == 2
    assert "The connection to the server 127.0.0.1:9 was refused" in done.err
    assert desk.names() == []


@pytest.mark.parametrize("command", ["run", "submit"])
def test_what_the_cluster_refuses_is_known_before_anything_is_written(
    desk: Desk, cluster: FakeCluster, front: Front, command: str
):
    """
    Missing rights and namespaces end a run in the server's words, here and there without a trace.
    """
    cluster.bind("user", [{"verbs": ["create"], "resources": ["configmaps"]}])
    plan = desk.numbered(1)

    rights = desk.tune(command, plan, "--context", "user", "--name", "s", "--", "true")
    namespace = desk.tune(command, plan, "-n", "nowhere", "--name", "s", "--", "true")

    assert rights.code == namespace.code == 2
    assert 'User "user" cannot create resource "jobs"' in rights.err
    assert 'namespaces "nowhere" not found' in namespace.err
    assert desk.names() == []
    assert cluster.all("ConfigMap") == []


def test_an_unreachable_cluster_hides_nothing(desk: Desk, front: Front, gate: Gate):
    """
    Status shows what is known, and says that it may be old.
    """
    desk.tune("submit", desk.numbered(2), "--name", "s", "--", *gate.waits())
    front.close()

    done = desk.tune("status", "s")

    assert done.code == 0
    assert "t1" in done.out
    assert done.err.count("warning:") == 1
    assert "what follows may be old" in done.err


def test_who_asks_is_said_by_flags(desk: Desk, front: Front):
    """
    --token and --as are kubectl's; a token is never written down.
    """
    plan = desk.numbered(1)

    done = desk.tune("run", plan, "--as", "user", "--name", "s", "--", "true")
    wrong = desk.tune("run", plan, "--token", "secret-token", "--name", "w", "--", "true")

    assert done.code == 0, done.err
    assert {h.headers["Impersonate-User"] for h in front.heard[:5]} == {"user"}
    assert wrong.code == 2
    assert "You must be logged in to the server" in wrong.err
    assert b"secret-token" not in (desk.folder / "state.db").read_bytes()
