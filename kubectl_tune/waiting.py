"""
Attempts that wait for their pods to run: why they do, and when that has lasted too long.

Its rule: who only queues waits without limit, and what waiting can't mend is given up at once.
Times that the cluster has written down are held against the cluster's own clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from kubectl_tune.cluster import ClusterClient, Manifest, diagnosis, observed
from kubectl_tune.errors import ClusterError, Forbidden
from kubectl_tune.flight import Fate, Flight, Key
from kubectl_tune.trial import Failure, TrialState

EVENTS_AFTER = 3.0  # seconds that an attempt waits before its events are looked at,
EVENTS_EVERY = 10.0  # and between two such looks


@dataclass(frozen=True, slots=True)
class News:
    """What is new of an attempt that waits: another reason, or that it is given up."""

    flight: Flight
    failure: Failure | None
    reason: str
    fate: Fate | None = None


class Waiting:
    """`patience` are the seconds that an attempt may wait; `queues` says which only queue."""

    def __init__(
        self, client: ClusterClient, patience: float, queues: Callable[[Flight], bool]
    ) -> None:
        self._client = client
        self._patience = patience
        self._queues = queues
        self._flights: dict[Key, Flight] = {}
        self._ahead: float | None = None  # seconds of the cluster's clock before ours
        self._events: Sequence[Manifest] = ()
        self._events_at = 0.0
        self._no_events = False

    def __contains__(self, flight: Flight) -> bool:
        return flight.key in self._flights

    def add(self, flight: Flight) -> None:
        self._flights[flight.key] = flight

    def drop(self, flight: Flight) -> None:
        self._flights.pop(flight.key, None)

    def set_clock(self, made: Manifest) -> None:
        """Learn the cluster's time from an object, best from one that was made just now."""
        if created := observed.seconds(made["metadata"].get("creationTimestamp")):
            ahead = created - time.time()
            self._ahead = ahead if self._ahead is None else max(self._ahead, ahead)

    def news(self, now: float) -> Iterator[News]:
        """Look at all of them at the time `now` of the monotonic clock."""
        for flight in self._flights.values():
            if self._queues(flight) or (flight.job and observed.is_suspended(flight.job)):
                flight.since = now
        long = [f for f in self._flights.values() if now - f.since >= EVENTS_AFTER and f.is_open]
        if long:
            self._look_at_events(now)
        for flight in long:
            yield from self._explain(flight, now)

    def _look_at_events(self, now: float) -> None:
        if self._no_events or now - self._events_at < EVENTS_EVERY:
            return
        self._events_at = now
        try:
            self._events, _ = self._client.list("Event", fields="type=Warning")
        except ClusterError as error:
            # It is a right that we can do without; of all else, better luck next time.
            self._no_events = isinstance(error, Forbidden)

    def _explain(self, flight: Flight, now: float) -> Iterator[News]:
        at = time.time() + (self._ahead or 0.0)
        verdict = diagnosis.diagnose(flight.job, flight.pod, self._events, now=at)
        failure, said = verdict.failure, verdict.sentence
        if verdict.state != "fatal" and now - flight.since > self._patience:
            failure = failure or Failure.UNSCHEDULABLE
            waited = f"it waited longer than {self._patience:g}s to run"
            said = f"{waited}: {said}" if said else waited
        elif verdict.state != "fatal":
            if verdict.state == "waiting" and said != flight.told:
                flight.told = said
                yield News(flight, failure, said)
            return
        yield News(flight, failure, said, (TrialState.FAILED, failure, said))
