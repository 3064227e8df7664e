"""What somebody who knows kubectl expects of commands that act, against an API server in memory."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from desk import LOCAL, SCORE, Desk
from fakecluster import FakeCluster
from fakecluster.server import Front

from kubectl_tune import __version__

MUTATING = ("POST", "PUT", "PATCH", "DELETE")


pytestmark = pytest.mark.usefixtures("kubeconfig")


# The version


def test_the_version_is_that_of_client_and_server(desk: Desk, front: Front) -> None:
    """
    The server's own words, after ours.
    """
    done = desk.tune("version")

    assert done.code == 0
    client, server = done.out.splitlines()
    assert client == f"Client Version: v{__version__}"
    assert server.startswith("Server Version: v1.")
    found = json.loads(desk.tune("version", "-o", "json").out)
    assert found["clientVersion"]["gitVersion"] == f"v{__version__}"
    assert server == f"Server Version: {found['serverVersion']['gitVersion']}"


def test_without_a_server_the_client_still_has_a_version(desk: Desk) -> None:
    """
    What is known goes to stdout, what is wrong to stderr and into the exit code.
    """
    done = desk.tune("version", "-s", "https://127.0.0.1:1")

    assert (done.code, done.out) == (2, f"Client Version: v{__version__}\n")
    assert done.err.startswith("The connection to the server 127.0.0.1:1 was refused - did you")


def test_the_clients_version_asks_no_server(desk: Desk, front: Front) -> None:
    """
    `--client` needs neither a server nor a kubeconfig.
    """
    done = desk.tune("version", "--client", "-o", "json", "--kubeconfig", "nope")

    assert done.code == 0
    assert list(json.loads(done.out)) == ["clientVersion"]
    assert front.heard == []


# Making something


def test_a_client_dry_run_changes_nothing(desk: Desk, front: Front) -> None:
    """
    The objects are shown as a list, and no request could have changed anything.
    """
    plan = desk.numbered(2)

    done = desk.tune("submit", "-f", plan, "--dry-run=client", "-o", "yaml", "--", *SCORE)

    assert done.code == 0, done.err
    listed = yaml.safe_load(done.out)
    assert listed["kind"] == "List"
    assert [each["kind"] for each in listed["items"]].count("Job") == 1
    assert [each for each in front.heard if each.method in MUTATING] == []


def test_a_server_dry_run_says_so_in_every_request(desk: Desk, front: Front) -> None:
    """
    Whatever could create anything carries dryRun=All, and each line says how it was meant.
    """
    done = desk.tune("submit", "-f", desk.numbered(2), "--dry-run=server", "--", *SCORE)

    assert done.code == 0, done.err
    asked = [each for each in front.heard if each.method in MUTATING]
    assert asked
    assert {each.value("dryRun") for each in asked} == {"All"}
    assert {line.partition(" ")[2] for line in done.out.splitlines()} == {
        "created (server dry run)"
    }


def test_names_alone_are_for_scripts(desk: Desk, cluster: FakeCluster) -> None:
    """
    `-o name` prints nothing but what other commands take.
    """
    plan = desk.numbered(1)

    dry = desk.tune("submit", plan, "--dry-run=client", "-o", "name", "--", *SCORE)
    assert {line.partition("/")[0] for line in dry.out.splitlines()} == {"configmap", "job.batch"}
    done = desk.tune("submit", plan, "-o", "name", "--name", "s", "--", *SCORE)
    assert (done.code, done.out) == (0, "session/s\n")
    assert desk.tune("wait", "s").code == 0


def test_waiting_can_be_turned_on_and_off(desk: Desk) -> None:
    """
    `submit --wait` is `run`, `run --wait=false` is `submit`, and -f names the plan of both.
    """
    plan = desk.numbered(1)

    waited = desk.tune("submit", "-f", plan, "--wait", "--name", "a", *LOCAL, "--", *SCORE)
    left = desk.alone("run", "-f", plan, "--wait=false", "--name", "b", *LOCAL, "--", *SCORE)

    assert waited.out.startswith("session/a Succeeded")
    assert left.stdout == "session/b submitted\n"
    assert desk.tune("wait", "b").code == 0


def test_a_plan_comes_from_a_pipe(desk: Desk) -> None:
    """
    `-f -` is standard input.
    """
    desk.numbered(2)
    with (desk.folder / "plan.jsonl").open() as plan:
        done = desk.alone("run", "-f", "-", *LOCAL, "-o", "name", "--", *SCORE, stdin=plan)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("session/")
    assert done.stdout.count("\n") == 1


def test_a_wait_that_takes_too_long_says_so(desk: Desk) -> None:
    """
    kubectl's sentence, and no success.
    """
    plan = desk.numbered(1)
    desk.alone("submit", plan, "--name", "s", *LOCAL, "--", "sleep", "60")

    done = desk.tune("wait", "s", "--timeout=1s")
    desk.tune("cancel", "s", "-y")

    assert done.code != 0
    assert "timed out waiting for the condition on session" in done.err


def test_following_more_logs_than_allowed_is_refused(desk: Desk) -> None:
    """
    The limit is one that the user gave.
    """
    plan = desk.numbered(3)
    desk.alone("submit", plan, "--name", "s", *LOCAL, "--", "sleep", "60")

    done = desk.tune("logs", "s", "--all", "-f", "--max-log-requests", 2)
    desk.tune("cancel", "s", "-y")

    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "error: you are attempting to follow 3 log streams, but maximum allowed concurrency is 2,"
        " use --max-log-requests to increase the limit\n"
    )


def test_prefixes_of_logs_are_coloured_where_that_is_asked_for(desk: Desk) -> None:
    """
    What a trial has printed stays as it was; in a pipe there is no escape unless --color=always.
    """
    said = ("sh", "-c", "echo '[/x] loss [bold]'")
    desk.run(desk.numbered(2), "--", *said)

    plain = desk.tune("logs", "s", "--all").out
    assert plain == "[trial/t1] [/x] loss [bold]\n[trial/t2] [/x] loss [bold]\n"
    assert desk.tune("logs", "s", "--all", "--color=never").out == plain
    coloured = desk.tune("logs", "s", "--all", "--color=always").out.splitlines()
    assert [re.sub("\x1b\\[[0-9;]*m", "", line) for line in coloured] == plain.splitlines()
    assert all(line.startswith("\x1b[") for line in coloured)
    assert all(line.endswith("\x1b[0m [/x] loss [bold]") for line in coloured)


# What stands at a TAB


@pytest.fixture
def shim(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plugin and its link for completion, on PATH."""
    if not shutil.which("kubectl"):
        pytest.skip("there is no kubectl on PATH")
    folder = desk.folder / "bin"
    folder.mkdir()
    program = folder / "kubectl-tune"
    program.write_text(f"#!{sys.executable}\nfrom kubectl_tune.__main__ import run\nrun()\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    assert desk.tune("completion", "install").code == 0
    yield


def offered(*words: str) -> tuple[int, list[str]]:
    asked = ["kubectl", "__complete", "tune", *words]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


@pytest.mark.usefixtures("shim")
def test_kubectl_offers_what_there_is(desk: Desk, cluster: FakeCluster) -> None:
    """
    Sessions with what they are, trials, contexts, namespaces of the cluster, and files for plans.
    """
    cluster.add_namespace("quants")
    assert desk.run(desk.numbered(2), "--", *SCORE, name="nightly").code == 0

    assert offered("status", "") == (0, ["nightly\tSucceeded, 2 trials", ":4"])
    assert offered("logs", "nightly/") == (
        0, ["nightly/t1\tSucceeded", "nightly/t2\tSucceeded", ":4"],
    )  # fmt: skip
    assert offered("status", "--context", "") == (0, ["admin", "user", ":4"])
    assert offered("list", "--namespace", "q") == (0, ["quants", ":4"])
    assert offered("run", "") == (0, [":0"])


@pytest.mark.usefixtures("shim")
def test_a_server_that_is_down_costs_nothing_but_its_names(kubeconfig: Path) -> None:
    """
    Completion is silent about whatever fails, and ends well.
    """
    text = kubeconfig.read_text()
    config = yaml.safe_load(text)
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    kubeconfig.write_text(yaml.safe_dump(config))

    assert offered("list", "--namespace", "q") == (0, [":4"])
    assert offered("status", "") == (0, [":4"])


# What is the user's own


def test_no_command_writes_to_a_kubeconfig(
    desk: Desk, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whatever is done with a cluster, the files that lead there stay as they were.
    """
    other = desk.folder / "other"
    other.write_text("apiVersion: v1\nkind: Config\n# a comment\n")
    monkeypatch.setenv("KUBECONFIG", f"{kubeconfig}{os.pathsep}{other}")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (kubeconfig, other)}
    plan = desk.numbered(1)

    for words in (
        ("run", plan, "--name", "s", "--", *SCORE), ("status",), ("doctor",), ("list", "--cluster"),
        ("version",), ("logs", "s"), ("explain",), ("delete", "s", "-y"),
    ):  # fmt: skip
        assert desk.tune(*words).code == 0, words

    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before}
    assert after == before
