"""
An archive as its users have it: unpacked by Krew, called by a link, in whatever environment.

$KUBECTL_TUNE_TEST_ARCHIVE names one that `scripts/package` has built, with what it put beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import glibc
import manifest
import pytest
import yaml
from fakecluster import FakeCluster
from fakecluster.server import Front
from publish import MANIFEST, SUMS, sha256
from sbom import SUFFIX
from targets import NAME, here, parsed, tag

from kubectl_tune import __version__
from kubectl_tune.cli.commands import COMMANDS

GIVEN = os.environ.get("KUBECTL_TUNE_TEST_ARCHIVE", "")
ARCHIVE = Path(GIVEN).resolve()
ROOT = Path(__file__).parents[2]
LIMIT = 25_000_000  # bytes that a user waits for

if not GIVEN:
    pytest.skip(
        "KUBECTL_TUNE_TEST_ARCHIVE names no archive: scripts/package builds one",
        allow_module_level=True,
    )


class Installed:
    """The archive in a store of Krew's shape, and its program behind Krew's link."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.bin = root / "krew" / "bin"
        self.store = root / "krew" / "store" / "tune" / tag()
        for folder in (self.home, self.bin, self.store):
            folder.mkdir(parents=True)
        with tarfile.open(ARCHIVE) as tar:
            tar.extractall(self.store, filter="tar")
        self.program = self.bin / NAME
        self.program.symlink_to(self.store / here().bin)
        self.before = self.snapshot()

    def snapshot(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.store)): hashlib.sha256(path.read_bytes()).digest()
            for path in self.store.rglob("*")
            if path.is_file()
        }

    def run(
        self,
        *words: str | Path,
        folder: Path | None = None,
        program: Path | None = None,
        **env: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run the program with nothing in its environment but a home and what is given."""
        return subprocess.run(
            [program or self.program, *words], cwd=folder or self.home, capture_output=True,
            text=True, env={"HOME": str(self.home), **env}, timeout=120,
        )  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    made = Installed(tmp_path_factory.mktemp("installed"))
    yield made
    assert made.snapshot() == made.before, "a program must not write into its own folder"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A folder with the examples, at a place that the build has never seen."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


def test_krew_can_unpack_it():
    """
    Files and folders only, no odd names, the program executable, its license inside.
    """
    with tarfile.open(ARCHIVE) as tar:
        members = {each.name: each for each in tar}

    assert {each.type for each in members.values()} == {tarfile.REGTYPE, tarfile.DIRTYPE}
    assert [name for name in members if ".." in name or name.startswith(("/", "\\"))] == []
    assert members[here().bin].mode == 0o755
    assert {f"{NAME}/LICENSE", f"{NAME}/THIRD-PARTY-NOTICES.txt"} <= set(members)
    assert ARCHIVE.stat().st_size <= LIMIT


def test_what_stands_beside_it_fits_it():
    """
    Sums, manifest and bill of materials are of this very archive.
    """
    target = parsed(ARCHIVE.name, tag())
    assert target
    digest = sha256(ARCHIVE)
    text = ARCHIVE.with_name(MANIFEST).read_text()
    platforms = yaml.safe_load(text)["spec"]["platforms"]
    bill = json.loads(ARCHIVE.with_name(ARCHIVE.name + SUFFIX).read_text())

    assert f"{digest}  {ARCHIVE.name}\n" in ARCHIVE.with_name(SUMS).read_text()
    assert digest in [each["sha256"] for each in platforms]
    assert manifest.problems(text) == []
    assert bill["metadata"]["component"]["hashes"][0]["content"] == digest
    assert {"Python", "kubernetes", "OpenSSL"} <= {each["name"] for each in bill["components"]}


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is Linux's")
def test_it_needs_no_newer_glibc_than_the_page_says(installed: Installed):
    """
    docs/install.md says how old a system may be, for releases and for what is built elsewhere.
    """
    page = (ROOT / "docs" / "install.md").read_text()
    promised = max(
        tuple(map(int, each.split("."))) for each in re.findall(r"glibc (\d+\.\d+)", page)
    )

    needs = glibc.needed(installed.store)

    assert needs
    assert {name: each for name, each in needs.items() if each > promised} == {}


def test_nothing_of_a_foreign_license_got_in(installed: Installed):
    """
    Every library that is packed stands in the notices; readline and gdbm are nowhere.
    """
    names = {path.name for path in installed.store.rglob("*.so*")}

    assert [each for each in names if re.match(r"(lib)?(readline|_?gdbm|_?dbm|libdb)", each)] == []


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
    What is imported only when it is needed can be imported then.
    """
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "kubectl_tune").rglob("*.py")
    ]
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"

    done = installed.run("__python", "-c", code, *names, PATH="")

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


@pytest.mark.parametrize("caller", [{}, {"LD_LIBRARY_PATH": "/opt/lib:/x", "LANG": "C"}])
def test_trials_get_the_callers_environment(
    caller: dict[str, str], installed: Installed, example: Path
):
    """
    Nothing of the frozen build's own is in what a trial sees.
    """
    (example / "one.jsonl").write_text('{"job_id": "one", "config": {}}\n')
    words = ("one.jsonl", "--engine", "local", "--name", "env")

    installed.run(
        "run", *words, "--", "env", folder=example, PATH="/usr/bin:/bin", **caller
    ).check_returncode()

    seen = dict(line.split("=", 1) for line in installed.run("logs", "env").stdout.splitlines())
    ours = {key for key in seen if key.startswith("TUNE_")} | {"JOB_ID", "PYTHONUNBUFFERED"}
    given = {key: value for key, value in seen.items() if key not in ours}
    assert given == {"HOME": str(installed.home), "PATH": "/usr/bin:/bin", **caller}
    assert installed.run("delete", "env", "-y").returncode == 0


PLUGIN = """\
#!/bin/sh
env -0 >"$OUT"
echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
       "status": {"token": "admin-token"}}'
"""


@pytest.mark.parametrize(
    "caller",
    [
        {},
        {"LD_LIBRARY_PATH": "/opt/lib"},
        {"LD_LIBRARY_PATH": "/a:/b", "LC_ALL": "C", "PYTHONPATH": "/p", "PYTHONHOME": "/h"},
    ],
)
def test_credential_plugins_get_the_callers_environment(
    caller: dict[str, str], installed: Installed, front: Front, tmp_path: Path
):
    """
    `aws` or `kubelogin` would load our libraries, and fail, if the build's path reached them.
    """
    plugin, seen = tmp_path / "plugin", tmp_path / "seen"
    plugin.write_text(PLUGIN)
    plugin.chmod(0o755)
    path = front.kubeconfig(tmp_path / "kubeconfig", namespace="default")
    config = yaml.safe_load(path.read_text())
    config["users"][0]["user"] = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(plugin),
            "interactiveMode": "Never",
            "env": [{"name": "OUT", "value": str(seen)}],
        }
    }
    path.write_text(yaml.safe_dump(config))
    given = {"PATH": "/usr/bin:/bin", "KUBECONFIG": str(path), "A": "b c\nd", **caller}

    done = installed.run("list", "--cluster", **given)

    assert done.returncode == 0, done.stderr
    lines = [each.split("=", 1) for each in seen.read_text().split("\0") if each]
    found = dict(lines)
    information = json.loads(found.pop("KUBERNETES_EXEC_INFO"))
    assert information["kind"] == "ExecCredential"
    shell = {"PWD"}  # sh sets it where it isn't
    expected = {"HOME": str(installed.home), "OUT": str(seen), **given}
    assert {key: value for key, value in found.items() if key not in shell} == expected


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


def test_krew_installs_it_and_takes_it_away(tmp_path: Path):
    """
    With a real Krew: validator, install, program, uninstall; nothing is left but Krew's folders.
    """
    krew, validator = shutil.which("krew"), shutil.which("validate-krew-manifest")
    if not krew or not validator:
        pytest.skip("krew and validate-krew-manifest are not on PATH")
    root, link = tmp_path / "krew", tmp_path / "krew" / "bin" / NAME
    # `uninstall` wants some index, though none is asked.
    subprocess.run(["git", "init", "-q", root / "index" / "default"], check=True)
    env = {"HOME": str(tmp_path), "KREW_ROOT": str(root), "PATH": f"{root}/bin:/usr/bin:/bin"}
    made = ARCHIVE.with_name(MANIFEST)

    def act(*words: str | Path) -> str:
        done = subprocess.run(
            words, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    checked = act(validator, "-manifest", made, "-skip-install")
    act(krew, "install", f"--manifest={made}", f"--archive={ARCHIVE}")
    said = act(link, "version", "--client")
    act(krew, "uninstall", "tune")

    for line in (
        "structural validation OK",
        "all spec.platform[] items are used",
        "no overlapping spec.platform[].selector",
    ):
        assert line in checked
    assert said == f"Client Version: v{__version__}\n"
    left = [path for path in root.rglob("*") if path.is_file() or path.is_symlink()]
    assert [path for path in left if not path.is_relative_to(root / "index")] == []
