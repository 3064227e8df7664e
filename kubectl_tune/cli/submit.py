"""`kubectl tune submit`: a plan to a session that goes on by itself."""

from __future__ import annotations

from typing import Any

from kubectl_tune.cli import running, starting


@starting.begins
def command(**options: Any) -> int:
    """
    Run a plan without waiting for it: return once the session is on its way.

    On the cluster, an Indexed Job goes on with it whatever becomes of this machine. With
    --engine local, a process of its own goes on driving it when this terminal is closed.

    Examples:
      # Start a session and look after it later
      kubectl tune submit plan.jsonl --name nightly
      kubectl tune watch nightly
    """
    return running.detach(*starting.start(starting.draft(detached=True, **options)))
