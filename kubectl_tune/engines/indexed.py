"""
Trials on a cluster that keeps the window itself: Indexed Jobs of up to 2,000 trials.

Its rule: all that is asked for is handed over at once, and goes on whoever watches; what is
heard later is the same as from any other engine. Retries that the session allows are the
Job's own, in the same index.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from kubectl_tune.access import client_of
from kubectl_tune.cluster import Change, ClusterClient, Manifest, indexretries, manifests, observed
from kubectl_tune.cluster import labels as marks
from kubectl_tune.cluster.orders import MOST_LINES
from kubectl_tune.commonengine import CommonEngine
from kubectl_tune.errors import Conflict, EngineError, NotFound
from kubectl_tune.flight import Flight
from kubectl_tune.provision import lines_of
from kubectl_tune.session import Session
from kubectl_tune.tidying import delete_jobs
from kubectl_tune.trial import Trial, TrialEvent, TrialState
from kubectl_tune.ways import Claim

AGAIN = (TrialState.FAILED, TrialState.TIMED_OUT, TrialState.LOST)


def connect(session: Session, folder: Path, epoch: int) -> IndexedEngine:
    return IndexedEngine(session, client_of(session.info), folder)


class Place(NamedTuple):
    """What an index of a Job is for: a trial, the first attempt at it there, and its spec."""

    id: str  # "" where the plan has no such trial any more
    first: int
    same: bool = True


class IndexedEngine(CommonEngine):
    shared = True

    def __init__(
        self,
        session: Session,
        client: ClusterClient,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(session, client, folder, clock)
        self._places: dict[str, list[Place]] = {}  # by Job, in the order of its indexes
        self._indexes: dict[str, dict[str, int]] = {}  # by Job: its trials
        self._firsts: dict[str, dict[int, str]] = {}  # by trial: Jobs by its first attempt there
        self._stages: dict[str, tuple[bool, ...]] = {}  # by Job: how far it was last seen to be
        self._shards = 0  # the highest number so far

    @property
    def slots(self) -> int:
        """Room for all of them: the Jobs keep the window."""
        return max(1, len(self._session.trials))

    def _begin(self, trials: Sequence[Trial]) -> list[TrialEvent]:
        events: list[TrialEvent] = []
        for image in dict.fromkeys(trial.spec.image for trial in trials):
            same = [trial for trial in trials if trial.spec.image == image]
            for first in range(0, len(same), MOST_LINES):
                events += self._submit_shard(same[first : first + MOST_LINES])
        return events

    # Jobs of many trials

    def _submit_shard(self, trials: Sequence[Trial]) -> list[TrialEvent]:
        parts = self._provision.bring_shard(trials)
        while True:
            wanted = manifests.shard(self._provision.scene, self._shards + 1, trials, parts)
            with contextlib.suppress(Conflict):  # what became of it nobody knows: take the next
                made = self._client.create(wanted)
                break
            self._shards += 1
        self._place(made, [Place(trial.id, trial.attempt) for trial in trials])
        return self._fleet.observe("Job", Change("ADDED", made))

    def _place(self, job: Manifest, places: list[Place]) -> None:
        name, number = observed.name(job), observed.labels(job).get(marks.SHARD, "")
        self._places[name] = places
        self._indexes[name] = {place.id: index for index, place in enumerate(places)}
        self._shards = max(self._shards, int(number) if number.isdecimal() else 0)
        for place in places:
            self._firsts.setdefault(place.id, {})[place.first] = name

    def _of(self, job: Manifest) -> list[Place]:
        """Return what a Job's indexes are for, from its plan where it is not known yet."""
        name = observed.name(job)
        if name not in self._places:
            maps = filter(None, observed.remarks(job).get(marks.PLAN, "").split(","))
            self._place(job, [self._read(line) for each in maps for line in self._lines(each)])
        return self._places[name]

    def _lines(self, name: str) -> Iterator[Manifest]:
        try:
            yield from lines_of(self._client.get("ConfigMap", name))
        except NotFound:
            raise EngineError(
                f"ConfigMap {name} is gone: nobody can tell whose results its Job's are",
                hint="begin the session anew",
            ) from None

    def _read(self, line: Manifest) -> Place:
        id = self._ids.get(line["slug"], "")
        same = bool(id) and self._session.trials[id].spec.hash == line["hash"]
        return Place(id, int(line.get("attempt", 1)), same)

    def _owns(self, job: str, id: str, attempt: int) -> bool:
        """Say whether an attempt is this Job's; where a later Job has begun anew, it is not."""
        firsts = [first for first in self._firsts[id] if first <= attempt]
        return bool(firsts) and self._firsts[id][max(firsts)] == job

    # The fleet's ways

    def whose(self, kind: str, change: Change) -> Iterator[Claim]:
        return self._whose_job(change) if kind == "Job" else self._whose_pod(change.object)

    def _whose_job(self, change: Change) -> Iterator[Claim]:
        """Yield all of a Job's attempts, but only where it has come to something new as a whole."""
        job, name = change.object, observed.name(change.object)
        places = self._of(job)
        stage = (
            change.type == "DELETED", observed.doom(job) is not None,
            observed.finished(job) is not None, observed.is_suspended(job),
        )  # fmt: skip
        before, self._stages[name] = self._stages.get(name), stage
        if before is None:
            for id, first, same in places:
                attempt = max(first, self._session.trials[id].attempt) if id and same else first
                if same and self._is_asked_anew(id, first):
                    continue  # the Job never had that attempt
                if id and self._owns(name, id, attempt):
                    yield Claim((id, attempt), same)
        elif before != stage:
            yield from (Claim(f.key) for f in self._fleet.flying if f.job_name == name)

    def _is_asked_anew(self, id: str, first: int) -> bool:
        """Say whether a later attempt than a Job began with is still to be begun."""
        trial = self._session.trials[id]
        return trial.state is TrialState.PENDING and trial.attempt > first

    def _whose_pod(self, pod: Manifest) -> Iterator[Claim]:
        index, name = observed.index_of(pod), observed.job_of(pod)
        places = self._places.get(name, [])
        if index is None or index >= len(places):
            return
        id, first, same = places[index]
        attempt = first + observed.attempts_before(pod)
        yield Claim((id, attempt), bool(id) and same and self._owns(name, id, attempt))

    def end(self, flights: Sequence[Flight]) -> Callable[[], object]:
        """End Jobs that nothing else is left of, and of others the pods."""
        ended = {flight.key for flight in flights}
        busy = {f.job_name for f in self._fleet.flying if f.key not in ended and not f.cancelled}
        jobs = {flight.job_name for flight in flights} - busy - {""}
        pods = [observed.name(f.pod) for f in flights if f.pod and f.job_name in busy]
        return partial(self._delete, sorted(jobs), pods)

    def remove(self, kind: str, thing: Manifest) -> Callable[[], object]:
        names = [observed.name(thing)]
        return partial(self._delete, *((names, ()) if kind == "Job" else ((), names)))

    def _delete(self, jobs: Sequence[str], pods: Sequence[str]) -> None:
        delete_jobs(self._client, self._session.info.uid, jobs)
        for pod in pods:
            with contextlib.suppress(NotFound):
                self._client.delete("Pod", pod)

    def is_queued(self, flight: Flight) -> bool:
        """It has no pod yet, while other pods of its Job run: its turn has not come."""
        status = (flight.job or {}).get("status") or {}
        return flight.pod is None and bool(status.get("active"))

    def is_counted(self, flight: Flight) -> bool:
        job = flight.job
        if job is None or observed.finished(job):
            return job is not None
        index = self._indexes[flight.job_name][flight.key[0]]
        status = job.get("status") or {}
        sets = (status.get(which) or "" for which in ("completedIndexes", "failedIndexes"))
        return any(observed.holds(each, index) for each in sets)

    def is_tried_again(self, flight: Flight, event: TrialEvent) -> bool:
        job, pod = flight.job, flight.pod
        if job is None or pod is None or event.state not in AGAIN or observed.doom(job):
            return False
        if flight.fate and flight.fate[0] is TrialState.LOST:
            return False  # its pod stays where it is, and so does its index
        if observed.condition(pod, "DisruptionTarget"):  # as its podFailurePolicy has it
            return True
        code = (observed.terminated(pod) or {}).get("exitCode")
        if code == 0 or indexretries.fails_index(job, code):
            return False
        return observed.failures_before(pod) < (job["spec"].get("backoffLimitPerIndex") or 0)
