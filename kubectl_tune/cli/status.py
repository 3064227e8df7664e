"""`kubectl tune status`: where a session and its trials stand."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kubectl_tune import sessions
from kubectl_tune.cli.color import Color, paint
from kubectl_tune.cli.forms import FORMATS, form, sort_path
from kubectl_tune.cli.fresh import open_fresh
from kubectl_tune.cli.listing import NoHeaders, Show
from kubectl_tune.cli.options import Session, output
from kubectl_tune.cli.showing import pieces


def command(
    session: Session = "",
    format: Annotated[str, output(*FORMATS)] = "table",
    sort_by: Annotated[
        str,
        typer.Option(
            "--sort-by",
            help="If non-empty, sort the trials using this field specification, a JSONPath"
            " expression (e.g. '{.metrics.score}')",
        ),
    ] = "",
    no_headers: NoHeaders = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show changes until the session has ended")
    ] = False,
    color: Color = "auto",
) -> None:
    """
    Show how a session stands: what has ended, what runs, the best so far, what to do next.

    The table shows the trials that tell the most: those that run and those that failed.

    Examples:
      # How the newest session stands
      kubectl tune status

      # All trials of a session, with their Jobs, nodes and reasons
      kubectl tune status nightly -o wide

      # Its trials by their score
      kubectl tune status nightly --sort-by=.metrics.score

      # For a program
      kubectl tune status nightly -o json | jq .counts

      # What failed, and why
      kubectl tune status nightly -o custom-columns=NAME:.job_id,WHY:.reason
    """
    asked = Show(
        form=form(format), sort=sort_path(sort_by), no_headers=no_headers, paint=paint(color)
    )
    store, name = open_fresh(session)
    if watch:
        from kubectl_tune.cli.watch import follow

        follow(store, name, asked)
        return
    with store.moment():
        sys.stdout.writelines(pieces(store, sessions.standing(store, name), asked))
