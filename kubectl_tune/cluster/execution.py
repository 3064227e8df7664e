"""
A credential plugin as the kubeconfig states it: a program, its environment, what it is told.

Its rule: the program and what it is told are those that kubectl's plugins know.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kubectl_tune.cluster import Manifest
from kubectl_tune.cluster.datafile import contents
from kubectl_tune.cluster.execcredential import GROUP, VERSIONS

_CLUSTER_INFO = ("server", "tls-server-name", "proxy-url")
_CLUSTER_FLAGS = ("insecure-skip-tls-verify", "disable-compression")


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


def execution(stated: Manifest, cluster: Manifest) -> Execution:
    """Return what a user's `exec` and his cluster's entry say; both are complete."""
    return Execution(
        stated["command"],
        tuple(stated["args"]),
        tuple((each["name"], each["value"]) for each in stated["env"]),
        stated["apiVersion"],
        stated["interactiveMode"],
        stated["installHint"],
        _told(cluster) if stated["provideClusterInfo"] else None,
    )


def _told(cluster: Manifest) -> Manifest:
    """Return what a plugin may know of the cluster; as for kubectl, empty fields are left out."""
    told = {key: cluster[key] for key in (*_CLUSTER_INFO, *_CLUSTER_FLAGS) if cluster[key]}
    source = cluster["certificate-authority-data"] or cluster["certificate-authority"]
    if authority := contents(source or b""):
        told["certificate-authority-data"] = base64.b64encode(authority).decode()
    for extension in cluster["extensions"]:
        if extension["name"] == f"{GROUP}/exec" and extension["extension"] is not None:
            told["config"] = extension["extension"]
    return told


def found(command: str, search: str) -> str:
    """Return the path of a program as Go looks it up: never by a relative entry of PATH."""
    path = shutil.which(command, path=search)
    return path if path and (os.path.dirname(command) or os.path.isabs(path)) else ""


def child_environment(
    ours: Mapping[str, str], more: Sequence[tuple[str, str]], information: str
) -> dict[str, str]:
    """Return a plugin's environment: our caller's, what the kubeconfig adds, what it is told."""
    return {**ours, **dict(more), "KUBERNETES_EXEC_INFO": information}
