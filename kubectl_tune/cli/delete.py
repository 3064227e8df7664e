"""`kubectl tune delete`: forget sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from kubectl_tune import control, sessions
from kubectl_tune.cli.options import SESSION, Yes, session_names
from kubectl_tune.cli.questions import confirm
from kubectl_tune.cli.state import open_store
from kubectl_tune.errors import ClusterError, EngineError, SessionNotFound
from kubectl_tune.session import SessionInfo
from kubectl_tune.store import Store


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SESSION",
            click_type=SESSION,
            help="Names of sessions",
            autocompletion=session_names,
        ),
    ] = None,
    state_only: Annotated[
        bool, typer.Option("--state-only", help="Leave alone what it has in a cluster")
    ] = False,
    yes: Yes = False,
) -> int:
    """
    Delete sessions: their records, logs and results in the state folder.

    So is what it has in the cluster: all of it belongs to one object, and goes with it. Files that
    were written to output_json stay. A session that runs is to be cancelled first.

    Examples:
      # Delete a session
      kubectl tune delete nightly
    """
    store = open_store()
    found = [_exact(store, name) for name in dict.fromkeys(names or [])] or [sessions.find(store)]
    if not names:
        confirm(f"Delete session {found[0]} with its logs and results?", yes=yes)
    infos = [store.info(name) for name in found]
    control.refuse_driven(store, found)
    if not state_only:
        _clear(infos)
    control.delete(store, found)
    for name in found:
        print(f'session "{name}" deleted')
    return 0


def _clear(infos: Sequence[SessionInfo]) -> None:
    """Delete what sessions have in clusters, first: without the state file it would stay."""
    remote = [info for info in infos if info.target.engine != "local"]
    if not remote:
        return
    from kubectl_tune import pruning
    from kubectl_tune.cli.clusters import heed_flags

    heed_flags()
    for info in remote:
        try:
            pruning.remove_from_its_cluster(info)
        except (ClusterError, EngineError) as error:
            error.hint = f"to forget it here alone: kubectl tune delete {info.name} --state-only"
            raise


def _exact(store: Store, name: str) -> str:
    """Return a name that is written in full: the beginning of one is not enough to delete it."""
    if name in store.names():
        return name
    near = sessions.find(store, name)
    raise SessionNotFound(f"no session named {name}", hint=f"did you mean {near}?")
