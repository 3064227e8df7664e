"""`kubectl tune delete`: forget sessions."""

from __future__ import annotations

from typing import Annotated

import typer

from kubectl_tune import control, sessions
from kubectl_tune.cli.options import Yes
from kubectl_tune.cli.questions import confirm
from kubectl_tune.cli.state import open_store
from kubectl_tune.errors import SessionNotFound
from kubectl_tune.store import Store


def command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="SESSION", help="Names of sessions")
    ] = None,
    yes: Yes = False,
) -> int:
    """
    Delete sessions: their records, logs and results in the state folder.

    Files that were written to output_json stay. A session that runs is to be cancelled first.

    Examples:
      # Delete a session
      kubectl tune delete nightly
    """
    store = open_store()
    found = [_exact(store, name) for name in dict.fromkeys(names or [])] or [sessions.find(store)]
    if not names:
        confirm(f"Delete session {found[0]} with its logs and results?", yes=yes)
    control.delete(store, found)
    for name in found:
        print(f'session "{name}" deleted')
    return 0


def _exact(store: Store, name: str) -> str:
    """Return a name that is written in full: the beginning of one is not enough to delete it."""
    if name in store.names():
        return name
    near = sessions.find(store, name)
    raise SessionNotFound(f"no session named {name}", hint=f"did you mean {near}?")
