"""
What watches say of a session's attempts: from Jobs and pods to flights and events.

Its rule: pods tell first, Jobs tell for sure. An attempt is over when its container is, or when
its Job is and no pod is left; and what is no attempt of the session must not go on.
"""

from __future__ import annotations

from collections.abc import Callable

from kubectl_tune.clearing import Clearing
from kubectl_tune.cluster import Change, Manifest, observed
from kubectl_tune.creation import Creation
from kubectl_tune.flight import Flight, Heard, Key, ending, event
from kubectl_tune.harvest import Found
from kubectl_tune.landing import Landing
from kubectl_tune.past import has_run, is_past
from kubectl_tune.podoptions import pod_options
from kubectl_tune.recall import Recall, changed
from kubectl_tune.session import Session
from kubectl_tune.trial import Failure, TrialEvent, TrialState
from kubectl_tune.waiting import Waiting
from kubectl_tune.ways import Ways


class Sight:
    """The flights of a session; all of it is for the driver's thread."""

    def __init__(
        self,
        session: Session,
        ways: Ways,
        clock: Callable[[], float],
        *,
        recall: Recall,
        landing: Landing,
        waiting: Waiting,
        creation: Creation,
        clearing: Clearing,
    ) -> None:
        self._session = session
        self._ways = ways
        self._clock = clock
        self._recall = recall
        self._landing = landing
        self._waiting = waiting
        self._creation = creation
        self._clearing = clearing
        self._recorded = pod_options(session.info).agent
        self._jobs: dict[str, Heard] = {}
        self.flights: dict[Key, Flight] = {}
        self.leftovers: list[TrialEvent] = []  # noted in the cluster, but their Jobs are there

    def flight(self, key: Key) -> Flight:
        """Return an attempt's flight, a new one if need be."""
        if key not in self.flights:
            trial = self._session.trials[key[0]]._replace(attempt=key[1])
            self.flights[key] = Flight(key, trial, since=self._clock())
        return self.flights[key]

    @property
    def flying(self) -> list[Flight]:
        return [flight for flight in self.flights.values() if not flight.over]

    # What is there when a driver begins

    def take_up(self, job: Manifest) -> list[TrialEvent]:
        """Go on with a Job that is there, or note that nothing of it is wanted any more."""
        claims = list(self._ways.whose("Job", Change("ADDED", job)))
        heard = self._hear_of(job, gone=False)
        events: list[TrialEvent] = []
        wanted = False
        for key, same in claims:
            if not same:
                events += self._recall.if_news(changed(key))
            elif self._is_past(key):
                self._leave(key, job)
                wanted |= has_run(self._session, key)
            else:
                wanted = True
                flight = self.flight(key)
                flight.heard = heard
                events += self._see_job(flight, Change("ADDED", job))
        if not wanted and not observed.finished(job):
            self._remove("Job", job)
        return events

    def _leave(self, key: Key, job: Manifest) -> None:
        """An attempt is over that still has its Job: see that the Job goes in the end."""
        if self._ways.shared or not observed.finished(job):
            return
        if key in self._recall:
            self.leftovers.append(self._recall[key])
        else:  # it was not noted yet: that takes what it left, once more
            self.flight(key).heard = self._jobs[observed.name(job)]

    # What changes

    def observe(self, kind: str, change: Change) -> list[TrialEvent]:
        events: list[TrialEvent] = []
        heard = self._hear_of(change.object, change.type == "DELETED") if kind == "Job" else None
        for key, same in self._ways.whose(kind, change):
            flight = self.flights.get(key)
            if flight is None and same and has_run(self._session, key):
                continue
            if not same or (flight is None and self._is_past(key)):
                self._see_unwanted(kind, change)
            elif flight and flight.over:
                self._see_late(kind, flight, change)
            else:
                events += self._see(kind, self.flight(key), heard, change)
        return events

    def _hear_of(self, job: Manifest, gone: bool) -> Heard:
        """Keep a Job as it is now."""
        name = observed.name(job)
        heard = self._jobs.setdefault(name, Heard(job))
        heard.job, heard.gone = job, gone
        if gone:
            del self._jobs[name]
            self._creation.room(self._clock())
        return heard

    def _is_past(self, key: Key) -> bool:
        return key in self._recall or is_past(self._session, key)

    def _see_unwanted(self, kind: str, change: Change) -> None:
        thing = change.object
        if change.type == "DELETED" or observed.being_deleted(thing):
            return
        if kind == "Pod":
            over = observed.has_ended(thing)
        else:
            over = self._ways.shared or observed.finished(thing) is not None
        if not over:
            self._remove(kind, thing)

    def _remove(self, kind: str, thing: Manifest) -> None:
        self._clearing.stray(thing["metadata"]["uid"], self._ways.remove(kind, thing))

    def _see_late(self, kind: str, flight: Flight, change: Change) -> None:
        """Whatever comes of an attempt that is over must not go on."""
        if kind == "Pod" and self._clearing.lingers(flight):
            flight.pod, flight.pod_gone = change.object, change.type == "DELETED"
            self._clearing.seen(flight)
        elif change.type == "ADDED" and (flight.cancelled or flight.fate):
            self._see_unwanted(kind, change)

    def _see(
        self, kind: str, flight: Flight, heard: Heard | None, change: Change
    ) -> list[TrialEvent]:
        if kind == "Job":
            if flight.make and (change.type == "DELETED" or observed.being_deleted(change.object)):
                return []  # one that stands in the way of ours
            self._creation.made(flight, self._clock())
            flight.heard, flight.make = heard, None
            return self._see_job(flight, change)
        flight.heard = flight.heard or self._jobs.get(observed.job_of(change.object))
        self._supersede(flight.key)
        return [*self._begun(flight), *self._see_pod(flight, change)]

    def _supersede(self, key: Key) -> None:
        """The cluster tries again by itself: the attempt before is over, wherever its pod is."""
        before = self.flights.get((key[0], key[1] - 1))
        if before and not (before.over or before.harvest or before.pod or before.fate):
            before.fate = TrialState.LOST, Failure.NODE_LOST, "its pod is gone without a trace"
            before.ending_since = self._clock()

    def _begun(self, flight: Flight) -> list[TrialEvent]:
        if flight.running or not self._waiting.add(flight):
            return []
        flight.since, flight.told = self._clock(), ""
        return [event(flight, TrialState.SUBMITTED)]

    def _see_job(self, flight: Flight, change: Change) -> list[TrialEvent]:
        if change.type == "DELETED":
            if flight.pod is None or flight.pod_gone:
                self._landing.begin(flight, gone=True)
        elif observed.finished(change.object) and flight.ending_since is None:
            flight.ending_since = self._clock()
        return self._begun(flight)

    def _see_pod(self, flight: Flight, change: Change) -> list[TrialEvent]:
        pod = change.object
        if flight.pod and observed.name(flight.pod) != observed.name(pod):
            if change.type == "DELETED":
                return []  # an earlier pod of the same attempt
            flight.pod_gone = False
        flight.pod = pod
        if change.type == "DELETED":
            flight.pod_gone = True
            self._landing.begin(flight, gone=True)
        elif observed.is_over(pod):
            self._landing.begin(flight, gone=False)
        elif observed.being_deleted(pod):
            flight.ending_since = flight.ending_since or self._clock()
            self._landing.follow(flight)
        if (since := observed.running_since(pod)) is not None and not flight.running:
            flight.running = True
            self._waiting.drop(flight)
            return [event(flight, TrialState.RUNNING, at=since)]
        return []

    def end(self, flight: Flight, found: Found, *, doomed: bool = False) -> list[TrialEvent]:
        """Judge an attempt by what was found; a doomed one is still to be ended in the cluster."""
        if flight.over:
            return []
        flight.over = True
        flight.log = []
        self._waiting.drop(flight)
        self._creation.drop(flight)
        self._clearing.over(flight, doomed=doomed)
        ended = ending(flight, found, recorded=self._recorded)
        if flight.cancelled or not self._ways.is_tried_again(flight, ended):
            return [ended]
        following = self.flight((flight.key[0], flight.key[1] + 1))
        following.heard = following.heard or flight.heard
        return [ended, *self._begun(following)]
