"""
Trials on a cluster that keeps the window itself: Indexed Jobs of up to 2,000 trials.

Its rule: all that is asked for is handed over at once, and goes on whoever watches; what is
heard later is the same as from any other engine. Retries that the session allows are the
Job's own, in the same index.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from kubectl_tune.access import client_of
from kubectl_tune.cluster import Change, ClusterClient, Manifest, manifests, observed
from kubectl_tune.cluster import labels as marks
from kubectl_tune.cluster.orders import MOST_LINES
from kubectl_tune.errors import NotFound
from kubectl_tune.fleet import Fleet, delete_jobs
from kubectl_tune.flight import Flight
from kubectl_tune.podoptions import pod_options
from kubectl_tune.provision import Provision, lines_of
from kubectl_tune.session import Session
from kubectl_tune.tidying import Tidier
from kubectl_tune.trial import Trial, TrialEvent, TrialState

AGAIN = (TrialState.FAILED, TrialState.TIMED_OUT, TrialState.LOST)
SETUP = 125  # the agent's exit code for what no other attempt would mend


def connect(session: Session, folder: Path, epoch: int) -> IndexedEngine:
    return IndexedEngine(session, client_of(session.info), folder)


class IndexedEngine:
    def __init__(self, session: Session, client: ClusterClient, folder: Path) -> None:
        self._session = session
        self._client = client
        self._provision = Provision(session, client)
        self._fleet = Fleet(session, client, folder, self)
        self._tidier = Tidier(
            session.info, client, self._provision, pod_options(session.info).keep, deletes=False
        )
        self._ids = {trial.spec.slug: trial.id for trial in session.trials.values()}
        self._shards: dict[str, list[tuple[str, int]]] = {}  # by Job: trial and first attempt
        self._jobs: dict[str, Manifest] = {}  # as they were last heard of
        self._submitted: set[tuple[str, int]] = set()
        self._closed = False

    @property
    def slots(self) -> int:
        """Room for all of them: the Jobs keep the window."""
        return max(1, len(self._session.trials))

    def submit(self, trials: Sequence[Trial]) -> list[TrialEvent]:
        events = [] if self._fleet.started else self._fleet.start()
        new = [t for t in trials if (t.id, t.attempt) not in self._submitted]
        new = [t for t in new if self._fleet.flight(t) is None]
        self._submitted.update((t.id, t.attempt) for t in new)
        for image in dict.fromkeys(trial.spec.image for trial in new):
            same = [trial for trial in new if trial.spec.image == image]
            for first in range(0, len(same), MOST_LINES):
                events += self._submit_shard(same[first : first + MOST_LINES])
        return events

    def poll(self, timeout: float) -> list[TrialEvent]:
        events = self._fleet.poll(timeout) if self._fleet.started else self._fleet.start()
        return self._tidier.note(events)

    def cancel(self, trials: Sequence[Trial]) -> None:
        self._fleet.cancel(trials)

    def logs(self, trial: Trial, *, follow: bool = False) -> Iterator[bytes]:
        return self._fleet.logs(trial, follow=follow)

    def forget(self) -> None:
        self._tidier.tidy(all=self._closed)
        if self._closed:
            self._client.close()

    def close(self) -> list[TrialEvent]:
        """Let go: the Jobs go on."""
        if not self._closed:
            self._closed = True
            self._fleet.close()
            if self._tidier.idle:  # else the last `forget` still needs it
                self._client.close()
        return []

    def _submit_shard(self, trials: Sequence[Trial]) -> list[TrialEvent]:
        parts = self._provision.bring_shard(trials)
        taken = [int(observed.labels(job).get(marks.SHARD, 0)) for job in self._jobs.values()]
        number = max(taken, default=0) + 1
        made = self._client.create(manifests.shard(self._provision.scene, number, trials, parts))
        self._shards[observed.name(made)] = [(trial.id, trial.attempt) for trial in trials]
        return self._fleet.observe("Job", Change("ADDED", made))

    # The fleet's ways

    def whose(self, kind: str, change: Change) -> Iterator[tuple[str, int]]:
        thing = change.object
        if kind == "Job":
            name = observed.name(thing)
            known = name in self._jobs
            self._jobs[name] = thing
            if not known or change.type == "DELETED" or observed.finished(thing):
                yield from self._trials_of(thing)
            return
        index, job = observed.index_of(thing), self._jobs.get(observed.job_of(thing))
        if job is None or index is None:
            return
        trials = self._trials_of(job)
        if index < len(trials):
            id, first = trials[index]
            attempt = first + observed.attempts_before(thing)
            if attempt >= self._session.trials[id].attempt:
                yield id, attempt

    def end(self, flights: Sequence[Flight]) -> None:
        """Delete Jobs that nothing else is left of, and of others the pods."""
        for name in dict.fromkeys(observed.name(f.job) for f in flights if f.job):
            left = [f for f in self._fleet.flying if f.job and observed.name(f.job) == name]
            if all(flight.cancelled for flight in left):
                delete_jobs(self._client, self._session.info.uid, [name])
                continue
            for flight in flights:
                if flight.pod and observed.job_of(flight.pod) == name:
                    with contextlib.suppress(NotFound):
                        self._client.delete("Pod", observed.name(flight.pod))

    def is_queued(self, flight: Flight) -> bool:
        """It has no pod yet, while other pods of its Job run: its turn has not come."""
        job = self._jobs.get(observed.name(flight.job)) if flight.job else None
        return flight.pod is None and bool(((job or {}).get("status") or {}).get("active"))

    def is_tried_again(self, flight: Flight, event: TrialEvent) -> bool:
        job = self._jobs.get(observed.name(flight.job)) if flight.job else None
        if job is None or event.state not in AGAIN or observed.finished(job):
            return False
        if event.state is TrialState.LOST:  # as its podFailurePolicy has it
            return observed.condition(flight.pod or {}, "DisruptionTarget") is not None
        limit = job["spec"].get("backoffLimitPerIndex", 0)
        return event.exit_code != SETUP and observed.failures_before(flight.pod or {}) < limit

    def _trials_of(self, job: Manifest) -> list[tuple[str, int]]:
        """Return a Job's trials in the order of its indexes, from its plan where need be."""
        name = observed.name(job)
        if name not in self._shards:
            maps = observed.remarks(job).get(marks.PLAN, "").split(",")
            lines = [
                line for each in maps for line in lines_of(self._client.get("ConfigMap", each))
            ]
            self._shards[name] = [(self._ids[line["slug"]], line["attempt"]) for line in lines]
        return self._shards[name]
