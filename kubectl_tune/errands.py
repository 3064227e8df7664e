"""
What is done for a driver in other threads: requests are sent and logs are read.

Its rule: nothing that these threads find out is acted on by them; all of it goes into one queue,
as (kind, what), and what goes wrong is raised where it can be shown, in the driver's thread.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from kubectl_tune.cluster import Manifest
from kubectl_tune.flight import Flight

WORKERS = 8
LET_GO_SECONDS = 5.0  # that what is under way may take when a driver lets go

News = queue.SimpleQueue[tuple[str, Any]]


class Errands:
    def __init__(self, news: News) -> None:
        self._news = news
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="cluster")
        self._open: set[Future[None]] = set()

    def run(self, what: Callable[[], object]) -> None:
        def guarded() -> None:
            try:
                what()
            except Exception as error:  # whoever waits for news raises it, where it is seen
                self._news.put(("error", error))

        future = self._pool.submit(guarded)
        self._open.add(future)
        future.add_done_callback(self._open.discard)

    def create(self, flight: Flight) -> Future[Manifest]:
        """Send an attempt's Job."""
        assert flight.make
        flight.sending = True
        return self._pool.submit(flight.make)

    def tell_later(self, flight: Flight, future: Future[Manifest]) -> None:
        """Let the queue have the answer to a creation."""
        future.add_done_callback(lambda future: self._news.put(("made", (flight, future))))

    def close(self) -> None:
        wait(list(self._open), LET_GO_SECONDS)
        self._pool.shutdown(wait=False, cancel_futures=True)
