"""The cluster of a command line: its flags, read as kubectl reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from kubectl_tune import access
from kubectl_tune.cli.globals import globals_
from kubectl_tune.cluster import ClusterClient
from kubectl_tune.cluster.kubeconfig import ConfigFlags
from kubectl_tune.errors import ClusterError
from kubectl_tune.session import Target

LOCALLY = "run on this machine with: --engine local"


def heed_flags() -> None:
    """Let this invocation's flags decide how clusters are reached."""
    given = globals_()
    names = {each.name for each in fields(ConfigFlags)} & {each.name for each in fields(given)}
    access.use(ConfigFlags(**{name: getattr(given, name) for name in names}))


def client_of_globals(*, patient: bool = False) -> ClusterClient:
    """Return a client for the cluster and the namespace that the command line means."""
    heed_flags()
    return access.client(access.here(), patient=patient)


def target(engine: str, workdir: str) -> tuple[Target, Mapping[str, Any]]:
    """Return where a new session is to run, and what it keeps of how that was reached."""
    if engine == "local":
        return Target(engine, workdir=workdir), {}
    heed_flags()
    try:
        here = access.here()
    except ClusterError as error:
        error.hint = f"{error.hint}; or {LOCALLY}" if error.hint else LOCALLY
        raise
    return access.target_of(here, engine, workdir), {"kube": access.recorded()}
