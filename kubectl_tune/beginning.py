"""
Beginning sessions: names and identities, and what is checked before anything is written.

Its rule: nothing is started before everything that can be checked has been.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from kubectl_tune import engines
from kubectl_tune.errors import StoreError, UsageError
from kubectl_tune.launch import spec_hash
from kubectl_tune.ledger import Ledger, requires_result
from kubectl_tune.lock import current_driver
from kubectl_tune.names import normalise, slugs
from kubectl_tune.rows import output_path
from kubectl_tune.session import SessionInfo
from kubectl_tune.store import Store
from kubectl_tune.trial import Trial, TrialEvent, TrialSpec, TrialState

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
UID_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # as Kubernetes has them: they spell no words


def new_uid() -> str:
    return "".join(secrets.choice(UID_LETTERS) for _ in range(5))


def session_name(asked: str, plan: str, uid: str) -> str:
    """Return the name asked for, or one made of the plan's; raise when it can't be one."""
    if not asked:
        stem = Path(plan).name.partition(".")[0] if plan != "-" else "stdin"
        return f"{normalise(stem)[:30].strip('-')}-{uid}"
    if not NAME.fullmatch(asked):
        raise UsageError(
            f"--name {asked}: a session's name has at most 40 small letters, digits and '-',"
            " and begins and ends with a letter or digit",
            hint=f"for example: --name {normalise(asked)[:40].strip('-')}",
        )
    return asked


def identified(
    specs: Sequence[TrialSpec],
    info: SessionInfo,
    file_keys: Iterable[str],
    *,
    taken: Iterable[str] = (),
) -> list[TrialSpec]:
    """Give every trial the slug and the hash that a session knows it by."""
    files = _Files(info.target.workdir)
    named = zip(specs, slugs([spec.id for spec in specs], taken=set(taken)), strict=True)
    keys = tuple(file_keys)
    return [
        spec.named(slug, spec_hash(spec, info.command, files.of(spec, keys)))
        for spec, slug in named
    ]


def begin(
    store: Store, info: SessionInfo, specs: Sequence[TrialSpec], file_keys: Iterable[str] = ()
) -> SessionInfo:
    """Write a new session down, with nothing begun; return it as it was written."""
    info = info._replace(total=len(specs), created=info.created or time.time())
    engines.require(info.target.engine)
    refuse_shared_outputs(store, info.name, {output_path(spec, info) for spec in specs} - {""})
    store.create(info, identified(specs, info, file_keys))
    return info


def refuse_shared_outputs(store: Store, name: str, outputs: Collection[str]) -> None:
    """Raise when another live session writes one of these files."""
    for other in store.names() if outputs else ():
        if other == name or not current_driver(store.folder(other)):
            continue
        if shared := sorted(store.outputs(other).intersection(outputs)):
            more = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
            raise StoreError(
                f"session {other} is running and writes {shared[0]}{more} too",
                hint=f"wait for it: kubectl tune wait {other}; or change output_json in the plan",
            )


def reuse(store: Store, name: str) -> int:
    """Take over results of equal hash from earlier sessions; return how many."""
    session = store.load(name)
    ledger = Ledger(session, store, store.claim(name))
    for trial in list(session.trials.values()):
        found = store.reusable(trial.spec.hash)
        if found and (found[1] or not requires_result(session.info, trial)):
            ledger.keep([_taken_over(trial, *found)])
    ledger.save(ended="" if session.unfinished else "done")
    return session.counts[TrialState.SUCCEEDED]


def _taken_over(trial: Trial, earlier: Trial, result: str | None) -> TrialEvent:
    return TrialEvent(
        trial.id, trial.attempt, TrialState.SUCCEEDED, earlier.finished or time.time(),
        job=earlier.job, node=earlier.node, reason="reused", exit_code=earlier.exit_code,
        started=earlier.started, result=result,
    )  # fmt: skip


class _Files:
    """Hashes of data files, each file read once."""

    def __init__(self, workdir: str) -> None:
        self._workdir = workdir
        self._hashes: dict[str, str] = {}

    def of(self, spec: TrialSpec, keys: Sequence[str]) -> Mapping[str, str]:
        named = {key: spec.config[key] for key in keys if isinstance(spec.config.get(key), str)}
        return {key: self._hash(path) for key, path in named.items()}

    def _hash(self, path: str) -> str:
        if path not in self._hashes:
            try:
                with open(os.path.join(self._workdir, path), "rb") as file:
                    self._hashes[path] = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError:  # not on this machine, or not yet
                self._hashes[path] = ""
        return self._hashes[path]
