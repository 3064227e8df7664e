"""
Attempts that wait for their pods to run: why they do, and for how long they may.

Its rule: what our own attempts will give back is waited for without end; any other wait ends,
and says why. Times that the cluster has written down are held against the cluster's own clock.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from kubectl_tune.cluster import Manifest, diagnosis, observed
from kubectl_tune.cluster.verdict import Verdict
from kubectl_tune.flight import Flight, Key
from kubectl_tune.trial import Failure

EVENTS_AFTER = 3.0  # seconds that an attempt waits before its events are looked at,
EVENTS_EVERY = 10.0  # and between two such looks


@dataclass(frozen=True, slots=True)
class Finding:
    """Why an attempt doesn't run; a final one ends it."""

    flight: Flight
    failure: Failure | None
    reason: str
    final: bool = False


class Waiting:
    def __init__(self, limit: float, is_queued: Callable[[Flight], bool]) -> None:
        self._limit = limit  # seconds
        self._is_queued = is_queued
        self._flights: dict[Key, Flight] = {}
        self._events = _Events()
        self._events_at = 0.0
        self._ahead: float | None = None  # seconds of the cluster's clock before ours

    def set_clock(self, made: Manifest) -> None:
        """Learn the cluster's time from an object, best from one that was made just now."""
        if created := observed.seconds(made["metadata"].get("creationTimestamp")):
            ahead = created - time.time()
            self._ahead = ahead if self._ahead is None else max(self._ahead, ahead)

    def add(self, flight: Flight) -> bool:
        """Note that an attempt waits; say whether that is news."""
        new = flight.key not in self._flights
        self._flights[flight.key] = flight
        return new

    def drop(self, flight: Flight) -> None:
        self._flights.pop(flight.key, None)

    def take_events(self, events: Iterable[Manifest]) -> None:
        self._events = _Events(events)

    def asks_for_events(self, now: float) -> bool:
        """Say whether it is time to look at the cluster's Events."""
        due = now - self._events_at >= EVENTS_EVERY and any(self._long(now))
        if due:
            self._events_at = now
        return due

    def findings(self, now: float, *, others_run: bool) -> list[Finding]:
        """Judge what has waited for a while; `others_run`, and will give back what they have."""
        verdicts: dict[str, Verdict] = {}  # of Jobs whose attempts have no pods: one for all
        found = []
        for flight in self._long(now):
            if flight.pod is None and flight.job_name in verdicts:
                verdict = verdicts[flight.job_name]
            else:
                verdict = self._verdict(flight)
            if flight.pod is None:
                verdicts[flight.job_name] = verdict
            found.append(self._judged(flight, verdict, now, others_run))
        return [finding for finding in found if finding]

    def _long(self, now: float) -> Iterator[Flight]:
        """Yield those that have waited for a while, and not for their turn only."""
        for flight in self._flights.values():
            if self._is_queued(flight):
                flight.since = now
            elif now - flight.since >= EVENTS_AFTER and not _is_settled(flight):
                yield flight

    def _verdict(self, flight: Flight) -> Verdict:
        told = self._events.about(flight.job, flight.pod)
        now = time.time() + (self._ahead or 0.0)
        return diagnosis.diagnose(flight.job, flight.pod, told, now=now)

    def _judged(
        self, flight: Flight, verdict: Verdict, now: float, others_run: bool
    ) -> Finding | None:
        if verdict.state == "fatal":
            return Finding(flight, verdict.failure, verdict.sentence, final=True)
        suspended = flight.job is not None and observed.is_suspended(flight.job)
        if suspended or (verdict.failure is Failure.QUOTA and others_run):
            flight.since = now - EVENTS_AFTER
        elif now - flight.since > self._limit:
            waited = f"it waited longer than {self._limit:g}s to run"
            said = f"{waited}: {verdict.sentence}" if verdict.sentence else waited
            failure = verdict.failure or Failure.UNSCHEDULABLE
            return Finding(flight, failure, said, final=True)
        if verdict.state == "fine" or verdict.sentence == flight.told:
            return None
        return Finding(flight, verdict.failure, verdict.sentence)


def _is_settled(flight: Flight) -> bool:
    """Say whether there is nothing to explain: it ends, or its Job is not there yet."""
    return bool(flight.cancelled or flight.fate or flight.harvest or flight.make)


class _Events:
    """Events by the name of what they are about: namespaces have many, of others too."""

    def __init__(self, events: Iterable[Manifest] = ()) -> None:
        self._named: dict[str, list[Manifest]] = defaultdict(list)
        self._workloads: list[Manifest] = []  # Kueue's, whose names are its own
        for event in events:
            about = event.get("involvedObject") or event.get("regarding") or {}
            if about.get("kind") == "Workload":
                self._workloads.append(event)
            else:
                self._named[str(about.get("name"))].append(event)

    def about(self, *things: Manifest | None) -> list[Manifest]:
        names = [observed.name(thing) for thing in things if thing]
        return [*self._workloads, *(each for name in names for each in self._named.get(name, ()))]
