"""The way to the cluster of a session, or of a command line."""

from __future__ import annotations

import os
from contextvars import ContextVar
from dataclasses import replace

from kubectl_tune.cluster import ClusterClient
from kubectl_tune.cluster.kubeconfig import Access, ConfigFlags, resolve
from kubectl_tune.errors import EngineError
from kubectl_tune.session import SessionInfo, Target

# What this invocation was told of the cluster; sessions keep what they were begun with.
_given: ContextVar[ConfigFlags] = ContextVar("flags")


def use(flags: ConfigFlags) -> None:
    """Let flags of the command line decide where nothing else does."""
    _given.set(flags)


def given() -> ConfigFlags:
    return _given.get(ConfigFlags())


def here() -> Access:
    """Return the cluster that the command line and the kubeconfig mean now."""
    return resolve(given(), os.environ)


def client(access: Access, *, patient: bool = False) -> ClusterClient:
    from kubectl_tune.cluster.kubernetes import KubernetesClient  # slow to import

    return KubernetesClient(access, request_timeout=given().request_timeout, patient=patient)


def target_of(access: Access, engine: str, workdir: str) -> Target:
    return Target(engine, access.context, access.server, access.namespace, workdir)


def recorded() -> dict[str, object]:
    """What a session keeps of how its cluster was reached; never a secret."""
    flags = given().recordable()
    if not flags.get("kubeconfig") and os.environ.get("KUBECONFIG"):
        flags["KUBECONFIG"] = os.pathsep.join(
            os.path.abspath(path) for path in os.environ["KUBECONFIG"].split(os.pathsep) if path
        )
    return flags


def access_of(info: SessionInfo) -> Access:
    """
    Return the way to where a session lives, whatever the current context is by now.

    Credentials are those of now; raises `EngineError` when that context has come to mean
    another cluster.
    """
    kept = dict(info.extra.get("kube", {}))
    environment = dict(os.environ)
    if paths := kept.pop("KUBECONFIG", ""):
        environment["KUBECONFIG"] = paths
    if given().kubeconfig:
        kept["kubeconfig"] = given().kubeconfig
    flags = replace(
        ConfigFlags(**{k: tuple(v) if isinstance(v, list) else v for k, v in kept.items()}),
        token=given().token,
    )
    if info.target.context:
        flags = replace(flags, context=info.target.context)
    access = resolve(replace(flags, namespace=info.target.namespace), environment)
    if access.server != info.target.server:
        raise EngineError(
            f"session {info.name} lives on {info.target.server}, but context"
            f" {info.target.context} of the kubeconfig now is {access.server}",
            hint="name the kubeconfig that it was begun with: --kubeconfig FILE",
        )
    return access


def client_of(info: SessionInfo, *, patient: bool = True) -> ClusterClient:
    """Return a client for the cluster that a session lives on."""
    return client(access_of(info), patient=patient)
