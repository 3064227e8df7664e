"""Whole drives of sessions on a cluster in memory, and clients that die in the middle of one."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.making import opened
from engines.clusterplace import ClusterPlace

from kubectl_tune.errors import Unreachable
from kubectl_tune.ledger import Ledger
from kubectl_tune.runner import Driver, Stop
from kubectl_tune.session import Session
from kubectl_tune.store import Store
from kubectl_tune.trial import TrialState

VERBS = ("create", "get", "patch", "delete", "delete_collection", "list", "watch", "logs")


class Died(BaseException):
    """The driver's process is gone."""


class Dying:
    """
    A client whose process dies at one of its calls; when that was done, if `done`, or before.

    Whatever it is asked later never reaches the cluster.
    """

    def __init__(self, client: Any, at: int, *, done: bool) -> None:
        self._client = client
        self._at = at
        self._done = done
        self._calls = 0
        self._lock = threading.Lock()
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return self._dying(found) if name in VERBS else found

    def _dying(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **more: Any) -> Any:
            with self._lock:
                self._calls += 1
                last = self._calls == self._at
                late = self.dead
                self.dead |= last
            if last and self._done:
                call(*args, **more)
            if last or late:
                raise Unreachable("the process of this client is dead")
            return call(*args, **more)

        return called

    def live(self) -> tuple[()]:
        """Be what a driver asks for requests: it finds out that it is dead."""
        if self.dead:
            raise Died
        return ()


class Sessions:
    """Sessions of one place in one state file, driven as `run` and `resume` do."""

    def __init__(self, place: ClusterPlace, folder: Path) -> None:
        self.place = place
        self._path = folder / "state.db"

    @contextmanager
    def store(self) -> Iterator[Store]:
        with opened(self._path) as store:
            yield store

    def new(self, *behaviours: str, **policy: Any) -> str:
        session = self.place.session(*behaviours, **policy)
        with self.store() as store:
            store.create(session.info, [trial.spec for trial in session.trials.values()])
        return session.info.name

    def drive(self, name: str, client: Any = None, **driver: Any) -> Session:
        """Drive a session to its end, or until its client has died."""
        with self.store() as store:
            ledger = Ledger(store.load(name), store, store.claim(name))
            requests = {"requests": client.live} if isinstance(client, Dying) else {}
            engine = self.place.engine(ledger.session, client or self.place.cluster.client())
            try:
                Driver(ledger, engine, stop=Stop(), **requests, **driver).run()
            finally:
                engine.close()
            return ledger.session

    def kill(self, name: str, at: int, *, done: bool) -> bool:
        """Drive with a client that dies at this call; say whether it came to that."""
        client = Dying(self.place.cluster.client(), at, done=done)
        try:
            self.drive(name, client)
        except (Died, Unreachable):
            assert client.dead
        return client.dead

    def stored(self, name: str) -> dict[str, Any]:
        with self.store() as store:
            return {row.trial.id: row.trial for row in store.trials(name)}

    def successes(self, name: str) -> Counter[str]:
        """How many attempts of each trial the state file has as successes."""
        with self.store() as store:
            return Counter(
                id
                for id in self.stored(name)
                for each in store.attempts(name, id)
                if each["state"] == TrialState.SUCCEEDED
            )

    def jobs_made(self) -> Counter[str]:
        """How many Jobs each trial ever had."""
        return Counter(
            written.new["metadata"]["labels"]["kubectl-tune.dev/trial"]
            for written in self.place.cluster.api.store.history
            if written.type == "ADDED" and written.key.kind == "Job"
        )
