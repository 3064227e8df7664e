"""The sessions that a cluster has, for `list --cluster`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import cast

from kubectl_tune import access, attaching
from kubectl_tune.cli.clusters import heed_flags, heed_warnings
from kubectl_tune.cli.listing import Item
from kubectl_tune.cli.locallist import NONE, standings
from kubectl_tune.cluster import Change, ClusterClient, Manifest
from kubectl_tune.cluster import labels as marks
from kubectl_tune.cluster.lists import Narrowing
from kubectl_tune.cluster.reflector import Reflector
from kubectl_tune.session import SessionState
from kubectl_tune.table import clean
from kubectl_tune.views.remotes import Seen, remote_headers, remote_object, remote_row

SELECTORS = {"ConfigMap": f"{attaching.OURS},{marks.PART}=session", "Job": attaching.OURS}
TURN = 2.0  # seconds after which the state file may know more of a session than before
PAUSE = 0.2  # seconds without a change, after which there is something to show


class RemoteSessions:
    bare = False

    def __init__(self, narrowing: Narrowing, *, running: bool) -> None:
        heed_flags()
        self._client = access.client(access.here(), narrowing=narrowing)
        self._everywhere = narrowing.everywhere
        self._running = running
        self._held: Held | None = None

    @property
    def none(self) -> str:
        return NONE if self._everywhere else f"{NONE} in {self._client.namespace} namespace."

    def headers(self, *, wide: bool, namespaces: bool) -> list[str]:
        return remote_headers(wide=wide, namespaces=namespaces)

    def items(self, *, wide: bool, namespaces: bool) -> list[Item]:
        now, seen = time.time(), self._seen()
        heed_warnings()
        return [
            Item(remote_object(each), remote_row(each, now, wide=wide, namespaces=namespaces))
            for each in seen
            if not self._running or each.state is SessionState.RUNNING
        ]

    def changes(self) -> Iterator[object]:
        """Follow the sessions and their Jobs in the cluster, without listing them again."""
        self._held = held = Held(self._client)
        try:
            held.start()
            while True:
                yield None
                held.wait()
        finally:
            held.close()

    def close(self) -> None:
        self._client.close()

    def _seen(self) -> list[Seen]:
        client = cast(ClusterClient, self._held or self._client)  # all it needs are lists
        there = attaching.remotes(client)
        going = attaching.going(client) if there else set()
        known = {each.summary.info.uid: each.state for each in standings()}
        return [
            Seen(
                info := each.info,
                known.get(info.uid) or (SessionState.RUNNING if info.uid in going else None),
                info.uid in known,
                each.anchor["metadata"],
            )
            for each in there
        ]


class Held:
    """What a cluster has of sessions and Jobs, kept up to date; `list` as a client's."""

    def __init__(self, client: ClusterClient) -> None:
        self._bell: SimpleQueue[tuple[str, Change]] = SimpleQueue()
        self._there: dict[str, dict[str, Manifest]] = {kind: {} for kind in SELECTORS}
        self._reflectors = {
            kind: Reflector(client, kind, selector, deliver=partial(self._ring, kind))
            for kind, selector in SELECTORS.items()
        }
        self._trouble = ""

    def start(self) -> None:
        for kind, reflector in self._reflectors.items():
            self._there[kind] = {_uid(each): each for each in reflector.start()}

    def list(self, kind: str, selector: str = "") -> tuple[list[Manifest], str]:
        return [*self._there[kind].values()], ""

    def wait(self) -> None:
        """Return when something has changed, or might have; raise what has ended a watch."""
        with suppress(Empty):
            self._take(*self._bell.get(timeout=TURN))
            while True:  # many changes at once are one
                self._take(*self._bell.get(timeout=PAUSE))
        for error in (each.error for each in self._reflectors.values()):
            if error:
                raise error
        trouble = next((each.trouble for each in self._reflectors.values() if each.trouble), "")
        if trouble and trouble != self._trouble:
            print(f"warning: {clean(trouble)}; what follows may be old", file=sys.stderr)
        self._trouble = trouble

    def close(self) -> None:
        for each in self._reflectors.values():
            each.close()

    def _ring(self, kind: str, change: Change) -> None:
        self._bell.put((kind, change))

    def _take(self, kind: str, change: Change) -> None:
        if change.type == "DELETED":
            self._there[kind].pop(_uid(change.object), None)
        else:
            self._there[kind][_uid(change.object)] = change.object


def _uid(manifest: Manifest) -> str:
    return str(manifest["metadata"]["uid"])
