"""The sessions of the state file, for `list`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

from kubectl_tune import sessions
from kubectl_tune.cli.globals import globals_
from kubectl_tune.cli.listing import Item
from kubectl_tune.cli.state import open_store_to_read
from kubectl_tune.errors import SessionNotFound
from kubectl_tune.session import SessionState
from kubectl_tune.sessions import Standing
from kubectl_tune.store import Store
from kubectl_tune.views.objects import session_object
from kubectl_tune.views.tables import session_headers, session_row

TURN = 0.5  # seconds between two looks
UNFINISHED = (SessionState.RUNNING, SessionState.DETACHED, SessionState.PENDING)
NONE = "No resources found"


class LocalSessions:
    bare = True

    def __init__(self, *, running: bool, everywhere: bool) -> None:
        self._running, self._everywhere = running, everywhere
        self._store: Store | None = None
        self._unfinished = False  # whether any may end, or lose its driver, without a write

    @property
    def none(self) -> str:
        namespace = "" if self._everywhere else globals_().namespace
        return f"No resources found in {namespace} namespace." if namespace else NONE

    def headers(self, *, wide: bool, namespaces: bool) -> list[str]:
        return session_headers(wide=wide, namespaces=namespaces)

    def items(self, *, wide: bool, namespaces: bool) -> list[Item]:
        now, found = time.time(), standings()
        if self._everywhere:
            sessions.choose_among("", globals_().context)
        self._unfinished = any(each.state in UNFINISHED for each in found)
        return [
            Item(session_object(each), session_row(each, now, wide=wide, namespaces=namespaces))
            for each in found
            if self._meant(each)
        ]

    def changes(self) -> Iterator[object]:
        before = None
        while True:
            if (now := self._version()) != before or self._unfinished:
                before = now
                yield None
            time.sleep(TURN)  # SQLite tells nobody of a change; asking for its version is cheap

    def _version(self) -> int:
        try:
            self._store = self._store or open_store_to_read()
        except SessionNotFound:
            return -1
        return self._store.version

    def _meant(self, standing: Standing) -> bool:
        runs = standing.state is SessionState.RUNNING
        return (runs or not self._running) and sessions.is_among(standing.summary.info.target)


def standings() -> list[Standing]:
    """Return how all sessions of the state file stand, the newest first."""
    try:
        store = open_store_to_read()
    except SessionNotFound:  # nothing was ever run
        return []
    with closing(store):
        return [sessions.standing(store, name) for name in store.names()]
