"""Changing sessions that have begun: trying trials again, cancelling, deleting."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence

from kubectl_tune import engines
from kubectl_tune.errors import EngineError, UsageError
from kubectl_tune.ledger import Ledger
from kubectl_tune.lock import DriverLock, current_driver
from kubectl_tune.runner import cancelled
from kubectl_tune.session import SessionState
from kubectl_tune.store import Store
from kubectl_tune.trial import TrialEvent, TrialState

AGAIN = (TrialState.FAILED, TrialState.TIMED_OUT, TrialState.CANCELLED, TrialState.LOST)
CANCEL_SECONDS = 30.0


def begin_again(store: Store, name: str, ids: Sequence[str]) -> int:
    """Make trials that have not succeeded wait for another attempt; return how many."""
    lock = DriverLock(store.folder(name), name)
    try:
        session = store.load(name)
        trials = [session.trials[id] for id in ids] or list(session.trials.values())
        for trial in trials if ids else ():
            if trial.state not in AGAIN:
                raise UsageError(
                    f"trial {trial.id} is {trial.state}: there is nothing to try again",
                    hint="an edited plan may run it anew: kubectl tune resume --plan FILE",
                )
        ledger = Ledger(session, store, store.claim(name))
        again = [trial for trial in trials if trial.state in AGAIN]
        ledger.keep(TrialEvent(t.id, t.attempt + 1, TrialState.PENDING) for t in again)
        ledger.save()
    finally:
        lock.release()
    return len(again)


def cancel(store: Store, name: str, ids: Sequence[str]) -> int:
    """
    End trials, or all of a session, through its driver or without one; return how many.

    Waits until they have ended, at most `CANCEL_SECONDS`.
    """
    if current_driver(store.folder(name)):
        store.ask(name, "cancel", ids or [None], time.time())
        if _await_cancelled(store, name, ids):
            return len(ids)
    return _cancel_undriven(store, name, ids)


def _await_cancelled(store: Store, name: str, ids: Sequence[str]) -> bool:
    """Wait for the driver to do as it was asked; False when there no longer is one."""
    deadline = time.monotonic() + CANCEL_SECONDS
    while time.monotonic() < deadline:
        if not current_driver(store.folder(name)):
            return False
        if ids and all(row.trial.state.ended for row in store.trials(name, ids=ids)):
            return True
        time.sleep(0.1)
    raise EngineError(
        f"session {name}: its driver was asked to cancel, but has not in {CANCEL_SECONDS:g}s",
        hint=f"see how it stands with: kubectl tune status {name}",
    )


def _cancel_undriven(store: Store, name: str, ids: Sequence[str]) -> int:
    lock = DriverLock(store.folder(name), name)
    try:
        session = store.load(name)
        epoch = store.claim(name)
        ledger = Ledger(session, store, epoch)
        engine = engines.connect(session, store.folder(name), epoch)
        ledger.keep(engine.poll(0))
        trials = [session.trials[id] for id in ids] or list(session.trials.values())
        before = session.counts[TrialState.CANCELLED]
        ledger.keep(cancelled(trials))
        ledger.keep(engine.close())
        over = "" if ids and session.unfinished else SessionState.CANCELLED
        ledger.save(ended=over)
    finally:
        lock.release()
    return session.counts[TrialState.CANCELLED] - before


def delete(store: Store, name: str) -> None:
    """Forget a session and remove its folder; one that is driven is refused."""
    folder = store.folder(name)
    lock = DriverLock(folder, name)
    try:
        store.delete(name)
    finally:
        lock.release()
    shutil.rmtree(folder, ignore_errors=True)
