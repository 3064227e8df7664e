"""
What a user of the kubeconfig shows to the API server: a token, a certificate, what a plugin says.

Its rule: credentials that can't be had are an error, in kubectl's words; nothing is sent without
them then, and no message holds a secret.
"""

from __future__ import annotations

import base64
import json
import math
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn, Protocol

from kubectl_tune.cluster import Manifest
from kubectl_tune.errors import ClusterError, Unreachable
from kubectl_tune.table import clean

PLUGIN_SECONDS = 60.0  # for a plugin that can't ask anybody
LOGIN_SECONDS = 600.0  # for one that may: logins take a browser, and a second factor
FORCED_SECONDS = 20.0  # between two runs that the server's 401 asked for
REREAD_SECONDS = 60.0  # as client-go: half of what the kubelet leaves us to see a new token

GROUP = "client.authentication.k8s.io"
VERSIONS = (f"{GROUP}/v1", f"{GROUP}/v1beta1")
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"

_DEEPEST = 100  # of lists in lists; extensions may hold anything, but hardly that
_LONGEST = 2000  # characters of what a plugin has to say on stderr
_CLUSTER_INFO = ("server", "tls-server-name", "proxy-url")
_CLUSTER_FLAGS = ("insecure-skip-tls-verify", "disable-compression")

# What kubectl itself says, word for word.
_PLUGINS = (
    "https://kubernetes.io/docs/reference/access-authn-authz/authentication/"
    "#client-go-credential-plugins"
)
_NOT_INSTALLED = f"""

It looks like you are trying to use a client-go credential plugin that is not installed.

To learn more about this feature, consult the documentation available at:
      {_PLUGINS}"""
_GKE = "https://cloud.google.com/blog/products/containers-kubernetes/kubectl-auth-changes-in-gke"
_REMOVED = {
    "azure": f"""The azure auth plugin has been removed.
Please use the https://github.com/Azure/kubelogin kubectl/client-go credential plugin instead.
See {_PLUGINS} for further details""",
    "gcp": f"""The gcp auth plugin has been removed.
Please use the "gke-gcloud-auth-plugin" kubectl/client-go credential plugin instead.
See {_GKE} for further details""",
}

Certificate = tuple[bytes, bytes]  # PEM, and the key to it


class Credentials(Protocol):
    """Its methods may be called from several threads at once, and may take a plugin's time."""

    def authorization(self) -> str | None:
        """Return the value of the Authorization header."""

    def refresh_after_401(self) -> bool:
        """Say whether there is something new to try: newer than what this thread has shown."""

    def client_certificate(self) -> Certificate | None: ...


def of(user: Manifest, cluster: Manifest, environment: Mapping[str, str]) -> Credentials:
    """Return what a user shows; entries are complete, as `kubeconfig` reads them."""
    if provider := user["auth-provider"]:
        _refuse_provider(provider["name"], stated(user))
    if user["exec"]:  # its version counts also where it isn't needed
        _check_version(user["exec"]["apiVersion"])
    if user["exec"] and not stated(user):
        return Plugin(_execution(user["exec"], cluster), environment, policy(environment))
    if user["username"] or user["password"]:
        if user["tokenFile"]:
            raise ClusterError("username/password or bearer token may be set, but not both")
        said = f"{user['username']}:{user['password']}".encode()
        return Stated("Basic " + base64.b64encode(said).decode(), pair=_pair(user))
    token = f"Bearer {user['token']}" if user["token"] else None
    return Stated(token, user["tokenFile"], _pair(user))


def stated(user: Manifest) -> bool:
    """Say whether a user has credentials of his own, so that no plugin is asked."""
    known = ("token", "tokenFile", "username", "password")
    return any(user[key] for key in known) or _pair(user) is not None


def _pair(user: Manifest) -> KeyPair | None:
    certificate = user["client-certificate-data"] or user["client-certificate"]
    key = user["client-key-data"] or user["client-key"]
    return KeyPair(certificate, key) if certificate else None


def _refuse_provider(name: str, stated: bool) -> None:
    if name in _REMOVED:
        raise ClusterError(_REMOVED[name])
    if name != "oidc":
        raise ClusterError(f'no Auth Provider found for name "{name}"')
    if not stated:
        raise ClusterError(
            'the auth-provider "oidc" is not supported here: it has been replaced by credential'
            " plugins",
            hint="use one, such as https://github.com/int128/kubelogin, or give a --token",
        )


def _check_version(version: str) -> None:
    if version not in VERSIONS:
        known = " or ".join(VERSIONS)
        raise ClusterError(
            f'exec plugin: invalid apiVersion "{version}"',
            hint=f"set apiVersion of this user's exec to {known}, whichever its command speaks",
        )


# What stands in the kubeconfig, or in files that it names


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A client certificate and its key; those that are paths are read anew each time."""

    certificate: bytes | str
    key: bytes | str = field(repr=False)

    def read(self) -> Certificate:
        return contents(self.certificate), contents(self.key)


def contents(source: bytes | str) -> bytes:
    """Return data, or what a file holds."""
    if isinstance(source, bytes):
        return source
    try:
        with open(source, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise ClusterError(f"open {source}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Say what went wrong with a file as Go says it: `no such file or directory`."""
    said = error.strerror if isinstance(error, OSError) else None
    return (said or str(error)).lower()


class Stated:
    """A header, a file that holds a token, a certificate: any of them, or nothing."""

    def __init__(
        self,
        header: str | None = None,
        token_file: str = "",
        pair: KeyPair | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._header = header
        self._token_file = token_file
        self._pair = pair
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at = -math.inf
        self._used = threading.local()
        self._shown: Certificate | None = None

    def authorization(self) -> str | None:
        with self._lock:
            if self._clock() - self._read_at >= REREAD_SECONDS:
                self._reread()
            self._used.header = self._header
            return self._header

    def refresh_after_401(self) -> bool:
        with self._lock:
            used = getattr(self._used, "header", self._header)
            self._reread()
            if self._header != used:
                return True
            return bool(self._pair and self._shown and self._pair.read() != self._shown)

    def client_certificate(self) -> Certificate | None:
        self._shown = self._pair.read() if self._pair else None
        return self._shown

    def _reread(self) -> None:
        """Look for a new token; one that was read once outlasts a file that is being replaced."""
        if not self._token_file:
            return
        try:
            self._header = f"Bearer {_token(self._token_file)}"
        except ClusterError:
            if self._header is None:
                raise
        self._read_at = self._clock()


def _token(path: str) -> str:
    token = contents(path).decode(errors="surrogateescape").strip()
    if not token:
        raise ClusterError(f'read empty token from file "{path}"')
    return token


# Plugins: https://kubernetes.io/docs/reference/access-authn-authz/authentication/


@dataclass(frozen=True, slots=True)
class Execution:
    """How a plugin is run."""

    command: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    version: str = VERSIONS[0]
    interactive_mode: str = "IfAvailable"
    install_hint: str = ""
    cluster: Manifest | None = None  # what it is told of the cluster


@dataclass(frozen=True, slots=True)
class Issued:
    """What a plugin has answered, and until when that holds."""

    header: str | None = field(repr=False)
    certificate: Certificate | None = field(repr=False)
    until: float


def _execution(given: Manifest, cluster: Manifest) -> Execution:
    return Execution(
        given["command"],
        tuple(given["args"]),
        tuple((each["name"], each["value"]) for each in given["env"]),
        given["apiVersion"],
        given["interactiveMode"],
        given["installHint"],
        _told(cluster) if given["provideClusterInfo"] else None,
    )


def _told(cluster: Manifest) -> Manifest:
    """Return what a plugin may know of the cluster; as for kubectl, empty fields are left out."""
    told = {key: cluster[key] for key in (*_CLUSTER_INFO, *_CLUSTER_FLAGS) if cluster[key]}
    authority = cluster["certificate-authority-data"] or contents(
        cluster["certificate-authority"] or b""
    )
    if authority:
        told["certificate-authority-data"] = base64.b64encode(authority).decode()
    for extension in cluster["extensions"]:
        if extension["name"] == f"{GROUP}/exec" and extension["extension"] is not None:
            told["config"] = extension["extension"]
    return told


class Plugin:
    """
    A program that knows the credentials, run once for as long as its answer holds.

    Who waits while another thread runs it gets that thread's answer, or its failure.
    """

    def __init__(
        self,
        execution: Execution,
        environment: Mapping[str, str],
        policy: Policy | None = None,
        *,
        terminal: Callable[[], bool] = lambda: os.isatty(0),
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        seconds: float = PLUGIN_SECONDS,
    ) -> None:
        self._execution = execution
        self._environment = dict(environment)
        self._policy = policy or Policy()
        self._terminal = terminal
        self._now = now
        self._clock = clock
        self._seconds = seconds
        self._lock = threading.Lock()
        self._issued: Issued | None = None
        self._failure: tuple[float, ClusterError] | None = None
        self._forced_at = -math.inf
        self._used = threading.local()
        self._shown: Certificate | None = None

    @property
    def command(self) -> str:
        return self._execution.command

    def authorization(self) -> str | None:
        header = self._current().header
        self._used.header = header
        return header

    def client_certificate(self) -> Certificate | None:
        self._shown = self._current().certificate
        return self._shown

    def refresh_after_401(self) -> bool:
        asked = self._clock()
        with self._lock:
            if self._issued is None or self._newer(self._issued):
                return self._issued is not None
            if asked - self._forced_at < FORCED_SECONDS:
                return False
            self._forced_at = asked
            return self._newer(self._run_once(asked))

    def _newer(self, issued: Issued) -> bool:
        used = getattr(self._used, "header", issued.header)
        other = bool(self._shown and issued.certificate != self._shown)
        return issued.header != used or other

    def _current(self) -> Issued:
        asked = self._clock()
        with self._lock:
            if self._issued and self._now() <= self._issued.until:
                return self._issued
            return self._run_once(asked)

    def _run_once(self, asked: float) -> Issued:
        if self._failure and self._failure[0] >= asked:
            raise Unreachable(str(self._failure[1]), hint=self._failure[1].hint)
        try:
            self._issued = self._run()
        except ClusterError as error:
            self._failure = self._clock(), error
            raise
        return self._issued

    def _run(self) -> Issued:
        interactive = self._interactive()
        path = self._path()
        information = json.dumps(request(self._execution, interactive))
        environment = child_environment(self._environment, self._execution.env, information)
        output = self._output(path, environment, interactive)
        return issued(output, self._execution.version, self._now())

    def _interactive(self) -> bool:
        mode = self._execution.interactive_mode
        if mode == "Never" or self._terminal():
            return mode != "Never"
        if mode == "Always":
            _fail(
                "exec plugin cannot support interactive mode: standard input is not a terminal",
                hint="run this on a terminal, or log in beforehand with a kubectl command",
            )
        return False

    def _path(self) -> str:
        command, search = self._execution.command, self._environment.get("PATH", "")
        path = found(command, search)
        if refused := refusal(self._policy, command, path, search):
            _fail(refused, hint="credential plugins are restricted by kuberc (see $KUBERC)")
        if not path and not os.path.dirname(command):
            hint = clean(self._execution.install_hint, keep="\n\t")
            advice = "\n\n".join(filter(None, (_NOT_INSTALLED, hint)))
            _fail(f"exec: executable {command} not found{advice}")
        return path or command  # whose running says what is wrong with it

    def _output(self, path: str, environment: Mapping[str, str], interactive: bool) -> bytes:
        command = self._execution.command
        try:
            done = subprocess.run(
                [command, *self._execution.args],
                executable=path,
                env=environment,
                stdin=None if interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                # Who can't be asked must not write over our table; its words go with the error.
                stderr=None if interactive else subprocess.PIPE,
                timeout=LOGIN_SECONDS if interactive else self._seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            _fail(
                f"exec: executable {command} did not end within {late.timeout:g}s",
                said=late.stderr,
                hint="run it by hand: it may wait for a login",
            )
        except (OSError, ValueError) as error:
            _fail(f"exec: fork/exec {path}: {reason(error)}")
        if done.returncode:
            code = max(done.returncode, -1)  # Go says -1 of whatever a signal ended
            _fail(f"exec: executable {command} failed with exit code {code}", said=done.stderr)
        return done.stdout


def _fail(why: str, *, said: bytes | None = None, hint: str = "") -> NoReturn:
    text = (said or b"").decode(errors="replace").strip()[-_LONGEST:]
    heard = "\n" + clean(text, keep="\n\t") if text else ""
    raise Unreachable(
        f"Unable to connect to the server: getting credentials: {why}{heard}", hint=hint
    )


def found(command: str, search: str) -> str:
    """Return the path of a program as Go looks it up: never by a relative entry of PATH."""
    path = shutil.which(command, path=search)
    return path if path and (os.path.dirname(command) or os.path.isabs(path)) else ""


def request(execution: Execution, interactive: bool) -> Manifest:
    """Return what a plugin is told in $KUBERNETES_EXEC_INFO."""
    spec: Manifest = {"interactive": interactive}
    if execution.cluster is not None:
        spec["cluster"] = execution.cluster
    return {"kind": "ExecCredential", "apiVersion": execution.version, "spec": spec}


def child_environment(
    ours: Mapping[str, str], more: Sequence[tuple[str, str]], information: str
) -> dict[str, str]:
    """Return a plugin's environment: our caller's, what the kubeconfig adds, what it is told."""
    made = dict(ours)
    for key in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
        # A frozen program's libraries are not the plugin's. https://pyinstaller.org
        if f"{key}_ORIG" in made:
            made[key] = made.pop(f"{key}_ORIG")
    return made | dict(more) | {"KUBERNETES_EXEC_INFO": information}


def issued(output: bytes, version: str, now: float) -> Issued:
    """Read what a plugin has printed."""
    answer = _decoded(output)
    given = answer.get("apiVersion")
    if given != version:
        told = f"version {given}" if given else "no version"
        _fail(f"exec plugin is configured to use API version {version}, plugin returned {told}")
    if answer.get("kind") != "ExecCredential":
        _fail("decoding stdout: its kind is not ExecCredential")
    status = answer.get("status")
    if status is None:
        _fail("exec plugin didn't return a status field")
    token, certificate, key = (
        _text(status, name) for name in ("token", "clientCertificateData", "clientKeyData")
    )
    if not (token or certificate or key):
        _fail("exec plugin didn't return a token or cert/key pair")
    if bool(certificate) != bool(key):
        _fail("exec plugin returned only certificate or key, not both")
    pair = (certificate.encode(), key.encode()) if certificate else None
    return Issued(f"Bearer {token}" if token else None, pair, _until(status, now))


def _decoded(output: bytes) -> Manifest:
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError) as error:  # kubectl takes YAML, too
        try:
            answer = next(documents(output), None)
        except ClusterError:
            deep = isinstance(error, RecursionError)
            _fail(f"decoding stdout: {'nested too deeply' if deep else error}")
    if not isinstance(answer, dict):
        _fail("decoding stdout: it is no ExecCredential")
    return answer


def _text(status: Any, name: str) -> str:
    value = status.get(name) if isinstance(status, dict) else 0
    if value is not None and not isinstance(value, str):
        _fail(f"decoding stdout: status.{name} is not a string")
    return value or ""


def _until(status: Manifest, now: float) -> float:
    text = _text(status, "expirationTimestamp")
    if not text:
        return math.inf
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        _fail(f"decoding stdout: status.expirationTimestamp {text[:40]!r} is no RFC 3339 time")
    # Where clocks disagree everything comes expired, and would be asked for at each request.
    return moment.timestamp() if moment.timestamp() > now else now + FORCED_SECONDS


# Which plugins may run: https://kubernetes.io/docs/reference/kubectl/kuberc/


@dataclass(frozen=True, slots=True)
class Policy:
    kind: str = "AllowAll"
    allowlist: tuple[str, ...] = ()


def policy(environment: Mapping[str, str]) -> Policy:
    """
    Read which plugins the user's kuberc lets run.

    Other than for kubectl, a kuberc that can't be read allows nothing.
    """
    given = environment.get("KUBERC", "")
    if given == "off" or environment.get("KUBECTL_KUBERC") == "false":
        return Policy()
    path = given or os.path.join(environment.get("HOME", ""), ".kube", "kuberc")
    if not given and not os.path.exists(path):
        return Policy()
    try:
        preferences = [each for each in documents(contents(path)) if _is_preference(each)]
    except ClusterError as error:
        raise ClusterError(f"kuberc: no preferences loaded from {path}: {error}") from error
    return _policy(preferences[0]) if preferences else Policy()


def _is_preference(document: object) -> bool:
    return (
        isinstance(document, dict)
        and document.get("kind") == "Preference"
        and str(document.get("apiVersion")).startswith("kubectl.config.k8s.io/")
    )


def _policy(preference: Manifest) -> Policy:
    kind = preference.get("credentialPluginPolicy") or ""
    entries = preference.get("credentialPluginAllowlist")
    if kind not in ("", "AllowAll", "DenyAll", "Allowlist"):
        raise ClusterError(f'kuberc: unknown plugin policy: "{kind}"')
    if kind != "Allowlist":
        if entries is not None:
            raise ClusterError(
                "kuberc: misconfigured credential plugin allowlist: plugin policy is"
                f' "{kind}" but allowlist is non-nil'
            )
        return Policy(kind or "AllowAll")
    if not isinstance(entries, list) or not entries:
        state = "unspecified" if entries is None else "empty"
        raise ClusterError(
            f'kuberc: credential plugin policy set to "Allowlist", but allowlist is {state}'
        )
    return Policy(kind, tuple(_entry(at, each) for at, each in enumerate(entries, 1)))


def _entry(at: int, entry: object) -> str:
    fields = entry if isinstance(entry, dict) else {}
    named = {fields[key] for key in ("name", "command") if fields.get(key)}
    if len(named) != 1 or not all(isinstance(each, str) for each in named):
        raise ClusterError(
            f"kuberc: misconfigured credential plugin allowlist: entry #{at} names no one command"
        )
    command = str(named.pop())
    if os.path.normpath(command) != command:
        cleaned = os.path.normpath(command)
        raise ClusterError(f'kuberc: non-normalized file path: "{command}" vs "{cleaned}"')
    return command


def refusal(policy: Policy, command: str, path: str, search: str) -> str:
    """Say why a plugin may not run, "" if it may; `path` is where it was found, "" if nowhere."""
    if policy.kind == "DenyAll":
        return f'plugin "{command}" not allowed: policy set to "DenyAll"'
    if policy.kind == "AllowAll" or {os.path.normpath(command), path} & set(policy.allowlist):
        return ""
    if not path:
        return (
            f'plugin path "{command}" cannot be resolved for credential plugin allowlist check:'
            " executable file not found in $PATH"
        )
    if path in {found(each, search) for each in policy.allowlist}:
        return ""
    return f'plugin path "{path}" is not permitted by the credential plugin allowlist'


# Inside a pod


def service(environment: Mapping[str, str], folder: str) -> str:
    """Return the API server's address as pods are told it; "" where this is none."""
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    port = environment.get("KUBERNETES_SERVICE_PORT", "")
    if not (host and port and os.path.isfile(os.path.join(folder, "token"))):
        return ""
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def service_namespace(environment: Mapping[str, str], folder: str) -> str:
    """Return the namespace of the pod that we are in."""
    if given := environment.get("POD_NAMESPACE"):
        return given
    try:
        return contents(os.path.join(folder, "namespace")).decode().strip() or "default"
    except (ClusterError, ValueError):
        return "default"


# YAML as kubectl reads it


def documents(data: bytes) -> Iterator[Any]:
    """Yield the documents of a YAML file; `ClusterError` says where it is none."""
    import yaml

    loader = None
    try:
        _check_depth(data)
        loader = _loader()(data)
        while loader.check_data():
            yield loader.get_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise ClusterError(f"yaml: {where}{error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ClusterError(f"yaml: {str(error).splitlines()[0]}") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # What PyYAML lets through from its own conversions, as of `!!int x`.
        raise ClusterError(f"yaml: {error}") from error
    finally:
        if loader:
            loader.dispose()


def _base() -> Any:
    import yaml

    # Written in C it is faster, and has kubectl's words for what is wrong: both are libyaml's.
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _check_depth(data: bytes) -> None:
    """Refuse what is nested so deeply that reading it would overflow the stack."""
    import yaml

    depth = 0
    with suppress(yaml.YAMLError):  # which will be told of when it is read
        for event in yaml.parse(data, Loader=_base()):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise ClusterError("yaml: nested too deeply")


def _loader() -> Any:
    import yaml

    base: Any = _base()

    class Loader(base):  # type: ignore[misc]
        """Takes for texts what Go does: dates, `1:30`, `=`."""

    def text(loader: Any, node: yaml.ScalarNode) -> Any:
        return loader.construct_scalar(node)

    def number(make: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        return lambda loader, node: node.value if ":" in node.value else make(loader, node)

    tag = "tag:yaml.org,2002:"
    Loader.add_constructor(f"{tag}timestamp", text)
    Loader.add_constructor(f"{tag}value", text)
    Loader.add_constructor(f"{tag}int", number(base.construct_yaml_int))
    Loader.add_constructor(f"{tag}float", number(base.construct_yaml_float))
    return Loader
