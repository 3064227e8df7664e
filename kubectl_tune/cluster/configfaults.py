"""
What kubectl refuses of a cluster's and a user's entry: tools/clientcmd/validation.go of client-go.

Its rule: in kubectl's words, and all of it at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from kubectl_tune.cluster import Manifest
from kubectl_tune.cluster.datafile import reason
from kubectl_tune.errors import ClusterError

_MODES = ("Never", "IfAvailable", "Always")


def check(cluster_name: str, cluster: Manifest, user_name: str, user: Manifest) -> None:
    """Raise `ClusterError` if anything is wrong with these entries."""
    faults = [*_user_faults(user_name, user), *_cluster_faults(cluster_name, cluster)]
    if faults:
        many = "Error in configuration: " + "".join(f"\n* {fault}" for fault in faults)
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
    if not scheme and ":" in url.partition("/")[0]:  # `host:port` is no URL to Go
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
    if user["client-certificate"] or user["client-certificate-data"]:
        yield from _certificate_faults(name, user)
    if user["exec"]:
        yield from _exec_faults(name, user)
    if user["token"] and (user["username"] or user["password"]):
        yield (
            f"more than one authentication method found for {name}; found [token basicAuth],"
            " only one is allowed"
        )
    if (user["as-uid"] or user["as-groups"] or user["as-user-extra"]) and not user["as"]:
        yield f"requesting uid, groups or user-extra for {name} without impersonating a user"


def _certificate_faults(name: str, user: Manifest) -> Iterator[str]:
    path, data = user["client-certificate"], user["client-certificate-data"]
    key, key_data = user["client-key"], user["client-key-data"]
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
