"""
The real cluster that these tests run on.

KUBECTL_TUNE_TEST_CLUSTER=up brings one up on this machine; KUBECTL_TUNE_TEST_KUBECONFIG names one
that is there. With neither, the tests are skipped; with the first, nothing may be.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.place import Namespace

HERE = Path(__file__).parent
# Of the caller, before any test is given a home of its own.
ENVIRONMENT = dict(os.environ)
BUILD_SECONDS = 2400


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    if ENVIRONMENT.get("KUBECTL_TUNE_TEST_CLUSTER") == "up":
        done = subprocess.run(
            [sys.executable, HERE / "machine.py", "up"], env=ENVIRONMENT, text=True,
            capture_output=True, timeout=BUILD_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return Path(done.stdout.strip())
    if named := ENVIRONMENT.get("KUBECTL_TUNE_TEST_KUBECONFIG"):
        return Path(named)
    pytest.skip("needs a real cluster: set KUBECTL_TUNE_TEST_CLUSTER=up")


@pytest.fixture
def namespace(
    kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Namespace]:
    """A namespace of its own, with a folder and a state file to work from."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECTL_TUNE_STATE", str(tmp_path / "state.db"))
    found = Namespace(f"tune-test-{secrets.token_hex(4)}", kubeconfig, tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(found.kubeconfig))
    found.create()
    yield found
    found.delete()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)
