"""The cluster of a command line: its flags, read as kubectl reads them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import fields
from typing import Any

from kubectl_tune import access
from kubectl_tune.cli.globals import Globals, globals_
from kubectl_tune.cluster import ClusterClient
from kubectl_tune.cluster.kubeconfig import ConfigFlags
from kubectl_tune.errors import ClusterError
from kubectl_tune.session import SessionInfo, Target
from kubectl_tune.summary import counted
from kubectl_tune.table import clean
from kubectl_tune.trial import TrialSpec

LOCALLY = "run on this machine with: --engine local"
REQUESTS = 6  # -v from which on every request is told

_heeded: ContextVar[Globals | None] = ContextVar("heeded", default=None)


def heed_flags() -> None:
    """Let this invocation's flags decide how clusters are reached."""
    given = globals_()
    if _heeded.get() is given:
        return
    _heeded.set(given)
    names = [each.name for each in fields(ConfigFlags) if hasattr(given, each.name)]
    flags = ConfigFlags(**{name: getattr(given, name) for name in names})
    access.use(flags, tell=_tell if given.v >= REQUESTS else None)


def _tell(text: str) -> None:
    sys.stderr.write(f"{clean(text)}\n")  # at once: several threads tell


def show_warnings() -> int:
    """Say what servers have warned of since; return how many times."""
    said = access.warnings()
    for text in said:
        print(f"Warning: {clean(text)}", file=sys.stderr)
    return len(said)


def heed_warnings() -> None:
    """Say what servers have warned of since; raise `ClusterError` if that is to be an error."""
    if (count := show_warnings()) and globals_().warnings_as_errors:
        raise ClusterError(f"{counted(count, 'warning')} received")


def doubt_flags() -> None:
    """Raise what is wrong with a kubeconfig or a context that the command line names."""
    given = globals_()
    if given.kubeconfig or given.context:
        heed_flags()
        access.here()


def client_of_globals(*, patient: bool = False) -> ClusterClient:
    """Return a client for the cluster and the namespace that the command line means."""
    heed_flags()
    return access.client(access.here(), patient=patient)


def knock(info: SessionInfo, spec: TrialSpec | None) -> None:
    """Raise what a new session's cluster has against it, before anything is written down."""
    if info.target.engine == "local":
        return
    from kubectl_tune import dryrun

    client = access.client(access.access_of(info))
    try:
        dryrun.knock(client, info, spec)
    finally:
        client.close()


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
