"""The sessions and trials that words and flags of commands mean."""

from __future__ import annotations

import sys

from kubectl_tune import sessions
from kubectl_tune.cli.fresh import refresh
from kubectl_tune.errors import UsageError
from kubectl_tune.rows import StoredTrial
from kubectl_tune.session import FAULTS
from kubectl_tune.store import Store


def addressed(store: Store, words: list[str]) -> tuple[str, list[str]]:
    """Return the session and the trials that words mean; `session/NAME`, as printed, is one."""
    if words and "session" not in store.names():
        words = [words[0].removeprefix("session/"), *words[1:]]
    return sessions.addressed(store, words)


def chosen(
    store: Store, words: list[str], *, every: bool = False, failed: bool = False, instead: str = ""
) -> tuple[str, list[StoredTrial]]:
    """
    Return the session and its trials that are asked for, in the order they are.

    `instead` says what else could have been given than a trial.
    """
    name, ids = addressed(store, words)
    refresh(store, name)
    if every and ids:
        raise UsageError("name trials, or give --all; not both")
    if not (ids or every or failed):
        ids = _only_trial(store, name, instead)
    found = {each.trial.id: each for each in store.trials(name, ids=ids, states=FAULTS * failed)}
    if failed and not found:
        print(f"no trial of {name} has failed", file=sys.stderr)
    return name, [found[id] for id in ids if id in found] if ids else list(found.values())


def _only_trial(store: Store, name: str, instead: str) -> list[str]:
    ids = [each.trial.id for each in store.trials(name, limit=2)]
    if len(ids) == 1:
        return ids
    raise UsageError(
        f"session {name} has {store.info(name).total} trials: name the one that is meant",
        hint=f"for example {name}/{ids[0]}{instead}" if ids else "",
    )
