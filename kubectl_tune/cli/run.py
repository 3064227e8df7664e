"""`kubectl tune run`: a plan to a finished session; and what `submit` does alike."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kubectl_tune.cli import running, starting
from kubectl_tune.cli.options import DryRunMode, output

Detach = Annotated[
    bool, typer.Option("--detach", "-d", help="Return once the session is on its way, like submit")
]
Wait = Annotated[bool, typer.Option("--wait", help="If true, wait until the session has ended")]
DryRun = Annotated[
    str,
    typer.Option(
        "--dry-run",
        metavar="HOW",
        click_type=DryRunMode(["none", "server", "client"]),
        help="Create nothing: client shows what would be created, server also asks the cluster",
    ),
]
Shown = Annotated[str, output("yaml", "json", "name")]


@starting.begins
def command(
    detach: Detach = False,
    wait: Wait = True,
    quiet: running.Quiet = False,
    dry_run: DryRun = "none",
    format: Shown = "",
    **options: Any,
) -> int:
    """
    Run every line of a plan as a trial, at most some at once, and wait for the end.

    The command of a trial is its line's, else the words behind --, else the built-in
    workload's. In it, {key} stands for a key of the line's config, {config} and {output_json}
    for files with the config and for the result. Exit code 0 says that every trial succeeded.

    Examples:
      # Run a plan on this machine, on all of its cores
      kubectl tune run plan.jsonl --engine local -j 0

      # Tune a program of one's own, giving up after ten failures
      kubectl tune run plan.jsonl --halt soon,fail=10 -- python train.py --lr {lr}

      # Go on after an interruption
      kubectl tune resume

      # See what would be created on the cluster
      kubectl tune run plan.jsonl -o yaml
    """
    return begin(options, detached=detach or not wait, quiet=quiet, dry_run=dry_run, format=format)


def begin(
    options: dict[str, Any], *, detached: bool, quiet: bool, dry_run: str, format: str
) -> int:
    """Begin a session, or show its manifests; `-o name` without a dry run names the session."""
    draft = starting.draft(detached=detached, **options)
    if dry_run != "none" or format in ("yaml", "json"):
        from kubectl_tune.cli import manifests

        return manifests.show(draft.info, draft.specs, dry_run, format)
    store, name = starting.start(draft)
    if detached:
        return running.detach(store, name, only_name=format == "name")
    return running.drive(store, name, quiet=quiet, only_name=format == "name")
