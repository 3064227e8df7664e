"""The Jobs that the builder makes, and the client of four methods, on a cluster in memory."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

import pytest
from desk import Desk
from fakecluster import FakeCluster
from hypothesis import given
from hypothesis import strategies as st
from jobclient import CONFIG, QUOTES

from kubectl_tune.errors import ClusterError, Conflict, Unreachable
from kubectl_tune.tuning_session import (
    K8sClient,
    K8sClientInterface,
    K8sJobSpecBuilder,
    K8sJobStatus,
    K8sTuningSessionRunner,
)
from kubectl_tune.tuning_session.kubernetes_client import job_status
from kubectl_tune.workloads.arbitrage import tune


def client_of(cluster: FakeCluster) -> K8sClient:
    return K8sClient(connect=lambda namespace: cluster.client(namespace=namespace))


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    return dict(manifest["spec"]["template"]["spec"]["containers"][0])


def job(*script: str, name: str = "j", **spec: Any) -> dict[str, Any]:
    """A Job of a shell script."""
    runs = {"name": "c", "image": "python:3.11", "command": ["sh", "-c", *script]}
    pod = {"restartPolicy": "Never", "containers": [runs]}
    return {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}} | spec,
    }  # fmt: skip


# The manifest


def test_the_manifest_is_that_of_old():
    """
    All that a Job has always had, in the builder's namespace and image.
    """
    builder = K8sJobSpecBuilder("ns", "my/image:1", "robot", "Always")

    made = builder.build_tuning_job("sess001_0001", {"x": 1}, "out", timeout_seconds=60)

    metadata, spec = made["metadata"], made["spec"]
    assert (made["apiVersion"], made["kind"]) == ("batch/v1", "Job")
    assert (metadata["name"], metadata["namespace"]) == ("sess001-0001", "ns")
    created = metadata["labels"].pop("created-at")
    assert re.fullmatch(r"\d{8}T\d{6}Z", created)
    assert metadata["labels"] == {"app": "arbitrage-tuning", "job-id": "sess001_0001"}
    assert metadata["annotations"]["job-id"] == "sess001_0001"
    assert json.loads(metadata["annotations"]["config"])["x"] == 1
    assert spec["backoffLimit"] == 0
    assert spec["ttlSecondsAfterFinished"] == 3600
    assert spec["activeDeadlineSeconds"] == 60
    assert spec["template"]["metadata"]["labels"] == metadata["labels"]
    pod = spec["template"]["spec"]
    assert (pod["serviceAccountName"], pod["restartPolicy"]) == ("robot", "Never")
    assert {key: container(made)[key] for key in ("name", "image", "imagePullPolicy")} == {
        "name": "tuning-runner", "image": "my/image:1", "imagePullPolicy": "Always",
    }  # fmt: skip
    assert container(made)["env"] == [
        {"name": "JOB_ID", "value": "sess001_0001"}, {"name": "PYTHONUNBUFFERED", "value": "1"},
    ]  # fmt: skip
    assert container(made)["resources"] == {
        "requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"cpu": "2000m", "memory": "2Gi"},
    }  # fmt: skip


def test_the_arguments_are_a_command_that_there_is(desk: Desk):
    """
    The built-in workload takes them as they are, and writes the job's own file.
    """
    (desk.folder / "quotes.csv").write_text(QUOTES)

    made = K8sJobSpecBuilder().build_tuning_job("s_1", CONFIG, "out")

    python, m, module, *args = container(made)["args"]
    assert (python, m, module) == ("python", "-m", "kubectl_tune.workloads.arbitrage.tune")
    assert args[0] == "--config" and args[2:] == ["--output-json", "out/s_1.json"]
    assert tune.main(args) == 0
    result = desk.json("out/s_1.json")
    assert result["metrics"]["realized_pnl_usd"] == pytest.approx(18.5)
    assert result["config_summary"]["job_id"] == "s_1"


def test_every_job_has_a_file_of_its_own():
    """
    By the config's job_id, else the job's; what a line asks for wins.
    """
    builder = K8sJobSpecBuilder()

    def output(*args: Any, **more: Any) -> str:
        return str(container(builder.build_tuning_job(*args, **more))["args"][-1])

    assert output("a", {}, "out") == "out/a.json"
    assert output("b", {"job_id": "mine"}, "out") == "out/mine.json"
    assert output("c", {}, "out", output_json="x/y.json") == "x/y.json"
    assert output("../c", {}, "out") == "out/c.json"
    assert builder._build_cli_args({"x": 1}, "out")[-1] == "out/result.json"


def test_the_rule_of_names_is_that_of_old():
    """
    And never gives a name that is none.
    """
    rule = K8sJobSpecBuilder()._normalize_job_name

    assert rule("SESS001_0001") == rule("_sess001_0001_") == "sess001-0001"
    assert rule("001_a") == "job-001-a"
    assert len(rule("x" * 99)) == 63
    for odd in ("...", "é_1", "-", "日本"):
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", rule(odd))


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=4), st.text(max_size=80))
def test_configs_arrive_as_they_are(config: dict[str, str], job_id: str):
    """
    Kubernetes expands $(NAME) and $$ in arguments and values; labels stay legal.
    """
    made = K8sJobSpecBuilder().build_tuning_job(job_id, config, "out")

    args = container(made)["args"]
    assert json.loads(_expanded(args[args.index("--config") + 1])) == {"job_id": job_id} | config
    assert _expanded(container(made)["env"][0]["value"]) == job_id
    for value in made["metadata"]["labels"].values():
        assert re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", value)


def _expanded(text: str) -> str:
    """As the kubelet does it: of two $ one stays, and a single one before ( may begin a name."""
    assert not re.search(r"(?<!\$)(\$\$)*\$\(", text)
    return text.replace("$$", "$")


# The client


def test_a_job_is_created_looked_at_read_and_deleted(cluster: FakeCluster):
    """
    What succeeded and what failed, each with its log.
    """
    client = client_of(cluster)
    assert isinstance(client, K8sClientInterface)

    names = [client.create_job(job(f"echo {n}; exit {n}", name=f"j{n}")) for n in (0, 7)]

    assert names == ["j0", "j7"]
    cluster.until(lambda: client.get_job_status("j0").completion_time, "the end")
    cluster.until(lambda: client.get_job_status("j7").message, "the failure")
    good, bad = (client.get_job_status(name) for name in names)
    assert (good.job_id, good.namespace, good.status) == ("j0", "default", "Succeeded")
    assert good.start_time and good.completion_time and good.message is None
    assert bad.status == "Failed" and "BackoffLimitExceeded" in (bad.message or "")
    assert [client.get_pod_logs(name) for name in names] == ["0\n", "7\n"]
    assert client.delete_job("j0")
    cluster.until(lambda: not cluster.all("Pod", "job-name=j0"), "its pod to go")
    assert cluster.find("Job", "j0") is None
    client.close()


def test_a_job_that_runs_is_running(cluster: FakeCluster):
    """
    Until it is over.
    """
    client = client_of(cluster)
    client.create_job(job("sleep 60"))

    cluster.until(lambda: client.get_job_status("j").status == "Running", "it to run")

    client.delete_job("j")


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ({}, "Pending"),
        ({"active": 0}, "Pending"),
        ({"active": 1}, "Running"),
        ({"succeeded": 1}, "Succeeded"),
        ({"failed": 1}, "Failed"),
        ({"conditions": [{"type": "Complete", "status": "True"}]}, "Succeeded"),
        ({"conditions": [{"type": "Failed", "status": "True"}]}, "Failed"),
        ({"conditions": [{"type": "Failed", "status": "False"}], "active": 1}, "Running"),
        ({"succeeded": 1, "conditions": [{"type": "Failed", "status": "True"}]}, "Failed"),
        ({"active": 1, "conditions": [{"type": "Suspended", "status": "True"}]}, "Running"),
    ],
)
def test_a_status_is_read_as_it_has_always_been(status: dict[str, Any], word: str):
    """
    Counts say it sooner; conditions say it also where no pod was ever counted.
    """
    made = job_status({"metadata": {"name": "j"}, "status": status}, "ns")

    assert (made.job_id, made.namespace, made.status) == ("j", "ns", word)


def test_only_creating_raises(cluster: FakeCluster):
    """
    What is not there, or not to be reached, is an answer of the other methods.
    """
    client = client_of(cluster)
    client.create_job(job("true"))

    with pytest.raises(Conflict):
        client.create_job(job("true"))
    missing = client.get_job_status("nope")
    assert missing.status == "Unknown" and "not found" in (missing.message or "")
    assert client.get_pod_logs("nope") == ""
    assert not client.delete_job("nope")

    cluster.api_down()
    with pytest.raises(Unreachable):
        client.create_job(job("true", name="k"))
    assert client.get_job_status("j").status == "Unknown"
    assert client.get_pod_logs("j") == ""
    assert not client.delete_job("j")


def test_a_log_that_can_not_be_read_says_why(cluster: FakeCluster):
    """
    As text, so that it is kept in its place.
    """
    client = client_of(cluster)
    cluster.bind("nobody", [{"verbs": ["create", "list"], "resources": ["jobs", "pods"]}])
    other = K8sClient(connect=lambda namespace: cluster.client("nobody", namespace))
    other.create_job(job("echo hello"))
    cluster.until(lambda: client.get_job_status("j").status == "Succeeded", "the end")

    assert other.get_pod_logs("j").startswith("[ERROR] ")


def test_a_dry_run_asks_nobody():
    """
    Every Job has its name, and is as good as done.
    """

    def connect(namespace: str) -> Any:
        raise AssertionError("a dry run connects")

    client = K8sClient("ns", dry_run=True, connect=connect)

    assert client.create_job(job("true")) == "j"
    assert client.get_job_status("j", "ns") == K8sJobStatus("j", "ns", "Succeeded")
    assert client.get_pod_logs("j") == "[DRY_RUN] No logs available"
    assert client.delete_job("j")


def test_without_a_cluster_the_client_says_so():
    """
    An empty kubeconfig looks like no successful submit.
    """
    client = K8sClient()

    with pytest.raises(ClusterError):
        client.create_job(job("true"))
    assert client.get_job_status("j").status == "Unknown"
    assert not client.delete_job("j")


# Both, under the runner


class Furnished(K8sJobSpecBuilder):
    """Its image has the product, as this machine has it."""

    def build_tuning_job(self, *args: Any, **more: Any) -> dict[str, Any]:
        made = super().build_tuning_job(*args, **more)
        path = {"name": "PYTHONPATH", "value": os.pathsep.join(filter(None, sys.path))}
        made["spec"]["template"]["spec"]["containers"][0]["env"].append(path)
        return made


def test_the_runner_takes_results_home_by_this_client(cluster: FakeCluster, desk: Desk):
    """
    Through the log alone: what the pods write stays in the pods.
    """
    (desk.folder / "quotes.csv").write_text(QUOTES)
    data = {**CONFIG, "data_file": str(desk.folder / "quotes.csv")}
    bad = {**data, "max_position_usd": "$(HOME)"}
    desk.plan(
        {"job_id": "a_1", "config": data, "output_json": "results/a.json"},
        {"job_id": "b", "config": bad, "output_json": "results/b.json"},
        name="jobs.jsonl",
    )

    runner = K8sTuningSessionRunner("jobs.jsonl", k8s_client=client_of(cluster))
    runner.job_spec_builder = Furnished()
    result = runner.run()

    assert (result.success_jobs, result.error_jobs, result.exit_code) == (1, 1, 1), result
    written = desk.json("results/a.json")
    assert written["metrics"]["realized_pnl_usd"] == pytest.approx(18.5)
    assert "max_position_usd must be a number" in result.pod_logs["b"]
    assert "Job b failed" in result.errors[0]
