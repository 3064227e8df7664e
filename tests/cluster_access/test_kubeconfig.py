"""Kubeconfigs as kubectl merges and resolves them, without asking it: see test_against_kubectl."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.access import access_of
from kubectl_tune.cli.globals import Globals
from kubectl_tune.cluster.configfile import parsed
from kubectl_tune.cluster.configmerge import load, merged
from kubectl_tune.cluster.kubeconfig import Access, ConfigFlags, resolve
from kubectl_tune.errors import ClusterError, StoreError, TuneError, Unreachable, UsageError
from kubectl_tune.session import SessionInfo, Target

Resolved = Callable[..., Access]
SERVER = "https://k.example:6443"
CONFIG: dict[str, Any] = {
    "current-context": "here",
    "contexts": [
        {"name": "here", "context": {"cluster": "k", "user": "jane", "namespace": "lab"}},
        {"name": "there", "context": {"cluster": "far", "user": "joe"}},
        {"name": "nobody", "context": {"cluster": "k", "user": "jan"}},
        {"name": "nowhere", "context": {"cluster": "kk", "user": "jane"}},
        {"name": "empty"},
    ],
    "clusters": [
        {"name": "k", "cluster": {"server": SERVER}},
        {"name": "far", "cluster": {"server": "https://far.example"}},
        {"name": "plain", "cluster": {"server": "http://plain.example"}},
    ],
    "users": [
        {"name": "jane", "user": {"token": "janes"}},
        {"name": "joe", "user": {"username": "joe", "password": "p:w"}},
    ],
}


def config(**changes: Any) -> dict[str, Any]:
    """Return `CONFIG` with other fields in the cluster or the user that is current."""
    made: dict[str, Any] = json.loads(json.dumps(CONFIG))
    made["clusters"][0]["cluster"] |= changes.get("cluster", {})
    made["users"][0]["user"] = changes.get("user", made["users"][0]["user"])
    return made


@pytest.fixture
def resolved(tmp_path: Path) -> Resolved:
    """Write a kubeconfig and resolve it."""

    def make(
        content: object = CONFIG, environment: Mapping[str, str] | None = None, **flags: Any
    ) -> Access:
        path = tmp_path / "config"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        known = {"KUBECONFIG": str(path), "HOME": str(tmp_path)} | dict(environment or {})
        return resolve(ConfigFlags(**flags), known, service_account=str(tmp_path / "account"))

    return make


def header(access: Access) -> str | None:
    return access.credentials.authorization()


# Which files


def write(path: Path, **content: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))
    return str(path)


def test_files_are_those_of_the_flag_then_the_environment_then_the_home(tmp_path: Path):
    """
    --kubeconfig is the only file then; an empty $KUBECONFIG is none; what is missing is skipped.
    """
    home = write(tmp_path / ".kube" / "config", **{"current-context": "home"})
    one = write(tmp_path / "one", contexts=[{"name": "one"}])
    two = write(tmp_path / "two", **{"current-context": "two"})
    environment = {"HOME": str(tmp_path)}
    listed = os.pathsep.join(["", one, f"{tmp_path}/missing", one, two, home])

    assert load("", environment).current_context == "home"
    assert load("", environment | {"KUBECONFIG": ""}).current_context == "home"
    assert load("", environment | {"KUBECONFIG": listed}).current_context == "two"
    assert load("", environment | {"KUBECONFIG": f"{tmp_path}/no"}).missing == (f"{tmp_path}/no",)
    assert load(one, environment | {"KUBECONFIG": two}).current_context == ""


def test_a_file_that_was_asked_for_must_exist():
    """
    Only --kubeconfig insists.
    """
    with pytest.raises(ClusterError, match=r"^stat nope.yaml: no such file or directory$"):
        resolve(ConfigFlags(kubeconfig="nope.yaml"), {})


NAMES = st.sampled_from(["a", "b", "c"])


@given(st.lists(st.tuples(st.dictionaries(NAMES, st.integers()), st.sampled_from(["", "x", "y"]))))
def test_the_first_file_wins_with_whole_entries(files: list[tuple[dict[str, int], str]]):
    """
    An entry is never put together from two files; the first current context counts.
    """
    read = [
        parsed(
            yaml.safe_dump(
                {
                    "current-context": current,
                    "users": [
                        {"name": name, "user": {"token": f"{n}.{value}"}}
                        if value % 2
                        else {"name": name, "user": {"as": f"{n}.{value}"}}
                        for name, value in entries.items()
                    ],
                }
            ).encode(),
            "/",
        )
        for n, (entries, current) in enumerate(files)
    ]

    found = merged(read)

    expected: dict[str, str] = {}
    for n, (entries, _) in enumerate(files):
        for name, value in entries.items():
            expected.setdefault(name, f"{n}.{value}")
    assert {name: user["token"] or user["as"] for name, user in found.users.items()} == expected
    assert not any(user["token"] and user["as"] for user in found.users.values())
    assert found.current_context == next((current for _, current in files if current), "")


def test_paths_are_meant_from_their_own_file(tmp_path: Path):
    """
    A file in another folder names its neighbours; a plugin without a slash is looked up on PATH.
    """
    users = [
        {"name": "u", "user": {"tokenFile": "tokens/t", "client-key": "../k", "exec": {
            "command": "./bin/plugin", "apiVersion": "client.authentication.k8s.io/v1beta1"}}},
        {"name": "v", "user": {"client-certificate": "/abs/c", "exec": {"command": "plugin"}}},
    ]  # fmt: skip
    clusters = [{"name": "k", "cluster": {"certificate-authority": "ca.pem"}}]
    path = write(tmp_path / "deep" / "config", users=users, clusters=clusters)

    found = load(path, {})

    first, second = found.users["u"], found.users["v"]
    assert found.clusters["k"]["certificate-authority"] == f"{tmp_path}/deep/ca.pem"
    assert (first["tokenFile"], first["client-key"]) == (
        f"{tmp_path}/deep/tokens/t",
        f"{tmp_path}/k",
    )
    assert (first["exec"]["command"], second["exec"]["command"]) == (
        f"{tmp_path}/deep/bin/plugin",
        "plugin",
    )
    assert second["client-certificate"] == "/abs/c"


# What a file may hold


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "yaml: line 2: did not find expected node content"),
        ("a: b: c", "yaml: line 1: mapping values are not allowed in this context"),
        ("[1, 2]", "the file: expected an object, not a list"),
        ("just text", "the file: expected an object, not a string"),
        ("{kind: Pod, apiVersion: v1}", 'no kind "Pod" is registered for version "v1"'),
        ("apiVersion: v2", 'no kind "Config" is registered for version "v2"'),
        ("contexts: {a: b}", "contexts: expected a list, not an object"),
        (
            "contexts: [{name: a, context: {cluster: 5, namespace: on}}]",
            (
                "contexts[0].context.cluster: expected a string, not a number; "
                "contexts[0].context.namespace: expected a string, not a boolean"
            ),
        ),
        (
            "clusters: [{cluster: {certificate-authority-data: '!!'}}]",
            "clusters[0].cluster.certificate-authority-data: illegal base64 data",
        ),
        (
            "users: [{name: u, user: {token: secret}}, {name: u}]",
            (
                "error converting *[]NamedAuthInfo into *map[string]*api.AuthInfo:"
                ' duplicate name "u" in list'
            ),
        ),
        pytest.param("[" * 100_000, "yaml: nested too deeply", id="deep"),
        ("a: !!int x", "yaml: invalid literal for int() with base 10: 'x'"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong_in_it(resolved, tmp_path, text, message):
    """
    Every fault of the file is told at once, and no secret with it.
    """
    with pytest.raises(ClusterError) as raised:
        resolved(text)

    assert str(raised.value) == f'error loading config file "{tmp_path}/config": {message}'


def test_all_broken_files_are_told_of(tmp_path: Path):
    """
    A line for each file, a folder among them.
    """
    bad = tmp_path / "bad"
    bad.write_text("[]")

    with pytest.raises(ClusterError) as raised:
        load("", {"KUBECONFIG": f"{bad}{os.pathsep}{tmp_path}"})

    assert str(raised.value).splitlines() == [
        f'error loading config file "{bad}": the file: expected an object, not a list',
        f'error loading config file "{tmp_path}": read {tmp_path}: is a directory',
    ]


@pytest.mark.parametrize(
    ("text", "current"),
    [
        ("", ""),
        ("# nothing yet\n", ""),
        ("---\n---\ncurrent-context: b", ""),
        ("current-context: a\n---\ncurrent-context: b", "a"),
        ("current-context: ~\nclusters: null\ncontexts: [null]", ""),
        ("current-context: 2001-01-01", "2001-01-01"),
        ("current-context: 1:30", "1:30"),
        ("current-context: =", "="),
        ("current-context: a\ncurrent-context: b", "b"),
        ('{\n\t"current-context":\t"b", "unknown": {"5": 6}\n}', "b"),
        ("\ufeffcurrent-context: b", "b"),
    ],
)
def test_yaml_means_what_it_means_to_kubectl(text: str, current: str):
    """
    The first document counts, and what Go takes for a text is one.
    """
    assert parsed(text.encode(), "/").current_context == current


@given(st.one_of(st.binary(), st.text(alphabet="ab:-[]{}&*!|>%@`'\"\n\t #,?").map(str.encode)))
def test_no_file_breaks_us(data: bytes):
    """
    Whatever a file holds, it is read or refused.
    """
    try:
        parsed(data, "/")
    except TuneError as error:
        assert str(error)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "a", "/", "https://k", "YQ=="]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=4,
)
KEYS = [
    "server", "certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify",
    "proxy-url", "extensions", "client-certificate", "client-key-data", "token", "tokenFile", "as",
    "as-groups", "as-user-extra", "username", "auth-provider", "exec", "cluster", "user", "name",
    "namespace", "command", "args", "env", "apiVersion", "interactiveMode", "provideClusterInfo",
]  # fmt: skip
OBJECTS = st.dictionaries(st.sampled_from(KEYS), VALUES | st.dictionaries(st.text("a"), VALUES))


@given(
    OBJECTS, OBJECTS | st.fixed_dictionaries({"exec": OBJECTS}), st.none() | st.just({"cluster": 1})
)
def test_no_shape_breaks_us(cluster: Any, user: Any, context: Any):
    """
    Whatever stands where, the file is resolved or refused.
    """
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": context or {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://k"} | cluster}],
        "users": [{"name": "u", "user": user}],
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(document, file)
        file.flush()
        try:
            access = resolve(ConfigFlags(kubeconfig=file.name), {"KUBERC": "off"})
            assert access.server.startswith(("http://", "https://"))
        except TuneError as error:
            assert str(error)


# What is chosen


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, ("here", "k", "jane", "lab", SERVER)),
        ({"namespace": "x"}, ("here", "k", "jane", "x", SERVER)),
        ({"context": "there"}, ("there", "far", "joe", "default", "https://far.example")),
        ({"cluster": "far"}, ("here", "far", "jane", "lab", "https://far.example")),
        ({"user": "joe"}, ("here", "k", "joe", "lab", SERVER)),
        ({"server": "https://x"}, ("here", "k", "jane", "lab", "https://x")),
        ({"server": "https://x", "context": "nowhere"}, ("nowhere", "kk", "jane", "default",
                                                         "https://x")),
        ({"context": "empty", "cluster": "k", "user": "joe"}, ("empty", "k", "joe", "default",
                                                               SERVER)),
        ({"server": "k:8080"}, ("here", "k", "jane", "lab", "http://k:8080")),
        ({"server": "https://me:s3cr@t@x:1/a@b"}, ("here", "k", "jane", "lab", "https://x:1/a@b")),
        ({"server": "me:s3cret@x:1"}, ("here", "k", "jane", "lab", "http://x:1")),
        ({"server": "https://x/p/?q#f"}, ("here", "k", "jane", "lab", "https://x/p/")),
    ],
)  # fmt: skip
def test_flags_override_what_the_files_say(resolved, flags, expected):
    """
    Flags change the part that they name and leave the rest to the context.
    """
    access = resolved(**flags)

    found = (access.context, access.cluster, access.user, access.namespace, access.server)
    assert found == expected


def test_the_flags_have_the_names_of_the_command_line():
    """
    The command line copies them field by field.
    """
    names = set(Globals.__annotations__)

    assert {each.name for each in fields(ConfigFlags)} <= names


def test_a_server_needs_no_kubeconfig():
    """
    --server and --token are enough.
    """
    access = resolve(ConfigFlags(server=SERVER, token="t"), {"HOME": "/nonexistent"})

    assert (access.server, access.namespace, header(access)) == (SERVER, "default", "Bearer t")


def test_flags_of_tls_take_the_place_of_the_files(resolved, tmp_path):
    """
    Another authority, none at all, another name: what the file says doesn't count beside them.
    """
    (tmp_path / "other.pem").write_text("other")
    data = base64.b64encode(b"authority").decode()
    content = config(cluster={"certificate-authority-data": data, "tls-server-name": "k"})

    plain = resolved(content)
    other = resolved(content, certificate_authority=str(tmp_path / "other.pem"))
    insecure = resolved(content, insecure_skip_tls_verify=True)
    elsewhere = resolved(content, server="https://x")

    assert (plain.certificate_authority, plain.tls_server_name) == (b"authority", "k")
    assert other.certificate_authority == b"other"
    assert (insecure.insecure, insecure.certificate_authority) == (True, None)
    assert elsewhere.tls_server_name == ""
    assert resolved(content, tls_server_name="n").tls_server_name == "n"


def test_the_rest_of_a_cluster_is_passed_on(resolved):
    """
    proxy-url and disable-compression are the way's, too.
    """
    content = config(cluster={"proxy-url": "socks5://p:1080", "disable-compression": True})

    assert resolved(content).proxy_url == "socks5://p:1080"
    assert resolved(content).disable_compression
    assert resolved(disable_compression=True).disable_compression


def test_tokens_and_passwords_become_headers(resolved):
    """
    A token is a bearer, a name and a password are basic, and --token is stronger than a file.
    """
    assert header(resolved()) == "Bearer janes"
    assert header(resolved(token="t")) == "Bearer t"
    basic = base64.b64encode(b"joe:p:w").decode()
    assert header(resolved(context="there")) == f"Basic {basic}"
    assert header(resolved(config(user={}))) is None
    assert header(resolved(config(user={"tokenFile": "/nonexistent"}), token="t")) == "Bearer t"


@pytest.mark.parametrize("server", ["http://k", "k:6443"])
def test_nothing_secret_goes_to_a_plain_server(resolved, server):
    """
    As with kubectl: without TLS no token, no certificate and no plugin is asked for.
    """
    plugin = {"command": "/nonexistent", "apiVersion": "client.authentication.k8s.io/v1beta1"}

    for user in ({"token": "t"}, {"exec": plugin}, {"tokenFile": "/nonexistent"}):
        access = resolved(config(user=user), server=server, token="t" * ("exec" not in user))
        assert header(access) is None
        assert access.credentials.client_certificate() is None
        assert not access.credentials.refresh_after_401()


def test_acting_as_somebody_else(resolved):
    """
    Every value is a header of its own; flags replace what the kubeconfig says.
    """
    user = {
        "token": "t",
        "as": "bob",
        "as-groups": ["g1", "g2"],
        "as-user-extra": {"scopes": ["a", "b"], "x/ü%": ["c"]},
    }

    stated = resolved(config(user=user)).impersonation
    flagged = resolved(
        config(user=user), as_="eve", as_uid="7", as_group=("h",), as_user_extra=("scopes=z=1",)
    ).impersonation

    assert stated == (
        ("Impersonate-User", "bob"),
        ("Impersonate-Group", "g1"),
        ("Impersonate-Group", "g2"),
        ("Impersonate-Extra-scopes", "a"),
        ("Impersonate-Extra-scopes", "b"),
        ("Impersonate-Extra-x%2F%C3%BC%25", "c"),
    )
    assert flagged == (
        ("Impersonate-User", "eve"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "h"),
        ("Impersonate-Extra-scopes", "z=1"),
        ("Impersonate-Extra-x%2F%C3%BC%25", "c"),
    )
    with pytest.raises(UsageError, match="--as-user-extra"):
        resolved(as_="bob", as_user_extra=("scopes",))


# What is refused

V1 = "client.authentication.k8s.io/v1"


@pytest.mark.parametrize(
    ("changes", "flags", "message", "hint"),
    [
        ({}, {"context": "hero"}, ("Error in configuration: context was not found for specified"
         " context: hero"), "did you mean here?"),
        ({}, {"context": "elsewhere"}, ("Error in configuration: context was not found for"
         " specified context: elsewhere"),
         "there are the contexts empty, here, nobody, nowhere, there"),
        ({}, {"cluster": "plan"}, 'no server found for cluster "plan"', "did you mean plain?"),
        ({}, {"user": "jan"}, 'auth info "jan" does not exist', "did you mean jane?"),
        ({}, {"context": "nobody"}, 'user "jan" was not found for context "nobody"',
         "did you mean jane?"),
        ({}, {"context": "nowhere"}, 'cluster "kk" was not found for context "nowhere"',
         "there are the clusters far, k, plain"),
        ({}, {"server": "host/path"}, 'host must be a URL or a host:port pair: "host/path"', ""),
        ({}, {"server": "https://k:port"}, ('host must be a URL or a host:port pair:'
         ' "https://k:port"'), ""),
        ({}, {"server": "ftp://k"}, ('Unable to connect to the server: unsupported protocol scheme'
         ' "ftp"'), ""),
        ({}, {"as_group": ("g",)}, ("requesting uid, groups or user-extra for jane without"
         " impersonating a user"), ""),
        ({}, {"certificate_authority": "no.pem"}, ("unable to read certificate-authority no.pem for"
         " k due to open no.pem: no such file or directory"), ""),
        ({"cluster": {"server": ""}}, {}, 'no server found for cluster "k"',
         "set it: kubectl config set-cluster, or give --server"),
        ({"cluster": {"proxy-url": "ftp://p"}}, {}, ("invalid 'proxy-url' \"ftp://p\" for cluster"
         ' "k": unsupported scheme "ftp", must be http, https, or socks5'), ""),
        ({"cluster": {"proxy-url": "127.0.0.1:2"}}, {}, ("invalid 'proxy-url' \"127.0.0.1:2\""
         ' for cluster "k": could not parse: 127.0.0.1:2'), ""),
        ({"cluster": {"certificate-authority-data": "YQ==", "insecure-skip-tls-verify": True}}, {},
         "specifying a root certificates file with the insecure flag is not allowed",
         "leave out certificate-authority, or insecure-skip-tls-verify"),
        ({"cluster": {"certificate-authority": "/dev/null"}}, {},
         "unable to load root certificates: /dev/null is empty", ""),
        ({"user": {"token": "t", "username": "u"}}, {}, ("more than one authentication method found"
         " for jane; found [token basicAuth], only one is allowed"), ""),
        ({"user": {"tokenFile": "t", "username": "u"}}, {},
         "username/password or bearer token may be set, but not both", ""),
        ({"user": {"client-certificate-data": "YQ=="}}, {}, ("client-key-data or client-key must be"
         " specified for jane to use the clientCert authentication method."), ""),
        ({"user": {"client-certificate": "c.pem", "client-key": "k.pem"}}, {},
         ("Error in configuration: \n"
         "* unable to read client-cert DIR/c.pem for jane due to open DIR/c.pem: no such file or"
         " directory\n"
         "* unable to read client-key DIR/k.pem for jane due to open DIR/k.pem: no such file or"
         " directory"), ""),
        ({"user": {"exec": {"env": [{"value": "x"}]}}}, {}, ("Error in configuration: \n"
         "* command must be specified for jane to use exec authentication plugin\n"
         "* apiVersion must be specified for jane to use exec authentication plugin\n"
         "* env variable name must be specified for jane to use exec authentication plugin\n"
         "* interactiveMode must be specified for jane to use exec authentication plugin"), ""),
        ({"user": {"exec": {"command": "x", "apiVersion": V1, "interactiveMode": "No"}}}, {},
         'invalid interactiveMode for jane: "No"', ""),
        ({"user": {"exec": {"command": "x", "apiVersion": f"{V1}alpha1"}}}, {},
         f'exec plugin: invalid apiVersion "{V1}alpha1"',
         f"set apiVersion of this user's exec to {V1} or {V1}beta1, whichever its command speaks"),
        ({"user": {"auth-provider": {"name": "zz"}}}, {},
         'no Auth Provider found for name "zz"', ""),
    ],
)  # fmt: skip
def test_what_kubectl_refuses_is_refused_in_its_words(
    resolved, tmp_path, changes, flags, message, hint
):
    """
    Names are those that the user has typed or written, with what was meant by them.
    """
    with pytest.raises(ClusterError) as raised:
        resolved(config(**changes), **flags)

    assert str(raised.value).replace(str(tmp_path), "DIR") == message
    assert raised.value.hint == hint


@pytest.mark.parametrize(("name", "advice"), [("gcp", "gke-gcloud-auth"), ("azure", "kubelogin")])
def test_removed_providers_say_what_has_replaced_them(resolved, name, advice):
    """
    kubectl's advice is passed on; a token doesn't help, as it doesn't with kubectl.
    """
    user = {"auth-provider": {"name": name, "config": {"access-token": "secret"}}}

    with pytest.raises(ClusterError, match=f"^The {name} auth plugin has been removed") as raised:
        resolved(config(user=user), token="t")

    assert advice in str(raised.value)


def test_oidc_asks_for_a_plugin_or_a_token(resolved):
    """
    Nothing is refreshed by us, and a token that is given is enough.
    """
    content = config(user={"auth-provider": {"name": "oidc", "config": {"id-token": "secret"}}})

    with pytest.raises(ClusterError) as raised:
        resolved(content)

    assert "--token" in raised.value.hint
    assert header(resolved(content, token="t")) == "Bearer t"


@pytest.mark.parametrize(
    ("content", "environment", "hint"),
    [
        ("", {}, "point KUBECONFIG at a cluster"),
        ("", {"KUBECONFIG": "a:b"}, "there is no file a, b"),
        ("contexts: [{name: x}, {name: y}]", {}, "--context: there are the contexts x, y"),
        ("{contexts: [{name: x}], current-context: x}", {}, "point KUBECONFIG at a cluster"),
    ],
)
def test_without_any_cluster_it_says_how_to_name_one(resolved, content, environment, hint):
    """
    Never a silent localhost, which is what kubectl falls back to.
    """
    with pytest.raises(Unreachable) as raised:
        resolved(content, environment)

    assert str(raised.value) == (
        "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER"
        " environment variable"
    )
    assert hint in raised.value.hint


def test_the_advice_about_kubernetes_master_is_true(resolved):
    """
    What the error says to set is heeded, where nothing else names a server.
    """
    master = {"KUBERNETES_MASTER": "http://m:8080"}

    assert resolved("", master).server == "http://m:8080"
    assert resolved(CONFIG, master).server == SERVER


# Inside a pod

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """A pod's service account."""
    folder = tmp_path / "account"
    folder.mkdir()
    for name, text in {"token": "pods\n", "namespace": "podspace\n", "ca.crt": "authority"}.items():
        (folder / name).write_text(text)
    return folder


def test_a_pod_without_a_kubeconfig_has_its_service_account(resolved, account):
    """
    Server, authority, token and namespace are the pod's; flags count there, too.
    """
    plain = resolved("", POD)
    flagged = resolved("", POD, namespace="x", token="t", as_="bob")

    assert (plain.server, plain.certificate_authority) == ("https://10.0.0.1:443", b"authority")
    assert (plain.namespace, header(plain)) == ("podspace", "Bearer pods")
    assert (flagged.namespace, header(flagged)) == ("x", "Bearer t")
    assert flagged.impersonation == (("Impersonate-User", "bob"),)
    assert resolved("", POD | {"POD_NAMESPACE": "said"}).namespace == "said"
    assert resolved("", POD | {"KUBERNETES_SERVICE_HOST": "fd::1"}).server == "https://[fd::1]:443"


def test_a_kubeconfig_wins_over_the_pod(resolved, account):
    """
    The pod's cluster is only for want of another; its namespace is for contexts without one.
    """
    here, there = resolved(CONFIG, POD), resolved(CONFIG, POD, context="there")

    assert (here.server, here.namespace) == (SERVER, "lab")
    assert (there.server, there.namespace) == ("https://far.example", "podspace")
    assert resolved("", POD, server="https://x").server == "https://x"


def test_a_service_without_a_token_is_no_pod(resolved):
    """
    The variables alone may come from anywhere.
    """
    with pytest.raises(Unreachable):
        resolved("", POD)


# What is kept


def test_what_is_recorded_holds_no_token_and_no_relative_path(tmp_path, monkeypatch):
    """
    A session may be taken up from another folder, by who has credentials of his own.
    """
    monkeypatch.chdir(tmp_path)
    flags = ConfigFlags(
        kubeconfig="k", context="c", token="secret", client_key="/abs", as_group=("g",)
    )

    assert replace(flags, server="https://me:secret@k:1/p").recordable() == {
        "kubeconfig": f"{tmp_path}/k", "context": "c", "client_key": "/abs", "as_group": ["g"],
        "server": "https://k:1/p",
    }  # fmt: skip
    assert "secret" not in repr(flags)


def test_what_is_recorded_is_read_as_it_was_given():
    """
    A session is reached as it was begun, whatever JSON makes of the flags in between.
    """
    given = ConfigFlags(
        **{
            each.name: {str: "/x", tuple: ("a", "b"), bool: True, float: 2.5}[type(each.default)]
            for each in fields(ConfigFlags)
        }
    )

    read = ConfigFlags.from_recorded(json.loads(json.dumps(given.recordable())))

    assert read == replace(given, token="")
    assert ConfigFlags.from_recorded({}) == ConfigFlags()


def test_what_a_later_version_has_recorded_is_read_without_what_is_new():
    """
    State files are shared; nor does a token that somebody wrote into one count.
    """
    later = {"context": "c", "request_timeout": 5, "wormhole": [1], "token": "hush"}

    assert ConfigFlags.from_recorded(later) == ConfigFlags(context="c", request_timeout=5)


def test_what_no_version_records_is_refused_all_at_once():
    """
    A state file that was edited by hand is an error with the places, and no traceback.
    """
    broken = {
        "context": 7, "as_group": ["g", 1], "request_timeout": True, "as_": None,
        "insecure_skip_tls_verify": "yes",
    }  # fmt: skip

    with pytest.raises(StoreError) as caught:
        ConfigFlags.from_recorded(broken)

    assert sorted(str(caught.value).split("; ")) == [
        "kube.as_group[1]: expected a string, not a number",
        "kube.context: expected a string, not a number",
        "kube.insecure_skip_tls_verify: expected a boolean, not a string",
        "kube.request_timeout: expected a number, not a boolean",
    ]


@pytest.mark.parametrize("kube", [[1], "x", 1, {"user": {}}, {"KUBECONFIG": 1}], ids=repr)
def test_a_session_whose_way_is_broken_is_named(kube: Any):
    """
    Among many sessions, somebody has to know which one to take up anew.
    """
    target = Target("jobs", "here", SERVER, "lab")
    info = SessionInfo("demo", "bcdfg", "plan.jsonl", target, extra={"kube": kube})

    with pytest.raises(StoreError, match=r"session demo: .*: kube(\.\w+)?: expected") as caught:
        access_of(info)

    assert "kubectl tune delete demo --state-only" in caught.value.hint


def test_a_way_shows_no_secret(resolved):
    """
    Values end up in tracebacks.
    """
    assert "janes" not in repr(resolved())
