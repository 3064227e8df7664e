"""`kubectl tune attach`: a session of the cluster, on a machine that doesn't know it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kubectl_tune import access, attaching, live
from kubectl_tune.cli import running
from kubectl_tune.cli.clusters import heed_flags
from kubectl_tune.cli.options import SESSION
from kubectl_tune.cli.state import open_store


def command(
    session: Annotated[
        str,
        typer.Argument(
            metavar="SESSION", click_type=SESSION, help="Name or uid of a session in the namespace"
        ),
    ] = "",
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Take home what there is, and return")
    ] = False,
    quiet: running.Quiet = False,
) -> int:
    """
    Go on with a session that another machine has begun, from what the cluster has of it.

    The state file gets the session's plan, its results so far and what runs now; result files
    are written below the current folder. Then it is followed to its end, as resume does.

    Examples:
      # On another machine, or after the state file got lost
      kubectl tune attach nightly

      # Only take home what has been finished
      kubectl tune attach nightly --detach
    """
    heed_flags()
    store = open_store()
    here = access.here()
    client = access.client(here)
    try:
        remote = attaching.choose(client, session)
        reached = access.recorded()
        name = attaching.attach(store, client, remote, here.context, reached)
    finally:
        client.close()
    if detach:
        live.look(store, name)
        print(f"session/{name} attached")
        return 0
    print(f"session/{name} attached", file=sys.stderr)
    return running.drive(store, name, quiet=quiet)
