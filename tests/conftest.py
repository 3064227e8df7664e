"""What every test stands on: a home of its own, so that no test reads or writes the user's."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from desk import Desk
from hypothesis import settings

if TYPE_CHECKING:
    from fakecluster import FakeCluster
    from fakecluster.server import Front

# How long an example takes says nothing on a busy machine.
settings.register_profile("default", deadline=None)
settings.load_profile("default")

ROOT = Path(__file__).parent.parent
# What there is once on a machine: a cluster, and an archive that takes a while to build.
SHARED = ("tests/cluster/", "tests/packaging/")


# What a shell runs in its background ignores Ctrl-C, under nohup a lost terminal too, and so would
# all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let one process have all tests of what there is once; the others share the rest by file."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "shared" if nodeid.startswith(SHARED) else nodeid.partition("::")[0]

    return ByFile(config, log)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point everything that is looked up in the environment to an empty folder."""
    folder = tmp_path_factory.mktemp("home")
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("KUBECTL_TUNE_STATE", "KUBECONFIG", "KUBERNETES_SERVICE_HOST", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    # Children that start elsewhere find the package of this checkout.
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    return folder


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    """A cluster in memory."""
    from fakecluster import FakeCluster  # most tests need none

    with FakeCluster() as cluster:
        yield cluster


@pytest.fixture
def front(cluster: FakeCluster) -> Iterator[Front]:
    """The same as an API server, over HTTPS."""
    from fakecluster.server import Front

    front = Front(cluster)
    yield front
    front.close()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A folder to work in, with a state file of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECTL_TUNE_STATE", str(tmp_path / "state.db"))
    return Desk(tmp_path)


@pytest.fixture
def kubeconfig(front: Front, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kubeconfig of the environment: the current context is `admin`."""
    path = front.kubeconfig(desk.folder / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command in this process: its exit code, and what it printed."""
    from kubectl_tune.cli import main

    def say(*args: str) -> tuple[int, str, str]:
        code = main(list(args))
        return code, *capsys.readouterr()

    return say
