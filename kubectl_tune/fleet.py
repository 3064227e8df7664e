"""
The attempts of a session that the cluster has, and what its watches say of them.

All that changes changes in the driver's thread, in `poll`; other threads only watch, read logs
and send requests, and put what they found into one queue. Pods tell first, Jobs tell for sure:
an attempt is over when its container is, or when its Job is and no pod is left.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from kubectl_tune import record
from kubectl_tune.cluster import (
    Change,
    ClusterClient,
    LogRequest,
    Manifest,
    manifests,
    observed,
)
from kubectl_tune.cluster import labels as marks
from kubectl_tune.cluster.reflector import Reflector
from kubectl_tune.engines.local import log_path
from kubectl_tune.errors import ClusterError, EngineError, Forbidden
from kubectl_tune.flight import Flight, Key, ending, event
from kubectl_tune.harvest import Found, Harvester, Source
from kubectl_tune.podoptions import pod_options
from kubectl_tune.session import Session
from kubectl_tune.table import clean
from kubectl_tune.trial import Failure, Trial, TrialEvent, TrialState
from kubectl_tune.waiting import News, Waiting

WORKERS = 8
TEND_SECONDS = 1.0  # between two looks at what waits
PODLESS_SECONDS = 5.0  # that a Job may be over before we stop waiting for word of its pod
MAKE_EVERY = 5.0  # between two tries to create a Job that a quota refuses
SETTLE_SECONDS = 600.0  # of silence, while what ended earlier is read
LOST_SECONDS = 150.0  # that a pod may take to go away before its node counts as lost


class Ways(Protocol):
    """In what engines differ that share a fleet."""

    def whose(self, kind: str, change: Change) -> Iterable[Key]:
        """Yield the attempts that a Job or a pod belongs to: none where it is not one of ours."""

    def end(self, flights: Sequence[Flight]) -> None:
        """Send what it takes to end attempts in the cluster; called in a thread of its own."""

    def is_queued(self, flight: Flight) -> bool:
        """Say whether an attempt waits for its turn only."""

    def is_tried_again(self, flight: Flight, event: TrialEvent) -> bool:
        """Say whether the cluster begins the next attempt by itself."""


class Fleet:
    """What is common to all engines that run on a cluster."""

    def __init__(self, session: Session, client: ClusterClient, folder: Path, ways: Ways) -> None:
        self._session = session
        self._client = client
        self._folder = folder
        self._ways = ways
        self._options = pod_options(session.info)
        self._news: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._harvester = Harvester(client)
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="cluster")
        self._flights: dict[Key, Flight] = {}
        self._waiting = Waiting(client, self._options.pending_timeout, ways.is_queued)
        self._tended = 0.0
        selector = manifests.selector(session.info.uid)
        self._reflectors = {
            kind: Reflector(client, kind, selector, deliver=self._deliverer(kind))
            for kind in ("Job", "Pod")
        }
        self._started = False
        self._reading = 0  # attempts whose log is being taken home

    def _deliverer(self, kind: str) -> Callable[[Change], None]:
        return lambda change: self._news.put((kind, change))

    # What engines call

    def start(self) -> list[TrialEvent]:
        """Say first what became of the session's attempts while nobody watched."""
        self._started = True
        events: list[TrialEvent] = []
        for kind, reflector in self._reflectors.items():
            for thing in reflector.start():
                events += self.observe(kind, Change("ADDED", thing))
        for flight in self.flying:
            if flight.pod is None and flight.job and observed.finished(flight.job):
                self._harvest(flight, gone=True)  # all pods have been listed
        events += self._settle()
        for trial in self._session.in_flight:
            if (trial.id, trial.attempt) not in self._flights:
                reason = "its Job is gone from the cluster, and its result with it"
                events.append(_lost(trial, Failure.DELETED, reason))
        return events

    @property
    def started(self) -> bool:
        return self._started

    def poll(self, timeout: float) -> list[TrialEvent]:
        """Return what changed, waiting up to `timeout` seconds for the first change."""
        for reflector in self._reflectors.values():
            if reflector.error:
                raise reflector.error
        events = self._drained(timeout)
        if (now := time.monotonic()) - self._tended >= TEND_SECONDS:
            self._tended = now
            events += self._tend(now)
        return events

    def launch(
        self, trials: Sequence[Trial], make: Callable[[Trial], Manifest]
    ) -> list[TrialEvent]:
        """Create Jobs, several at once; `make` sends one and returns it as it is."""
        made = [(trial, self._pool.submit(make, trial)) for trial in trials]
        events: list[TrialEvent] = []
        problem: Exception | None = None
        for trial, future in made:
            try:
                job = future.result()
                self._waiting.set_clock(job)
                events += self.observe("Job", Change("ADDED", job))
            except ClusterError as error:
                if isinstance(error, Forbidden) and "exceeded quota" in str(error):
                    events += self._put_off(trial, partial(make, trial), error)
                else:
                    problem = problem or error
        if problem:
            raise problem
        return events

    def _put_off(
        self, trial: Trial, make: Callable[[], Manifest], error: ClusterError
    ) -> list[TrialEvent]:
        """A quota of Jobs is full: that is no failure, there will be room."""
        flight = self._flight((trial.id, trial.attempt))
        flight.make, flight.make_at = make, time.monotonic() + MAKE_EVERY
        self._waiting.add(flight)
        flight.told = clean(str(error))
        waiting = event(flight, TrialState.SUBMITTED)
        return [replace(waiting, failure=Failure.QUOTA, reason=flight.told)]

    def expect(self, trials: Iterable[Trial]) -> list[TrialEvent]:
        """Note that attempts are on their way, whose Job is there."""
        return [e for t in trials for e in self._begun(self._flight((t.id, t.attempt)))]

    def flight(self, trial: Trial) -> Flight | None:
        return self._flights.get((trial.id, trial.attempt))

    @property
    def flying(self) -> list[Flight]:
        # A copy first: other threads ask for it, too.
        return [flight for flight in list(self._flights.values()) if not flight.over]

    def cancel(self, trials: Sequence[Trial]) -> None:
        flights = [flight for t in trials if (flight := self.flight(t)) and not flight.over]
        for flight in flights:
            flight.cancelled = True
        if flights:
            self._end_in_cluster(flights)
        for flight in flights:
            if self._ways.is_queued(flight) or flight.make:
                self._news.put(("found", (flight, Found(None, b""))))

    def _end_in_cluster(self, flights: Sequence[Flight]) -> None:
        seen = [replace(flight) for flight in flights]  # they may change before it is done
        self.act(lambda: self._ways.end(seen))

    def act(self, what: Callable[[], object]) -> Future[None]:
        """Do something in another thread; what goes wrong is raised in the driver's."""

        def guarded() -> None:
            try:
                what()
            except Exception as error:  # raised where it can be shown, by `poll`
                self._news.put(("error", error))

        return self._pool.submit(guarded)

    def logs(self, trial: Trial, *, follow: bool) -> Iterator[bytes]:
        """Yield an attempt's log, as CRI lines: from disk, or from its pod while it is there."""
        path = log_path(self._folder, trial)
        flight = self.flight(trial)
        if path.exists():
            with path.open("rb") as file:
                yield from file
        elif flight and flight.pod and not flight.over:
            source = self._source(flight)
            parts = self._client.logs(LogRequest(source.pod, marks.CONTAINER, follow=follow))
            yield from record.harvested_log(b"".join(parts), source.nonce)

    def close(self) -> None:
        for reflector in self._reflectors.values():
            reflector.close()
        self._harvester.close()
        self._pool.shutdown(wait=True)

    # How it is done

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
        if kind == "found":
            flight, found = what
            self._reading -= flight.harvest
            return self._end(flight, found)
        return self.observe(kind, what)

    def _settle(self) -> list[TrialEvent]:
        """Wait for what is being read of attempts that ended while nobody watched."""
        events: list[TrialEvent] = []
        while self._reading:
            try:
                events += self._take(self._news.get(timeout=SETTLE_SECONDS))
            except queue.Empty:
                raise EngineError(
                    f"nothing of {self._reading} logs has come from the cluster in"
                    f" {SETTLE_SECONDS:g}s",
                    hint="try again: what has been read is kept",
                ) from None
        return events

    def observe(self, kind: str, change: Change) -> list[TrialEvent]:
        events: list[TrialEvent] = []
        for key in self._ways.whose(kind, change):
            flight = self._flight(key)
            if kind == "Job" and not flight.over:
                flight.job = change.object
            events += self._superseded(key) if kind == "Pod" else []
            events += self._begun(flight)
            if flight.over:
                self._end_late(kind, flight, change)
                continue
            if kind == "Job":
                events += self._see_job(flight, change)
            else:
                events += self._see_pod(flight, change)
        return events

    def _end_late(self, kind: str, flight: Flight, change: Change) -> None:
        """A pod of an attempt that was cancelled while it had none."""
        if kind == "Pod" and change.type == "ADDED" and flight.cancelled:
            flight.pod = change.object
            self._end_in_cluster([flight])

    def _superseded(self, key: Key) -> list[TrialEvent]:
        """The cluster tries again by itself: the attempt before was lost, unless it has ended."""
        before = self._flights.get((key[0], key[1] - 1))
        if before is None or before.over or before.harvest or before.pod:
            return []
        before.fate = TrialState.LOST, Failure.NODE_LOST, "its pod is gone without a trace"
        return self._end(before, Found(None, b""))

    def _flight(self, key: Key) -> Flight:
        if key not in self._flights:
            known = self._session.trials[key[0]]
            trial = replace(known, attempt=key[1])
            over = (key[1], TrialState.FAILED.rank) <= (known.attempt, known.state.rank)
            self._flights[key] = Flight(key, trial, since=time.monotonic(), over=over)
        return self._flights[key]

    def _begun(self, flight: Flight) -> list[TrialEvent]:
        if flight in self._waiting or flight.running or flight.over:
            return []
        self._waiting.add(flight)
        return [event(flight, TrialState.SUBMITTED)]

    def _see_job(self, flight: Flight, change: Change) -> list[TrialEvent]:
        flight.job, flight.make = change.object, None
        if change.type == "DELETED":
            flight.job_gone = True
            if flight.pod is None or flight.pod_gone:
                self._harvest(flight, gone=True)
        elif observed.finished(change.object) and flight.ending_since is None:
            flight.ending_since = time.monotonic()
        return []

    def _see_pod(self, flight: Flight, change: Change) -> list[TrialEvent]:
        pod = change.object
        if flight.pod and observed.name(flight.pod) != observed.name(pod):
            if change.type == "DELETED":
                return []  # an earlier pod of the same attempt
            flight.pod_gone = False
        flight.pod = pod
        if change.type == "DELETED":
            flight.pod_gone = True
            self._harvest(flight, gone=True)
        elif observed.is_over(pod):
            self._harvest(flight, gone=False)
        elif observed.being_deleted(pod):
            flight.ending_since = flight.ending_since or time.monotonic()
            self._follow(flight)
        if (since := observed.running_since(pod)) is not None and not flight.running:
            flight.running = True
            self._waiting.drop(flight)
            return [event(flight, TrialState.RUNNING, at=since)]
        return []

    def _source(self, flight: Flight) -> Source:
        pod = flight.pod or {"metadata": {"name": ""}}
        job = observed.job_of(pod)
        return Source(
            observed.name(pod),
            flight.key[1],
            manifests.nonce(job, self._session.info.uid),
            log_path(self._folder, flight.trial),
            observed.message(pod),
            self._options.agent and observed.ended_by_itself(pod),
        )

    def _follow(self, flight: Flight) -> None:
        """Read the log of a pod that is going while it is there."""
        if flight.followed is None:
            source, parts = self._source(flight), []

            def keep(part: bytes) -> None:
                parts.append(part)

            def follow() -> None:
                self._harvester.follow(source, keep)
                flight.log = b"".join(parts)

            flight.followed = threading.Thread(target=follow, daemon=True)
            flight.followed.start()

    def _harvest(self, flight: Flight, *, gone: bool) -> None:
        if flight.harvest:
            return
        flight.harvest = True
        self._reading += 1
        source = self._source(flight)

        def take() -> None:
            if flight.followed:
                flight.followed.join(manifests.GRACE)
            if source.pod:
                found = self._harvester.take(source, flight.log, gone=gone)
            else:
                found = Found(None, b"", "it never had a pod")
            self._news.put(("found", (flight, found)))

        self.act(take)

    def _end(self, flight: Flight, found: Found) -> list[TrialEvent]:
        if flight.over:
            return []
        flight.over = True
        flight.log = b""
        self._waiting.drop(flight)
        ended = ending(flight, found, recorded=self._options.agent)
        events = [ended]
        if not flight.cancelled and self._ways.is_tried_again(flight, ended):
            following = self._flight((flight.key[0], flight.key[1] + 1))
            following.job = following.job or flight.job
            events += self._begun(following)
        flight.job = flight.pod = None  # their manifests are large, and sessions long
        return events

    # What waits

    def _tend(self, now: float) -> list[TrialEvent]:
        """Look at attempts that nothing is heard of: why they wait, and for how long."""
        events: list[TrialEvent] = []
        for flight in self.flying:
            self._miss(flight, now)
            self._make(flight, now)
        for news in list(self._waiting.news(now)):
            events += self._waited(news)
        return events

    def _miss(self, flight: Flight, now: float) -> None:
        if flight.harvest or flight.ending_since is None:
            return
        waited = now - flight.ending_since
        if flight.pod is None and waited > PODLESS_SECONDS:
            self._harvest(flight, gone=True)
        elif flight.pod and observed.being_deleted(flight.pod) and waited > LOST_SECONDS:
            node = observed.node(flight.pod)
            reason = f"its pod does not go away: node {node} may be lost"
            flight.fate = flight.fate or (TrialState.LOST, Failure.NODE_LOST, reason)
            self._harvest(flight, gone=True)

    def _make(self, flight: Flight, now: float) -> None:
        if flight.make is None or flight.cancelled or now < flight.make_at:
            return
        make, flight.make_at = flight.make, now + MAKE_EVERY

        def send() -> None:
            try:
                self._news.put(("Job", Change("ADDED", make())))
            except Forbidden as error:
                if "exceeded quota" not in str(error):
                    raise

        self.act(send)

    def _waited(self, news: News) -> list[TrialEvent]:
        """Say why an attempt waits; give up one that will not run."""
        flight = news.flight
        if news.fate is None:
            waiting = event(flight, TrialState.SUBMITTED)
            return [replace(waiting, failure=news.failure, reason=news.reason)]
        flight.fate = news.fate
        self._end_in_cluster([flight])
        return self._end(flight, Found(None, b""))


def delete_jobs(client: ClusterClient, uid: str, names: Sequence[str], batch: int = 40) -> None:
    """Delete Jobs, and in the background their pods, many with one request."""
    for first in range(0, len(names), batch):
        some = ",".join(names[first : first + batch])
        client.delete_collection("Job", f"{marks.UID}={uid},{marks.JOB} in ({some})")


def _lost(trial: Trial, failure: Failure, reason: str) -> TrialEvent:
    return TrialEvent(
        trial.id, trial.attempt, TrialState.LOST, time.time(), failure=failure, reason=reason
    )
