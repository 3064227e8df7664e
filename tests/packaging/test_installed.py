"""The installed program: every command and engine, behind a link, in an empty environment."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from built import ROOT
from fakecluster import FakeCluster
from fakecluster.server import Front
from installed import Installed

from kubectl_tune import __version__
from kubectl_tune.cli.commands import COMMANDS

IMPORT = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in ("numpy", "pyarrow"):
            raise
"""


@pytest.mark.parametrize("command", ["", "help", "options", *COMMANDS])
def test_every_command_begins_in_an_empty_environment(command: str, installed: Installed):
    """
    Behind a link, with no PATH and no locale, help says what it says from the wheel.
    """
    words = [command, "--help"] if command in COMMANDS else [command] if command else []

    done = installed.run(*words, folder=Path("/"))

    wheel = subprocess.run(
        [sys.executable, "-m", "kubectl_tune", *words], capture_output=True, text=True, cwd=ROOT
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, wheel.stdout, "")


def test_every_module_is_there(installed: Installed):
    """
    What is imported only when it is needed can be imported then; but for what needs an extra,
    of which the archive has none.
    """
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "kubectl_tune").rglob("*.py")
    ]

    done = installed.run("__python", "-c", IMPORT, *names, PATH="")

    assert (done.returncode, done.stderr) == (0, "")


def test_version_needs_nothing(installed: Installed):
    """
    The link is enough: no Python, no PATH, no home.
    """
    done = subprocess.run(
        [installed.program, "version", "--client"], env={}, cwd="/", capture_output=True, text=True
    )

    assert (done.returncode, done.stdout) == (0, f"Client Version: v{__version__}\n")


def test_kubectl_is_asked_for_completions_by_a_second_link(installed: Installed):
    """
    The same program under the name that kubectl looks for, over a chain of links.
    """
    shim = installed.home / "kubectl_complete-tune"
    shim.symlink_to(installed.program)

    done = installed.run("sub", program=shim)

    assert [line.split("\t")[0] for line in done.stdout.splitlines()][:-1] == ["submit"]


def test_the_example_runs_on_this_machine(installed: Installed, example: Path):
    """
    The quick start: no Python and no package is needed for the built-in workload.
    """
    plan = "examples/arbitrage/plan.jsonl"
    assert installed.run("validate", plan, folder=example).returncode == 0

    done = installed.run("run", plan, "--engine", "local", "--name", "example", folder=example)

    assert done.returncode == 0, done.stderr
    best = json.loads(installed.run("best", "example", "-o", "json", folder=example).stdout)
    assert best["metrics"]["realized_pnl_usd"] > 0
    assert installed.run("delete", "example", "-y").returncode == 0


def test_a_session_goes_on_without_us(installed: Installed, example: Path):
    """
    `submit` starts a driver of the same build.
    """
    words = ("examples/arbitrage/plan.jsonl", "--engine", "local", "--name", "left")

    assert installed.run("submit", *words, folder=example).returncode == 0

    assert installed.run("wait", "left", "--timeout", "60s").returncode == 0
    assert "24 Succeeded" in installed.run("status", "left").stdout
    assert installed.run("delete", "left", "-y").returncode == 0


def test_trials_run_as_jobs(
    installed: Installed, example: Path, front: Front, cluster: FakeCluster
):
    """
    The engine, the agent and the code that pods are sent are all in the archive.
    """
    config = str(front.kubeconfig(example / "kubeconfig", namespace="default"))
    text = (example / "examples/arbitrage/plan.jsonl").read_text()
    (example / "examples/arbitrage/two.jsonl").write_text("".join(text.splitlines(True)[:2]))
    plan = "examples/arbitrage/two.jsonl"

    done = installed.run("run", plan, "--name", "jobs", folder=example, KUBECONFIG=config)

    assert done.returncode == 0, done.stderr
    anchors, _ = cluster.client().list("ConfigMap", "kubectl-tune.dev/part=session")
    assert anchors[0]["data"]["agent.py"] == (ROOT / "kubectl_tune" / "agent.py").read_text()
    assert "2 Succeeded" in installed.run("status", "jobs", KUBECONFIG=config).stdout
    assert "Result written" in installed.run("logs", "jobs", "--all", KUBECONFIG=config).stdout
    assert installed.run("delete", "jobs", "-y", KUBECONFIG=config).returncode == 0


def test_kubectl_lists_it_without_a_warning(installed: Installed):
    """
    `kubectl plugin list` finds one program, and `kubectl tune` starts it.
    """
    kubectl = shutil.which("kubectl")
    if not kubectl:
        pytest.skip("there is no kubectl here")
    path = f"{installed.bin}:{Path(kubectl).parent}"

    listed = installed.run("plugin", "list", program=Path(kubectl), PATH=str(installed.bin))
    done = installed.run("tune", "version", "--client", program=Path(kubectl), PATH=path)

    assert (listed.returncode, "warning" in listed.stdout + listed.stderr) == (0, False)
    assert str(installed.program) in listed.stdout
    assert done.stdout == f"Client Version: v{__version__}\n"
