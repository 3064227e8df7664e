"""
The way to the cluster of a session, or of a command line.

Its rule: where a session lives is recorded with it, and no flag or kubeconfig leads it elsewhere;
who we are there is as of now.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from kubectl_tune.cluster import ClusterClient
from kubectl_tune.cluster.credentials import Credentials
from kubectl_tune.cluster.kubeconfig import Access, ConfigFlags, resolve
from kubectl_tune.errors import ClusterError, EngineError, StoreError
from kubectl_tune.session import SessionInfo, Target

if TYPE_CHECKING:
    from kubectl_tune.cluster.lists import Narrowing

PLACE = ("context", "cluster", "server", "namespace")

Tell = Callable[[str], None]

# What this invocation was told of the cluster; sessions keep what they were begun with.
_given: ContextVar[ConfigFlags] = ContextVar("flags")
_tell: ContextVar[Tell | None] = ContextVar("tell")
_clients: ContextVar[list[ClusterClient]] = ContextVar("clients")
# What plugins have answered holds for all that this process asks of the same cluster: running
# one takes seconds, and may ask for a password.
_plugins: dict[tuple[str, ...], Credentials] = {}


def use(flags: ConfigFlags, *, tell: Tell | None = None) -> None:
    """
    Let flags of the command line decide where nothing else does.

    `tell` is called with every request that was sent, from any thread.
    """
    _given.set(flags)
    _tell.set(tell)
    _clients.set([])


def given() -> ConfigFlags:
    return _given.get(ConfigFlags())


def here() -> Access:
    """Return the cluster that the command line and the kubeconfig mean now."""
    return _known(resolve(given(), os.environ))


def _known(access: Access) -> Access:
    """Let a credential plugin that has been run speak for this way, too."""
    if not access.plugin:
        return access
    key = access.server, access.cluster, access.user, access.plugin
    return replace(access, credentials=_plugins.setdefault(key, access.credentials))


def client(
    access: Access, *, patient: bool = False, narrowing: Narrowing | None = None
) -> ClusterClient:
    """Return a client; `narrowing` is for one whose lists a command line narrows down."""
    # All of these are slow to import.
    more: dict[str, Any] = {
        "request_timeout": given().request_timeout,
        "patient": patient,
        "tell": _tell.get(None),
    }
    if narrowing is None:
        from kubectl_tune.cluster.kubernetes import KubernetesClient

        made = KubernetesClient(access, **more)
    else:
        from kubectl_tune.cluster.lists import NarrowedClient

        made = NarrowedClient(access, narrowing, **more)
    _clients.get([]).append(made)
    return made


def warnings() -> list[str]:
    """Return, and forget, what servers have warned of since, each warning once."""
    return list(dict.fromkeys(text for each in _clients.get([]) for text in each.warnings()))


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

    Raises `EngineError` when the session's context has come to mean another cluster.
    """
    then, paths = _begun_with(info)
    environment = {**os.environ, "KUBECONFIG": paths} if paths else os.environ
    try:
        access = _known(resolve(_flags_of(info, then), environment))
    except ClusterError as error:
        error.args = (f"session {info.name} lives in {_place(info.target)}: {error}",)
        raise
    if access.server != info.target.server:
        raise EngineError(
            f"session {info.name} lives in {_place(info.target)}, but that is"
            f" {access.server} in the kubeconfig now",
            hint="name the kubeconfig that it was begun with: --kubeconfig FILE; or if the cluster"
            f" has moved: kubectl tune delete {info.name} --state-only, and then attach it",
        )
    return access


def _begun_with(info: SessionInfo) -> tuple[ConfigFlags, str]:
    """Return the flags, and the $KUBECONFIG, that a session has `recorded`."""
    kept = info.extra.get("kube") or {}
    try:
        flags, paths = ConfigFlags.from_recorded(kept), kept.get("KUBECONFIG", "")
        if not isinstance(paths, str):
            raise StoreError("kube.KUBECONFIG: expected a string")
    except StoreError as error:
        raise StoreError(
            f"session {info.name}: what the state file says of its cluster is broken: {error}",
            hint=f"take it up anew: kubectl tune delete {info.name} --state-only, and then attach"
            " it",
        ) from error
    return flags, paths


def _flags_of(info: SessionInfo, then: ConfigFlags) -> ConfigFlags:
    """Put what is given now over what was given then, but for where the session lives."""
    now = {name: v for name, v in asdict(given()).items() if v and name not in PLACE}
    flags = replace(then, **now)
    if info.target.context:
        flags = replace(flags, context=info.target.context)
    return replace(flags, namespace=info.target.namespace)


def _place(target: Target) -> str:
    return f"context {target.context} ({target.server})" if target.context else target.server


def client_of(info: SessionInfo, *, patient: bool = True) -> ClusterClient:
    """Return a client for the cluster that a session lives on."""
    return client(access_of(info), patient=patient)
