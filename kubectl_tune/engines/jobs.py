"""
Trials on a cluster: one Kubernetes Job an attempt, created as room comes.

Its rule: a Job's name follows from the attempt, so an attempt is begun once, however often it
is asked for; and no Job is deleted before all that is known of it is saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from kubectl_tune.access import client_of
from kubectl_tune.cluster import Change, Manifest, manifests, observed
from kubectl_tune.cluster import labels as marks
from kubectl_tune.cluster.manifests import Parts
from kubectl_tune.commonengine import CommonEngine
from kubectl_tune.errors import Conflict, EngineError, NotFound
from kubectl_tune.flight import Flight
from kubectl_tune.session import Session
from kubectl_tune.tidying import delete_jobs
from kubectl_tune.trial import Trial, TrialEvent
from kubectl_tune.ways import Claim


def connect(session: Session, folder: Path, epoch: int) -> JobsEngine:
    return JobsEngine(session, client_of(session.info), folder)


class JobsEngine(CommonEngine):
    shared = False

    @property
    def slots(self) -> int:
        return manifests.parallel(self._session.info.policy, len(self._session.trials))

    def _begin(self, trials: Sequence[Trial]) -> list[TrialEvent]:
        wanted = {trial.id: self._manifests(trial) for trial in trials}
        return self._fleet.launch(trials, lambda trial: self._create(wanted[trial.id]))

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
