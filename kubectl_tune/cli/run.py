"""`kubectl tune run`: a plan to a finished session."""

from __future__ import annotations

from typing import Annotated, Any

import click
import typer

from kubectl_tune.cli import running, starting
from kubectl_tune.cli.options import output


@starting.begins
def command(
    detach: Annotated[
        bool,
        typer.Option("--detach", "-d", help="Return once the session is on its way, like submit"),
    ] = False,
    quiet: running.Quiet = False,
    dry_run: Annotated[
        str,
        typer.Option(
            "--dry-run",
            metavar="HOW",
            click_type=click.Choice(["none", "client", "server"]),
            help="Create nothing: client shows what would be created, server also asks the cluster",
        ),
    ] = "none",
    format: Annotated[str, output("yaml", "json", "name")] = "",
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
    draft = starting.draft(detached=detach, **options)
    if format or dry_run != "none":
        from kubectl_tune.cli import manifests

        return manifests.show(draft.info, draft.specs, dry_run, format)
    store, name = starting.start(draft)
    if detach:
        return running.detach(store, name)
    return running.drive(store, name, quiet=quiet)
