"""What a session survives on a real cluster: its client, its state file, the API server."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from cluster.place import kill

KILLS = int(os.environ.get("KUBECTL_TUNE_KILLS", "10"))
WORK = (
    "import json,os,time;time.sleep(0.5);"
    "n=json.load(open(os.environ['TUNE_CONFIG_FILE']))['n'];"
    "json.dump({'metrics':{'m':n}},open(os.environ['TUNE_RESULT_FILE'],'w'))"
)


def plan_of(namespace, count: int, folder: str = "") -> str:
    return namespace.plan(
        *(
            {
                "job_id": f"t{n:02d}",
                "config": {"n": n},
                "command": ["python", "-c", WORK],
                "output_json": f"{folder or '.'}/out/t{n:02d}.json",
            }
            for n in range(count)
        )
    )


def results(folder: Path, count: int) -> list[float]:
    names = [folder / f"out/t{n:02d}.json" for n in range(count)]
    return [json.loads(name.read_text())["metrics"]["m"] for name in names]


def test_a_client_that_is_killed_at_any_moment_loses_nothing(namespace):
    """
    One accepted success and one Job a trial, and no result lost.
    """
    chance, kills, rounds = random.Random(7), 0, 0
    while kills < KILLS:
        name, rounds = f"killed-{rounds}", rounds + 1
        kills += killed_often(namespace, name, chance, KILLS - kills)
        done = namespace.tune("resume", name)

        assert done.returncode == 0, done.stderr
        assert results(namespace.folder / name, 40) == list(range(40))
        trials = namespace.trials(name)
        assert {trial["state"] for trial in trials.values()} == {"Succeeded"}
        jobs = namespace.objects("jobs", f"kubectl-tune.dev/session={name}")
        names = [job["metadata"]["annotations"]["kubectl-tune.dev/job-id"] for job in jobs]
        assert Counter(names) == dict.fromkeys(trials, 1)


def killed_often(namespace, name: str, chance: random.Random, most: int) -> int:
    """Run 40 trials with a client that is killed again and again; return how often."""
    folder = namespace.folder / name
    folder.mkdir()
    plan = plan_of(namespace, 40, name)
    first = ("run", plan, "--name", name, "-j", 6, "--cpu", "50m", "--keep", "all")
    kills, process = 0, namespace.begin(*first)
    while kills < most:
        try:
            process.communicate(timeout=chance.uniform(0.2, 4.0))
            break
        except subprocess.TimeoutExpired:
            kill(process)
            kills += 1
        began = f"session/{name}\n" in namespace.tune("list", "-o", "name").stdout
        process = namespace.begin(*(("resume", name) if began else first))
    process.communicate(timeout=300)
    return kills


def test_a_submitted_session_needs_nobody(namespace):
    """
    All results are there on return, and from a machine without the state file.
    """
    plan = plan_of(namespace, 40)
    done = namespace.tune("submit", plan, "-j", 6, "--cpu", "50m", "--name", "alone")
    assert done.returncode == 0, done.stderr
    namespace.until(
        lambda: [
            job for job in namespace.objects("jobs")
            if any(c["type"] == "Complete" for c in job["status"].get("conditions", []))
        ],
        "the end of its Job", seconds=300,
    )  # fmt: skip

    other = namespace.folder / "other"
    other.mkdir()
    state = ("--state", other / "state.db")
    attached = subprocess.run(
        namespace.words(*state, "attach", "alone"), cwd=other, capture_output=True, text=True,
        timeout=240,
    )  # fmt: skip
    waited = namespace.tune("wait", "alone")

    assert attached.returncode == 0, attached.stderr
    assert results(other, 40) == list(range(40))
    assert waited.returncode == 0, waited.stderr
    assert results(namespace.folder, 40) == list(range(40))


def test_attaching_elsewhere_ends_with_the_same_results(namespace):
    """
    Also of a session whose Jobs were deleted one by one as they ended.
    """
    plan = plan_of(namespace, 30)
    assert namespace.tune("run", plan, "-j", 6, "--cpu", "50m", "--name", "one").returncode == 0
    other = namespace.folder / "other"
    other.mkdir()

    done = subprocess.run(
        namespace.words("--state", other / "state.db", "attach", "one"), cwd=other,
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    ranked = [
        namespace.tune(
            "--state",
            state,
            "results",
            "one",
            "--metric",
            "m",
            "--direction",
            "maximize",
            "-o",
            "json",
        ).stdout
        for state in (namespace.folder / "state.db", other / "state.db")
    ]
    assert json.loads(ranked[0]) == json.loads(ranked[1])
    assert len(json.loads(ranked[0])) == 30


@pytest.mark.skipif(
    os.environ.get("KUBECTL_TUNE_TEST_CLUSTER") != "up", reason="restarts a cluster that is ours"
)
def test_a_run_goes_on_when_the_api_server_is_restarted(namespace, monkeypatch):
    """
    Killed in the middle, and up again some seconds later.
    """
    monkeypatch.setenv("CLUSTER_DIR", str(namespace.machine))
    spec = importlib.util.spec_from_file_location("machine", Path(__file__).parent / "machine.py")
    machine = importlib.util.module_from_spec(spec)
    sys.modules["machine"] = machine
    spec.loader.exec_module(machine)
    plan = plan_of(namespace, 20)
    process = namespace.begin("run", plan, "-j", 3, "--cpu", "50m", "--name", "shaken")
    namespace.until((namespace.folder / "out/t02.json").exists, "the first results")

    machine.stop("kube-apiserver", machine.signal.SIGKILL)
    machine.start_apiserver()
    _, said = process.communicate(timeout=300)

    assert process.returncode == 0, said
    assert results(namespace.folder, 20) == list(range(20))
    assert {t["attempt"] for t in namespace.trials("shaken").values()} == {1}
