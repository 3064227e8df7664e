"""
The cluster that we are inside of: what a pod is told by its environment and its service account.

Its rule: a pod without a token is no place to reach the cluster from.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from kubectl_tune.cluster.configfile import CLUSTER, USER, Config, entry
from kubectl_tune.cluster.datafile import contents
from kubectl_tune.errors import ClusterError

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


def server(environment: Mapping[str, str], folder: str) -> str:
    """Return the API server's address as pods are told it; "" where this is none."""
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    port = environment.get("KUBERNETES_SERVICE_PORT", "")
    if not (host and port and os.path.isfile(os.path.join(folder, "token"))):
        return ""
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def namespace(environment: Mapping[str, str], folder: str) -> str:
    """Return the namespace of the pod that we are in."""
    if given := environment.get("POD_NAMESPACE"):
        return given
    try:
        return contents(os.path.join(folder, "namespace")).decode().strip() or "default"
    except (ClusterError, ValueError):
        return "default"


def config(server: str, folder: str) -> Config:
    """Return what a kubeconfig would say inside a pod; its entries have no names."""
    authority = os.path.join(folder, "ca.crt")
    trusted = authority if os.path.isfile(authority) else ""
    cluster = entry(CLUSTER, server=server, certificate_authority=trusted)
    return Config({"": cluster}, {"": entry(USER, tokenFile=os.path.join(folder, "token"))}, {})
