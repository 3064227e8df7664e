"""The state file of this invocation: `--state`, else the environment's, else the usual place."""

from __future__ import annotations

import os
from pathlib import Path

from kubectl_tune import sessions, statefile
from kubectl_tune.cli.globals import globals_
from kubectl_tune.store import Store


def state_path() -> Path:
    given = globals_().state
    return Path(given).absolute() if given else statefile.default_path(os.environ).absolute()


def open_store() -> Store:
    """Open the store to write: whole and writable, or a `StoreError`."""
    sessions.choose_among(globals_().namespace, globals_().context)
    return Store.open(state_path())


def open_store_to_read() -> Store:
    """Open the store as it is; `SessionNotFound` when there is none yet."""
    sessions.choose_among(globals_().namespace, globals_().context)
    return Store.open_to_read(state_path())
