"""`kubectl tune status`: where a session and its trials stand."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kubectl_tune import sessions
from kubectl_tune.cli.fresh import open_fresh
from kubectl_tune.cli.options import Session, output
from kubectl_tune.cli.showing import pieces


def command(
    session: Session = "",
    format: Annotated[str, output("table", "wide", "json", "yaml", "name")] = "table",
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show changes until the session has ended")
    ] = False,
) -> None:
    """
    Show how a session stands: what has ended, what runs, the best so far, what to do next.

    The table shows the trials that tell the most: those that run and those that failed.

    Examples:
      # How the newest session stands
      kubectl tune status

      # All trials of a session, with their Jobs, nodes and reasons
      kubectl tune status nightly -o wide

      # For a program
      kubectl tune status nightly -o json | jq .counts
    """
    store, name = open_fresh(session)
    if watch:
        from kubectl_tune.cli.watch import follow

        follow(store, name, format)
        return
    with store.moment():
        sys.stdout.writelines(pieces(store, sessions.standing(store, name), format))
