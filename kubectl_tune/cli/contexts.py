"""What completes --context, --cluster, --user and --namespace: the kubeconfig, and no cluster."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from kubectl_tune.cli.globals import PREFIX, flags

if TYPE_CHECKING:
    import click

KINDS = ("context", "cluster", "user", "namespace")


def names(kind: str, kubeconfig: str, begun: str) -> list[str]:
    """Return the names of a kind that a kubeconfig has, and that begin so."""
    from kubectl_tune.cluster.configmerge import load

    config = load(kubeconfig, os.environ)
    known = {
        "context": config.contexts,
        "cluster": config.clusters,
        "user": config.users,
        "namespace": [each["namespace"] for each in config.contexts.values()],
    }[kind]
    return sorted({name for name in known if name and name.startswith(begun)})


def candidates(kind: str, context: click.Context, begun: str) -> list[str]:
    """Complete the value of a flag on the line of a command."""
    return names(kind, context.params.get(f"{PREFIX}kubeconfig") or "", begun)


def before_command(words: Sequence[str], begun: str) -> list[str] | None:
    """Complete the value of a flag that stands before the command; None where it is none."""
    flag, equals, value = begun.partition("=")
    if not equals:
        flag, value = (words[-1] if words else ""), begun
    kind = {spelling: each.key for each in flags() for spelling in each.spellings}.get(flag, "")
    if kind not in KINDS:
        return None
    return names(kind, _kubeconfig(words), value)


def _kubeconfig(words: Sequence[str]) -> str:
    for word, value in pairwise([*words, ""]):
        flag, equals, given = word.partition("=")
        if flag == "--kubeconfig":
            return given if equals else value
    return ""
