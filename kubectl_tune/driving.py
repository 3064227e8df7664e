"""One drive of a session: its lock, its engine, its signals, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_tune import engines
from kubectl_tune.ledger import Ledger
from kubectl_tune.lock import DriverLock
from kubectl_tune.runner import Driver, Show, stopping
from kubectl_tune.session import SessionState
from kubectl_tune.sessions import Standing, standing
from kubectl_tune.store import Store


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a drive ended: the session's standing, and the exit code that says it."""

    standing: Standing
    exit_code: int


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
            ledger = Ledger(session, store, epoch, best=store.summary(name).best)
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


class _Inbox:
    """What other processes ask of a session's driver, each request once."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name, self._last = store, name, 0

    def __call__(self) -> list[tuple[str, str | None]]:
        asked = self._store.asked(self._name, self._last)
        self._last = asked[-1][0] if asked else self._last
        return [(verb, job_id) for _, verb, job_id in asked]
