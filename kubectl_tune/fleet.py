"""
What engines on a cluster share: attempts that are begun, followed and taken home.

All that changes changes in the driver's thread, in `poll`; other threads only watch, read logs
and send requests, and put what they found into one queue.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from functools import partial
from pathlib import Path
from typing import Any

from kubectl_tune.clearing import Clearing
from kubectl_tune.cluster import Change, ClusterClient, Manifest, manifests, observed
from kubectl_tune.cluster.reflector import Reflector
from kubectl_tune.creation import Creation, passing
from kubectl_tune.errands import Errands
from kubectl_tune.errors import ClusterError, EngineError, Forbidden
from kubectl_tune.flight import Fate, Flight, waits
from kubectl_tune.harvest import Found
from kubectl_tune.inorder import InOrder
from kubectl_tune.landing import Landing
from kubectl_tune.past import missing, unbegun
from kubectl_tune.podoptions import pod_options
from kubectl_tune.recall import Recall
from kubectl_tune.session import Session
from kubectl_tune.sight import Sight
from kubectl_tune.table import clean
from kubectl_tune.trial import Failure, Trial, TrialEvent, TrialState
from kubectl_tune.waiting import Waiting
from kubectl_tune.ways import Ways

TEND_SECONDS = 1.0  # between two looks at what waits
LAUNCH_SECONDS = 2.0  # that we wait for Jobs to be created before we hear of other things
PODLESS_SECONDS = 5.0  # that a Job may be over before we stop waiting for word of its pod
LOST_SECONDS = 120.0  # that a pod may take longer to go than it was given: its node is lost
SETTLE_SECONDS = 600.0  # of silence, while what ended earlier is read


class Fleet:
    """What is common to all engines that run on a cluster."""

    def __init__(
        self,
        session: Session,
        client: ClusterClient,
        folder: Path,
        ways: Ways,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._client = client
        self._ways = ways
        self._clock = clock
        self._options = pod_options(session.info)
        self._news: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._errands = Errands(self._news)
        self._landing = Landing(session.info, client, folder, self._errands, self._news)
        self._recall = Recall(session, client)
        self._waiting = Waiting(self._options.pending_timeout, ways.is_queued)
        self._creation = Creation()
        self._clearing = Clearing(ways.end)
        self._sight = Sight(
            session, ways, clock, recall=self._recall, landing=self._landing,
            waiting=self._waiting, creation=self._creation, clearing=self._clearing,
        )  # fmt: skip
        self._in_order = InOrder(self._sight.flights)
        self._tended = 0.0
        self._no_events = False
        selector = manifests.selector(session.info.uid)
        self._reflectors = {
            kind: Reflector(client, kind, selector, deliver=self._deliverer(kind))
            for kind in ("Job", "Pod")
        }
        self._started = self._closed = False
        self.unnoted = self._recall.unnoted
        self.leftovers = self._sight.leftovers

    def _deliverer(self, kind: str) -> Callable[[Change], None]:
        return lambda change: self._news.put((kind, change))

    # What engines call

    @property
    def started(self) -> bool:
        return self._started

    def start(self) -> list[TrialEvent]:
        """
        Say first what became of the session's attempts while nobody watched.

        Nothing is changed in the cluster by this: who only looks calls no more than it.
        """
        there = {kind: each.start() for kind, each in self._reflectors.items()}
        self._started = True
        events = list(self._recall.news())
        for job in there["Job"]:
            events += self._sight.take_up(job)
        for pod in sorted(there["Pod"], key=observed.attempts_before):
            events += self._sight.observe("Pod", Change("ADDED", pod))
        for flight in self.flying:
            if flight.pod is None and (flight.fate or self._ways.is_counted(flight)):
                self._landing.begin(flight, gone=True)  # all pods have been listed
        events = self._in_order([*events, *self._settle()])
        gone = (t for t in self._session.in_flight if (t.id, t.attempt) not in self._sight.flights)
        return events + [missing(t) for t in gone if (t.id, t.attempt) not in self._recall]

    def poll(self, timeout: float) -> list[TrialEvent]:
        """Return what changed, waiting up to `timeout` seconds for the first change."""
        for reflector in self._reflectors.values():
            if reflector.error:
                raise reflector.error
        events = self._drained(timeout)
        if (now := self._clock()) - self._tended >= TEND_SECONDS:
            self._tended = now
            events += self._tend(now)
        return self._in_order(events)

    def launch(
        self, trials: Sequence[Trial], make: Callable[[Trial], Manifest]
    ) -> list[TrialEvent]:
        """Create Jobs, several at once; `make` sends one and returns it as it is."""
        sent = {}
        for trial in trials:
            flight = self._sight.flight((trial.id, trial.attempt))
            flight.make = partial(make, flight.trial)
            sent[self._errands.create(flight)] = flight
        done, late = wait(sent, LAUNCH_SECONDS)
        events = [e for future in sent if future in done for e in self._heard(sent[future], future)]
        for future in late:
            self._errands.tell_later(sent[future], future)
            events += self._put_off(sent[future], None, "its Job is being created")
        return events

    def observe(self, kind: str, change: Change) -> list[TrialEvent]:
        """Take a change that is known before its watch tells of it."""
        return self._sight.observe(kind, change)

    def flight(self, trial: Trial) -> Flight | None:
        return self._sight.flights.get((trial.id, trial.attempt))

    @property
    def flying(self) -> list[Flight]:
        return self._sight.flying

    @property
    def cramped(self) -> bool:
        """Whether a quota has no room for Jobs that are due."""
        return self._creation.full

    def cancel(self, trials: Sequence[Trial]) -> None:
        flights = [flight for t in trials if (flight := self.flight(t)) and not flight.over]
        for flight in flights:
            flight.cancelled = True
        if flights:
            self._errands.run(self._ways.end(flights))
        for flight in flights:
            if flight.make or (self._ways.shared and flight.pod is None):
                self._news.put(("found", (flight, Found(None, b""))))

    def saved(self) -> None:
        """All that was told is saved: what it needed to be there for may go."""
        for end in self._clearing.saved(self._clock()):
            if not self._closed:
                self._errands.run(end)
                continue
            with contextlib.suppress(ClusterError):  # who comes next finds that it is over
                end()

    def logs(self, trial: Trial, *, follow: bool) -> Iterator[bytes]:
        return self._landing.logs(trial, self.flight(trial), follow=follow)

    def close(self) -> list[TrialEvent]:
        """Let go; say of attempts whose Jobs could not be created that they have not begun."""
        self._closed = True
        for reflector in self._reflectors.values():
            reflector.close()
        self._landing.close()
        self._errands.close()
        return [unbegun(f.trial) for f in self.flying if f.make and not f.sending]

    # Taking up what is there

    def _settle(self) -> list[TrialEvent]:
        """Wait for what is being read of attempts that ended while nobody watched."""
        events: list[TrialEvent] = []
        while self._landing.under_way:
            try:
                events += self._take(self._news.get(timeout=SETTLE_SECONDS))
            except queue.Empty:
                raise EngineError(
                    f"nothing of {self._landing.under_way} logs has come from the cluster in"
                    f" {SETTLE_SECONDS:g}s",
                    hint="try again: what has been read is kept",
                ) from None
        return events

    # Creating Jobs

    def _heard(self, flight: Flight, future: Future[Manifest]) -> list[TrialEvent]:
        """Take the answer to a creation; raise what will not pass by itself."""
        flight.sending = False
        try:
            made = future.result()
        except ClusterError as error:
            if (why := passing(error)) is None:
                raise
            return self._put_off(flight, *why)
        self._waiting.set_clock(made)
        return self._sight.observe("Job", Change("ADDED", made))

    def _put_off(self, flight: Flight, failure: Failure | None, why: str) -> list[TrialEvent]:
        """There is no room, or nobody to ask: that is no failure, and will pass."""
        if flight.over:
            return []
        self._creation.put_off(flight, failure, self._clock())
        told = flight.told
        waiting = waits(flight, failure, clean(why))
        return [waiting] if flight.told != told else []

    # News

    def _drained(self, timeout: float) -> list[TrialEvent]:
        events: list[TrialEvent] = []
        try:
            item = self._news.get(timeout=timeout) if timeout > 0 else self._news.get_nowait()
            while True:
                events += self._take(item)
                item = self._news.get_nowait()
        except queue.Empty:
            return events

    def _take(self, item: Any) -> list[TrialEvent]:
        kind, what = item
        if kind == "error":
            raise what
        if kind == "events":
            self._waiting.take_events(what)
            return []
        if kind == "made":
            return self._heard(*what)
        if kind == "found":
            flight, found = what
            self._landing.landed(flight)
            return self._sight.end(flight, found)
        return self._sight.observe(kind, what)

    # What waits

    def _tend(self, now: float) -> list[TrialEvent]:
        """Look at attempts that nothing is heard of."""
        for end in self._clearing.due(now):
            self._errands.run(end)
        flying = self.flying
        for flight in flying:
            self._miss(flight, now)
        for flight in self._creation.due(now):
            self._errands.tell_later(flight, self._errands.create(flight))
        if not self._no_events and self._waiting.asks_for_events(now):
            self._errands.run(self._look_at_events)
        run = any(flight.running for flight in flying)
        events: list[TrialEvent] = []
        for found in self._waiting.findings(now, others_run=run):
            if found.final:
                fate = TrialState.FAILED, found.failure, found.reason
                events += self._give_up(found.flight, fate)
            else:
                events.append(waits(found.flight, found.failure, found.reason))
        return events

    def _miss(self, flight: Flight, now: float) -> None:
        if flight.harvest or flight.ending_since is None:
            return
        waited, pod = now - flight.ending_since, flight.pod
        if pod is None and waited > PODLESS_SECONDS:
            self._landing.begin(flight, gone=True)
        if pod and observed.being_deleted(pod) and waited > observed.grace(pod) + LOST_SECONDS:
            reason = f"its pod does not go away: node {observed.node(pod)} may be lost"
            flight.fate = flight.fate or (TrialState.LOST, Failure.NODE_LOST, reason)
            self._landing.begin(flight, gone=True)

    def _look_at_events(self) -> None:
        try:
            events, _ = self._client.list("Event", fields="type=Warning")
        except Forbidden:
            self._no_events = True  # a right that we can do without
        except ClusterError:
            pass  # better luck next time
        else:
            self._news.put(("events", events))

    def _give_up(self, flight: Flight, fate: Fate) -> list[TrialEvent]:
        """End an attempt that will not run: nothing of it is worth waiting for."""
        flight.fate = fate
        return self._sight.end(flight, Found(None, b""), doomed=True)
