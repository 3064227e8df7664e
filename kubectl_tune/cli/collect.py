"""`kubectl tune collect`: a session as a folder of files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kubectl_tune import collector
from kubectl_tune.cli.fresh import open_fresh
from kubectl_tune.cli.options import Session
from kubectl_tune.errors import UsageError
from kubectl_tune.restore import restore
from kubectl_tune.store import Store
from kubectl_tune.table import clean


def command(
    session: Session = "",
    to: Annotated[str, typer.Option(metavar="FOLDER", help="Folder to write to")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Write to a folder that has other files, too")
    ] = False,
) -> None:
    """
    Gather a session in a folder: results, logs, a summary of all trials, the plan.

    While the session runs, what is there so far is written; collecting again brings the folder
    up to date. Without --to, result files that are missing from where the plan wants them
    (output_json), or that have changed, are written there again.

    Examples:
      # Everything there is of a session, for a colleague or for other tools
      kubectl tune collect nightly --to nightly/

      # Result files that got lost, or never came along to this machine
      kubectl tune collect
    """
    store, name = open_fresh(session)
    if to:
        print(clean(_collected(store, name, to, force=force)))
        if caveat := store.info(name).caveat:
            print(f"note: {caveat}", file=sys.stderr)
    elif force:
        raise UsageError("--force is for a folder", hint="name it with --to")
    else:
        print(_restored(store, name))


def _collected(store: Store, name: str, to: str, *, force: bool) -> str:
    found = collector.collect(store, name, Path(to), force=force)
    others = f", {found.failed} of failed trials" if found.failed else ""
    return f"session/{name} collected in {to}: {found.results} results{others}, {found.logs} logs"


def _restored(store: Store, name: str) -> str:
    found = restore(store, name)
    if not found.total:
        return f"session/{name} has no result files; everything else: collect {name} --to FOLDER"
    written = found.missing + found.changed
    why = f" ({found.missing} missing, {found.changed} changed)" if written else ""
    return f"session/{name}: {written} of {found.total} result files written again{why}"
