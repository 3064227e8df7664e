"""Tokens, certificates and plugins: what is shown to a server, when, and what is never shown."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_tune.cluster.datafile import KeyPair
from kubectl_tune.cluster.execution import Execution, child_environment
from kubectl_tune.cluster.kubeconfig import ConfigFlags, resolve
from kubectl_tune.cluster.kuberc import Policy, policy
from kubectl_tune.cluster.kubernetes import KubernetesClient
from kubectl_tune.cluster.plugin import Plugin
from kubectl_tune.cluster.stated import Stated
from kubectl_tune.errors import ClusterError, Unauthorized, Unreachable
from tests.http.server import ApiServer, pem, refused

V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"
GETTING = "Unable to connect to the server: getting credentials: "
FAR = "2999-01-01T00:00:00Z"


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class Script:
    """A plugin: a real program, which writes down that it was run, and what it was told."""

    def __init__(self, folder: Path, name: str = "plugin") -> None:
        self.path = folder / name
        self.folder = folder
        self.clock = Clock()

    def does(self, *lines: str) -> Script:
        # Renamed into place: a program that another thread is starting is busy.
        draft = self.path.with_suffix(".draft")
        text = "\n".join(["#!/bin/sh", f"echo run >>{self.folder}/runs", *lines])
        draft.write_text(text + "\n")
        draft.chmod(0o755)
        draft.replace(self.path)
        return self

    def answers(self, version: str = V1, **status: str) -> Script:
        answer = {"kind": "ExecCredential", "apiVersion": version, "status": status}
        (self.folder / "answer").write_text(json.dumps(answer))
        return self.does(
            f'printf %s "$KUBERNETES_EXEC_INFO" >{self.folder}/info',
            f"env >{self.folder}/env; pwd >{self.folder}/pwd",
            f'cat >{self.folder}/stdin; echo "$@" >{self.folder}/args',
            f"cat {self.folder}/answer",
        )

    @property
    def runs(self) -> int:
        path = self.folder / "runs"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def heard(self, name: str) -> str:
        return (self.folder / name).read_text()

    def plugin(self, *, terminal: bool = False, **more: Any) -> Plugin:
        given = {"command": str(self.path), "interactive_mode": "Never"} | more
        rules = given.pop("policy", None)
        seconds = given.pop("seconds", 60.0)
        environment = given.pop("environment", os.environ)
        return Plugin(
            Execution(**given), environment, rules, seconds=seconds,
            terminal=lambda: terminal, now=self.clock, clock=self.clock,
        )  # fmt: skip


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


def failure(act: Callable[[], object]) -> str:
    with pytest.raises(Unreachable) as raised:
        act()
    return str(raised.value).removeprefix(GETTING)


def in_threads(number: int, act: Callable[[], Any]) -> list[Any]:
    """Do something in so many threads at once, and return what each got, or its error."""
    barrier = threading.Barrier(number)

    def one() -> Any:
        barrier.wait(60)
        try:
            return act()
        except ClusterError as error:
            return error

    with ThreadPoolExecutor(number) as pool:
        return [each.result() for each in [pool.submit(one) for _ in range(number)]]


# When a plugin runs


def test_a_plugin_runs_once_for_all_threads(script: Script):
    """
    Ten requests at once are one login.
    """
    plugin = script.answers(token="t").plugin()

    assert in_threads(10, plugin.authorization) == ["Bearer t"] * 10
    assert script.runs == 1


@pytest.mark.parametrize("stamp", ["2023-11-14T22:20:00Z", "2023-11-14T23:20:00.123456789+01:00"])
def test_a_plugin_runs_again_when_its_answer_has_expired(script: Script, stamp: str):
    """
    Until `expirationTimestamp` and no longer, however short that is.
    """
    plugin = script.answers(token="old", expirationTimestamp=stamp).plugin()
    plugin.authorization()
    script.answers(token="new", expirationTimestamp=FAR)

    script.clock.now += 399  # it is 22:13:20 at first
    before = plugin.authorization()
    script.clock.now += 2
    after = plugin.authorization()

    assert (before, after, script.runs) == ("Bearer old", "Bearer new", 2)


def test_an_answer_that_comes_expired_is_not_asked_for_at_each_request(script: Script):
    """
    The plugin's clock, or ours, is wrong; the server's word counts.
    """
    plugin = script.answers(token="t", expirationTimestamp="2001-01-01T00:00:00Z").plugin()

    assert [plugin.authorization() for _ in range(10)] == ["Bearer t"] * 10
    assert script.runs == 1


def test_a_401_runs_the_plugin_once_for_all_threads(script: Script):
    """
    Who was refused with the old token tries the new one; nobody asks for a third.
    """
    plugin = script.answers(token="old").plugin()
    plugin.authorization()
    script.answers(token="new")
    shown = threading.Barrier(5)

    def refused_once() -> bool:
        plugin.authorization()
        shown.wait(60)
        return plugin.refresh_after_401()

    tried = in_threads(5, refused_once)

    assert tried == [True] * 5
    assert plugin.authorization() == "Bearer new"
    assert script.runs == 2


def test_401s_in_a_row_do_not_hammer_the_plugin(script: Script):
    """
    Twenty seconds lie between runs that nobody but the server asked for.
    """
    plugin = script.answers(token="same").plugin()
    plugin.authorization()

    first, second = plugin.refresh_after_401(), plugin.refresh_after_401()
    script.clock.now += 21
    script.answers(token="other")
    third = plugin.refresh_after_401()

    assert (first, second, third, script.runs) == (False, False, True, 3)


def test_a_new_certificate_is_something_new_to_try(script: Script):
    """
    Certificates that a plugin issues are renewed as tokens are.
    """
    plugin = script.answers(clientCertificateData="c1", clientKeyData="k1").plugin()
    assert (plugin.authorization(), plugin.client_certificate()) == (None, (b"c1", b"k1"))
    script.answers(clientCertificateData="c2", clientKeyData="k2")

    assert plugin.refresh_after_401()
    assert plugin.client_certificate() == (b"c2", b"k2")
    assert not plugin.refresh_after_401()


def test_waiting_threads_share_a_failure(script: Script):
    """
    A plugin that fails is not run once more for each that waited; later it is.
    """
    plugin = script.does("exit 3").plugin()

    failed = in_threads(5, plugin.authorization)
    runs = script.runs
    script.clock.now += 1
    script.answers(token="t")

    assert all(isinstance(each, Unreachable) for each in failed)
    assert runs == 1
    assert plugin.authorization() == "Bearer t"


# What a plugin is told


def test_a_plugin_is_told_what_the_kubeconfig_says(tmp_path: Path, script: Script):
    """
    Arguments, environment, and the cluster with its extension, in the plugin's own version.
    """
    script.answers(V1BETA1, token="t")
    (tmp_path / "ca.pem").write_text("authority")
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": ["a"]}}
    cluster = {
        "server": "https://k/p", "certificate-authority": "ca.pem", "tls-server-name": "n",
        "proxy-url": "http://p:1", "disable-compression": True, "extensions": [extension],
    }  # fmt: skip
    execution = {
        "command": "./plugin", "args": ["get token", "--x"], "apiVersion": V1BETA1,
        "env": [{"name": "WHO", "value": "jane"}], "provideClusterInfo": True,
    }  # fmt: skip
    access = resolve(ConfigFlags(kubeconfig=str(kubeconfig(tmp_path, execution, cluster))), PATH)

    assert access.credentials.authorization() == "Bearer t"
    assert access.plugin == str(script.path)
    told = json.loads(script.heard("info"))
    assert (told["kind"], told["apiVersion"]) == ("ExecCredential", V1BETA1)
    assert told["spec"].pop("interactive") in (True, False)
    assert told["spec"] == {
        "cluster": {
            "server": "https://k/p", "tls-server-name": "n", "proxy-url": "http://p:1",
            "certificate-authority-data": base64.b64encode(b"authority").decode(),
            "disable-compression": True, "config": {"audience": ["a"]},
        }
    }  # fmt: skip
    assert script.heard("args") == "get token --x\n"
    assert "WHO=jane" in script.heard("env").splitlines()
    assert Path(script.heard("pwd").strip()) == Path.cwd()


PATH = {"PATH": os.environ["PATH"]}


def kubeconfig(folder: Path, execution: Any, cluster: Any) -> Path:
    """Write a kubeconfig with one user, who has a plugin."""
    content = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "lab"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"exec": execution}}],
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_plugin_knows_of_the_cluster_only_where_it_asks(script: Script):
    """
    Without provideClusterInfo it hears whether it may ask questions, and no more.
    """
    script.answers(token="t").plugin().authorization()

    assert json.loads(script.heard("info")) == {
        "kind": "ExecCredential", "apiVersion": V1, "spec": {"interactive": False},
    }  # fmt: skip


def test_a_plugin_has_the_callers_environment():
    """
    Every variable of ours, over it what the kubeconfig sets, and over that what it is told.
    """
    ours = {"LD_LIBRARY_PATH": "/caller", "LD_LIBRARY_PATH_ORIG": "/x", "A": "1"}

    made = child_environment(ours, [("A", "2"), ("KUBERNETES_EXEC_INFO", "x")], "{}")

    assert made == ours | {"A": "2", "KUBERNETES_EXEC_INFO": "{}"}


@pytest.mark.parametrize(
    ("mode", "terminal", "interactive"),
    [
        ("Never", True, False),
        ("Never", False, False),
        ("IfAvailable", False, False),
        ("IfAvailable", True, True),
        ("Always", True, True),
    ],
)
def test_a_plugin_may_ask_where_it_says_so_and_somebody_can_answer(
    script: Script, monkeypatch: pytest.MonkeyPatch, mode: str, terminal: bool, interactive: bool
):
    """
    Else its stdin is empty, whatever ours holds.
    """
    reading, writing = os.pipe()
    os.write(writing, b"typed")
    os.close(writing)
    before = os.dup(0)
    os.dup2(reading, 0)
    try:
        plugin = script.answers(token="t").plugin(interactive_mode=mode, terminal=terminal)
        plugin.authorization()
    finally:
        os.dup2(before, 0)

    assert json.loads(script.heard("info"))["spec"]["interactive"] is interactive
    assert script.heard("stdin") == ("typed" if interactive else "")


# What goes wrong


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["exit 3"], "exec: executable PLUGIN failed with exit code 3"),
        (["kill -9 $$"], "exec: executable PLUGIN failed with exit code -1"),
        (
            ["printf 'log in\\033[31m first\\n' >&2; exit 1"],
            "exec: executable PLUGIN failed with exit code 1\nlog in^[[31m first",
        ),
        ([], "decoding stdout: it is no ExecCredential"),
        (["echo secret: ["], "decoding stdout: Expecting value: line 1 column 1 (char 0)"),
        (["echo '[]'"], "decoding stdout: it is no ExecCredential"),
        (
            ["head -c 100000 /dev/zero | tr '\\0' '['"],
            "decoding stdout: nested too deeply",
        ),
        (
            ["echo '{}'"],
            (
                f"exec plugin is configured to use API version {V1}, plugin returned no version"
            ),
        ),
        (
            [f"echo '{{\"kind\": \"ExecCredential\", \"apiVersion\": \"{V1BETA1}\"}}'"],
            (
                f"exec plugin is configured to use API version {V1},"
                f" plugin returned version {V1BETA1}"
            ),
        ),
    ],
)  # fmt: skip
def test_a_plugin_that_fails_is_told_of_in_kubectls_words(script: Script, lines, message):
    """
    With what it had to say, made harmless; and no header is made up.
    """
    said = failure(script.does(*lines).plugin().authorization)

    assert said.replace(str(script.path), "PLUGIN") == message


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (None, "exec plugin didn't return a status field"),
        ({}, "exec plugin didn't return a token or cert/key pair"),
        ({"token": ""}, "exec plugin didn't return a token or cert/key pair"),
        ({"clientKeyData": "k"}, "exec plugin returned only certificate or key, not both"),
        ({"token": 5}, "decoding stdout: status.token is not a string"),
        ([], "decoding stdout: status.token is not a string"),
        ({"token": "s", "expirationTimestamp": "soon"},
         "decoding stdout: status.expirationTimestamp 'soon' is no RFC 3339 time"),
        ({"token": "s", "expirationTimestamp": "2030-01-01T00:00:00"},
         "decoding stdout: status.expirationTimestamp '2030-01-01T00:00:00' is no RFC 3339 time"),
    ],
)  # fmt: skip
def test_an_answer_without_credentials_is_refused(script: Script, status, message):
    """
    Nothing is sent without them.
    """
    answer = json.dumps({"kind": "ExecCredential", "apiVersion": V1, "status": status})

    assert failure(script.does(f"echo '{answer}'").plugin().authorization) == message


def test_answers_may_be_yaml(script: Script):
    """
    As kubectl reads them, and as there their kind needn't be said.
    """
    lines = ["kind: ExecCredential", f"apiVersion: {V1}", "status:", "  token: t"]
    for said in (lines, lines[1:]):
        plugin = script.does(*(f"echo '{line}'" for line in said)).plugin()
        assert plugin.authorization() == "Bearer t"

    script.does(*(f"echo '{line}'" for line in ["kind: Pod", *lines[1:]]))
    assert failure(script.plugin().authorization) == (
        "decoding stdout: its kind is not ExecCredential"
    )


def test_what_a_plugin_says_beside_its_answer_is_heard(
    script: Script, capsys: pytest.CaptureFixture[str]
):
    """
    As from kubectl, on stderr, and made harmless; also where nobody can answer it.
    """
    script.answers(token="t").does("printf 'renew\\033[31m soon\\n' >&2", script.path.read_text())

    assert script.plugin().authorization() == "Bearer t"

    heard = capsys.readouterr()
    assert (heard.out, heard.err) == ("", "renew^[[31m soon\n")


def test_a_missing_plugin_comes_with_advice(script: Script):
    """
    kubectl's sentence, its link, and the kubeconfig's own hint without control characters.
    """
    plugin = script.plugin(command="no-such-plugin", install_hint="brew\ninstall\x1b[1m it")

    assert failure(plugin.authorization) == (
        "exec: executable no-such-plugin not found\n\nIt looks like you are trying to use a"
        " client-go credential plugin that is not installed.\n\nTo learn more about this feature,"
        " consult the documentation available at:\n      https://kubernetes.io/docs/reference/"
        "access-authn-authz/authentication/#client-go-credential-plugins\n\nbrew\ninstall^[[1m it"
    )


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        (None, 0, "no such file or directory"),
        ("#!/bin/sh\n", 0o644, "permission denied"),
        ("#!/no/such/shell\n", 0o755, "no such file or directory"),
        ("no program", 0o755, "exec format error"),
    ],
)
def test_a_plugin_that_cannot_be_started_says_why(script: Script, text, mode, why):
    """
    A path that leads nowhere, to no program, or to one that is not ours to run.
    """
    if text is not None:
        script.path.write_text(text)
        script.path.chmod(mode)

    assert failure(script.plugin().authorization) == f"exec: fork/exec {script.path}: {why}"


def test_a_plugin_is_never_found_by_a_relative_path(script: Script, monkeypatch):
    """
    Who stands in a hostile folder runs nothing of it.
    """
    script.answers(token="t")
    monkeypatch.chdir(script.folder)

    for search in (".", ""):
        plugin = script.plugin(command="plugin", environment={"PATH": search})
        assert failure(plugin.authorization).startswith("exec: executable plugin not found")
    found = script.plugin(command="plugin", environment={"PATH": f"{script.folder}:{PATH['PATH']}"})
    assert found.authorization() == "Bearer t"


def test_a_plugin_that_hangs_is_ended(script: Script):
    """
    With what it was waiting for, and also where its children keep its output open.
    """
    script.does("echo open https://login and enter ABC >&2", "sleep 50 & sleep 50")

    said = failure(script.plugin(seconds=0.5).authorization)

    assert said.splitlines() == [
        f"exec: executable {script.path} did not end within 0.5s",
        "open https://login and enter ABC",
    ]


def test_a_plugin_that_must_ask_needs_a_terminal(script: Script):
    """
    It isn't even started without one.
    """
    plugin = script.answers(token="t").plugin(interactive_mode="Always")

    assert failure(plugin.authorization) == (
        "exec plugin cannot support interactive mode: standard input is not a terminal"
    )
    assert script.runs == 0


def test_other_credentials_leave_the_plugin_alone(tmp_path: Path, script: Script):
    """
    --token and a client certificate of the command line are enough.
    """
    script.answers(token="t")
    execution = {"command": "./plugin", "apiVersion": V1BETA1}
    path = str(kubeconfig(tmp_path, execution, {"server": "https://k"}))
    (tmp_path / "c").write_text("certificate")

    token = resolve(ConfigFlags(kubeconfig=path, token="mine"), PATH).credentials
    pair = {"client_certificate": str(tmp_path / "c"), "client_key": str(tmp_path / "c")}
    shown = resolve(ConfigFlags(kubeconfig=path, **pair), PATH).credentials

    assert token.authorization() == "Bearer mine"
    assert (shown.authorization(), shown.client_certificate()) == (None, (b"certificate",) * 2)
    assert script.runs == 0


# All the way to a server


@pytest.fixture
def server():
    api = ApiServer("server")
    yield api
    api.close()


def client(folder: Path, server: ApiServer, execution: Any) -> KubernetesClient:
    cluster = {
        "server": server.url,
        "certificate-authority-data": base64.b64encode(pem("ca.pem")).decode(),
    }
    path = kubeconfig(folder, {"apiVersion": V1BETA1} | execution, cluster)
    return KubernetesClient(resolve(ConfigFlags(kubeconfig=str(path)), PATH))


def test_no_request_is_sent_without_the_plugin(tmp_path: Path, server: ApiServer):
    """
    A missing plugin is an error here, not an anonymous request there.
    """
    with closing(client(tmp_path, server, {"command": "no-such-plugin"})) as kube:
        said = failure(kube.server_version)

    assert said.startswith("exec: executable no-such-plugin not found")
    assert server.heard == []


def test_a_401_is_answered_with_a_new_token(tmp_path: Path, server: ApiServer, script: Script):
    """
    One run for many requests, one more after a 401, and a second 401 is final.
    """
    script.answers(V1BETA1, token="old")
    server.on("GET", "/version", {}, {}, refused(401, "Unauthorized"), {},
              refused(401, "Unauthorized"))  # fmt: skip

    with closing(client(tmp_path, server, {"command": "./plugin"})) as kube:
        kube.server_version()
        kube.server_version()
        script.answers(V1BETA1, token="new")
        kube.server_version()
        with pytest.raises(Unauthorized):
            kube.server_version()

    sent = [each.headers["Authorization"] for each in server.heard]
    assert sent == ["Bearer old"] * 3 + ["Bearer new"] * 2
    assert script.runs == 2


# Files


def test_a_token_file_is_stripped_and_read_again_each_minute(tmp_path: Path):
    """
    Tokens of service accounts change under our feet, and a file may be away for a moment.
    """
    path, clock = tmp_path / "token", Clock()
    path.write_text(" first\n")
    stated = Stated(None, str(path), clock=clock)
    seen = [stated.authorization()]

    path.write_text("second\n")
    for seconds in (59, 2):
        clock.now += seconds
        seen.append(stated.authorization())
    path.unlink()
    clock.now += 61
    seen.append(stated.authorization())

    assert seen == ["Bearer first", "Bearer first", "Bearer second", "Bearer second"]


def test_a_401_reads_the_token_file_at_once(tmp_path: Path):
    """
    There is something new to try only if the file has changed.
    """
    path = tmp_path / "token"
    path.write_text("first")
    stated = Stated(None, str(path))
    stated.authorization()

    unchanged = stated.refresh_after_401()
    path.write_text("second")
    changed = stated.refresh_after_401()

    assert (unchanged, changed, stated.authorization()) == (False, True, "Bearer second")


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "open FILE: no such file or directory"), (" \n", 'read empty token from file "FILE"')],
)
def test_without_a_token_in_the_file_nothing_is_sent(tmp_path: Path, text, message):
    """
    Every request says so, not only the first.
    """
    path = tmp_path / "token"
    if text is not None:
        path.write_text(text)
    stated = Stated(None, str(path))

    for _ in range(2):
        with pytest.raises(ClusterError) as raised:
            stated.authorization()
        assert str(raised.value).replace(str(path), "FILE") == message


def test_a_certificate_that_was_renewed_on_disk_is_something_new(tmp_path: Path):
    """
    Files are read anew; data in the kubeconfig stays what it is.
    """
    path = tmp_path / "c"
    path.write_text("old")
    files = Stated(pair=KeyPair(str(path), str(path)))
    data = Stated(pair=KeyPair(b"c", b"k"))
    assert (files.client_certificate(), data.client_certificate()) == (
        (b"old", b"old"),
        (b"c", b"k"),
    )

    before = files.refresh_after_401()
    path.write_text("new")

    assert (before, files.refresh_after_401(), data.refresh_after_401()) == (False, True, False)
    assert files.client_certificate() == (b"new", b"new")


# Which plugins may run

PREFERENCE = {"apiVersion": "kubectl.config.k8s.io/v1beta1", "kind": "Preference"}


@pytest.mark.parametrize(
    ("rules", "command", "message"),
    [
        (Policy(), "DIR/plugin", ""),
        (Policy("DenyAll"), "DIR/plugin",
         'plugin "DIR/plugin" not allowed: policy set to "DenyAll"'),
        (Policy("Allowlist", ("DIR/plugin",)), "DIR/plugin", ""),
        (Policy("Allowlist", ("plugin",)), "plugin", ""),
        (Policy("Allowlist", ("plugin",)), "DIR/plugin", ""),
        (Policy("Allowlist", ("DIR/plugin",)), "plugin", ""),
        (Policy("Allowlist", ("other", "/x/plugin")), "plugin",
         'plugin path "DIR/plugin" is not permitted by the credential plugin allowlist'),
        (Policy("Allowlist", ("other",)), "missing",
         ('plugin path "missing" cannot be resolved for credential plugin allowlist check:'
         ' executable file not found in $PATH')),
    ],
)  # fmt: skip
def test_plugins_run_as_the_policy_allows(script: Script, rules, command, message):
    """
    A name in the list allows what it means on PATH, and a path allows itself; else nothing runs.
    """
    folder = str(script.folder)
    listed = tuple(each.replace("DIR", folder) for each in rules.allowlist)
    environment = {"PATH": f"{folder}:{PATH['PATH']}"}
    plugin = script.answers(token="t").plugin(
        command=command.replace("DIR", folder),
        policy=Policy(rules.kind, listed),
        environment=environment,
    )

    if message:
        assert failure(plugin.authorization).replace(folder, "DIR") == message
    else:
        assert plugin.authorization() == "Bearer t"
    assert script.runs == (not message)


def kuberc(home: Path, *documents: Any) -> dict[str, str]:
    path = home / ".kube" / "kuberc"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump_all(documents))
    return {"HOME": str(home)}


def test_the_policy_is_that_of_the_users_kuberc(tmp_path: Path):
    """
    The first document that is a Preference, of $KUBERC or the home; switched off as in kubectl.
    """
    denied = PREFERENCE | {"credentialPluginPolicy": "DenyAll"}
    entries = [{"name": "old"}, {"command": "/new"}]
    listed = {"credentialPluginPolicy": "Allowlist", "credentialPluginAllowlist": entries}
    home = kuberc(tmp_path, {"kind": "Other"}, PREFERENCE | listed, denied)
    (tmp_path / "other").write_text(yaml.safe_dump(denied))

    assert policy(home) == Policy("Allowlist", ("old", "/new"))
    assert policy(home | {"KUBERC": str(tmp_path / "other")}) == Policy("DenyAll")
    for off in ({"KUBERC": "off"}, {"KUBECTL_KUBERC": "false"}, {"HOME": "/nonexistent"}):
        assert policy(home | off) == Policy("AllowAll")
    assert policy(kuberc(tmp_path, PREFERENCE)) == Policy("AllowAll")
    assert policy(kuberc(tmp_path, None)) == Policy("AllowAll")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"credentialPluginPolicy": "Denyall"}, 'unknown plugin policy: "Denyall"'),
        ({"credentialPluginPolicy": "Allowlist"}, ('credential plugin policy set to "Allowlist",'
         " but allowlist is unspecified")),
        ({"credentialPluginPolicy": "Allowlist", "credentialPluginAllowlist": []},
         'credential plugin policy set to "Allowlist", but allowlist is empty'),
        ({"credentialPluginAllowlist": [{"name": "x"}]}, ("misconfigured credential plugin"
         ' allowlist: plugin policy is "" but allowlist is non-nil')),
        ({"credentialPluginPolicy": "Allowlist", "credentialPluginAllowlist": [{"name": "a/../b"}]},
         'non-normalized file path: "a/../b" vs "b"'),
        ({"credentialPluginPolicy": "Allowlist", "credentialPluginAllowlist": [{"nam": "x"}]},
         "misconfigured credential plugin allowlist: entry #1 names no one command"),
    ],
)  # fmt: skip
def test_a_policy_that_cannot_be_meant_allows_nothing(tmp_path: Path, script, fields, message):
    """
    It is a matter of safety, so a typo is not taken for permission.
    """
    home = kuberc(tmp_path, PREFERENCE | fields)
    script.answers(token="t")
    execution = {"command": "./plugin", "apiVersion": V1BETA1}
    path = kubeconfig(tmp_path, execution, {"server": "https://k"})

    with pytest.raises(ClusterError) as raised:
        resolve(ConfigFlags(kubeconfig=str(path)), PATH | home)

    assert str(raised.value) == f"kuberc: {message}"
    assert resolve(ConfigFlags(kubeconfig=str(path), token="t"), PATH | home).plugin == ""


def test_a_kuberc_that_cannot_be_read_is_named(tmp_path: Path):
    """
    A missing one is none, unless $KUBERC names it.
    """
    home = kuberc(tmp_path, PREFERENCE)
    (tmp_path / ".kube" / "kuberc").write_text("a: [")

    for environment, why in (
        (home, f"{tmp_path}/.kube/kuberc: yaml: line "),
        ({"KUBERC": "/no"}, "/no: open /no: no such file or directory"),
    ):
        with pytest.raises(ClusterError) as raised:
            policy(environment)
        assert str(raised.value).startswith(f"kuberc: no preferences loaded from {why}")


def test_secrets_stay_out_of_sight(script: Script):
    """
    Values end up in tracebacks and logs.
    """
    plugin = script.answers(token="hush").plugin(env=(("PASSWORD", "hush"),), environment=PATH)
    plugin.authorization()
    stated = Stated("Bearer hush", pair=KeyPair(b"public", b"hush"))

    assert "hush" not in repr(plugin) + repr(plugin.__dict__) + repr(stated)


def test_reading_credentials_loads_no_kubernetes():
    """
    Nothing of the official client is needed to know who we are.
    """
    code = (
        "import sys, kubectl_tune.cluster.kubeconfig\n"
        "print([m for m in ('kubernetes', 'yaml', 'urllib3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
