"""The script for a cluster in memory: flags and codes, and its sessions in the state file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from desk import Desk
from fakecluster import FakeCluster
from jobclient import CONFIG, QUOTES

from kubectl_tune.engines.indexed import IndexedEngine
from kubectl_tune.engines.jobs import JobsEngine
from kubectl_tune.session import Target
from kubectl_tune.store import Store
from kubectl_tune.tuning_session import K8sClient, K8sTuningSessionRunner, kubernetes_session
from kubectl_tune.tuning_session.kubernetes_result import K8sTuningSessionRunResult

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "scripts" / "run_tuning_session_k8s.py"
AGGREGATOR = ROOT / "scripts" / "aggregate_tuning_results.py"


class OnCluster(K8sTuningSessionRunner):
    """A runner whose usual cluster is one in memory."""

    def __init__(self, cluster: FakeCluster, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.cluster = cluster
        self.k8s_client = K8sClient(connect=lambda namespace: cluster.client(namespace=namespace))

    def run(self) -> K8sTuningSessionRunResult:
        return self._with_lines(self._recorded)

    def _target(self) -> Target:
        engine = "jobs" if self.wait else "indexed"
        return Target(engine, "", self.cluster.server, self.namespace, os.getcwd())

    def _drive(self, store: Store, name: str) -> int:
        kind = JobsEngine if self.wait else IndexedEngine
        way = kubernetes_session.drive if self.wait else kubernetes_session.fill
        client = self.cluster.client(namespace=self.namespace)
        return way(store, name, lambda ledger: kind(ledger.session, client, store.folder(name)))


def jobs(desk: Desk, *changes: dict[str, Any]) -> str:
    """A jobs file of a, b, ...: each with the config above but for what is changed in it."""
    (desk.folder / "quotes.csv").write_text(QUOTES)
    lines = [
        {"job_id": id, "config": CONFIG | change, "output_json": f"out/{id}.json"}
        for id, change in zip("abcdefgh", changes, strict=False)
    ]
    return desk.plan(*lines, name="jobs.jsonl")


def script(*words: object, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True, **more
    )


# Sessions on the cluster


def test_jobs_are_a_session_like_any_other(cluster: FakeCluster, desk: Desk):
    """
    Results at the places of the plan, logs by Job, and the state file knows it all.
    """
    runner = OnCluster(cluster, jobs(desk, {}, {"max_position_usd": "x"}), timeout_per_job=60)

    result = runner.run()

    assert (result.success_jobs, result.error_jobs, result.exit_code) == (1, 1, 1), result
    assert result.errors == ["Job b failed with exit code 1"]
    assert desk.json("out/a.json")["metrics"]["realized_pnl_usd"] == pytest.approx(18.5)
    a, b = result.job_ids
    assert a.startswith("a-") and b.startswith("b-")
    assert "Result written to" in result.pod_logs[a]
    assert "max_position_usd must be a number" in result.pod_logs[b]
    assert desk.states(runner.session) == {"a": "Succeeded", "b": "Failed"}
    done = subprocess.run(
        [sys.executable, AGGREGATOR, "--results-dir", "out", "--output-json", "s.json"], timeout=60
    )
    assert (done.returncode, desk.json("s.json")["success_jobs"]) == (0, 1)


def test_failed_jobs_are_tried_once_more(cluster: FakeCluster, desk: Desk):
    """
    As another Job, whose name says so.
    """
    plan = jobs(desk, {"max_position_usd": "x"})

    result = OnCluster(cluster, plan, retry_failed=True).run()

    assert result.error_jobs == result.attempted_jobs == 1
    assert len(result.job_ids) == len(result.pod_logs) == 2
    assert result.job_ids[1] == f"{result.job_ids[0]}-a2"


def test_who_does_not_wait_hands_all_of_it_over(cluster: FakeCluster, desk: Desk):
    """
    One Indexed Job keeps the window; the results are there when somebody comes back.
    """
    runner = OnCluster(cluster, jobs(desk, {}, {}, {}), wait=False, max_parallel=2)

    result = runner.run()

    assert (result.attempted_jobs, result.skipped_jobs, result.exit_code) == (3, 0, 0), result
    (name,) = result.job_ids
    found = cluster.find("Job", name)
    assert found is not None
    assert (found["spec"]["completions"], found["spec"]["parallelism"]) == (3, 2)
    assert found["spec"]["activeDeadlineSeconds"] == 3600


# The script


def test_a_dry_run_needs_no_cluster_and_writes_nothing(desk: Desk):
    """
    It prints the summary, and how the Jobs would be called.
    """
    done = script("--jobs-file", jobs(desk, {}, {}), "--dry-run", "--namespace", "anywhere")

    assert done.returncode == 0, done.stderr
    assert "[D41_K8S_SESSION] KUBERNETES TUNING SESSION SUMMARY" in done.stdout
    assert "Total Jobs:     2\nAttempted:      2\nSuccess:        2\n" in done.stdout
    assert "\nSubmitted Jobs (2):\n  - a-" in done.stdout
    assert "nothing was sent" in done.stderr
    assert sorted(path.name for path in desk.folder.iterdir()) == ["jobs.jsonl", "quotes.csv"]
    without = script("--jobs-file", "jobs.jsonl", "--dry-run", "--no-wait")
    assert "Success:        0\n" in without.stdout and "Jobs (1):\n  - tune-" in without.stdout


def test_files_that_can_not_be_run_end_it_with_2(desk: Desk):
    """
    A missing one, a broken one, one without a single job, and no room for any.
    """
    (desk.folder / "broken.jsonl").write_text("broken\n")
    (desk.folder / "none.jsonl").write_text('{"job_id": "a"}\n')

    missing = script("--jobs-file", "nope.jsonl")
    broken = script("--jobs-file", "broken.jsonl", "--dry-run")
    none = script("--jobs-file", "none.jsonl", "--dry-run")
    roomless = script("--jobs-file", jobs(desk, {}), "--max-parallel", 0)

    assert [done.returncode for done in (missing, broken, none, roomless)] == [2, 2, 2, 2]
    assert missing.stderr == "[D41_K8S_SESSION] ERROR: Jobs file not found: nope.jsonl\n"
    assert "Exit Code:      2  (❌ FILE/RUNTIME ERROR)" in broken.stdout
    assert "Invalid JSON at line 1" in broken.stdout
    assert "Job a: Missing required key: config" in none.stdout
    assert "max_parallel is 0" in roomless.stdout
    assert desk.names() == []


def test_without_a_cluster_it_ends_with_2_and_a_sentence(desk: Desk):
    """
    No kubeconfig, and one that leads nowhere, are no successful submit.
    """
    plan = jobs(desk, {})
    nowhere = {
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
    }  # fmt: skip
    (desk.folder / "config").write_text(json.dumps(nowhere))

    for environment in (os.environ, os.environ | {"KUBECONFIG": str(desk.folder / "config")}):
        for more in ([], ["--no-wait"]):
            done = script("--jobs-file", plan, *more, env=environment)
            assert done.returncode == 2, done.stdout + done.stderr
            assert "Attempted:      0\n" in done.stdout and "\nErrors:\n  - " in done.stdout
            assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words", [[], ["--jobs-file", "x", "--timeout-per-job", "0"], ["--timeout-session", "x"]]
)
def test_wrong_flags_are_refused(words: list[str]):
    """
    With 2, and the flag's name.
    """
    done = script(*words)

    assert done.returncode == 2
    assert "error: " in done.stderr and "Traceback" not in done.stderr
