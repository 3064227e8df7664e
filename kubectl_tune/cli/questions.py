"""Asking before something can't be undone; never where there is nobody to answer."""

from __future__ import annotations

import sys

from kubectl_tune.errors import UsageError


def confirm(question: str, *, yes: bool) -> None:
    """Ask on the terminal unless `yes`; raise `UsageError` unless the answer is yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            f"there is no terminal to ask on: {question}",
            hint="name the session, or say yes beforehand with -y",
        )
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("not confirmed, so nothing was done")
