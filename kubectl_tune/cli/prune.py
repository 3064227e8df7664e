"""`kubectl tune prune`: clear away what is old."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import Annotated

import typer

from kubectl_tune import control, pruning
from kubectl_tune.cli.clusters import client_of_globals, heed_flags
from kubectl_tune.cli.options import DURATION, DryRunMode, Yes
from kubectl_tune.cli.questions import confirm
from kubectl_tune.cli.state import open_store
from kubectl_tune.cluster import ClusterClient
from kubectl_tune.errors import ClusterError, EngineError
from kubectl_tune.session import SessionInfo
from kubectl_tune.store import Store
from kubectl_tune.summary import counted
from kubectl_tune.table import clean, duration


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
            click_type=DryRunMode(["none", "client"]),
            help="Must be none or client. With client, only say what would be deleted",
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
    heed_flags()
    store, before = open_store(), time.time() - older
    old = list(pruning.old_sessions(store, before))
    known = {store.info(name).uid for name in store.names()}
    with ExitStack() as stack:
        client = stack.enter_context(closing(client_of_globals())) if cluster else None
        strangers = list(pruning.old_remotes(client, before, known)) if client else []
        return _prune(store, old, client, strangers, older, dry=dry, yes=yes)


def _prune(
    store: Store,
    old: Sequence[pruning.Old],
    client: ClusterClient | None,
    strangers: Sequence[pruning.Old],
    older: float,
    *,
    dry: bool,
    yes: bool,
) -> int:
    if not old and not strangers:
        print(f"No sessions that finished more than {duration(older)} ago", file=sys.stderr)
        return 0
    count = counted(len(old) + len(strangers), "session")
    if not dry:
        confirm(f"Delete {count} that finished more than {duration(older)} ago?", yes=yes)
    done = "deleted (dry run)" if dry else "deleted"
    left = []
    for each in old:
        if dry or _delete(store, each.info):
            print(f'session "{each.info.name}" {done}')
        else:
            left.append(each.info.name)
    for each in strangers:
        if client and not dry:
            pruning.remove_stranger(client, each.info)
        where = f"{client.namespace} namespace" if client else ""
        print(f'session "{each.info.name}" {done} from {where}')
    if left:
        raise EngineError(
            f"{counted(len(left), 'session')} stayed",
            hint=f"forget one all the same: kubectl tune delete {left[0]} --state-only",
        )
    return 0


def _delete(store: Store, info: SessionInfo) -> bool:
    """Delete a session here and where it ran; one whose cluster can't be asked stays."""
    try:
        pruning.remove_from_its_cluster(info)
    except (ClusterError, EngineError) as error:
        print(f"warning: {clean(str(error))}", file=sys.stderr)
        return False
    control.delete(store, [info.name])
    return True
