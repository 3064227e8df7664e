"""The sessions that a cluster has, for people and for programs: `list --cluster`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubectl_tune.session import SessionInfo, SessionState
from kubectl_tune.table import UNKNOWN, age
from kubectl_tune.views.objects import API_VERSION, stamp

_KEPT = ("annotations", "creationTimestamp", "labels", "namespace", "resourceVersion", "uid")


@dataclass(frozen=True, slots=True)
class Seen:
    """A session as the cluster shows it, and as far as it is known here."""

    info: SessionInfo
    state: SessionState | None  # None: its Jobs have ended, and what of them failed is not said
    known: bool  # to the state file here
    metadata: Mapping[str, Any]  # of the object in the cluster that stands for it

    @property
    def namespace(self) -> str:
        return str(self.metadata.get("namespace", ""))


def remote_headers(*, wide: bool = False, namespaces: bool = False) -> list[str]:
    headers = ["name", "uid", "state", "known", "total", "engine", *(["plan"] if wide else [])]
    return [*(["namespace"] if namespaces else []), *headers, "age"]


def remote_row(
    seen: Seen, now: float, *, wide: bool = False, namespaces: bool = False
) -> list[Any]:
    info = seen.info
    return [
        *([seen.namespace] if namespaces else []),
        info.name, info.uid, seen.state or UNKNOWN, "yes" if seen.known else "no",
        info.total, info.target.engine, *([info.plan] if wide else []), age(info.created, now),
    ]  # fmt: skip


def remote_object(seen: Seen) -> dict[str, Any]:
    info = seen.info
    metadata = {key: seen.metadata[key] for key in _KEPT if key in seen.metadata}
    shown = {
        "apiVersion": API_VERSION,
        "created": stamp(info.created),
        "engine": info.target.engine,
        "kind": "Session",
        "known": seen.known,
        "metadata": metadata | {"name": info.name},
        "name": info.name,
        "namespace": seen.namespace,
        "plan": info.plan,
        "state": str(seen.state) if seen.state else None,
        "total": info.total,
        "uid": info.uid,
    }
    return dict(_in_order(shown))


def _in_order(value: Any) -> Any:
    """Put keys in order, as kubectl does."""
    if not isinstance(value, dict):
        return value
    return {key: _in_order(value[key]) for key in sorted(value)}
