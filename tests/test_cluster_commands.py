"""The commands on a cluster, each as its user runs it, against an API server in memory."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from core.waiting import until
from desk import PASSES_UNLESS_2, SCORE, Desk
from fakecluster import FakeCluster
from fakecluster.server import Front

RANKED = ("--metric", "score", "--direction", "maximize")


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
        out, err = driver.communicate(timeout=60)

    assert driver.returncode == code
    assert out == ""
    assert re.search(r"its Jobs go on: 2 trials \(t\d, t\d\) on the cluster", err)
    assert "kubectl tune resume s" in err
    running(cluster, 2)
    gate.open()
    done = desk.tune("resume", "s")
    assert done.code == 0, done.err
    assert {t["attempt"] for t in desk.trials().values()} == {1}


def test_an_interrupted_submit_is_gone_on_with(desk: Desk, cluster: FakeCluster):
    """
    What Ctrl-C leaves half done is said how to go on with, and nothing is made twice.
    """
    release = cluster.hold_answers("list", "Job")
    with desk.started("submit", desk.numbered(2), "--name", "s", "--", *SCORE) as submit:
        until(lambda: cluster.requests["list", "Job"], "the first request of the engine")
        submit.send_signal(signal.SIGINT)
        _, err = submit.communicate(timeout=60)
    release.set()

    done = desk.tune("resume", "s")

    assert submit.returncode == 130
    assert err == "interrupted; go on with: kubectl tune resume s\n"
    assert done.code == 0, done.err


def test_a_driver_that_was_killed_is_resumed(desk: Desk, cluster: FakeCluster, gate: Gate):
    """
    After kill -9 the next driver finds what runs, and what ended meanwhile.
    """
    plan = desk.numbered(3)
    with desk.started("run", plan, "--name", "s", "--", *gate.waits(SCORES)) as driver:
        running(cluster, 3)
        busy = desk.tune("resume", "s")
        os.killpg(driver.pid, signal.SIGKILL)
        driver.communicate(timeout=60)
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
    until(lambda: desk.tune("logs", "s/t1", "--context", "other").out == "on\n", "its log")
    assert desk.tune("cancel", "s", "t2", "-n", "default").code == 0
    gate.open()
    assert desk.tune("resume", "s").code == 1
    assert desk.states() == {"t1": "Succeeded", "t2": "Cancelled"}
    assert desk.tune("delete", "s").code == 0
    cluster.until(lambda: not cluster.all("Job", namespace="lab"), "the Jobs to be gone")


def test_flags_choose_among_sessions(desk: Desk, cluster: FakeCluster):
    """
    Where no session is named, the newest of that namespace and context is meant.
    """
    cluster.add_namespace("lab")
    plan = desk.numbered(1)
    desk.tune("run", plan, "--name", "a", "-n", "lab", "--", *SCORE)
    desk.tune("run", plan, "--name", "b", "--context", "user", "--", "true")
    desk.run(plan, "--", "true", name="c")

    named = [desk.tune("status", *words, "-o", "name").out for words in _CHOICES]
    none = desk.tune("status", "-n", "lab", "--context", "user")

    assert named == [f"session/{name}\n" for name in ("c", "a", "b", "c")]
    assert desk.tune("logs", "t1", "-n", "lab").out == '{"score": 1}\n'
    assert none.code == 2
    assert "no sessions of namespace lab and context user" in none.err


_CHOICES = [(), ("-n", "lab"), ("--context", "user"), ("c", "-n", "lab")]


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


# Sessions that nobody drives


def test_a_submitted_session_goes_on_by_itself(desk: Desk, gate: Gate):
    """
    The command returns while trials run; status looks at the cluster, wait waits for it. So it is
    with run --detach.
    """
    command = (desk.numbered(3), *RANKED, "--", *gate.waits(SCORES))

    done = desk.tune("submit", "--name", "s", *command)
    other = desk.tune("run", "--detach", "--name", "other", *command)

    assert (other.code, other.out) == (0, "session/other submitted\n")
    assert (done.code, done.out) == (0, "session/s submitted\n")
    status = until(lambda: _showing("Running", desk.tune("status", "s")), "status to see them run")
    assert "Detached: nobody drives it, its Jobs go on" in status.out
    late = desk.tune("wait", "s", "--timeout", "0")
    assert late.code == 1
    assert "timed out waiting for the condition on sessions/s" in late.err
    gate.open()
    waited = desk.tune("wait", "s")
    assert (waited.code, waited.out) == (0, "session/s condition met\n"), waited.err
    assert desk.session()["best"]["job_id"] == "t3"
    assert desk.tune("results", "s").code == 0


def _showing(text: str, done: Any) -> Any:
    assert done.code == 0, done.err
    return done if text in done.out else None


def test_a_watch_ends_with_a_session_that_nobody_drives(desk: Desk, gate: Gate):
    """
    It shows what the cluster does meanwhile, and how it ended.
    """
    desk.tune("submit", desk.numbered(2), "--name", "s", "--", *gate.waits(SCORES))

    with desk.started("watch", "s") as watching:
        line = watching.stdout.readline() + watching.stdout.readline()
        gate.open()
        out, _ = watching.communicate(timeout=60)

    assert "Detached" in line
    assert "2 of 2 done: 2 Succeeded" in out


def test_a_log_is_followed_while_its_pod_runs(desk: Desk, gate: Gate):
    """
    Lines come as they are printed, before the trial ends, and then the rest of them.
    """
    command = gate.waits("echo second; echo third", "echo first")
    desk.tune("submit", desk.numbered(1), "--name", "s", "--", *command)

    with desk.started("logs", "-f", "t1") as following:
        first = following.stdout.readline()
        gate.open()
        rest, err = following.communicate(timeout=60)

    assert (first, rest, err) == ("first\n", "second\nthird\n", "")
    assert following.returncode == 0


def test_a_followed_log_outlasts_an_outage(desk: Desk, cluster: FakeCluster, gate: Gate):
    """
    Where the server goes away and comes back, every line is shown, and each of them once.
    """
    command = gate.waits("echo second", "echo first")
    desk.tune("submit", desk.numbered(1), "--name", "s", "--", *command)
    running(cluster)

    with desk.started("logs", "-f", "s/t1") as following:
        first = following.stdout.readline()
        cluster.api_down()
        gate.open()
        cluster.until(lambda: cluster.all("Pod")[0]["status"]["phase"] == "Succeeded", "its end")
        cluster.api_up()
        rest, _ = following.communicate(timeout=60)

    assert (first, rest) == ("first\n", "second\n")
    assert following.returncode == 0


def test_logs_of_driven_trials_are_followed_together(desk: Desk, cluster: FakeCluster, gate: Gate):
    """
    Of several trials each line says which, whoever drives the session.
    """
    plan, command = desk.numbered(2), gate.waits("echo b$1", "echo a$1")
    with desk.started("run", plan, "--name", "s", "--", *command) as driver:
        until(lambda: desk.tune("logs", "s", "--all").out.count("\n") == 2, "the first lines")
        with desk.started("logs", "s", "--all", "-f") as following:
            first = {following.stdout.readline(), following.stdout.readline()}
            gate.open()
            rest, _ = following.communicate(timeout=60)
        driver.communicate(timeout=60)

    assert first == {"[trial/t1] a1\n", "[trial/t2] a2\n"}
    assert sorted(rest.splitlines()) == ["[trial/t1] b1", "[trial/t2] b2"]


def test_live_logs_take_the_flags_of_logs(desk: Desk, gate: Gate):
    """
    What can be asked of a log that is kept can be asked of one that grows.
    """
    command = gate.waits(first="for n in 1 2 3; do echo line $n; done")
    desk.tune("submit", desk.numbered(1), "--name", "s", "--", *command)
    until(lambda: desk.tune("logs", "t1").out == "line 1\nline 2\nline 3\n", "the log")

    assert desk.tune("logs", "t1", "--tail", "2").out == "line 2\nline 3\n"
    assert desk.tune("logs", "t1", "--since", "1h", "--grep", "2").out == "line 2\n"
    assert desk.tune("logs", "t1", "--since-time", "2100-01-01T00:00:00Z").out == ""
    assert desk.tune("logs", "t1", "--tail", "1", "--prefix").out == "[trial/t1] line 3\n"
    stamped = desk.tune("logs", "t1", "--tail", "1", "--timestamps").out
    assert stamped.startswith("20") and stamped.endswith("Z line 3\n")


def test_a_trial_that_waits_has_no_log(desk: Desk):
    """
    Why it waits is said instead, once that is known.
    """
    desk.tune("submit", desk.numbered(1), "--name", "s", "--image", "none:1", "--", "true")

    done = desk.tune("logs", "t1")

    assert (done.code, done.out) == (2, "")
    assert "trial t1 does not run yet" in done.err


def test_the_log_of_an_ended_trial_is_read_from_the_disk(desk: Desk, front: Front):
    """
    What was taken home needs no cluster.
    """
    desk.tune("run", desk.numbered(1), "--name", "s", "--", *SCORE)
    front.close()

    assert desk.tune("logs", "t1").out == '{"score": 1}\n'


# Other machines, and clearing up


@pytest.fixture
def elsewhere(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Another machine: a folder and a state file of its own, and the same cluster."""
    folder = desk.folder / "elsewhere"
    folder.mkdir()

    class Elsewhere(Desk):
        def tune(self, *words: object) -> Any:
            with contextlib.chdir(folder):
                return super().tune("--state", folder / "state.db", *words)

    return Elsewhere(folder)


def test_a_session_is_taken_up_on_another_machine(desk: Desk, elsewhere: Desk, gate: Gate):
    """
    All of it comes from the cluster; a name that is mistyped is answered with the right one.
    """
    plan = desk.plan({"job_id": "t1", "config": {"x": 1}, "output_json": "out/t1.json"})
    desk.tune("submit", plan, "--name", "nightly", *RANKED, "--", *gate.waits(SCORES))

    typo = elsewhere.tune("attach", "nihgtly")
    looked = elsewhere.tune("attach", "nightly", "--detach")
    again = elsewhere.tune("attach", "nightly")
    gate.open()
    done = elsewhere.tune("resume", "nightly")

    assert typo.code == again.code == 2
    assert "did you mean nightly?" in typo.err
    assert (looked.code, looked.out) == (0, "session/nightly attached\n"), looked.err
    assert "session nightly is in the state file already" in again.err
    assert "kubectl tune --state" in again.err and "resume nightly" in again.err
    assert done.code == 0, done.err
    assert elsewhere.json("out/t1.json")["score"] == 1


def test_an_attached_session_is_reached_as_it_was_attached(
    desk: Desk, elsewhere: Desk, kubeconfig: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
):
    """
    The kubeconfig that it was attached with is remembered, as after run.
    """
    desk.tune("submit", desk.numbered(1), "--name", "s", "--", *gate.waits())
    monkeypatch.delenv("KUBECONFIG")

    done = elsewhere.tune("attach", "s", "--detach", "--kubeconfig", kubeconfig)
    status = elsewhere.tune("status", "s")

    assert done.code == 0, done.err
    assert status.err == ""


def test_sessions_of_one_name_are_told_apart(desk: Desk, elsewhere: Desk, gate: Gate):
    """
    Attach asks for the uid where a name is not enough.
    """
    plan = desk.numbered(1)
    desk.tune("submit", plan, "--name", "s", "--", *gate.waits())
    elsewhere.numbered(1)
    elsewhere.tune("submit", "plan.jsonl", "--name", "s", "--", *gate.waits())
    with desk.store() as store:
        uid = store.info("s").uid

    twice = desk.tune("attach", "s", "--state", "third.db")
    one = desk.tune("attach", uid, "--detach", "--state", "third.db")

    assert twice.code == 2
    assert f"s ({uid})" in twice.err
    assert one.code == 0, one.err


def test_a_namespace_shows_its_sessions(desk: Desk, elsewhere: Desk, gate: Gate):
    """
    Whoever began them; which of them the state file knows is marked.
    """
    none = desk.tune("list", "--cluster")
    desk.tune("run", desk.numbered(1), "--name", "mine", "--", "true")
    elsewhere.numbered(2)
    elsewhere.tune("submit", "plan.jsonl", "--name", "theirs", "--", *gate.waits())

    table = desk.tune("list", "--cluster")
    rows = {line.split()[0]: line.split()[2:6] for line in table.out.splitlines()[1:]}
    found = json.loads(desk.tune("list", "--cluster", "-o", "json").out)

    assert (none.code, none.out) == (0, "")
    assert none.err == "No resources found in default namespace.\n"
    assert rows["mine"] == ["Succeeded", "yes", "1", "jobs"]
    assert rows["theirs"] == ["Running", "no", "2", "indexed"]
    assert [(s["name"], s["known"]) for s in found["items"]] == [("theirs", False), ("mine", True)]
    assert desk.tune("list", "--cluster", "--running", "-o", "name").out == "session/theirs\n"
    assert yaml.safe_load(desk.tune("list", "--cluster", "-o", "yaml").out) == found


def test_deleting_a_session_deletes_what_it_has_in_the_cluster(desk: Desk, cluster: FakeCluster):
    """
    One delete takes all of it; what was written to output_json stays.
    """
    plan = desk.plan({"job_id": "t1", "config": {"x": 1}, "output_json": "out/t1.json"})
    desk.tune("run", plan, "--name", "s", "--keep", "all", "--", *SCORE)

    asked = desk.tune("delete")
    done = desk.tune("delete", "s")

    assert asked.code == 2
    assert "-y" in asked.err
    assert (done.code, done.out) == (0, 'session "s" deleted\n'), done.err
    for kind in ("Job", "Pod", "ConfigMap"):
        cluster.until(lambda kind=kind: not cluster.all(kind), f"every {kind} to be gone")
    assert (desk.folder / "out/t1.json").exists()


def test_a_session_of_an_unreachable_cluster_is_deleted_here_alone_if_asked(
    desk: Desk, front: Front
):
    """
    Nothing is forgotten by accident that still stands in a cluster.
    """
    desk.tune("run", desk.numbered(1), "--name", "s", "--", "true")
    front.close()

    refused, done = desk.tune("delete", "s"), desk.tune("delete", "s", "--state-only")

    assert refused.code == 2
    assert "--state-only" in refused.err
    assert done.code == 0
    assert desk.names() == []


def test_old_sessions_are_pruned_here_and_there(
    desk: Desk, elsewhere: Desk, cluster: FakeCluster, gate: Gate
):
    """
    Those of the state file, and with --cluster those that only the namespace knows; what is not
    over stays. A dry run deletes nothing.
    """
    desk.tune("run", desk.numbered(1), "--name", "mine", "--", "true")
    elsewhere.numbered(1)
    elsewhere.tune("run", "plan.jsonl", "--name", "theirs", "--", "true")
    elsewhere.tune("submit", "plan.jsonl", "--name", "going", "--", *gate.waits())

    dry = desk.tune("prune", "--older", "0s", "--cluster", "--dry-run")
    asked = desk.tune("prune", "--older", "0s", "--cluster")
    still = desk.names()
    done = desk.tune("prune", "--older", "0s", "--cluster", "-y")

    assert dry.out.splitlines() == [
        'session "mine" deleted (dry run)',
        'session "theirs" deleted (dry run) from default namespace',
    ]
    assert asked.code == 2
    assert still == ["mine"]
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 2
    assert desk.names() == []
    assert desk.tune("list", "--cluster", "-o", "name").out == "session/going\n"


def test_pruning_goes_on_where_a_cluster_is_gone(desk: Desk, front: Front, gate: Gate):
    """
    What can be deleted is; what can't stays, and the exit code says so.
    """
    desk.tune("run", desk.numbered(1), "--name", "remote", "--", "true")
    desk.run(desk.numbered(1), "--", "true", name="near")
    front.close()

    done = desk.tune("prune", "--older", "0s", "-y")

    assert done.code == 2
    assert done.out == 'session "near" deleted\n'
    assert "kubectl tune delete remote --state-only" in done.err
    assert desk.names() == ["remote"]


# Changing sessions


def test_a_driven_session_is_cancelled_on_the_cluster(desk: Desk, cluster: FakeCluster, gate: Gate):
    """
    One trial, and then all of it: the pods go, and the driver ends with 1.
    """
    plan = desk.numbered(3)
    with desk.started("run", plan, "--name", "s", "-j", 2, "--", *gate.waits()) as driver:
        running(cluster, 2)

        one = desk.tune("cancel", "s", "t1")
        rest = desk.tune("cancel", "s")
        driver.communicate(timeout=60)

    assert one.out == "1 trial of session/s cancelled\n", one.err
    assert rest.code == 0, rest.err
    assert driver.returncode == 1
    assert set(desk.states().values()) == {"Cancelled"}
    assert cluster.all("Pod") == []


def test_an_undriven_session_is_cancelled_on_the_cluster(
    desk: Desk, cluster: FakeCluster, gate: Gate
):
    """
    Its pods are ended; what had ended before is kept.
    """
    desk.tune("submit", desk.numbered(2), "--name", "s", "--", *gate.waits())
    running(cluster, 2)

    one = desk.tune("cancel", "s", "t1")
    rest = desk.tune("cancel", "s")

    assert one.out == "1 trial of session/s cancelled\n", one.err
    assert rest.out == "session/s cancelled\n", rest.err
    assert set(desk.states().values()) == {"Cancelled"}
    assert [p for p in cluster.all("Pod") if p["status"]["phase"] == "Running"] == []


def test_what_failed_is_tried_again_there(desk: Desk):
    """
    Retry begins the next attempt of what failed, and of nothing else.
    """
    desk.tune("run", desk.numbered(2), "--name", "s", "--", *PASSES_UNLESS_2)

    done = desk.tune("retry", "s")

    assert done.code == 1
    assert {id: t["attempt"] for id, t in desk.trials().items()} == {"t1": 1, "t2": 2}


def test_an_edited_plan_is_gone_on_with(desk: Desk):
    """
    New lines run; what has succeeded stays.
    """
    desk.tune("run", desk.numbered(2), "--name", "s", "--", *SCORE)

    done = desk.tune("resume", "s", "--plan", desk.numbered(3, name="longer.jsonl"))

    assert done.code == 0, done.err
    assert {id: t["attempt"] for id, t in desk.trials().items()} == {"t1": 1, "t2": 1, "t3": 1}


# Before anything is created


def test_a_dry_run_creates_nothing(desk: Desk, cluster: FakeCluster, front: Front):
    """
    A bare --dry-run says what would be created; no request is sent, and nothing is written.
    """
    done = desk.tune("run", desk.numbered(2), "--name", "s", "--dry-run", "--", "true")

    assert done.code == 0, done.err
    assert [line.partition("/")[0] for line in done.out.splitlines()] == [
        "configmap", "configmap", "job.batch", "job.batch",
    ]  # fmt: skip
    assert all(line.endswith(" created (dry run)") for line in done.out.splitlines())
    assert front.heard == []
    assert desk.names() == []


@pytest.mark.parametrize("format", ["yaml", "json"])
@pytest.mark.parametrize("command", ["run", "submit"])
def test_manifests_can_be_created_with_kubectl(
    desk: Desk, cluster: FakeCluster, command: str, format: str
):
    """
    -o prints a List of the objects that the session begins with: the server takes each of them.
    """
    detach = ["--detach"] if command == "submit" else []

    done = desk.tune("run", desk.numbered(2), *detach, "-o", format, "--", "true")

    listed = (yaml.safe_load if format == "yaml" else json.loads)(done.out)
    assert (listed["apiVersion"], listed["kind"]) == ("v1", "List")
    for each in listed["items"]:
        cluster.client().create(each)
    cluster.until(
        lambda: (
            cluster.all("Job")
            and all("completionTime" in job["status"] for job in cluster.all("Job"))
        ),
        "the Jobs to complete",
    )


def test_printed_manifests_are_a_session_like_any_other(desk: Desk, cluster: FakeCluster):
    """
    Attach takes it up; prune deletes all of it, although its objects have no owner.
    """
    printed = desk.tune("run", desk.numbered(2), "--name", "s", "-o", "json", "--", *SCORE)
    for each in json.loads(printed.out)["items"]:
        cluster.client().create(each)

    attached = desk.tune("attach", "s", "--state", "other.db")
    age = desk.tune("list", "--cluster", "--no-headers").out.split()[-1]
    pruned = desk.tune("prune", "--older", "0s", "--cluster", "-y")

    assert attached.code == 0, attached.err
    assert "y" not in age
    assert pruned.out == 'session "s" deleted from default namespace\n'
    for kind in ("Job", "ConfigMap"):
        cluster.until(lambda kind=kind: not cluster.all(kind), f"every {kind} to be gone")


def test_a_server_that_would_refuse_is_quoted(desk: Desk, cluster: FakeCluster):
    """
    --dry-run=server ends with 2 and the server's own words.
    """
    plan = desk.numbered(1)
    good = desk.tune("run", plan, "--dry-run=server", "--", "true")
    cluster.refuse("Job", 'violates PodSecurity "restricted:latest": runAsNonRoot != true')
    denied = desk.tune("run", plan, "--dry-run=server", "--", "true")
    cluster.relent()
    cluster.quota(**{"count/jobs.batch": 0})
    full = desk.tune("run", plan, "--dry-run=server", "--", "true")

    assert good.code == 0, good.err
    assert all(line.endswith(" created (server dry run)") for line in good.out.splitlines())
    assert denied.code == full.code == 2
    assert 'violates PodSecurity "restricted:latest": runAsNonRoot != true' in denied.err
    assert "exceeded quota: quota" in full.err
    assert desk.names() == []


def test_a_quota_without_room_is_waited_for(desk: Desk, cluster: FakeCluster):
    """
    That a Job can't be created now is no reason not to begin.
    """
    cluster.quota(**{"count/jobs.batch": 0})

    with desk.started("run", desk.numbered(1), "--name", "s", "--", "true"):
        until(lambda: _waits(desk), "the trial to wait")


def _waits(desk: Desk) -> bool:
    return "s" in desk.names() and "exceeded quota" in desk.tune("status", "s").out


# What is asked before, and when something is wrong


def test_doctor_and_explain(desk: Desk, cluster: FakeCluster, gate: Gate):
    """
    Both reach the cluster by the flags of kubectl, and speak JSON where asked.
    """
    cluster.bind("user", [{"verbs": ["get"], "resources": ["pods"]}])

    good = desk.tune("doctor", "-o", "json")
    bad = desk.tune("doctor", "--context", "user")
    desk.tune("submit", desk.numbered(1), "--name", "s", "--image", "none:1", "--", "true")
    story = until(
        lambda: _showing("none:1", desk.tune("explain", "s/t1", "-o", "json")), "the reason"
    )

    assert good.code == 0, good.err
    assert {check["outcome"] for check in json.loads(good.out)["checks"]} == {"ok"}
    assert bad.code == 2
    assert "create jobs" in bad.out, bad.out
    assert json.loads(story.out)["kind"]


def test_doctor_names_the_credential_plugin(desk: Desk, kubeconfig: Path):
    """
    A plugin that isn't installed is found out before it is needed.
    """
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-login"}
    plugin["interactiveMode"] = "Never"
    switch(kubeconfig, users=[{"name": "admin", "user": {"exec": plugin}}])

    done = desk.tune("doctor")

    assert done.code == 2
    assert "credential plugin no-such-login is not installed" in done.out


def test_a_credential_plugin_runs_once(desk: Desk, kubeconfig: Path):
    """
    However many connections a command makes: a plugin may ask for a password.
    """
    log = desk.folder / "plugin.log"
    script = desk.folder / "login"
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "admin-token"},
    }
    script.write_text(
        f"#!/bin/sh\necho asked >>{log}\ncat <<'END'\n{json.dumps(credential)}\nEND\n"
    )
    script.chmod(0o755)
    plugin = {"apiVersion": credential["apiVersion"], "command": str(script)}
    plugin["interactiveMode"] = "Never"
    switch(kubeconfig, users=[{"name": "admin", "user": {"exec": plugin}}])

    done = desk.tune("run", desk.numbered(2), "--name", "s", "--", "true")

    assert done.code == 0, done.err
    assert desk.lines("plugin.log") == ["asked"]


def test_requests_are_told_of(desk: Desk, front: Front):
    """
    With -v=6 every request is a line, as kubectl has it; the token is in none.
    """
    plan = desk.numbered(1)
    silent = desk.tune("run", plan, "-v", "5", "--name", "a", "--", "true")

    done = desk.tune("run", plan, "-v=6", "--name", "b", "--", "true")

    told = [line for line in done.err.splitlines() if line.split(" ")[0] in ("GET", "POST")]
    assert f"POST {front.url}/apis/batch/v1/namespaces/default/jobs?" in done.err
    assert " 201 Created in " in done.err
    assert all(line.endswith(" milliseconds") for line in told)
    assert "admin-token" not in done.err
    assert front.url not in silent.err


def test_a_silent_server_is_given_up_in_time(desk: Desk, cluster: FakeCluster):
    """
    --request-timeout is how long one request may take.
    """
    release = cluster.hold_answers("create", "ConfigMap")

    done = desk.tune("run", desk.numbered(1), "--request-timeout", "0.2s", "--", "true")
    release.set()

    assert done.code == 2
    assert "sent no answer within 0.2s" in done.err


@pytest.mark.parametrize(
    "words", [("run",), ("submit",), ("run", "--dry-run=server")], ids="-".join
)
def test_warnings_of_the_server_are_shown_once(
    desk: Desk, cluster: FakeCluster, words: tuple[str, ...]
):
    """
    However often it warns; with --warnings-as-errors they make the exit code 2, at the end.
    """
    cluster.warnings["Job"] = ["would violate PodSecurity"]
    plan = desk.numbered(3)

    done = desk.tune(*words, plan, "--name", "a", "--", "true")
    strict = desk.tune(*words, plan, "--name", "b", "--warnings-as-errors", "--", "true")

    assert done.code == 0, done.err
    assert done.err.count("Warning: would violate PodSecurity\n") == 1
    assert strict.code == 2
    assert len(strict.out.splitlines()) == len(done.out.splitlines()) > 0
    assert "error: 1 warning received" in strict.err


# At the prompt


def test_flags_of_the_kubeconfig_are_completed(desk: Desk, kubeconfig: Path, front: Front):
    """
    From the kubeconfig, before the command and behind it; a cluster is asked for namespaces alone.
    """
    front.kubeconfig(kubeconfig, namespace="lab")

    assert desk.tune("__complete", "status", "--context", "a").out == "admin\n:4\n"
    assert desk.tune("__complete", "--context", "").out == "admin\nuser\n:4\n"
    assert desk.tune("__complete", "run", "--user=u").out == "user\n:4\n"
    assert desk.tune("__complete", "--cluster=").out == "fake\n:4\n"
    assert desk.tune("__complete", "status", "--kubeconfig", "none", "--context", "").out == ":4\n"
    assert front.heard == []
    assert desk.tune("__complete", "logs", "-n", "").out == "default\nlab\n:4\n"
    assert [each.path for each in front.heard] == ["/api/v1/namespaces"]
    assert desk.tune("__complete", "list", "--cluster", "-n", "").out == "default\nlab\n:4\n"
