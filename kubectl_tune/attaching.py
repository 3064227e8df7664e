"""
Rebuilding a session from the cluster alone, on a machine that doesn't have its state file.

Its rule: every object carries what it takes. What the cluster was told of the session is the
same as what the state file was told; results that were put away there count as found.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubectl_tune.beginning import NAME
from kubectl_tune.cluster import ClusterClient, Manifest, manifests, observed
from kubectl_tune.cluster import labels as marks
from kubectl_tune.cluster.manifests import anchor_name
from kubectl_tune.cluster.orders import is_gone, spec_of
from kubectl_tune.errors import EngineError, SessionNotFound, StoreError, TuneError
from kubectl_tune.podoptions import pod_options
from kubectl_tune.provision import lines_of, plan_maps
from kubectl_tune.rows import session_info
from kubectl_tune.session import SessionInfo
from kubectl_tune.store import Store
from kubectl_tune.suggest import did_you_mean
from kubectl_tune.trial import EMPTY, TrialSpec

OURS = f"{marks.MANAGED_BY}={marks.PRODUCT}"


@dataclass(frozen=True, slots=True)
class Remote:
    """A session as its anchor in the cluster has it."""

    info: SessionInfo
    anchor: Manifest


def remotes(client: ClusterClient) -> list[Remote]:
    """Return the sessions that the namespace has, newest first."""
    anchors, _ = client.list("ConfigMap", f"{OURS},{marks.PART}=session")
    found = [remote for anchor in anchors if (remote := _remote(anchor))]
    return sorted(found, key=lambda remote: -remote.info.created)


def _remote(anchor: Manifest) -> Remote | None:
    """Read an anchor; None where it is another version's, or somebody's handiwork."""
    try:
        info = session_info(json.loads(anchor["data"]["session.json"]))
        pod_options(info)
        sound = NAME.fullmatch(info.name) and observed.name(anchor) == anchor_name(info.uid)
        return Remote(info, anchor) if sound and info.created >= 0 else None
    except (KeyError, ValueError, TypeError, AttributeError, TuneError):
        return None


def going(client: ClusterClient) -> set[str]:
    """Return the uids of the sessions of which some Job has not ended."""
    jobs, _ = client.list("Job", OURS)
    return {observed.labels(job).get(marks.UID, "") for job in jobs if not observed.finished(job)}


def choose(client: ClusterClient, asked: str) -> Remote:
    """Return the session of this name or uid; of none, the only one."""
    there = remotes(client)
    names = [remote.info.name for remote in there]
    found = [remote for remote in there if asked in ("", remote.info.name, remote.info.uid)]
    if len(found) == 1:
        return found[0]
    where = f"namespace {client.namespace}"
    if found:
        listed = ", ".join(f"{each.info.name} ({each.info.uid})" for each in found)
        raise SessionNotFound(
            f"{where} has {len(found)} sessions: {listed}", hint="name one of them, or its uid"
        )
    raise SessionNotFound(
        f"no session named {asked} in {where}" if asked else f"no sessions in {where}",
        hint=did_you_mean(asked, names) or "see them all with: kubectl tune list --cluster",
    )


def attach(
    store: Store,
    client: ClusterClient,
    remote: Remote,
    context: str,
    reached: Mapping[str, Any] = EMPTY,
) -> str:
    """
    Write a session of the cluster into the state file; return its name.

    What became of its trials is for its engine to say, as after any crash. Results go to where
    this was started. `reached` is what to keep of how the cluster was reached from here.
    """
    info = _here(remote.info, client, context, reached)
    if info.name in store.names():
        raise _known(info, store.info(info.name).uid)
    plan, _ = client.list("ConfigMap", manifests.selector(info.uid, **{marks.PART: "plan"}))
    specs = _specs(info, plan)
    store.create(info._replace(total=len(specs)), specs)
    return info.name


def _known(info: SessionInfo, uid: str) -> StoreError:
    said = f"session {info.name} is in the state file already"
    if uid == info.uid:
        return StoreError(said, hint=f"go on with it: kubectl tune resume {info.name}")
    return StoreError(
        f"{said}, but another one ({uid})", hint="give another state file with --state"
    )


def _here(
    info: SessionInfo, client: ClusterClient, context: str, reached: Mapping[str, Any]
) -> SessionInfo:
    target = info.target._replace(
        context=context, server=client.server, namespace=client.namespace, workdir=os.getcwd()
    )
    return info._replace(target=target, extra={**info.extra, "kube": dict(reached)})


def _specs(info: SessionInfo, maps: Sequence[Manifest]) -> list[TrialSpec]:
    found: dict[str, TrialSpec] = {}
    for each in plan_maps(maps):
        for line in lines_of(each):
            found.pop(line["slug"], None)
            if not is_gone(line):
                found[line["slug"]] = spec_of(line)
    if not found:
        raise EngineError(
            f"session {info.name}: its plan is not in the cluster (any more)",
            hint="delete what is left of it: kubectl delete configmap " + anchor_name(info.uid),
        )
    return sorted(found.values(), key=lambda spec: spec.index)
