"""
The kubeconfig: read, merged and resolved as kubectl does it, to the way to one cluster.

Its rule: files are read and never written, and what kubectl would refuse is refused in its
words, all of it at once.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from kubectl_tune.cluster import Manifest, credentials
from kubectl_tune.cluster.credentials import Credentials, contents, reason
from kubectl_tune.errors import ClusterError, Unreachable, UsageError
from kubectl_tune.suggest import did_you_mean

_DEFAULT_SERVER = "http://localhost:8080"  # kubectl's own, where nothing names one
_NOTHING = (
    "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER"
    " environment variable"
)
# Versions of plugins that needn't say whether they ask somebody.
_ASKING = tuple(f"{credentials.GROUP}/{version}" for version in ("v1alpha1", "v1beta1"))
_SHOWN = 10  # names in a hint
_MODES = ("Never", "IfAvailable", "Always")
_PATHS = ("kubeconfig", "certificate_authority", "client_certificate", "client_key")


@dataclass(frozen=True, slots=True)
class ConfigFlags:
    """What the command line says of the cluster, by kubectl's names; nothing is empty."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    namespace: str = ""
    server: str = ""
    token: str = field(default="", repr=False)
    as_: str = ""
    as_uid: str = ""
    as_group: tuple[str, ...] = ()
    as_user_extra: tuple[str, ...] = ()
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    disable_compression: bool = False
    request_timeout: float = 0.0

    def recordable(self) -> dict[str, Any]:
        """Return what may be kept with a session, for any later folder: never the token."""
        given = {name: value for name, value in asdict(self).items() if value and name != "token"}
        return given | {name: os.path.abspath(given[name]) for name in _PATHS if name in given}


@dataclass(frozen=True, slots=True)
class Access:
    """The way to a namespace of a cluster, and who we are there."""

    context: str
    cluster: str
    user: str
    namespace: str
    server: str
    credentials: Credentials
    certificate_authority: bytes | None = None  # PEM; None: those that this machine trusts
    insecure: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    impersonation: tuple[tuple[str, str], ...] = ()  # headers; a name may come several times
    disable_compression: bool = False
    plugin: str = ""  # the command that gets the credentials, "" where none does


def resolve(
    flags: ConfigFlags,
    environment: Mapping[str, str],
    *,
    service_account: str = credentials.SERVICE_ACCOUNT,
) -> Access:
    """Return the way that kubectl would go; `ClusterError` says why there is none."""
    config = load(flags.kubeconfig, environment)
    choice = _chosen(config, flags)
    cluster, user = _cluster(config, flags, choice), _user(config, flags, choice)
    _refuse([*_user_faults(choice.user, user), *_cluster_faults(choice.cluster, cluster)])
    default = environment.get("KUBERNETES_MASTER", "")
    pod = credentials.service(environment, service_account)
    namespace = flags.namespace or choice.namespace
    if pod and not namespace:
        namespace = credentials.service_namespace(environment, service_account)
    if pod and cluster["server"] in ("", default or _DEFAULT_SERVER):
        config, choice = _of_pod(pod, service_account), _NOBODY
        flags = replace(flags, cluster="", user="", server="")
        cluster, user = _cluster(config, flags, choice), _user(config, flags, choice)
    cluster["server"] = address(cluster["server"] or default)
    if not cluster["server"]:
        raise _nowhere(config, choice)
    found = _access(config, choice, cluster, user, environment)
    return replace(found, namespace=namespace or "default")


# Files


@dataclass(frozen=True, slots=True)
class Config:
    """Entries are complete: what a file leaves out is empty."""

    clusters: Mapping[str, Manifest]
    users: Mapping[str, Manifest]
    contexts: Mapping[str, Manifest]
    current_context: str = ""
    missing: tuple[str, ...] = ()


def load(explicit: str, environment: Mapping[str, str]) -> Config:
    """Read and merge the files that --kubeconfig, else $KUBECONFIG, else the home names."""
    if explicit:
        _check_there(explicit)
    read: list[Config] = []
    missing: list[str] = []
    faults: list[str] = []
    for path in paths(explicit, environment):
        try:
            read.append(_read(path))
        except FileNotFoundError:
            missing.append(path)
        except ClusterError as error:
            faults.append(f'error loading config file "{path}": {error}')
    if faults:
        raise ClusterError("\n".join(faults))
    return merged(read, missing)


def paths(explicit: str, environment: Mapping[str, str]) -> list[str]:
    """Return the files to merge, the first of them first."""
    if explicit:
        return [explicit]
    if given := environment.get("KUBECONFIG"):
        return [path for path in dict.fromkeys(given.split(os.pathsep)) if path]
    home = environment.get("HOME") or environment.get("USERPROFILE", "")
    return [os.path.join(home, ".kube", "config")]


def merged(files: Iterable[Config], missing: Iterable[str] = ()) -> Config:
    """Put files together: the first that has an entry, or a current context, has the say."""
    clusters: dict[str, Manifest] = {}
    users: dict[str, Manifest] = {}
    contexts: dict[str, Manifest] = {}
    current = ""
    for each in files:
        clusters = {**each.clusters, **clusters}
        users = {**each.users, **users}
        contexts = {**each.contexts, **contexts}
        current = current or each.current_context
    return Config(clusters, users, contexts, current, tuple(missing))


def _check_there(path: str) -> None:
    try:
        os.stat(path)
    except FileNotFoundError as error:
        raise ClusterError(
            f"stat {path}: {reason(error)}", hint="name an existing file with --kubeconfig"
        ) from error
    except (OSError, ValueError):
        pass  # reading it will say what is wrong


def _read(path: str) -> Config:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        doing = "read" if isinstance(error, IsADirectoryError) else "open"
        raise ClusterError(f"{doing} {path}: {reason(error)}") from error
    return parsed(data, os.path.dirname(os.path.abspath(path)))


def parsed(data: bytes, folder: str) -> Config:
    """Read the text of one file, whose relative paths are meant from its folder."""
    document = next(credentials.documents(data), None)
    faults: list[str] = []
    found = _shaped(document, _FILE, "", faults)
    kind, version = (found["kind"] or "Config"), (found["apiVersion"] or "v1")
    if (kind, version) != ("Config", "v1") and not faults:
        faults.append(f'no kind "{kind}" is registered for version "{version}"')
    clusters, users, contexts = (
        _named(found[section], entry, type, faults) for section, (entry, type) in _SECTIONS.items()
    )
    if faults:
        raise ClusterError("; ".join(faults))
    for entry in (*clusters.values(), *users.values()):
        _complete(entry, folder)
    return Config(clusters, users, contexts, found["current-context"])


def _named(entries: list[Manifest], key: str, type: str, faults: list[str]) -> dict[str, Manifest]:
    found: dict[str, Manifest] = {}
    for entry in entries:
        if entry["name"] in found:
            faults.append(
                f"error converting *[]Named{type} into *map[string]*api.{type}:"
                f' duplicate name "{entry["name"]}" in list'
            )
        found[entry["name"]] = entry[key]
    return found


def _complete(entry: Manifest, folder: str) -> None:
    """Make paths absolute; a plugin without a separator is looked up on PATH."""
    for key in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
        if entry.get(key):
            entry[key] = _joined(folder, entry[key])
    plugin = entry.get("exec")
    if plugin and os.sep in plugin["command"]:
        plugin["command"] = _joined(folder, plugin["command"])
    if plugin and plugin["apiVersion"] in _ASKING:
        plugin["interactiveMode"] = plugin["interactiveMode"] or "IfAvailable"


def _joined(folder: str, path: str) -> str:
    return path if os.path.isabs(path) else os.path.normpath(os.path.join(folder, path))


# What a file may hold: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/


@dataclass(frozen=True)
class _Maybe:
    """An object that may be missing, which is something else than empty."""

    shape: Any


@dataclass(frozen=True)
class _Each:
    """An object with keys of any name."""

    shape: Any


_EXTENSIONS = [{"name": str, "extension": object}]
_CLUSTER: Manifest = {
    "server": str,
    "tls-server-name": str,
    "insecure-skip-tls-verify": bool,
    "certificate-authority": str,
    "certificate-authority-data": bytes,
    "proxy-url": str,
    "disable-compression": bool,
    "extensions": _EXTENSIONS,
}
_EXEC: Manifest = {
    "command": str,
    "args": [str],
    "env": [{"name": str, "value": str}],
    "apiVersion": str,
    "installHint": str,
    "provideClusterInfo": bool,
    "interactiveMode": str,
}
_USER: Manifest = {
    "client-certificate": str,
    "client-certificate-data": bytes,
    "client-key": str,
    "client-key-data": bytes,
    "token": str,
    "tokenFile": str,
    "as": str,
    "as-uid": str,
    "as-groups": [str],
    "as-user-extra": _Each([str]),
    "username": str,
    "password": str,
    "auth-provider": _Maybe({"name": str, "config": _Each(str)}),
    "exec": _Maybe(_EXEC),
}
_CONTEXT: Manifest = {"cluster": str, "user": str, "namespace": str}
_FILE: Manifest = {
    "kind": str,
    "apiVersion": str,
    "clusters": [{"name": str, "cluster": _CLUSTER}],
    "users": [{"name": str, "user": _USER}],
    "contexts": [{"name": str, "context": _CONTEXT}],
    "current-context": str,
}
_SECTIONS = {
    "clusters": ("cluster", "Cluster"),
    "users": ("user", "AuthInfo"),
    "contexts": ("context", "Context"),
}
_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a string"}
_KINDS |= {list: "a list", dict: "an object"}


def _entry(shape: Manifest, **given: Any) -> Manifest:
    """Return a complete entry; names of arguments have underscores for hyphens."""
    made: Manifest = _shaped({k.replace("_", "-"): v for k, v in given.items()}, shape, "", [])
    return made


def _shaped(value: Any, shape: Any, where: str, faults: list[str]) -> Any:
    """Return a value with all that its shape has; of what doesn't fit, say where it stands."""
    within = partial(_shaped, faults=faults)
    match shape:
        case dict() if value is None or isinstance(value, dict):
            return {
                key: within((value or {}).get(key), inner, where=f"{where}.{key}".lstrip("."))
                for key, inner in shape.items()
            }
        case [inner] if value is None or isinstance(value, list):
            return [within(v, inner, where=f"{where}[{n}]") for n, v in enumerate(value or ())]
        case _Each(inner) if value is None or isinstance(value, dict):
            return {
                str(key): within(each, inner, where=f"{where}.{key}")
                for key, each in (value or {}).items()
            }
        case _Maybe(inner):
            return None if value is None else within(value, inner, where=where)
        case type():
            return _scalar(value, shape, where, faults)
    wanted = "a list" if isinstance(shape, list) else "an object"
    faults.append(f"{where or 'the file'}: expected {wanted}, not {_kind(value)}")
    return _shaped(None, shape, where, faults)


def _scalar(value: Any, type: type, where: str, faults: list[str]) -> Any:
    if type is object:
        return value
    if value is None:
        return type()
    if type is bytes and isinstance(value, str):
        return _decoded(value, where, faults)
    if not isinstance(value, type):
        wanted = "a string" if type is bytes else _kind(type())
        faults.append(f"{where}: expected {wanted}, not {_kind(value)}")
        return type()
    return value


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "what JSON has no word for")


def _decoded(text: str, where: str, faults: list[str]) -> bytes:
    try:
        return base64.b64decode(re.sub(r"[\r\n]", "", text), validate=True)
    except (binascii.Error, ValueError):
        faults.append(f"{where}: illegal base64 data")
        return b""


# What flags make of it


class Choice(NamedTuple):
    """The names that count, "" where there is none."""

    context: str
    cluster: str
    user: str
    namespace: str


_NOBODY = Choice("", "", "", "")


def _chosen(config: Config, flags: ConfigFlags) -> Choice:
    name = flags.context or config.current_context
    if name and name not in config.contexts:
        raise ClusterError(
            f"Error in configuration: context was not found for specified context: {name}",
            hint=_others(name, "contexts", config.contexts),
        )
    context = config.contexts.get(name) or _entry(_CONTEXT)
    return Choice(
        name,
        flags.cluster or context["cluster"],
        flags.user or context["user"],
        context["namespace"],
    )


def _others(name: str, kind: str, known: Iterable[str]) -> str:
    """Return what was meant, else what there is to choose from."""
    names = sorted(filter(None, known))
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return did_you_mean(name, names) or (f"there are the {kind} {shown}" if names else "")


def _cluster(config: Config, flags: ConfigFlags, choice: Choice) -> Manifest:
    """Return the cluster's entry as the flags change it."""
    found = config.clusters.get(choice.cluster)
    if flags.cluster and found is None:
        raise ClusterError(
            f'no server found for cluster "{flags.cluster}"',
            hint=_others(flags.cluster, "clusters", config.clusters),
        )
    made = _entry(_CLUSTER) | (found or {})
    if flags.certificate_authority or flags.insecure_skip_tls_verify:
        made["certificate-authority-data"] = b""
        made["certificate-authority"] = flags.certificate_authority
        made["insecure-skip-tls-verify"] = flags.insecure_skip_tls_verify
    if flags.tls_server_name or flags.server:  # another server is hardly called the same
        made["tls-server-name"] = flags.tls_server_name
    made["server"] = flags.server or made["server"]
    made["disable-compression"] |= flags.disable_compression
    return made


def _user(config: Config, flags: ConfigFlags, choice: Choice) -> Manifest:
    """Return the user's entry as the flags change it."""
    found = config.users.get(choice.user)
    if flags.user and found is None:
        raise ClusterError(
            f'auth info "{flags.user}" does not exist',
            hint=_others(flags.user, "users", config.users),
        )
    made = _entry(_USER) | (found or {})
    if flags.token:
        made |= {"token": flags.token, "tokenFile": ""}
    for key, given in (
        ("client-certificate", flags.client_certificate),
        ("client-key", flags.client_key),
    ):
        if given:
            made |= {key: given, f"{key}-data": b""}
    made["as"] = flags.as_ or made["as"]
    made["as-uid"] = flags.as_uid or made["as-uid"]
    made["as-groups"] = list(flags.as_group) or made["as-groups"]
    made["as-user-extra"] = made["as-user-extra"] | _extra(flags.as_user_extra)
    return made


def _extra(given: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not key or not equals:
            raise UsageError(f'invalid argument "{each}" for "--as-user-extra" flag: no KEY=VALUE')
        found.setdefault(key, []).append(value)
    return found


def _of_pod(server: str, folder: str) -> Config:
    """Return what a kubeconfig would say inside a pod; its entries have no names."""
    authority = os.path.join(folder, "ca.crt")
    trusted = authority if os.path.isfile(authority) else ""
    cluster = _entry(_CLUSTER, server=server, certificate_authority=trusted)
    return Config({"": cluster}, {"": _entry(_USER, tokenFile=os.path.join(folder, "token"))}, {})


def _nowhere(config: Config, choice: Choice) -> ClusterError:
    if choice.cluster and choice.cluster in config.clusters:
        return ClusterError(
            f'no server found for cluster "{choice.cluster}"',
            hint="set it: kubectl config set-cluster, or give --server",
        )
    if choice.cluster:
        return ClusterError(
            f'cluster "{choice.cluster}" was not found for context "{choice.context}"',
            hint=_others(choice.cluster, "clusters", config.clusters),
        )
    if config.contexts and not choice.context:
        there = _others("", "contexts", config.contexts)
        return Unreachable(_NOTHING, hint=f"no context is current; choose with --context: {there}")
    gone = f" (there is no file {', '.join(config.missing)})" if config.missing else ""
    return Unreachable(
        _NOTHING, hint=f"point KUBECONFIG at a cluster, or name a file with --kubeconfig{gone}"
    )


# What kubectl refuses: tools/clientcmd/validation.go of client-go


def _refuse(faults: list[str]) -> None:
    if faults:
        many = "Error in configuration:" + "".join(f"\n* {fault}" for fault in faults)
        raise ClusterError(many if len(faults) > 1 else faults[0])


def _cluster_faults(name: str, cluster: Manifest) -> Iterator[str]:
    if fault := _proxy_fault(cluster["proxy-url"]):
        yield f'invalid \'proxy-url\' "{cluster["proxy-url"]}" for cluster "{name}": {fault}'
    path = cluster["certificate-authority"]
    if path and cluster["certificate-authority-data"]:
        yield (
            "certificate-authority-data and certificate-authority are both specified for"
            f" {name}. certificate-authority-data will override."
        )
    if path:
        yield from _unread("certificate-authority", path, name)


def _proxy_fault(url: str) -> str:
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        return f"could not parse: {url}"
    if not url or scheme in ("http", "https", "socks5"):
        return ""
    return f'unsupported scheme "{scheme}", must be http, https, or socks5'


def _unread(what: str, path: str, name: str) -> Iterator[str]:
    try:
        with open(path, "rb"):
            pass
    except (OSError, ValueError) as error:
        yield f"unable to read {what} {path} for {name} due to open {path}: {reason(error)}"


def _user_faults(name: str, user: Manifest) -> Iterator[str]:
    yield from _certificate_faults(name, user)
    if user["exec"]:
        yield from _exec_faults(name, user)
    basic = user["username"] or user["password"]
    if user["token"] and basic:
        yield (
            f"more than one authentication method found for {name}; found [token basicAuth],"
            " only one is allowed"
        )
    if (user["as-uid"] or user["as-groups"] or user["as-user-extra"]) and not user["as"]:
        yield f"requesting uid, groups or user-extra for {name} without impersonating a user"


def _certificate_faults(name: str, user: Manifest) -> Iterator[str]:
    path, data = user["client-certificate"], user["client-certificate-data"]
    key, key_data = user["client-key"], user["client-key-data"]
    if not path and not data:
        return
    if path and data:
        yield (
            f"client-cert-data and client-cert are both specified for {name}."
            " client-cert-data will override."
        )
    if key and key_data:
        yield (
            f"client-key-data and client-key are both specified for {name};"
            " client-key-data will override"
        )
    if not key and not key_data:
        yield (
            f"client-key-data or client-key must be specified for {name} to use the clientCert"
            " authentication method."
        )
    if path:
        yield from _unread("client-cert", path, name)
    if key:
        yield from _unread("client-key", key, name)


def _exec_faults(name: str, user: Manifest) -> Iterator[str]:
    plugin, suffix = user["exec"], f"for {name} to use exec authentication plugin"
    if user["auth-provider"]:
        yield f"authProvider cannot be provided in combination with an exec plugin for {name}"
    for key in ("command", "apiVersion"):
        if not plugin[key]:
            yield f"{key} must be specified {suffix}"
    if not all(each["name"] for each in plugin["env"]):
        yield f"env variable name must be specified {suffix}"
    mode = plugin["interactiveMode"]
    if not mode:
        yield f"interactiveMode must be specified {suffix}"
    elif mode not in _MODES:
        yield f'invalid interactiveMode for {name}: "{mode}"'


# The way


def address(server: str) -> str:
    """Return a server's URL as kubectl understands it: `host:port` speaks plain HTTP."""
    try:
        url = urlsplit(server)
        if server and not (url.scheme and url.netloc):
            url = urlsplit(f"http://{server}")
            if url.path not in ("", "/"):
                raise ValueError
        _ = url.port
    except ValueError:
        raise ClusterError(f'host must be a URL or a host:port pair: "{server}"') from None
    if server and url.scheme not in ("http", "https"):
        raise Unreachable(
            f'Unable to connect to the server: unsupported protocol scheme "{url.scheme}"'
        )
    return urlunsplit(url._replace(query="", fragment=""))


def _access(
    config: Config,
    choice: Choice,
    cluster: Manifest,
    user: Manifest,
    environment: Mapping[str, str],
) -> Access:
    found = Access(
        choice.context,
        choice.cluster,
        choice.user,
        "",
        cluster["server"],
        credentials.Stated(),
        proxy_url=cluster["proxy-url"],
        impersonation=tuple(impersonation(user)),
        disable_compression=cluster["disable-compression"],
    )
    if urlsplit(found.server).scheme != "https":
        return found  # nothing secret goes over a wire that anybody can read
    shown = credentials.of(user, cluster, environment)
    if choice.user not in config.users and choice.user and not credentials.stated(user):
        raise ClusterError(
            f'user "{choice.user}" was not found for context "{choice.context}"',
            hint=_others(choice.user, "users", config.users),
        )
    return replace(
        found,
        credentials=shown,
        certificate_authority=_authority(cluster),
        insecure=cluster["insecure-skip-tls-verify"],
        tls_server_name=cluster["tls-server-name"],
        plugin=shown.command if isinstance(shown, credentials.Plugin) else "",
    )


def _authority(cluster: Manifest) -> bytes | None:
    source = cluster["certificate-authority-data"] or cluster["certificate-authority"]
    if not source:
        return None
    if cluster["insecure-skip-tls-verify"]:
        raise ClusterError(
            "specifying a root certificates file with the insecure flag is not allowed",
            hint="leave out certificate-authority, or insecure-skip-tls-verify",
        )
    authority = contents(source)
    if not authority.strip():  # else it would read as: whatever this machine trusts
        raise ClusterError(f"unable to load root certificates: {source!s} is empty")
    return authority


def impersonation(user: Manifest) -> Iterator[tuple[str, str]]:
    """Yield the headers that let us act as somebody else."""
    if not user["as"]:
        return
    yield "Impersonate-User", user["as"]
    if user["as-uid"]:
        yield "Impersonate-Uid", user["as-uid"]
    for group in user["as-groups"]:
        yield "Impersonate-Group", group
    for key, values in user["as-user-extra"].items():
        for value in values:
            yield f"Impersonate-Extra-{_header_key(key)}", value


def _header_key(key: str) -> str:
    """Escape what a header's name may not hold, and the sign of escapes itself."""
    legal = b"!#$&'*+-.^_`|~"
    return "".join(
        chr(byte) if byte in legal or (byte < 128 and chr(byte).isalnum()) else f"%{byte:02X}"
        for byte in key.encode()
    )
