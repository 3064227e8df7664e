"""
Trials on a cluster: one Kubernetes Job an attempt, created as room comes.

Its rule: a Job's name follows from the attempt, so an attempt is begun once, however often it
is asked for; and no Job is deleted before all that is known of it is saved.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from kubectl_tune.access import client_of
from kubectl_tune.cluster import Change, ClusterClient, Manifest, manifests, observed
from kubectl_tune.cluster import labels as marks
from kubectl_tune.cluster.manifests import Parts
from kubectl_tune.errors import Conflict, EngineError, NotFound
from kubectl_tune.fleet import Fleet
from kubectl_tune.flight import Flight
from kubectl_tune.provision import Provision
from kubectl_tune.session import Session
from kubectl_tune.tidying import Tidier, delete_jobs
from kubectl_tune.trial import Trial, TrialEvent
from kubectl_tune.ways import Claim


def connect(session: Session, folder: Path, epoch: int) -> JobsEngine:
    return JobsEngine(session, client_of(session.info), folder)


class JobsEngine:
    shared = False

    def __init__(
        self,
        session: Session,
        client: ClusterClient,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._client = client
        self._ids = {trial.spec.slug: trial.id for trial in session.trials.values()}
        self._provision = Provision(session, client)
        self._fleet = Fleet(session, client, folder, self, clock)
        self._tidier = Tidier(session, client, self._provision)
        self._submitted: set[tuple[str, int]] = set()
        self._closed = False

    @property
    def slots(self) -> int:
        return manifests.parallel(self._session.info.policy, len(self._session.trials))

    def submit(self, trials: Sequence[Trial]) -> list[TrialEvent]:
        events = [] if self._fleet.started else self.poll(0)
        new = [t for t in trials if (t.id, t.attempt) not in self._submitted]
        new = [t for t in new if self._fleet.flight(t) is None]
        self._submitted.update((t.id, t.attempt) for t in new)
        wanted = {t.id: self._manifests(t) for t in new}
        return events + self._fleet.launch(new, lambda trial: self._create(wanted[trial.id]))

    def poll(self, timeout: float) -> list[TrialEvent]:
        if self._fleet.started:
            events = self._fleet.poll(timeout)
        else:
            events = self._fleet.start()
            self._tidier.note_leftovers(self._fleet.leftovers)
        self._tidier.note(self._fleet.unnoted(events))
        return events

    def cancel(self, trials: Sequence[Trial]) -> None:
        self._fleet.cancel(trials)

    def logs(self, trial: Trial, *, follow: bool = False) -> Iterator[bytes]:
        return self._fleet.logs(trial, follow=follow)

    def forget(self) -> None:
        """Delete the Jobs of what has ended, many at once; `--keep` says which."""
        late = not (self._fleet.started or self._closed)
        if late:  # an earlier driver may have been killed before it could
            self.poll(0)
        self._fleet.saved()
        self._tidier.tidy(all=late or self._closed, cramped=self._fleet.cramped)
        if self._closed:
            self._client.close()

    def close(self) -> list[TrialEvent]:
        """Let go: the Jobs go on."""
        if self._closed:
            return []
        self._closed = True
        events = self._fleet.close()
        if self._tidier.idle:  # else the last `forget` still needs it
            self._client.close()
        return events

    # The fleet's ways

    def whose(self, kind: str, change: Change) -> Iterator[Claim]:
        said = observed.labels(change.object)
        id, attempt = self._ids.get(said.get(marks.TRIAL, "")), said.get(marks.ATTEMPT, "")
        if id and attempt.isdecimal():
            hash = observed.remarks(change.object).get(marks.HASH)
            yield Claim((id, int(attempt)), hash == self._session.trials[id].spec.hash)

    def end(self, flights: Sequence[Flight]) -> Callable[[], object]:
        names = [flight.job_name for flight in flights if flight.job_name]
        return partial(delete_jobs, self._client, self._session.info.uid, names)

    def remove(self, kind: str, thing: Manifest) -> Callable[[], object]:
        name = observed.name(thing) if kind == "Job" else observed.job_of(thing)
        return partial(delete_jobs, self._client, self._session.info.uid, [name])

    def is_queued(self, flight: Flight) -> bool:
        return False

    def is_counted(self, flight: Flight) -> bool:
        return flight.job is not None and observed.finished(flight.job) is not None

    def is_tried_again(self, flight: Flight, event: TrialEvent) -> bool:
        return False

    # How Jobs are made

    def _manifests(self, trial: Trial) -> list[Manifest]:
        scene = self._provision.scene
        if scene.options.agent:
            return [manifests.job(scene, trial, self._provision.place(trial))]
        return [manifests.config_map(scene, trial), manifests.job(scene, trial, Parts(()))]

    def _create(self, wanted: Sequence[Manifest]) -> Manifest:
        for each in wanted:
            made = self._create_once(each)
        return made

    def _create_once(self, wanted: Manifest) -> Manifest:
        try:
            return self._client.create(wanted)
        except Conflict as conflict:
            try:
                there = self._client.get(wanted["kind"], observed.name(wanted))
            except NotFound:
                raise conflict from None  # it has just gone: another time
            return self._adopted(there, wanted)

    def _adopted(self, there: Manifest, wanted: Manifest) -> Manifest:
        """Take what was made for the same attempt at the same thing, and nothing else."""
        where = f"{wanted['kind']} {observed.name(wanted)}"
        if not _is_ours(there, wanted):
            raise EngineError(
                f"{where} is there already, and not this session's",
                hint=f"see whose it is: kubectl describe {where.replace(' ', '/').lower()}",
            )
        if observed.being_deleted(there):
            raise Conflict(f"{where} is still being deleted")
        return there


def _is_ours(there: Manifest, wanted: Manifest) -> bool:
    same_session = observed.labels(there).get(marks.UID) == observed.labels(wanted).get(marks.UID)
    hashes = (observed.remarks(each).get(marks.HASH) for each in (there, wanted))
    return same_session and len(set(hashes)) == 1
