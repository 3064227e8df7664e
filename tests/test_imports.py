"""What is heavy is imported where it is used: a budget for the commands that people wait for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kubectl_tune import beginning
from kubectl_tune.ledger import Ledger
from kubectl_tune.lock import DriverLock
from kubectl_tune.session import SessionInfo, Target
from kubectl_tune.store import Store
from kubectl_tune.trial import TrialEvent, TrialSpec, TrialState

HEAVY = {
    "aiohttp", "asyncio", "kubernetes", "multiprocessing", "numpy", "polars",
    "pyarrow", "pydantic", "requests", "rich", "ssl", "tabulate", "urllib3",
}  # fmt: skip
PARSER = {"click", "sqlite3", "typer", "yaml"}

# The program as it is run, then what it has imported, on stderr.
PROBE = """
import json, sys
from kubectl_tune.__main__ import main
sys.argv[0] = "kubectl-tune"
code = main()
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]), file=sys.stderr)
"""


def imports(*args: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", PROBE, *args], capture_output=True, text=True)
    code, names = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    return set(names)


@pytest.mark.parametrize("args", [[], ["--help"], ["help"], ["options"], ["__complete", "st"]])
def test_overviews_import_not_even_a_parser(args: list[str]):
    """
    The list of commands is a table, and printing it needs nothing else.
    """
    assert imports(*args) & (HEAVY | PARSER) == set()


@pytest.mark.parametrize(
    "args",
    [
        ["version", "--client"],
        ["version", "--help"],
        ["completion", "bash"],
        ["__complete", "version", "-o", ""],
    ],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy(args: list[str]):
    """
    What needs no cluster doesn't pay for its client.
    """
    assert imports(*args) & HEAVY == set()


def test_validate_imports_nothing_heavy(tmp_path: Path):
    """
    Checking a plan is reading a file.
    """
    plan = tmp_path / "plan.jsonl"
    plan.write_text('{"job_id": "a", "config": {}, "command": ["true"]}\n')

    assert imports("validate", str(plan)) & HEAVY == set()


CLUSTER = {"kubernetes", "ssl", "urllib3", "yaml"}


@pytest.fixture
def on_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The store of a session on a cluster of which one of two trials runs."""
    monkeypatch.setenv("KUBECTL_TUNE_STATE", str(tmp_path / "state.db"))
    target = Target("jobs", "lab", "https://127.0.0.1:9", "default", str(tmp_path))
    info = SessionInfo("s", "bcdfg", "plan.jsonl", target, metric="m", direction="maximize")
    specs = [TrialSpec(f"t{n}", n, {}, command=("true",)) for n in range(2)]
    with closing(Store.open(tmp_path / "state.db")) as store:
        beginning.begin(store, info, specs)
        ledger = Ledger(store.load("s"), store, store.claim("s"))
        ledger.keep([TrialEvent("t0", 1, TrialState.SUCCEEDED, 2.0, result='{"m": 1}')])
        ledger.keep([TrialEvent("t1", 1, TrialState.RUNNING, 2.0)])
        ledger.save()
        yield store


READERS = [["status"], ["list"], ["results"], ["best"], ["show", "t0"], ["logs", "t0"]]


@pytest.mark.parametrize("args", READERS, ids=lambda args: args[0])
def test_a_driven_session_is_read_without_its_cluster(on_a_cluster: Store, args: list[str]):
    """
    The driver knows; whoever looks at what it has written down needs no client.
    """
    lock = DriverLock(on_a_cluster.folder("s"), "s")
    try:
        assert imports(*args) & (HEAVY | CLUSTER) == set()
    finally:
        lock.release()


@pytest.mark.parametrize("args", READERS, ids=lambda args: args[0])
def test_an_ended_session_is_read_without_its_cluster(on_a_cluster: Store, args: list[str]):
    """
    Nothing can have changed.
    """
    ledger = Ledger(on_a_cluster.load("s"), on_a_cluster, on_a_cluster.claim("s"))
    ledger.keep([TrialEvent("t1", 1, TrialState.FAILED, 3.0)])
    ledger.save(ended="done")

    assert imports(*args) & (HEAVY | CLUSTER) == set()
