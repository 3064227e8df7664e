"""
Trials on a cluster: one Kubernetes Job an attempt, created as room comes.

Its rule: a Job's name follows from the attempt, so an attempt is begun once, however often it
is asked for; and no Job is deleted before all that is known of it is saved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from kubectl_tune.access import client_of
from kubectl_tune.cluster import Change, ClusterClient, Manifest, manifests, observed
from kubectl_tune.cluster import labels as marks
from kubectl_tune.cluster.manifests import Parts
from kubectl_tune.errors import Conflict, EngineError
from kubectl_tune.fleet import Fleet, delete_jobs
from kubectl_tune.flight import Flight
from kubectl_tune.podoptions import pod_options
from kubectl_tune.provision import Provision
from kubectl_tune.session import Session
from kubectl_tune.tidying import Tidier
from kubectl_tune.trial import Trial, TrialEvent


def connect(session: Session, folder: Path, epoch: int) -> JobsEngine:
    return JobsEngine(session, client_of(session.info), folder)


class JobsEngine:
    def __init__(self, session: Session, client: ClusterClient, folder: Path) -> None:
        self._session = session
        self._client = client
        self._folder = folder
        self._ids = {trial.spec.slug: trial.id for trial in session.trials.values()}
        self._provision = Provision(session, client)
        self._fleet = Fleet(session, client, folder, self)
        self._tidier = Tidier(session.info, client, self._provision, pod_options(session.info).keep)
        self._submitted: set[tuple[str, int]] = set()
        self._closed = False

    @property
    def slots(self) -> int:
        return manifests.parallel(self._session.info.policy, len(self._session.trials))

    def submit(self, trials: Sequence[Trial]) -> list[TrialEvent]:
        events = [] if self._fleet.started else self._fleet.start()
        new = [t for t in trials if (t.id, t.attempt) not in self._submitted]
        new = [t for t in new if self._fleet.flight(t) is None]
        self._submitted.update((t.id, t.attempt) for t in new)
        scene = self._provision.scene if new else None
        wanted = {t.id: self._manifests(t) for t in new} if scene else {}
        return events + self._fleet.launch(new, lambda trial: self._create(wanted[trial.id]))

    def poll(self, timeout: float) -> list[TrialEvent]:
        if not self._fleet.started:
            return self._fleet.start()
        return self._tidier.note(self._fleet.poll(timeout))

    def cancel(self, trials: Sequence[Trial]) -> None:
        self._fleet.cancel(trials)

    def logs(self, trial: Trial, *, follow: bool = False) -> Iterator[bytes]:
        return self._fleet.logs(trial, follow=follow)

    def forget(self) -> None:
        """Delete the Jobs of what has ended, many at once; `--keep` says which."""
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

    # The fleet's ways

    def whose(self, kind: str, change: Change) -> Iterator[tuple[str, int]]:
        said = observed.labels(change.object)
        id, attempt = self._ids.get(said.get(marks.TRIAL, "")), said.get(marks.ATTEMPT, "")
        # Earlier attempts are over: whatever is left of them is no news.
        if id and attempt.isdecimal() and int(attempt) >= self._session.trials[id].attempt:
            yield id, int(attempt)

    def end(self, flights: Sequence[Flight]) -> None:
        names = [observed.name(flight.job) for flight in flights if flight.job]
        delete_jobs(self._client, self._session.info.uid, names)

    def is_queued(self, flight: Flight) -> bool:
        return False

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
        except Conflict:
            there = self._client.get(wanted["kind"], observed.name(wanted))
            if not _is_ours(there, wanted):
                where = f"{wanted['kind']} {observed.name(wanted)}"
                raise EngineError(
                    f"{where} is there already, and not this session's",
                    hint=f"see whose it is: kubectl describe {where.replace(' ', '/').lower()}",
                ) from None
            return there


def _is_ours(there: Manifest, wanted: Manifest) -> bool:
    """Adopt only what was made for the same attempt at the same thing."""
    same_session = observed.labels(there).get(marks.UID) == observed.labels(wanted).get(marks.UID)
    hashes = (observed.remarks(each).get(marks.HASH) for each in (there, wanted))
    return same_session and len(set(hashes)) == 1
