"""`kubectl tune prune`: clear away what is old."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import click
import typer

from kubectl_tune import control, pruning
from kubectl_tune.cli.clusters import client_of_globals
from kubectl_tune.cli.options import DURATION, Yes
from kubectl_tune.cli.questions import confirm
from kubectl_tune.cli.state import open_store
from kubectl_tune.summary import counted
from kubectl_tune.table import duration


def command(
    older: Annotated[
        float,
        typer.Option(click_type=DURATION, help="How long ago they finished, at least: 12h, 7d"),
    ] = 7 * 86400.0,
    cluster: Annotated[
        bool,
        typer.Option(
            "--cluster",
            help="Also sessions that the current namespace has and this state file doesn't",
        ),
    ] = False,
    dry_run: Annotated[
        str,
        typer.Option(
            "--dry-run",
            metavar="HOW",
            click_type=click.Choice(["none", "client"]),
            help="client only says what would be deleted",
        ),
    ] = "none",
    yes: Yes = False,
) -> int:
    """
    Delete sessions that finished long ago, here and on the clusters that they ran on.

    Files that were written to output_json stay.

    Examples:
      # What is older than a week
      kubectl tune prune --older 7d --dry-run
      kubectl tune prune --older 7d -y
    """
    dry = dry_run == "client"
    store, before = open_store(), time.time() - older
    old = list(pruning.old_sessions(store, before))
    known = {store.info(name).uid for name in store.names()}
    client = client_of_globals() if cluster else None
    strangers = list(pruning.old_remotes(client, before, known)) if client else []
    if not old and not strangers:
        print(f"No sessions that finished more than {duration(older)} ago", file=sys.stderr)
        return 0
    count = counted(len(old) + len(strangers), "session")
    if not dry:
        confirm(f"Delete {count} that finished more than {duration(older)} ago?", yes=yes)
    done = "deleted (dry run)" if dry else "deleted"
    for each in old:
        if not dry:
            pruning.remove_from_its_cluster(each.info)
            control.delete(store, [each.info.name])
        print(f'session "{each.info.name}" {done}')
    for each in strangers:
        if client and not dry:
            pruning.remove(client, each.info)
        print(f'session "{each.info.name}" {done} from {client.namespace if client else ""}')
    return 0
