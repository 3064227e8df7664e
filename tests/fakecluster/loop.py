"""
The thread in which all controllers live: it sleeps until something was written, or is due.

Controllers decide under the store's lock and never wait, so that each sees one write after the
other, and none is in another's way.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Protocol

from .store import Store, Written


class Controller(Protocol):
    def see(self, written: Written) -> None:
        """Take note of a write."""

    def act(self) -> None:
        """Do what follows from all that was seen."""


class Loop:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen = store.version
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()
        self._closed = False
        self._controllers: Sequence[Controller] = ()
        self._thread = threading.Thread(target=self._run, name="controllers", daemon=True)

    def start(self, controllers: Sequence[Controller]) -> None:
        self._controllers = controllers
        self._thread.start()

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something in this thread, later."""
        with self._store.changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._number), act))
            self._store.changed.notify_all()

    def close(self) -> None:
        self._closed = True
        self._store.wake()
        self._thread.join()

    def _run(self) -> None:
        with self._store.changed:
            while not self._closed:
                if not self._step():
                    self._store.changed.wait(self._rest())

    def _step(self) -> bool:
        """Show what is new to every controller; return whether there was anything."""
        due = self._ripe()
        news = self._store.since(self._seen)
        self._seen = self._store.version
        for act in due:
            act()
        for controller in self._controllers:
            for written in news:
                controller.see(written)
            controller.act()
        return bool(due or news)

    def _ripe(self) -> list[Callable[[], None]]:
        ripe = []
        while self._due and self._due[0][0] <= time.monotonic():
            ripe.append(heapq.heappop(self._due)[2])
        return ripe

    def _rest(self) -> float | None:
        return max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
