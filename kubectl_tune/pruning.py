"""
Clearing away what is old: sessions of the state file, and what sessions left in a cluster.

Its rule: what runs, or may still be gone on with elsewhere, is never old.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from kubectl_tune import access
from kubectl_tune.attaching import remotes
from kubectl_tune.cluster import ClusterClient, manifests, observed
from kubectl_tune.cluster import labels as marks
from kubectl_tune.errors import NotFound
from kubectl_tune.session import SessionInfo
from kubectl_tune.sessions import standing
from kubectl_tune.store import Store


@dataclass(frozen=True, slots=True)
class Old:
    """Something to prune: a session of the state file, or one that only a cluster has."""

    info: SessionInfo
    finished: float  # seconds since the epoch; for a cluster's, when its last Job ended


def old_sessions(store: Store, before: float) -> Iterator[Old]:
    """Yield sessions of the state file that finished before a moment."""
    for name in store.names():
        now = standing(store, name)
        finished = now.summary.finished
        if now.driver is None and finished is not None and finished < before:
            yield Old(now.summary.info, finished)


def old_remotes(client: ClusterClient, before: float, known: set[str]) -> Iterator[Old]:
    """Yield sessions that the namespace has, but no state file here: all of their Jobs ended."""
    there = [r for r in remotes(client) if r.info.uid not in known and r.info.created < before]
    jobs, _ = client.list("Job", f"{marks.MANAGED_BY}={marks.PRODUCT}") if there else ([], "")
    for remote in there:
        mine = [job for job in jobs if observed.labels(job).get(marks.UID) == remote.info.uid]
        ends = [observed.ended_at(job) for job in mine]
        last = max([end for end in ends if end], default=remote.info.created)
        if all(ends) and last < before:
            yield Old(remote.info, last)


def remove(client: ClusterClient, info: SessionInfo) -> bool:
    """Delete all that a session has in the cluster, through its owner; False if nothing."""
    with contextlib.suppress(NotFound):
        client.delete("ConfigMap", manifests.anchor_name(info.uid))
        return True
    return False


def remove_stranger(client: ClusterClient, info: SessionInfo) -> None:
    """Delete a session of the cluster's; what was made from printed manifests has no owner."""
    remove(client, info)
    for kind in ("Job", "ConfigMap"):
        for each in client.list(kind, manifests.selector(info.uid))[0]:
            if not each["metadata"].get("ownerReferences"):
                with contextlib.suppress(NotFound):
                    client.delete(kind, observed.name(each))


def remove_from_its_cluster(info: SessionInfo) -> bool:
    """Delete what a session of the state file has in the cluster that it ran on."""
    if info.target.engine == "local":
        return False
    client = access.client_of(info, patient=False)
    try:
        return remove(client, info)
    finally:
        client.close()
