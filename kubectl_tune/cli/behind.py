"""The words behind `--`: the command of a plan's trials."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from kubectl_tune.cli.errors import FlagError
from kubectl_tune.cli.frame import BEHIND


def behind(context: typer.Context, words: Sequence[str] | None) -> tuple[str, ...]:
    """Return the words behind `--`; `words`, which has them too, may have no others."""
    command = list(context.meta.get(BEHIND, []))
    if words and len(words) > len(command):
        raise FlagError(
            f"unexpected argument {words[0]}",
            usage=context.command_path,
            hint="the command of the trials goes behind --",
        )
    return tuple(command)
