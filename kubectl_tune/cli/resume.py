"""`kubectl tune resume`: go on with a session where it stopped."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kubectl_tune import merge, planfile, sessions
from kubectl_tune.cli import running, starting
from kubectl_tune.cli.clusters import heed_flags
from kubectl_tune.cli.options import Session
from kubectl_tune.cli.state import open_store


def command(
    session: Session = "",
    plan: Annotated[
        str, typer.Option(help="Go on with this edited plan, merged by job_id", metavar="FILE")
    ] = "",
    quiet: running.Quiet = False,
) -> int:
    """
    Go on with a session: what is unfinished runs, what has ended stays.

    With --plan, lines that are new or changed run too; results of unchanged ones are kept.

    Examples:
      # Go on with the newest session
      kubectl tune resume

      # Go on with a session and more lines
      kubectl tune resume nightly --plan longer.jsonl
    """
    store = open_store()
    name = sessions.find(store, session)
    heed_flags()
    if plan:
        info = store.info(name)
        words = () if info.workload else info.command
        specs = starting.read(plan, planfile.rules(words, workdir=info.target.workdir))
        print(merge.described(merge.merge(store, name, specs)), file=sys.stderr)
    return running.drive(store, name, quiet=quiet)
