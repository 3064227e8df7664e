"""
The story of a trial, or of all that don't run: what the store knows, and the cluster now.

Its rule: nothing is changed and nothing is kept. A cluster that can't be asked makes the story
shorter, not an error: what is known is told, with a note of what is missing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kubectl_tune import sessions
from kubectl_tune.cluster import ClusterClient, Manifest, manifests, observed
from kubectl_tune.cluster import labels as marks
from kubectl_tune.cluster.diagnosis import QUEUE, RUNS, Verdict, diagnose
from kubectl_tune.cluster.happenings import Happening, happenings
from kubectl_tune.errors import Forbidden, NotFound, TuneError
from kubectl_tune.provision import lines_of
from kubectl_tune.rows import StoredTrial
from kubectl_tune.session import FAULTS, SessionInfo
from kubectl_tune.sessions import Standing
from kubectl_tune.store import Store
from kubectl_tune.trial import Failure, Trial, TrialState

Connect = Callable[[SessionInfo], ClusterClient]

_NO_EVENTS = "Events can't be read: the right list events is missing, see kubectl tune doctor"


@dataclass(frozen=True, slots=True)
class Story:
    """One trial: its attempts from the store, and what the cluster has of the latest."""

    info: SessionInfo
    stored: StoredTrial
    attempts: Sequence[Mapping[str, Any]]
    verdict: Verdict
    job: Manifest | None = None
    pods: Sequence[Manifest] = ()
    told: Sequence[Happening] = ()  # of Job and pods, oldest first
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Trials of one state that are there for the same reason."""

    state: TrialState
    verdict: Verdict
    trials: Sequence[str]  # of many Pending ones the first few
    count: int


@dataclass(frozen=True, slots=True)
class Overview:
    info: SessionInfo
    groups: Sequence[Group]
    notes: Sequence[str] = ()


@dataclass(slots=True)
class _Sight:
    """What one look at the cluster has brought."""

    jobs: dict[str, Manifest] = field(default_factory=dict)
    pods: dict[str, list[Manifest]] = field(default_factory=lambda: defaultdict(list))
    events: Sequence[Manifest] = ()
    indexes: dict[str, tuple[str, int]] = field(default_factory=dict)  # slug: Job and index
    notes: list[str] = field(default_factory=list)
    seen: bool = False  # Jobs and pods are what the cluster has now

    def of(self, info: SessionInfo, trial: Trial) -> tuple[Manifest | None, list[Manifest]]:
        """Return the Job and the pods of a trial's latest attempt, the newest pod last."""
        name, index = trial.job or manifests.job_name(info, trial), None
        if trial.spec.slug in self.indexes and name not in self.jobs:
            name = self.indexes[trial.spec.slug][0]
        if self.indexes.get(trial.spec.slug, ("", 0))[0] == name:
            index = self.indexes[trial.spec.slug][1]
        pods = [p for p in self.pods[name] if index is None or observed.index_of(p) == index]
        return self.jobs.get(name), sorted(pods, key=_made)


def story(store: Store, name: str, id: str, connect: Connect, *, now: float) -> Story:
    """Tell one trial's story."""
    standing = sessions.standing(store, name)
    (stored,) = store.trials(name, ids=[id])
    info, trial, attempts = standing.summary.info, stored.trial, store.attempts(name, id)
    sight = _look(info, connect, trial)
    job, pods = sight.of(info, trial)
    if trial.state.in_flight:
        verdict = _now(standing, trial, sight, now)
    else:
        verdict = _known(standing, trial)
    things = [thing for thing in (job, *pods) if thing]
    told = [each for thing in things for each in happenings(sight.events, thing)]
    return Story(
        info, stored, attempts, verdict, job, pods,
        sorted(told, key=lambda each: each.last), sight.notes,
    )  # fmt: skip


def overview(store: Store, name: str, connect: Connect, *, now: float) -> Overview:
    """Gather the trials that don't run although they should, and those that ended badly."""
    standing = sessions.standing(store, name)
    info = standing.summary.info
    flying = list(store.trials(name, states=[TrialState.SUBMITTED, TrialState.RUNNING]))
    sight = _look(info, connect) if flying else _Sight()
    groups = _grouped(
        (trial.state, _flying(standing, trial, sight, now), trial.id)
        for trial in (each.trial for each in flying)
    )
    groups += _pending(store, standing)
    ended = (each.trial for each in store.trials(name, states=FAULTS))
    failed = _grouped((trial.state, _known(standing, trial), trial.id) for trial in ended)
    groups += [_advised(name, group) for group in failed]
    return Overview(info, groups, sight.notes)


def _advised(name: str, group: Group) -> Group:
    """Give trials that ended in the same way an advice for all of them."""
    several, failure = group.count > 1, group.verdict.failure
    hint = _advice(name, failure, group.trials[0], several=several)
    return replace(group, verdict=replace(group.verdict, hint=hint))


def _flying(standing: Standing, trial: Trial, sight: _Sight, now: float) -> Verdict | None:
    """Say why an attempt that is in flight doesn't run; None where it does."""
    verdict = _now(standing, trial, sight, now)
    return None if (verdict.state, verdict.sentence) == ("fine", RUNS) else verdict


def _now(standing: Standing, trial: Trial, sight: _Sight, now: float) -> Verdict:
    """Return what the cluster says of an attempt that is in flight, else what the store does."""
    info = standing.summary.info
    job, pods = sight.of(info, trial)
    if not sight.seen or (trial.reason and not job and not pods):
        return _known(standing, trial)
    verdict = diagnose(job, pods[-1] if pods else None, sight.events, now=now)
    if not pods or not observed.is_over(pods[-1]):
        return verdict
    how = f" ({verdict.sentence})" if verdict.sentence else ""
    return Verdict(
        verdict.failure, f"its pod has ended{how}; its outcome is still to be fetched", "waiting",
        verdict.since, "" if standing.driver else f"fetch it: kubectl tune resume {info.name}",
    )  # fmt: skip


def _pending(store: Store, standing: Standing) -> list[Group]:
    name = standing.summary.info.name
    count = standing.summary.counts.get(TrialState.PENDING, 0)
    if not count:
        return []
    some = [each.trial for each in store.trials(name, states=[TrialState.PENDING], limit=FEW)]
    verdict = _known(standing, some[0])
    return [Group(TrialState.PENDING, verdict, [trial.id for trial in some], count)]


FEW = 10  # trials of a group that are named where there are many


def _grouped(found: Iterable[tuple[TrialState, Verdict | None, str]]) -> list[Group]:
    """Put together what has the same state and sentence, the largest groups first."""
    ids: dict[tuple[TrialState, str], list[str]] = defaultdict(list)
    verdicts: dict[tuple[TrialState, str], Verdict] = {}
    for state, verdict, id in found:
        if verdict is not None:
            ids[state, verdict.sentence].append(id)
            verdicts.setdefault((state, verdict.sentence), verdict)
    groups = [Group(key[0], verdicts[key], ids[key], len(ids[key])) for key in ids]
    return sorted(groups, key=lambda group: -group.count)


# What the store knows


def _known(standing: Standing, trial: Trial) -> Verdict:
    """Return what can be said of a trial without asking a cluster."""
    name = standing.summary.info.name
    match trial.state:
        case TrialState.PENDING:
            return _unbegun(standing)
        case TrialState.SUCCEEDED:
            return Verdict(None, "it succeeded", "fine", trial.finished or 0.0)
        case TrialState.RUNNING if standing.driver:
            return Verdict(None, RUNS, "fine", trial.started or 0.0)
        case TrialState.SUBMITTED | TrialState.RUNNING:
            hint = "" if standing.driver else f"go on with: kubectl tune resume {name}"
            said = "it is about to begin" if standing.driver else "nobody watches it now"
            since = trial.started or 0.0
            return Verdict(trial.failure, trial.reason or said, "waiting", since, hint)
    said = trial.reason or f"it is {trial.state}"
    return Verdict(
        trial.failure, said, "fatal", trial.finished or 0.0, _advice(name, trial.failure, trial.id)
    )


def _unbegun(standing: Standing) -> Verdict:
    info = standing.summary.info
    if standing.driver:
        most = info.policy.max_parallel or "as many as fit"
        return Verdict(None, f"it waits for its turn: {most} run at once", "waiting")
    return Verdict(
        None, "nobody begins it: the session has no driver now", "waiting", info.created,
        f"go on with: kubectl tune resume {info.name}",
    )  # fmt: skip


_ADVICE = {
    Failure.EXIT: "read what it printed: kubectl tune logs {trial}",
    Failure.OOM: "give it more memory with --memory, or make it need less",
    Failure.TIMEOUT: "give it more time with --timeout",
    Failure.IMAGE: "name an image that the cluster can pull with --image",
    Failure.UNSCHEDULABLE: "let it fit the cluster, see kubectl tune doctor",
    Failure.QUOTA: "let it fit the quota, see kubectl tune doctor",
    Failure.NO_RESULT: "read what it printed: kubectl tune logs {trial}",
    Failure.BAD_RESULT: "read what it wrote: kubectl tune logs {trial}",
}


def _advice(name: str, failure: Failure | None, id: str, *, several: bool = False) -> str:
    """Say what to do about trials that ended in the same way, of which `id` is one."""
    what = "them" if several else "it"
    again = f"run {what} again: kubectl tune retry {name}{'' if several else f' {id}'}"
    first = _ADVICE[failure].format(trial=f"{name}/{id}") if failure in _ADVICE else ""
    return f"{first}; then {again}" if first else again


# What the cluster knows


def _look(info: SessionInfo, connect: Connect, trial: Trial | None = None) -> _Sight:
    """Look at a session's objects, or at those of one trial with all of their Events."""
    sight = _Sight()
    if info.target.engine == "local":
        return sight
    try:
        client = connect(info)
        try:
            _see(client, info, sight)
            sight.events = _events(client, info, sight, trial)
        finally:
            client.close()
    except TuneError as error:
        sight.notes.append(f"the cluster can't be asked: {error}")
    return sight


def _see(client: ClusterClient, info: SessionInfo, sight: _Sight) -> None:
    selector = manifests.selector(info.uid)
    for job in client.list("Job", selector)[0]:
        sight.jobs[observed.name(job)] = job
        if (job.get("spec") or {}).get("completionMode") == "Indexed":
            _see_indexes(client, job, sight)
    for pod in client.list("Pod", selector)[0]:
        sight.pods[observed.job_of(pod)].append(pod)
    sight.seen = True


def _see_indexes(client: ClusterClient, job: Manifest, sight: _Sight) -> None:
    """Note which index of an Indexed Job each of its trials has: its lines' order."""
    maps = filter(None, observed.remarks(job).get(marks.PLAN, "").split(","))
    slugs: list[str] = []
    try:
        for each in maps:
            slugs += [line["slug"] for line in lines_of(client.get("ConfigMap", each))]
    except NotFound:
        return
    for index, slug in enumerate(slugs):
        before = sight.indexes.get(slug)
        if before is None or _made(sight.jobs[before[0]]) <= _made(job):
            sight.indexes[slug] = (observed.name(job), index)


def _events(
    client: ClusterClient, info: SessionInfo, sight: _Sight, trial: Trial | None
) -> Sequence[Manifest]:
    try:
        if trial is None:
            return client.list("Event", fields="type=Warning")[0]
        job, pods = sight.of(info, trial)
        wanted = [f"involvedObject.name={observed.name(t)}" for t in (job, *pods) if t]
        if job and observed.is_suspended(job) and QUEUE in observed.labels(job):
            wanted.append("involvedObject.kind=Workload")
        return [event for fields in wanted for event in client.list("Event", fields=fields)[0]]
    except Forbidden:
        sight.notes.append(_NO_EVENTS)
        return ()


def _made(thing: Manifest) -> float:
    return observed.seconds(thing["metadata"].get("creationTimestamp")) or 0.0
