"""`kubectl tune delete`: forget sessions."""

from __future__ import annotations

from typing import Annotated

import typer

from kubectl_tune import control, sessions
from kubectl_tune.cli.options import Yes
from kubectl_tune.cli.questions import confirm
from kubectl_tune.cli.state import open_store


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
    found = [sessions.find(store, name) for name in names or [""]]
    if not names:
        confirm(f"Delete session {found[0]} with its logs and results?", yes=yes)
    for name in found:
        control.delete(store, name)
        print(f'session "{name}" deleted')
    return 0
