"""Changing sessions that have begun: trying trials again, cancelling, deleting."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence

from kubectl_tune import engines
from kubectl_tune.driving import holding, undriven
from kubectl_tune.engines import Engine
from kubectl_tune.errors import EngineError, SessionBusy, UsageError
from kubectl_tune.ledger import Ledger
from kubectl_tune.lock import DriverLock, current_driver
from kubectl_tune.runner import DONE, END_SECONDS, TICK, cancelled
from kubectl_tune.session import SessionState
from kubectl_tune.store import Store
from kubectl_tune.trial import Trial, TrialEvent, TrialState

AGAIN = (TrialState.FAILED, TrialState.TIMED_OUT, TrialState.CANCELLED, TrialState.LOST)
CANCEL_SECONDS = END_SECONDS + 5.0  # a driver that was asked to needs a moment more
LOOK_SECONDS = 0.05


def begin_again(store: Store, name: str, ids: Sequence[str]) -> int:
    """
    Make trials that have not succeeded wait for another attempt; return how many.

    `ids` are all of the session's failures if there are none.
    """
    with undriven(store, name) as ledger:
        trials = _meant(ledger, ids)
        if ids:
            _refuse_others(name, trials)
        again = [trial for trial in trials if trial.state in AGAIN]
        ledger.keep(TrialEvent(t.id, t.attempt + 1, TrialState.PENDING) for t in again)
        ledger.save()
    return len(again)


def _refuse_others(name: str, trials: Iterable[Trial]) -> None:
    """Raise for trials that there is no reason to try again."""
    others = [trial for trial in trials if trial.state not in AGAIN]
    if others:
        waiting = any(not trial.state.ended for trial in others)
        raise UsageError(
            "; ".join(f"trial {t.id} is {t.state}: there is nothing to try again" for t in others),
            hint=f"what is unfinished runs with: kubectl tune resume {name}"
            if waiting
            else f"an edited plan may run it anew: kubectl tune resume {name} --plan FILE",
        )


def cancel(store: Store, name: str, ids: Sequence[str]) -> int:
    """
    End trials, or all of a session, through its driver or without one; return how many.

    Waits until they have ended, at most `CANCEL_SECONDS`.
    """
    before = _cancelled(store, name)
    if current_driver(store.folder(name)):
        store.ask(name, "cancel", ids or [None], time.time())
        if _await_cancelled(store, name, ids):
            return _cancelled(store, name) - before
    _cancel_undriven(store, name, ids)
    return _cancelled(store, name) - before


def _cancelled(store: Store, name: str) -> int:
    return store.summary(name).counts.get(TrialState.CANCELLED, 0)


def _await_cancelled(store: Store, name: str, ids: Sequence[str]) -> bool:
    """Wait for the driver to do as it was asked; False when there no longer is one."""
    deadline = time.monotonic() + CANCEL_SECONDS
    while time.monotonic() < deadline:
        if not current_driver(store.folder(name)):
            return False
        if ids and all(row.trial.state.ended for row in store.trials(name, ids=ids)):
            return True
        time.sleep(LOOK_SECONDS)
    raise EngineError(
        f"session {name}: its driver was asked to cancel, but has not in {CANCEL_SECONDS:g}s",
        hint=f"see how it stands with: kubectl tune status {name}",
    )


def _cancel_undriven(store: Store, name: str, ids: Sequence[str]) -> None:
    with holding(store, name) as ledger:
        if not ledger.session.unfinished:
            return
        engine = engines.connect(ledger.session, store.folder(name), ledger.epoch)
        try:
            left = end(ledger, engine, ids)
        finally:
            engine.close()
        engine.forget()
    if left:
        raise EngineError(
            f"session {name}: {len(left)} of its trials have not ended in {CANCEL_SECONDS:g}s",
            hint=f"see how it stands with: kubectl tune status {name}; then cancel again",
        )


def end(
    ledger: Ledger, engine: Engine, ids: Sequence[str], patience: float = CANCEL_SECONDS
) -> list[str]:
    """
    Cancel trials that nobody drives, all if none is named; return those still in flight then.

    The engine speaks first, as in a drive: what came of attempts while nobody watched is kept.
    Only on a cluster does something go on without a driver, and has to be waited for.
    """
    session = ledger.session
    ledger.keep(engine.poll(0))
    ledger.save()
    before = session.counts[TrialState.CANCELLED]
    engine.cancel(_in_flight(ledger, ids))
    until = time.monotonic() + patience
    while _in_flight(ledger, ids) and (left := until - time.monotonic()) > 0:
        ledger.keep(engine.poll(min(left, TICK)))
        ledger.save()
    ledger.keep(cancelled(session, _meant(ledger, ids)))
    whole = not ids and session.counts[TrialState.CANCELLED] > before
    over = SessionState.CANCELLED if whole else DONE
    ledger.save(ended="" if session.unfinished else over)
    return [trial.id for trial in _in_flight(ledger, ids)]


def _in_flight(ledger: Ledger, ids: Sequence[str]) -> list[Trial]:
    return [trial for trial in _meant(ledger, ids) if trial.state.in_flight]


def _meant(ledger: Ledger, ids: Sequence[str]) -> list[Trial]:
    trials = ledger.session.trials
    return [trials[id] for id in ids] or list(trials.values())


def delete(store: Store, names: Sequence[str]) -> None:
    """Forget sessions and remove their folders; none if one of them is driven."""
    refuse_driven(store, names)
    for name in names:
        _delete(store, name)


def refuse_driven(store: Store, names: Sequence[str]) -> None:
    """Raise `SessionBusy` when somebody drives one of the sessions."""
    for name in names:
        if driver := current_driver(store.folder(name)):
            raise SessionBusy(
                f"session {name} is running: {driver}",
                hint=f"end it first: kubectl tune cancel {name}",
            )


def _delete(store: Store, name: str) -> None:
    folder = store.folder(name)
    lock = DriverLock(folder, name)
    try:
        store.delete(name)
    finally:
        lock.release()
    shutil.rmtree(folder, ignore_errors=True)
