"""
The attempts of a session that the cluster has, and what its watches say of them.

All that changes changes in the driver's thread, in `poll`; other threads only watch, read logs
and send requests, and put what they found into one queue. Pods tell first, Jobs tell for sure:
an attempt is over when its container is, or when its Job is and no pod is left.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from kubectl_tune import record
from kubectl_tune.cluster import Change, ClusterClient, LogRequest, Manifest, manifests, observed
from kubectl_tune.cluster import labels as marks
from kubectl_tune.cluster.reflector import Reflector
from kubectl_tune.creation import Creation, passing
from kubectl_tune.engines.local import log_path
from kubectl_tune.errors import ClusterError, EngineError, Forbidden
from kubectl_tune.flight import Fate, Flight, Heard, Key, ending, event, waits
from kubectl_tune.harvest import Found, Harvester, Source
from kubectl_tune.noted import Noted, noted
from kubectl_tune.podoptions import pod_options
from kubectl_tune.session import Session
from kubectl_tune.table import clean
from kubectl_tune.trial import Failure, Trial, TrialEvent, TrialState
from kubectl_tune.waiting import Waiting

WORKERS = 8
TEND_SECONDS = 1.0  # between two looks at what waits
LAUNCH_SECONDS = 2.0  # that we wait for Jobs to be created before we hear of other things
PODLESS_SECONDS = 5.0  # that a Job may be over before we stop waiting for word of its pod
LOST_SECONDS = 120.0  # that a pod may take longer to go than it was given: its node is lost
LINGER_SECONDS = 10.0  # that a pod may run on when our container has ended
SETTLE_SECONDS = 600.0  # of silence, while what ended earlier is read
LET_GO_SECONDS = 5.0  # that what was sent may take when we let go
CHANGED = "its line in the plan has changed since it began"


class Claim(NamedTuple):
    """An attempt that an object belongs to; not `same` is one at what the plan said before."""

    key: Key
    same: bool = True


class Ways(Protocol):
    """In what engines differ that share a fleet."""

    shared: bool  # whether a Job has many attempts, and stays as long as one of them needs it

    def whose(self, kind: str, change: Change) -> Iterable[Claim]:
        """Yield the attempts that a Job or a pod belongs to, as far as the change concerns them."""

    def end(self, flights: Sequence[Flight]) -> Callable[[], object]:
        """Return what ends attempts in the cluster; it is called in another thread."""

    def remove(self, kind: str, thing: Manifest) -> Callable[[], object]:
        """Return what ends a Job or a pod that is no attempt of this session any more."""

    def is_queued(self, flight: Flight) -> bool:
        """Say whether an attempt waits for its turn only."""

    def is_counted(self, flight: Flight) -> bool:
        """Say whether the Job takes an attempt for over."""

    def is_tried_again(self, flight: Flight, event: TrialEvent) -> bool:
        """Say whether the cluster begins the next attempt by itself."""


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
        self._folder = folder
        self._ways = ways
        self._clock = clock
        self._options = pod_options(session.info)
        self._news: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._harvester = Harvester(client)
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="cluster")
        self._acts: set[Future[None]] = set()
        self._flights: dict[Key, Flight] = {}
        self._jobs: dict[str, Heard] = {}
        self._waiting = Waiting(self._options.pending_timeout, ways.is_queued)
        self._creation = Creation()
        self._stray: dict[str, Callable[[], object]] = {}  # what is to be ended, by uid
        self._unsaved: list[Flight] = []  # over, but that may not be saved yet
        self._doomed: list[Flight] = []  # to be ended once it is saved why
        self._lingering: dict[Key, float] = {}  # over, while their pods still run; since when
        self._known: dict[Key, TrialEvent] = {}  # noted in the cluster as over
        self._held: dict[Key, list[TrialEvent]] = defaultdict(list)  # not told yet, see `_in_order`
        self._reading = 0  # attempts whose log is being taken home
        self._tended = 0.0
        self._no_events = False
        selector = manifests.selector(session.info.uid)
        self._reflectors = {
            kind: Reflector(client, kind, selector, deliver=self._deliverer(kind))
            for kind in ("Job", "Pod")
        }
        self._started = self._closed = False
        self.leftovers: list[TrialEvent] = []  # noted in the cluster, but their Jobs are there

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
        events = [self._recalled(each) for each in self._noted() if self._is_news(each.event)]
        for job in there["Job"]:
            events += self._take_up(job)
        for pod in sorted(there["Pod"], key=observed.attempts_before):
            events += self.observe("Pod", Change("ADDED", pod))
        for flight in self.flying:
            if flight.pod is None and (flight.fate or self._ways.is_counted(flight)):
                self._harvest(flight, gone=True)  # all pods have been listed
        events = self._in_order([*events, *self._settle()])
        gone = (t for t in self._session.in_flight if (t.id, t.attempt) not in self._flights)
        return events + [_missing(t) for t in gone if (t.id, t.attempt) not in self._known]

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
            flight = self._flight((trial.id, trial.attempt))
            flight.make = partial(make, flight.trial)
            sent[self._sent(flight)] = flight
        done, late = wait(sent, LAUNCH_SECONDS)
        events = [e for future in sent if future in done for e in self._heard(sent[future], future)]
        for future in late:
            self._hear_later(sent[future], future)
            events += self._put_off(sent[future], None, "its Job is being created")
        return events

    def flight(self, trial: Trial) -> Flight | None:
        return self._flights.get((trial.id, trial.attempt))

    @property
    def flying(self) -> list[Flight]:
        return [flight for flight in self._flights.values() if not flight.over]

    @property
    def cramped(self) -> bool:
        """Whether a quota has no room for Jobs that are due."""
        return self._creation.full

    def cancel(self, trials: Sequence[Trial]) -> None:
        flights = [flight for t in trials if (flight := self.flight(t)) and not flight.over]
        for flight in flights:
            flight.cancelled = True
        if flights:
            self.act(self._ways.end(flights))
        for flight in flights:
            if flight.make or (self._ways.shared and flight.pod is None):
                self._news.put(("found", (flight, Found(None, b""))))

    def unnoted(self, events: Iterable[TrialEvent]) -> list[TrialEvent]:
        """Return the events that the cluster has not told us itself."""
        return [each for each in events if (each.trial, each.attempt) not in self._known]

    def saved(self) -> None:
        """All that was told is saved: what it needed to be there for may go."""
        doomed, self._doomed = self._doomed, []
        if doomed and self._closed:
            with contextlib.suppress(ClusterError):  # who comes next finds that it is over
                self._ways.end(doomed)()
        elif doomed:
            self.act(self._ways.end(doomed))
        for flight in self._unsaved:
            lingers = flight.pod and not (flight.pod_gone or observed.has_ended(flight.pod))
            if lingers and not flight.fate:
                self._lingering[flight.key] = self._clock()
            else:
                flight.heard = flight.pod = None  # manifests are large, and sessions long
        self._unsaved = []

    def act(self, what: Callable[[], object]) -> None:
        """Do something in another thread; what goes wrong is raised in the driver's."""

        def guarded() -> None:
            try:
                what()
            except Exception as error:  # raised where it can be shown, by `poll`
                self._news.put(("error", error))

        future = self._pool.submit(guarded)
        self._acts.add(future)
        future.add_done_callback(self._acts.discard)

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

    def close(self) -> list[TrialEvent]:
        """Let go; say of attempts whose Jobs could not be created that they have not begun."""
        self._closed = True
        for reflector in self._reflectors.values():
            reflector.close()
        self._harvester.close()
        wait(list(self._acts), LET_GO_SECONDS)
        self._pool.shutdown(wait=False, cancel_futures=True)
        return [_unbegun(f.trial) for f in self.flying if f.make and not f.sending]

    # Taking up what is there

    def _noted(self) -> Iterator[Noted]:
        """Yield what earlier drivers, here or elsewhere, have noted in the cluster."""
        selector = manifests.selector(self._session.info.uid, **{marks.PART: "done"})
        maps, _ = self._client.list("ConfigMap", selector)
        for each in noted(maps):
            if each.event.trial in self._session.trials:
                self._known[each.event.trial, each.event.attempt] = each.event
                yield each

    def _is_news(self, event: TrialEvent) -> bool:
        trial = self._session.trials[event.trial]
        return trial.after(event) is not trial

    def _recalled(self, each: Noted) -> TrialEvent:
        """Take over a noted ending, unless it is one of another line."""
        if each.hash in ("", self._session.trials[each.event.trial].spec.hash):
            return each.event
        return _changed((each.event.trial, each.event.attempt))

    def _take_up(self, job: Manifest) -> list[TrialEvent]:
        """Go on with a Job that is there, or note that nothing of it is wanted any more."""
        claims = list(self._ways.whose("Job", Change("ADDED", job)))
        heard = self._hear_of(job, gone=False)
        events: list[TrialEvent] = []
        wanted = False
        for key, same in claims:
            if not same:
                events += filter(self._is_news, [_changed(key)])
            elif key in self._known or self._is_past(key):
                self._leave(key, job)
                wanted |= self._has_run(key)
            else:
                wanted = True
                flight = self._flight(key)
                flight.heard = heard
                events += self._see_job(flight, Change("ADDED", job))
        if not wanted and not observed.finished(job):
            self._remove("Job", job)
        return events

    def _leave(self, key: Key, job: Manifest) -> None:
        """An attempt is over that still has its Job: see that the Job goes in the end."""
        if self._ways.shared or not observed.finished(job):
            return
        if key in self._known:
            self.leftovers.append(self._known[key])
        else:  # it was not noted yet: that takes what it left, once more
            self._flight(key).heard = self._jobs[observed.name(job)]

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

    # Creating Jobs

    def _sent(self, flight: Flight) -> Future[Manifest]:
        assert flight.make
        flight.sending = True
        return self._pool.submit(flight.make)

    def _hear_later(self, flight: Flight, future: Future[Manifest]) -> None:
        future.add_done_callback(lambda future: self._news.put(("made", (flight, future))))

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
        return self.observe("Job", Change("ADDED", made))

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
            self._reading -= flight.harvest
            return self._end(flight, found)
        return self.observe(kind, what)

    def observe(self, kind: str, change: Change) -> list[TrialEvent]:
        events: list[TrialEvent] = []
        heard = self._hear_of(change.object, change.type == "DELETED") if kind == "Job" else None
        for key, same in self._ways.whose(kind, change):
            flight = self._flights.get(key)
            if flight is None and same and self._has_run(key):
                continue
            if flight is None and (not same or key in self._known or self._is_past(key)):
                self._see_unwanted(kind, change)
            elif flight and flight.over:
                self._see_late(kind, flight, change)
            else:
                events += self._see(kind, self._flight(key), heard, change)
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
        """Say whether the session is through with an attempt."""
        trial = self._session.trials[key[0]]
        if trial.state is TrialState.CANCELLED:
            return True  # so are attempts that would follow by themselves
        return key[1] < trial.attempt or (key[1] == trial.attempt and trial.state.ended)

    def _has_run(self, key: Key) -> bool:
        """Say whether an attempt came to its own end: so will its Job, a moment later."""
        trial = self._session.trials[key[0]]
        ran = trial.state is TrialState.SUCCEEDED or trial.started is not None
        return key[1] == trial.attempt and trial.state in _OWN_ENDS and ran

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
        self._stray[thing["metadata"]["uid"]] = self._ways.remove(kind, thing)

    def _see_late(self, kind: str, flight: Flight, change: Change) -> None:
        """Whatever comes of an attempt that is over must not go on."""
        if change.type == "DELETED":
            self._lingering.pop(flight.key, None)
        elif kind == "Pod" and flight.key in self._lingering:
            flight.pod = change.object
            if observed.has_ended(flight.pod):
                self._lingering.pop(flight.key)
                flight.heard = flight.pod = None
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
        before = self._flights.get((key[0], key[1] - 1))
        if before and not (before.over or before.harvest or before.pod or before.fate):
            before.fate = TrialState.LOST, Failure.NODE_LOST, "its pod is gone without a trace"
            before.ending_since = self._clock()

    def _flight(self, key: Key) -> Flight:
        if key not in self._flights:
            trial = replace(self._session.trials[key[0]], attempt=key[1])
            self._flights[key] = Flight(key, trial, since=self._clock())
        return self._flights[key]

    def _begun(self, flight: Flight) -> list[TrialEvent]:
        if flight.running or not self._waiting.add(flight):
            return []
        flight.since, flight.told = self._clock(), ""
        return [event(flight, TrialState.SUBMITTED)]

    def _see_job(self, flight: Flight, change: Change) -> list[TrialEvent]:
        if change.type == "DELETED":
            if flight.pod is None or flight.pod_gone:
                self._harvest(flight, gone=True)
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
            self._harvest(flight, gone=True)
        elif observed.is_over(pod):
            self._harvest(flight, gone=False)
        elif observed.being_deleted(pod):
            flight.ending_since = flight.ending_since or self._clock()
            self._follow(flight)
        if (since := observed.running_since(pod)) is not None and not flight.running:
            flight.running = True
            self._waiting.drop(flight)
            return [event(flight, TrialState.RUNNING, at=since)]
        return []

    def _in_order(self, events: Iterable[TrialEvent]) -> list[TrialEvent]:
        """Hold back what is heard of an attempt until the one before it is told to be over."""
        told: list[TrialEvent] = []
        for each in events:
            before = self._flights.get((each.trial, each.attempt - 1))
            if before and not before.told_over:
                self._held[each.trial, each.attempt].append(each)
                continue
            told.append(each)
            if each.state.ended and (flight := self._flights.get((each.trial, each.attempt))):
                flight.told_over = True
                told += self._in_order(self._held.pop((each.trial, each.attempt + 1), ()))
        return told

    # Taking home what attempts leave

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
            follow = partial(self._harvester.follow, self._source(flight), flight.log.append)
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
            found: Found | None = Found(None, b"", "it never had a pod")
            if source.pod:
                found = self._harvester.take(source, b"".join(flight.log), gone=gone)
            if found:
                self._news.put(("found", (flight, found)))

        self.act(take)

    def _end(self, flight: Flight, found: Found) -> list[TrialEvent]:
        if flight.over:
            return []
        flight.over = True
        flight.log = []
        self._waiting.drop(flight)
        self._creation.drop(flight)
        self._unsaved.append(flight)
        ended = ending(flight, found, recorded=self._options.agent)
        if flight.cancelled or not self._ways.is_tried_again(flight, ended):
            return [ended]
        following = self._flight((flight.key[0], flight.key[1] + 1))
        following.heard = following.heard or flight.heard
        return [ended, *self._begun(following)]

    # What waits

    def _tend(self, now: float) -> list[TrialEvent]:
        """Look at attempts that nothing is heard of."""
        self._clear_away(now)
        flying = self.flying
        for flight in flying:
            self._miss(flight, now)
        for flight in self._creation.due(now):
            self._hear_later(flight, self._sent(flight))
        if not self._no_events and self._waiting.asks_for_events(now):
            self.act(self._look_at_events)
        run = any(flight.running for flight in flying)
        events: list[TrialEvent] = []
        for found in self._waiting.findings(now, others_run=run):
            if found.final:
                fate = TrialState.FAILED, found.failure, found.reason
                events += self._give_up(found.flight, fate)
            else:
                events.append(waits(found.flight, found.failure, found.reason))
        return events

    def _clear_away(self, now: float) -> None:
        """End what is of no use any more: strays, and pods that outlive their trials."""
        stray, self._stray = self._stray, {}
        for remove in stray.values():
            self.act(remove)
        late = [key for key, since in self._lingering.items() if now - since >= LINGER_SECONDS]
        for key in late:
            del self._lingering[key]
        if late:
            self.act(self._ways.end([self._flights[key] for key in late]))

    def _miss(self, flight: Flight, now: float) -> None:
        if flight.harvest or flight.ending_since is None:
            return
        waited, pod = now - flight.ending_since, flight.pod
        if pod is None and waited > PODLESS_SECONDS:
            self._harvest(flight, gone=True)
        if pod and observed.being_deleted(pod) and waited > observed.grace(pod) + LOST_SECONDS:
            reason = f"its pod does not go away: node {observed.node(pod)} may be lost"
            flight.fate = flight.fate or (TrialState.LOST, Failure.NODE_LOST, reason)
            self._harvest(flight, gone=True)

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
        self._doomed.append(flight)
        return self._end(flight, Found(None, b""))


_OWN_ENDS = (TrialState.SUCCEEDED, TrialState.FAILED, TrialState.TIMED_OUT)


def _missing(trial: Trial) -> TrialEvent:
    """Say of an attempt that should be there, and is not, what that means."""
    if not trial.job:
        return _unbegun(trial)
    return TrialEvent(
        trial.id, trial.attempt, TrialState.LOST, time.time(), job=trial.job,
        failure=Failure.DELETED, reason="its Job is gone from the cluster, and its result with it",
    )  # fmt: skip


def _changed(key: Key) -> TrialEvent:
    return TrialEvent(*key, TrialState.LOST, time.time(), reason=CHANGED)


def _unbegun(trial: Trial) -> TrialEvent:
    """Nobody's fault, and to be begun again."""
    return TrialEvent(
        trial.id, trial.attempt, TrialState.LOST, time.time(),
        reason="its Job could not be created before its driver ended",
    )  # fmt: skip
