"""`kubectl tune submit`: a plan to a session that goes on by itself."""

from __future__ import annotations

from typing import Any

from kubectl_tune.cli import run, running, starting


@starting.begins
def command(
    wait: run.Wait = False,
    quiet: running.Quiet = False,
    dry_run: run.DryRun = "none",
    format: run.Shown = "",
    **options: Any,
) -> int:
    """
    Run a plan without waiting for it: return once the session is on its way.

    On the cluster, an Indexed Job goes on with it whatever becomes of this machine. With
    --engine local, a process of its own goes on driving it when this terminal is closed.

    Examples:
      # Start a session and look after it later
      kubectl tune submit plan.jsonl --name nightly
      kubectl tune watch nightly

      # Have its name in a script
      session=$(kubectl tune submit plan.jsonl -o name)
    """
    return run.begin(options, detached=not wait, quiet=quiet, dry_run=dry_run, format=format)
