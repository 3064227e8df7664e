"""The sessions that a namespace has, for people and for programs: `list --cluster`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kubectl_tune.session import SessionInfo, SessionState
from kubectl_tune.table import age, table
from kubectl_tune.views.objects import stamp


@dataclass(frozen=True, slots=True)
class Seen:
    """A session as the cluster shows it, and as far as it is known here."""

    info: SessionInfo
    state: SessionState | None  # None: its Jobs have ended, and what of them failed is not said
    known: bool  # to the state file here


def remotes_table(
    seen: Sequence[Seen], now: float, *, wide: bool = False, no_headers: bool = False
) -> str:
    headers = ["name", "uid", "state", "known", "total", "engine", *(["plan"] if wide else [])]
    rows = [
        [
            each.info.name, each.info.uid, each.state and str(each.state), _yes(each.known),
            each.info.total, each.info.target.engine, *([each.info.plan] if wide else []),
            age(each.info.created, now),
        ]
        for each in seen
    ]  # fmt: skip
    return table(rows, [*headers, "age"], no_headers=no_headers)


def remote_object(seen: Seen, namespace: str) -> dict[str, Any]:
    info = seen.info
    return {
        "kind": "Session",
        "name": info.name,
        "uid": info.uid,
        "state": str(seen.state) if seen.state else None,
        "known": seen.known,
        "plan": info.plan,
        "engine": info.target.engine,
        "namespace": namespace,
        "created": stamp(info.created),
        "total": info.total,
    }


def _yes(known: bool) -> str:
    return "yes" if known else "no"
