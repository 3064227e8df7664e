"""`kubectl tune list`: the sessions, newest first."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from kubectl_tune import sessions
from kubectl_tune.cli.options import output
from kubectl_tune.cli.state import open_store_to_read
from kubectl_tune.errors import SessionNotFound
from kubectl_tune.session import SessionState
from kubectl_tune.sessions import Standing
from kubectl_tune.views.objects import json_text, session_object, yaml_text
from kubectl_tune.views.tables import sessions_table


def command(
    format: Annotated[str, output("table", "wide", "json", "yaml", "name")] = "table",
    running: Annotated[
        bool, typer.Option("--running", help="Only sessions that a driver has now")
    ] = False,
    no_headers: Annotated[
        bool, typer.Option("--no-headers", help="Print a table without its headers")
    ] = False,
    cluster: Annotated[
        bool,
        typer.Option(
            "--cluster",
            help="Instead the sessions that the current namespace has, whoever began them",
        ),
    ] = False,
) -> None:
    """
    List the sessions, the newest first.

    With -n or --context, only those of that namespace or context.

    Examples:
      # All sessions
      kubectl tune list

      # Those that a namespace of the cluster has, as on a machine that is new to it
      kubectl tune list --cluster -n lab

      # Names of those that run now
      kubectl tune list --running -o name
    """
    if cluster:
        sys.stdout.write(_of_cluster(format, running, no_headers))
        return
    found = [each for each in standings() if _meant(each, running)]
    if format in ("json", "yaml"):
        text = (json_text if format == "json" else yaml_text)([*map(session_object, found)])
    elif format == "name":
        text = "".join(f"session/{each.summary.info.name}\n" for each in found)
    elif not found:
        print("No sessions found", file=sys.stderr)
        return
    else:
        text = sessions_table(found, time.time(), wide=format == "wide", no_headers=no_headers)
    sys.stdout.write(text)


def _of_cluster(format: str, running: bool, no_headers: bool) -> str:
    """Return the sessions of the namespace that the command line means, as text."""
    from kubectl_tune import attaching
    from kubectl_tune.cli.clusters import client_of_globals
    from kubectl_tune.views.remotes import Seen, remote_object, remotes_table

    client = client_of_globals()
    try:
        there, going = attaching.remotes(client), attaching.going(client)
    finally:
        client.close()
    known = {each.summary.info.uid: each.state for each in standings()}
    seen = []
    for info in (each.info for each in there):
        state = known.get(info.uid) or (SessionState.RUNNING if info.uid in going else None)
        if not running or state is SessionState.RUNNING:
            seen.append(Seen(info, state, info.uid in known))
    if format in ("json", "yaml"):
        objects = [remote_object(each, client.namespace) for each in seen]
        return (json_text if format == "json" else yaml_text)(objects)
    if format == "name":
        return "".join(f"session/{each.info.name}\n" for each in seen)
    if not seen:
        print(f"No sessions found in {client.namespace} namespace.", file=sys.stderr)
        return ""
    return remotes_table(seen, time.time(), wide=format == "wide", no_headers=no_headers)


def standings() -> list[Standing]:
    try:
        store = open_store_to_read()
    except SessionNotFound:  # nothing was ever run
        return []
    return [sessions.standing(store, name) for name in store.names()]


def _meant(standing: Standing, running: bool) -> bool:
    runs = standing.state is SessionState.RUNNING
    return (runs or not running) and sessions.is_among(standing.summary.info.target)
