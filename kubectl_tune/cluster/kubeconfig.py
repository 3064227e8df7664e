"""
The kubeconfig, resolved as kubectl does it to the way to one cluster.

Its rule: what kubectl would refuse is refused in its words, and where it would go we go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit, urlunsplit

from kubectl_tune.cluster import Manifest, configfaults, credentials, inpod
from kubectl_tune.cluster.configchoice import Choice, choose, nobody, nowhere
from kubectl_tune.cluster.configfile import Config
from kubectl_tune.cluster.configflags import ConfigFlags, without_login
from kubectl_tune.cluster.configmerge import load
from kubectl_tune.cluster.credentials import Credentials
from kubectl_tune.cluster.datafile import contents
from kubectl_tune.cluster.impersonation import impersonation
from kubectl_tune.cluster.plugin import Plugin
from kubectl_tune.cluster.stated import Stated
from kubectl_tune.errors import ClusterError, Unreachable

__all__ = ["Access", "ConfigFlags", "resolve"]

_DEFAULT_SERVER = "http://localhost:8080"  # kubectl's own, where nothing names one


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
    service_account: str = inpod.SERVICE_ACCOUNT,
) -> Access:
    """Return the way that kubectl would go; `ClusterError` says why there is none."""
    choice = choose(load(flags.kubeconfig, environment), flags)
    configfaults.check(choice.cluster_name, choice.cluster, choice.user_name, choice.user)
    default = environment.get("KUBERNETES_MASTER", "")
    namespace = flags.namespace or choice.namespace
    if pod := inpod.server(environment, service_account):
        namespace = namespace or inpod.namespace(environment, service_account)
        if choice.cluster["server"] in ("", default or _DEFAULT_SERVER):
            choice = _of_pod(inpod.config(pod, service_account), flags)
    server = _address(without_login(choice.cluster["server"] or default))
    if not server:
        raise nowhere(choice)
    return _access(choice, server, namespace or "default", environment)


def _of_pod(config: Config, flags: ConfigFlags) -> Choice:
    """Choose what has no names; flags change it still, but for where it is."""
    return choose(config, replace(flags, context="", cluster="", user="", server=""))


def _address(server: str) -> str:
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


def _access(choice: Choice, server: str, namespace: str, environment: Mapping[str, str]) -> Access:
    found = Access(
        choice.context,
        choice.cluster_name,
        choice.user_name,
        namespace,
        server,
        Stated(),
        proxy_url=choice.cluster["proxy-url"],
        impersonation=tuple(impersonation(choice.user)),
        disable_compression=choice.cluster["disable-compression"],
    )
    # Nothing secret goes over a wire that anybody can read.
    return _secured(found, choice, environment) if urlsplit(server).scheme == "https" else found


def _secured(found: Access, choice: Choice, environment: Mapping[str, str]) -> Access:
    cluster = choice.cluster | {"server": found.server}  # as plugins are told it
    shown = credentials.of(choice.user, cluster, environment)
    unknown = choice.user_name and choice.user_name not in choice.config.users
    if unknown and not credentials.stated(choice.user):
        raise nobody(choice)
    return replace(
        found,
        credentials=shown,
        certificate_authority=_authority(cluster),
        insecure=cluster["insecure-skip-tls-verify"],
        tls_server_name=cluster["tls-server-name"],
        plugin=shown.command if isinstance(shown, Plugin) else "",
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
