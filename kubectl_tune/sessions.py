"""
Sessions as commands use them: begin one, find one, drive one, say how one stands.

Its rule: nothing is started before everything that can be checked has been.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kubectl_tune import engines
from kubectl_tune.errors import SessionNotFound, StoreError, UsageError
from kubectl_tune.launch import spec_hash
from kubectl_tune.ledger import Ledger
from kubectl_tune.lock import Driver as Holder
from kubectl_tune.lock import DriverLock, current_driver
from kubectl_tune.names import normalise, slugs
from kubectl_tune.rows import Summary
from kubectl_tune.runner import Driver, Show, stopping
from kubectl_tune.session import SessionInfo, SessionState, session_state
from kubectl_tune.store import Store
from kubectl_tune.suggest import did_you_mean
from kubectl_tune.trial import TrialEvent, TrialSpec, TrialState

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
UID_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # as Kubernetes has them: they spell no words


@dataclass(frozen=True, slots=True)
class Standing:
    """How a session stands: what the store knows, and whether somebody drives it now."""

    summary: Summary
    driver: Holder | None

    @property
    def state(self) -> SessionState:
        return session_state(
            self.summary.counts, driven=self.driver is not None, ended=self.summary.ended
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a drive ended: the session's standing, and the exit code that says it."""

    standing: Standing
    exit_code: int


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
    info = replace(info, total=len(specs), created=info.created or time.time())
    engines.require(info.target.engine)
    refuse_shared_outputs(store, info, specs)
    store.create(info, identified(specs, info, file_keys))
    return info


def refuse_shared_outputs(store: Store, info: SessionInfo, specs: Sequence[TrialSpec]) -> None:
    """Raise when a live session will write a file that this one wants to write."""
    workdir = info.target.workdir
    mine = {os.path.normpath(os.path.join(workdir, s.output_json)) for s in specs if s.output_json}
    for name in store.names() if mine else ():
        if name == info.name or not current_driver(store.folder(name)):
            continue
        if shared := sorted(mine & store.outputs(name)):
            more = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
            raise StoreError(
                f"session {name} is running and writes {shared[0]}{more} too",
                hint=f"wait for it: kubectl tune wait {name}; or change output_json in the plan",
            )


def reuse(store: Store, name: str) -> int:
    """Take over results of equal hash from earlier sessions; return how many."""
    session = store.load(name)
    epoch = store.claim(name)
    ledger = Ledger(session, store, epoch)
    for trial in list(session.trials.values()):
        if trial.state is not TrialState.PENDING:
            continue
        if found := store.reusable(trial.spec.hash):
            earlier, text = found
            ledger.keep([
                TrialEvent(
                    trial.id, trial.attempt, TrialState.SUCCEEDED,
                    earlier.finished or time.time(), job=earlier.job, node=earlier.node,
                    reason="reused", exit_code=earlier.exit_code, started=earlier.started,
                    result=text,
                )
            ])  # fmt: skip
    ledger.save()
    return session.counts[TrialState.SUCCEEDED]


def drive(store: Store, name: str, *, show: Show) -> Outcome:
    """
    Drive a session until it has ended, or a signal asks to let go of it.

    Raises `SessionBusy` when somebody drives it already.
    """
    folder = store.folder(name)
    lock = DriverLock(folder, name)
    try:
        session = store.load(name)
        engines.require(session.info.target.engine)
        epoch = store.claim(name)
        with stopping() as stop:
            engine = engines.connect(session, folder, epoch)
            ledger = Ledger(session, store, epoch)
            driver = Driver(ledger, engine, stop=stop, requests=_Inbox(store, name), show=show)
            driver.run()
    finally:
        lock.release()
    now = standing(store, name)
    if stop.signal and session.unfinished:
        return Outcome(now, stop.exit_code)
    return Outcome(now, exit_code(now.state))


def exit_code(state: SessionState) -> int:
    return 0 if state is SessionState.SUCCEEDED else 1


def standing(store: Store, name: str) -> Standing:
    return Standing(store.summary(name), current_driver(store.folder(name)))


def find(store: Store, asked: str = "") -> str:
    """Return the session meant by a name, by the beginning of one, or by none: the newest."""
    names = store.names()
    if not names:
        raise SessionNotFound(
            f"no sessions yet in {store.path}", hint="start one with: kubectl tune run PLAN"
        )
    if asked in ("", "last") or asked in names:
        return asked if asked in names else names[0]
    begun = [name for name in names if name.startswith(asked)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        raise SessionNotFound(
            f"{asked} may mean {len(begun)} sessions: {', '.join(begun[:5])}",
            hint="write more of its name",
        )
    raise SessionNotFound(
        f"no session named {asked}",
        hint=did_you_mean(asked, names) or "kubectl tune list shows them all",
    )


class _Inbox:
    """What other processes ask of a session's driver, each request once."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name, self._last = store, name, 0

    def __call__(self) -> list[tuple[str, str | None]]:
        asked = self._store.asked(self._name, self._last)
        self._last = asked[-1][0] if asked else self._last
        return [(verb, job_id) for _, verb, job_id in asked]


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
