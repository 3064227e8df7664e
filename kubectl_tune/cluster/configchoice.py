"""
The entries of the kubeconfig that count, as the flags choose and change them.

Its rule: flags go over entries as in kubectl, and a name that leads nowhere is told with the
names that there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from kubectl_tune.cluster import Manifest
from kubectl_tune.cluster.configfile import CLUSTER, CONTEXT, USER, Config, entry
from kubectl_tune.cluster.configflags import ConfigFlags
from kubectl_tune.errors import ClusterError, Unreachable, UsageError
from kubectl_tune.suggest import did_you_mean

_NOTHING = (
    "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER"
    " environment variable"
)
_SHOWN = 10  # names in a hint


@dataclass(frozen=True, slots=True)
class Choice:
    """Names that count, "" where there is none; and the complete entries, flags included."""

    config: Config = field(repr=False)
    context: str
    cluster_name: str
    user_name: str
    namespace: str
    cluster: Manifest = field(repr=False)
    user: Manifest = field(repr=False)


def choose(config: Config, flags: ConfigFlags) -> Choice:
    name = flags.context or config.current_context
    context = _context(config, name)
    cluster, user = flags.cluster or context["cluster"], flags.user or context["user"]
    return Choice(
        config,
        name,
        cluster,
        user,
        context["namespace"],
        _cluster(config, flags, cluster),
        _user(config, flags, user),
    )


def _context(config: Config, name: str) -> Manifest:
    if name and name not in config.contexts:
        raise ClusterError(
            f"Error in configuration: context was not found for specified context: {name}",
            hint=_others(name, "contexts", config.contexts),
        )
    return config.contexts.get(name) or entry(CONTEXT)


def _cluster(config: Config, flags: ConfigFlags, name: str) -> Manifest:
    """Return the cluster's entry as the flags change it."""
    if flags.cluster and name not in config.clusters:
        raise ClusterError(
            f'no server found for cluster "{name}"',
            hint=_others(name, "clusters", config.clusters),
        )
    made = entry(CLUSTER) | config.clusters.get(name, {})
    if flags.certificate_authority or flags.insecure_skip_tls_verify:
        made["certificate-authority-data"] = b""
        made["certificate-authority"] = flags.certificate_authority
        made["insecure-skip-tls-verify"] = flags.insecure_skip_tls_verify
    if flags.tls_server_name or flags.server:  # another server is hardly called the same
        made["tls-server-name"] = flags.tls_server_name
    made["server"] = flags.server or made["server"]
    made["disable-compression"] |= flags.disable_compression
    return made


def _user(config: Config, flags: ConfigFlags, name: str) -> Manifest:
    """Return the user's entry as the flags change it."""
    if flags.user and name not in config.users:
        raise ClusterError(
            f'auth info "{name}" does not exist', hint=_others(name, "users", config.users)
        )
    made = entry(USER) | config.users.get(name, {})
    if flags.token:
        made |= {"token": flags.token, "tokenFile": ""}
    if flags.client_certificate:
        made |= {"client-certificate": flags.client_certificate, "client-certificate-data": b""}
    if flags.client_key:
        made |= {"client-key": flags.client_key, "client-key-data": b""}
    return made | _impersonated(made, flags)


def _impersonated(user: Manifest, flags: ConfigFlags) -> Manifest:
    return {
        "as": flags.as_ or user["as"],
        "as-uid": flags.as_uid or user["as-uid"],
        "as-groups": list(flags.as_group) or user["as-groups"],
        "as-user-extra": user["as-user-extra"] | _extra(flags.as_user_extra),
    }


def _extra(given: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not key or not equals:
            raise UsageError(f'invalid argument "{each}" for "--as-user-extra" flag: no KEY=VALUE')
        found.setdefault(key, []).append(value)
    return found


def nowhere(choice: Choice) -> ClusterError:
    """Return why there is no server to go to, and how one is named."""
    config, name = choice.config, choice.cluster_name
    if name and name in config.clusters:
        return ClusterError(
            f'no server found for cluster "{name}"',
            hint="set it: kubectl config set-cluster, or give --server",
        )
    if name:
        return ClusterError(
            f'cluster "{name}" was not found for context "{choice.context}"',
            hint=_others(name, "clusters", config.clusters),
        )
    if config.contexts and not choice.context:
        there = _others("", "contexts", config.contexts)
        return Unreachable(_NOTHING, hint=f"no context is current; choose with --context: {there}")
    gone = f" (there is no file {', '.join(config.missing)})" if config.missing else ""
    return Unreachable(
        _NOTHING, hint=f"point KUBECONFIG at a cluster, or name a file with --kubeconfig{gone}"
    )


def nobody(choice: Choice) -> ClusterError:
    """Return what is wrong with a context whose user has no entry."""
    return ClusterError(
        f'user "{choice.user_name}" was not found for context "{choice.context}"',
        hint=_others(choice.user_name, "users", choice.config.users),
    )


def _others(name: str, kind: str, known: Iterable[str]) -> str:
    """Return what was meant, else what there is to choose from."""
    names = sorted(filter(None, known))
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return did_you_mean(name, names) or (f"there are the {kind} {shown}" if names else "")
