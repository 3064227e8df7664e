"""
One file of the kubeconfig, from text to complete entries.

Its rule: what a file leaves out is empty, its paths are absolute, and all that doesn't fit is
told at once. https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubectl_tune.cluster import Manifest
from kubectl_tune.cluster.execcredential import GROUP
from kubectl_tune.cluster.goyaml import documents
from kubectl_tune.cluster.shape import Each, Maybe, shaped
from kubectl_tune.errors import ClusterError

CLUSTER: Manifest = {
    "server": str,
    "tls-server-name": str,
    "insecure-skip-tls-verify": bool,
    "certificate-authority": str,
    "certificate-authority-data": bytes,
    "proxy-url": str,
    "disable-compression": bool,
    "extensions": [{"name": str, "extension": object}],
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
USER: Manifest = {
    "client-certificate": str,
    "client-certificate-data": bytes,
    "client-key": str,
    "client-key-data": bytes,
    "token": str,
    "tokenFile": str,
    "as": str,
    "as-uid": str,
    "as-groups": [str],
    "as-user-extra": Each([str]),
    "username": str,
    "password": str,
    "auth-provider": Maybe({"name": str, "config": Each(str)}),
    "exec": Maybe(_EXEC),
}
CONTEXT: Manifest = {"cluster": str, "user": str, "namespace": str}
_FILE: Manifest = {
    "kind": str,
    "apiVersion": str,
    "clusters": [{"name": str, "cluster": CLUSTER}],
    "users": [{"name": str, "user": USER}],
    "contexts": [{"name": str, "context": CONTEXT}],
    "current-context": str,
}
_SECTIONS = {
    "clusters": ("cluster", "Cluster"),
    "users": ("user", "AuthInfo"),
    "contexts": ("context", "Context"),
}
_PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
# Versions of plugins that needn't say whether they ask somebody.
_ASKING = (f"{GROUP}/v1alpha1", f"{GROUP}/v1beta1")


@dataclass(frozen=True, slots=True)
class Config:
    """Entries by name, of a file or of several that were merged."""

    clusters: Mapping[str, Manifest]
    users: Mapping[str, Manifest]
    contexts: Mapping[str, Manifest]
    current_context: str = ""
    missing: tuple[str, ...] = ()


def entry(shape: Manifest, **given: Any) -> Manifest:
    """Return a complete entry; names of arguments have underscores for hyphens."""
    made: Manifest = shaped({k.replace("_", "-"): v for k, v in given.items()}, shape, "", [])
    return made


def parsed(data: bytes, folder: str) -> Config:
    """Read the text of one file, whose relative paths are meant from its folder."""
    faults: list[str] = []
    file = shaped(next(documents(data), None), _FILE, "", faults)
    kind, version = (file["kind"] or "Config"), (file["apiVersion"] or "v1")
    if (kind, version) != ("Config", "v1") and not faults:
        faults.append(f'no kind "{kind}" is registered for version "{version}"')
    clusters, users, contexts = (_section(file, each, faults) for each in _SECTIONS)
    if faults:
        raise ClusterError("; ".join(faults))
    for each in (*clusters.values(), *users.values()):
        _complete(each, folder)
    return Config(clusters, users, contexts, file["current-context"])


def _section(file: Manifest, section: str, faults: list[str]) -> dict[str, Manifest]:
    key, type = _SECTIONS[section]
    found: dict[str, Manifest] = {}
    for each in file[section]:
        if each["name"] in found:
            faults.append(
                f"error converting *[]Named{type} into *map[string]*api.{type}:"
                f' duplicate name "{each["name"]}" in list'
            )
        found[each["name"]] = each[key]
    return found


def _complete(entry: Manifest, folder: str) -> None:
    """Make paths absolute; a plugin without a separator is looked up on PATH."""
    for key in _PATHS:
        if entry.get(key):
            entry[key] = _joined(folder, entry[key])
    plugin = entry.get("exec")
    if plugin and os.sep in plugin["command"]:
        plugin["command"] = _joined(folder, plugin["command"])
    if plugin and plugin["apiVersion"] in _ASKING:
        plugin["interactiveMode"] = plugin["interactiveMode"] or "IfAvailable"


def _joined(folder: str, path: str) -> str:
    return path if os.path.isabs(path) else os.path.normpath(os.path.join(folder, path))
