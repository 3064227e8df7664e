"""
Drives of a session: its lock, its engine, its signals, and what came of it.

Its rule: whoever changes a session holds its lock and is its owner, for an hour or a moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kubectl_tune import engines
from kubectl_tune.beginning import refuse_shared_outputs
from kubectl_tune.failfast import Diagnosis
from kubectl_tune.ledger import Ledger
from kubectl_tune.lock import DriverLock
from kubectl_tune.runner import Driver, Show, Stop, stopping
from kubectl_tune.session import SessionState
from kubectl_tune.sessions import Standing, standing
from kubectl_tune.store import Store


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a drive ended: the session's standing, and the exit code that says it."""

    standing: Standing
    exit_code: int
    idle: bool = False  # there was nothing to do
    stopped: bool = False  # by a signal, with trials unfinished
    going: tuple[str, ...] = ()  # trials that go on without a driver
    diagnosis: Diagnosis | None = None  # why all was ended, where the first trials failed alike


def drive(store: Store, name: str, *, show: Show) -> Outcome:
    """
    Drive a session until it has ended, or a signal asks to let go of it.

    Raises `SessionBusy` when somebody drives it already.
    """
    diagnosis = None
    with holding(store, name) as ledger, stopping() as stop:
        session = ledger.session
        idle = not session.unfinished and bool(store.summary(name).ended)
        if idle:
            _tidy(store, name, ledger)
        else:
            refuse_shared_outputs(store, name, store.outputs(name))
            diagnosis = _run(store, name, ledger, stop, show)
    now, going = standing(store, name), tuple(trial.id for trial in session.in_flight)
    if stop.signal and session.unfinished:
        return Outcome(now, stop.exit_code, stopped=True, going=going)
    return Outcome(now, exit_code(now.state), idle=idle, going=going, diagnosis=diagnosis)


@contextmanager
def holding(store: Store, name: str) -> Iterator[Ledger]:
    """Own a session, and keep every other driver away from it."""
    lock = DriverLock(store.folder(name), name)
    try:
        epoch = store.claim(name)  # at once: requests to earlier drivers go with it
        yield Ledger(store.load(name), store, epoch, best=store.summary(name).best)
    finally:
        lock.release()


@contextmanager
def undriven(store: Store, name: str) -> Iterator[Ledger]:
    """
    Own a session that nobody drives, to change it.

    The engine speaks first, as in a drive: what came of attempts while nobody watched is kept.
    """
    with holding(store, name) as ledger:
        if ledger.session.unfinished:  # also what the store never heard of may have begun
            engine = engines.connect(ledger.session, store.folder(name), ledger.epoch)
            ledger.keep(engine.poll(0))
            ledger.save()
            engine.forget()
            engine.close()
        yield ledger


def _run(store: Store, name: str, ledger: Ledger, stop: Stop, show: Show) -> Diagnosis | None:
    engine = engines.connect(ledger.session, store.folder(name), ledger.epoch)
    driver = Driver(ledger, engine, stop=stop, requests=_Inbox(store, name), show=show)
    driver.run()
    return driver.diagnosis


def _tidy(store: Store, name: str, ledger: Ledger) -> None:
    """Do what a driver that was killed after its last word could not: forget."""
    engine = engines.connect(ledger.session, store.folder(name), ledger.epoch)
    engine.forget()
    engine.close()


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
