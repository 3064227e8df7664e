"""Sessions as they are now: where a cluster goes on without a driver, it is asked first."""

from __future__ import annotations

import sys
import time

from kubectl_tune import sessions
from kubectl_tune.cli.state import open_store, open_store_to_read
from kubectl_tune.errors import ClusterError, EngineError, StoreError
from kubectl_tune.store import Store
from kubectl_tune.table import clean

LOOK = 2.0  # seconds between two looks at a cluster,
SHARE = 10  # or more, so that looking takes a tenth of the time


def open_fresh(session: str) -> tuple[Store, str]:
    """Open the store to read, and return the session meant, brought up to date."""
    store = open_store_to_read()
    name = sessions.find(store, session)
    refresh(store, name)
    return store, name


def refresh(store: Store, name: str, *, silent_on: str = "") -> str:
    """
    Ask the cluster about a session that nobody drives.

    What can't be asked is no error: what is known can be shown, with a word about it.
    """
    if (why := _look(store, name)) and why != silent_on:
        print(f"warning: {why}; what follows may be old", file=sys.stderr)
    return why


def _look(store: Store, name: str) -> str:
    """Look at a session where it lives; return why that can't be, "" if it can."""
    if not sessions.needs_look(store, name):
        return ""
    from kubectl_tune import live
    from kubectl_tune.cli.clusters import heed_flags

    heed_flags()
    try:
        live.look(open_store(), name)
    except (ClusterError, EngineError, StoreError) as error:
        return clean(f"{error} ({error.hint})" if error.hint else str(error))
    return ""


class Looker:
    """Asks a cluster now and then, as long as it goes on with a session that nobody drives."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name
        self._remote = store.info(name).target.engine != "local"
        self._due = time.monotonic() + LOOK
        self._trouble = ""  # that was told of: it is told once, however long it lasts

    def looks(self) -> bool:
        """Say whether there is something to wait for; look at it when it is time to."""
        if not (self._remote and sessions.needs_look(self._store, self._name)):
            return False
        if (began := time.monotonic()) >= self._due:
            self._trouble = refresh(self._store, self._name, silent_on=self._trouble)
            self._due = time.monotonic() + max(LOOK, SHARE * (time.monotonic() - began))
        return True
