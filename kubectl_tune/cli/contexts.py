"""
What completes the values of global flags: for --context, --cluster, --user and --namespace the
kubeconfig, and for namespaces the cluster, if it answers at once; files for those that name one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from kubectl_tune.cli.globals import PREFIX, Flag, flags

if TYPE_CHECKING:
    import click

KINDS = ("context", "cluster", "user", "namespace")
PATHS = {
    **dict.fromkeys(
        ("certificate_authority", "client_certificate", "client_key", "kubeconfig", "state"), "file"
    ),
    "cache_dir": "dir",
}
LEADING = ("kubeconfig", "context", "cluster", "user", "server", "token")
PATIENCE = 1.5  # seconds that a cluster has for an answer: somebody waits for it


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
    params = context.params.items()  # a command's own --cluster is another flag than the global one
    given = {
        key.removeprefix(PREFIX): value for key, value in params if value and key.startswith(PREFIX)
    }
    return _candidates(kind, given, begun)


def _candidates(kind: str, given: Mapping[str, Any], begun: str) -> list[str]:
    found = names(kind, str(given.get("kubeconfig", "")), begun)
    return sorted({*found, *_there(given, begun)}) if kind == "namespace" else found


def _there(given: Mapping[str, Any], begun: str) -> list[str]:
    """Return the namespaces of the cluster, none where it doesn't answer or a plugin must run."""
    from kubectl_tune import access
    from kubectl_tune.cli.clusters import heed_flags
    from kubectl_tune.cli.globals import Globals, remember
    from kubectl_tune.errors import TuneError

    known = {key: value for key, value in given.items() if key in Globals.__annotations__}
    remember(Globals(**{**known, "request_timeout": PATIENCE}))
    heed_flags()
    try:
        way = access.here()
        if way.plugin:  # it may ask for a password, and a TAB is no answer
            return []
        with closing(access.client(way)) as client:
            found, _ = client.list("Namespace")
    except TuneError:
        return []
    named = (str(each["metadata"]["name"]) for each in found)
    return [name for name in named if name.startswith(begun)]


def valued(words: Sequence[str], begun: str) -> Flag | None:
    """Return the flag whose value is begun before the command, if there is one."""
    name = begun.partition("=")[0] if "=" in begun else (words[-1] if words else "")
    return next((flag for flag in flags() if flag.valued and name in flag.spellings), None)


def before_command(flag: Flag, words: Sequence[str], begun: str) -> list[str]:
    """Complete the value of a flag that stands before the command."""
    if flag.key not in KINDS:
        return []
    keys = {spelling: each.key for each in flags() for spelling in each.spellings}
    _, equals, value = begun.partition("=")
    return _candidates(flag.key, _given(words, keys), value if equals else begun)


def _given(words: Sequence[str], keys: Mapping[str, str]) -> dict[str, str]:
    """Return what leads to the cluster, of flags with their values."""
    split = [(word.partition("="), following) for word, following in pairwise([*words, ""])]
    values = {keys.get(flag, ""): given if eq else after for (flag, eq, given), after in split}
    return {key: value for key, value in values.items() if key in LEADING and value}
