"""
The archive on a real cluster: every command, from the link that Krew makes, with nothing in the
environment but a home, a PATH and a kubeconfig.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import built
import pytest
from cluster.place import Namespace
from installed import Installed

from kubectl_tune import __version__
from kubectl_tune.cli.commands import COMMANDS

# What Python says, or PyInstaller, when something is missing in a build.
BROKEN = re.compile(r"Traceback|ModuleNotFoundError|ImportError|FileNotFoundError|PYI-\d|Failed to")
SPEC = """\
command: [python, -c, "print('{\\"metrics\\": {\\"m\\": {n}}}')"]
fixed: {}
grids:
  - {name: n, values: [1, 2]}
"""
# Runs until the test ends it, in its first attempt; quick in the second.
SLOW = "import os, time; time.sleep(0 if os.environ['TUNE_ATTEMPT'] > '1' else 600)"


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(built.archive(), tmp_path_factory.mktemp("archived"))


class Session:
    """The installed program at work in a namespace, and which commands it has been asked for."""

    def __init__(self, installed: Installed, namespace: Namespace) -> None:
        self.installed, self.namespace = installed, namespace
        self.asked: set[str] = set()
        kubectl = shutil.which("kubectl")
        assert kubectl
        self.kubectl = Path(kubectl)
        self.env = {
            "PATH": f"{installed.bin}:{self.kubectl.parent}:/usr/bin:/bin",
            "KUBECONFIG": str(namespace.kubeconfig),
            "KUBECTL_TUNE_STATE": str(namespace.folder / "state.db"),
        }

    def tune(self, *words: object, code: int = 0, **env: str) -> str:
        """Run a command as users do; return what it printed."""
        self.asked.add(str(words[0]))
        done = self.installed.run(
            *words, folder=self.namespace.folder, timeout=240, **{**self.env, **env}
        )
        assert not BROKEN.search(done.stdout + done.stderr), done.stderr
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stdout + done.stderr


@pytest.fixture
def session(archived: Installed, namespace: Namespace) -> Session:
    (namespace.folder / "spec.yaml").write_text(SPEC)
    return Session(archived, namespace)


def test_every_command_works_on_the_cluster(session: Session):
    """
    All that the program can do, on every engine, is in the archive.
    """
    tune, folder = session.tune, session.namespace.folder
    slow = session.namespace.plan(
        {"job_id": "slow", "config": {}, "command": ["python", "-c", SLOW]}, name="slow.jsonl"
    )
    assert f"Client Version: v{__version__}\nServer Version: " in tune("version")
    assert "--kubeconfig" in tune("options")
    assert "complete" in tune("completion", "bash")
    tune("doctor")
    tune("plan", "spec.yaml", "--to", "plan.jsonl")
    tune("validate", "plan.jsonl")

    tune("submit", "plan.jsonl", "--name", "left")
    tune("submit", slow, "--name", "slow")
    best_first = ("--metric", "m", "--direction", "maximize")
    tune("run", "plan.jsonl", "--name", "jobs", *best_first)
    tune("run", "plan.jsonl", "--name", "local", "--engine", "local", *best_first)

    for name in ("jobs", "local"):
        assert json.loads(tune("status", name, "-o", "json"))["counts"]["Succeeded"] == 2
        assert '{"metrics": {"m": 2}}' in tune("logs", name, "--all")
        best = json.loads(tune("best", name, "-o", "json"))
        assert best["metrics"] == {"m": 2}
        assert best["job_id"] in tune("results", name)
        assert best["job_id"] in tune("show", f"{name}/{best['job_id']}")
        tune("collect", name, "--to", f"{name}-collected")
        assert list((folder / f"{name}-collected").iterdir())
    tune("wait", "left", "--timeout", "60s")
    tune("watch", "left")
    assert tune("list", "-o", "name").split() == [
        f"session/{name}" for name in ("local", "jobs", "slow", "left")
    ]
    assert {"left", "jobs"} <= set(re.findall(r"^(\w+)", tune("list", "--cluster"), re.M))
    elsewhere = {"KUBECTL_TUNE_STATE": str(folder / "elsewhere.db")}
    tune("attach", "left", **elsewhere)
    assert "2 Succeeded" in tune("status", "left", **elsewhere)
    tune("explain", "slow")
    tune("resume", "left")
    tune("cancel", "slow", "-y")
    tune("wait", "slow", code=1)
    tune("retry", "slow")
    tune("delete", "jobs", "-y")
    tune("prune", "--older", "0s", "-y")
    assert tune("list", "-o", "name") == ""
    assert session.namespace.objects("jobs") == []

    assert set(COMMANDS) <= session.asked


def test_kubectl_finds_and_completes_it(session: Session):
    """
    `kubectl tune` starts it, TAB asks it through kubectl, and it is listed without a warning.
    """
    run, env = session.installed.run, session.env
    session.tune("completion", "install", "--dir", session.installed.bin)
    session.tune("run", "--name", "here", "--engine", "local", "-f", "-",
                 code=2)  # nothing on stdin: an error in words  # fmt: skip

    listed = run("plugin", "list", program=session.kubectl, **env)
    said = run("tune", "status", "nope", program=session.kubectl, **env)
    offered = run("__complete", "tune", "sta", program=session.kubectl, **env)
    session.tune("completion", "uninstall", "--dir", session.installed.bin)

    assert (listed.returncode, "warning" in (listed.stdout + listed.stderr).lower()) == (0, False)
    assert said.returncode == 2
    assert said.stderr.startswith("error: ")
    assert offered.stdout.splitlines()[0].split("\t")[0] == "status"


def test_without_a_cluster_it_says_what_is_missing(session: Session, tmp_path: Path):
    """
    No kubeconfig, one that isn't there, a server that is down: words, never a traceback.
    """
    plan = session.namespace.plan({"job_id": "a", "config": {}, "command": ["true"]})
    down = session.namespace.kubeconfig.read_text()
    (tmp_path / "down").write_text(re.sub(r"server: \S+", "server: https://127.0.0.1:1", down))

    assert "--engine local" in session.tune("run", plan, code=2, KUBECONFIG=str(tmp_path / "none"))
    for words in (["run", plan], ["submit", plan], ["list", "--cluster"], ["version"], ["doctor"]):
        said = session.tune(*words, code=2, KUBECONFIG=str(tmp_path / "down"))
        assert "127.0.0.1:1" in said


def test_a_session_survives_an_upgrade(session: Session, archived: Installed, tmp_path: Path):
    """
    Krew removes the files of the version before; what runs from them on a cluster goes on.
    """
    old = Installed(built.archive(), tmp_path / "old")
    # The files go while the first one runs; the others are begun after that, one at a time.
    sleeping = """import time; time.sleep(4); print('{"metrics": {"m": 1}}')"""
    plan = session.namespace.plan(
        *(
            {"job_id": f"t{n}", "config": {}, "command": ["python", "-c", sleeping]}
            for n in range(3)
        )
    )
    running = subprocess.Popen(
        [old.program, "run", plan, "-j", "1", "--name", "upgraded"],
        env={"HOME": str(old.home), **session.env}, cwd=session.namespace.folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    session.namespace.until(lambda: session.namespace.objects("pods"), "the first pod")

    shutil.rmtree(old.root)
    out, err = running.communicate(timeout=120)

    assert not BROKEN.search(out + err), err
    assert running.returncode == 0, err
    assert json.loads(session.tune("status", "upgraded", "-o", "json"))["counts"]["Succeeded"] == 3
