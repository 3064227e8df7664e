"""What goes wrong around Jobs, on a cluster in memory: nothing is lost, and nobody is blamed."""

from __future__ import annotations

import json
from functools import partial

import pytest
from core.making import opened
from core.waiting import until
from engines.clusterplace import ClusterPlace
from engines.contract import RESULT, begin, finish, follow, states

from kubectl_tune.cluster import manifests
from kubectl_tune.engines.jobs import JobsEngine
from kubectl_tune.errors import EngineError
from kubectl_tune.ledger import Ledger
from kubectl_tune.runner import Driver, Stop
from kubectl_tune.session import Session
from kubectl_tune.trial import Failure, TrialState


@pytest.fixture
def place(tmp_path):
    place = ClusterPlace(tmp_path, JobsEngine)
    yield place
    place.close()


def with_pod_options(session: Session, **options: object) -> Session:
    info = session.info._replace(extra={"pod": options})
    return Session.of(info, [trial.spec for trial in session.trials.values()])


def ended(session: Session, id: str = "t0"):
    trial = session.trials[id]
    return trial.state, trial.failure


def _printed(engine, trial) -> bytes:
    return b"".join(engine.logs(trial))


# Answers that get lost, and Jobs that are not ours


def test_a_job_whose_creation_was_not_heard_of_is_made_once(place):
    """
    The request was done, and its answer lost: asking again finds what is there.
    """
    session = place.session("ok")
    place.cluster.lose_answer("create", "Job")

    finish(session, place.connect(session))

    assert states(session) == [TrialState.SUCCEEDED]
    assert place.begun() == {("t0", 1): 1}


def test_a_job_of_somebody_else_is_not_taken_for_ours(place):
    """
    It is left alone, and the session says whose name stands in its way.
    """
    session = place.session("ok")
    name = manifests.job_name(session.info, session.trials["t0"])
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "python:3.11"}]}
    place.cluster.client().create(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {"template": {"spec": pod}},
        }
    )

    with pytest.raises(EngineError, match=name):
        finish(session, place.connect(session))

    assert place.cluster.find("Job", name)


# What becomes of pods and Jobs


def test_an_evicted_pod_is_lost_and_its_log_is_kept(place):
    """
    What it had printed is taken home while it is going.
    """
    # It takes its time to end, as pods do: one that is gone at once can't be read any more.
    session = place.session("trap 'sleep 2; exit 1' TERM; echo so far; sleep 600 & wait")
    engine = place.connect(session)
    begin(session, engine)
    printed = partial(_printed, engine, session.trials["t0"])
    until(lambda: b"so far" in printed(), "the trial to print")

    place.cluster.evict(session.trials["t0"].pod)

    follow(session, engine, lambda: session.trials["t0"].state.ended)
    assert ended(session) == (TrialState.LOST, Failure.PREEMPTED)
    assert b"so far" in printed()
    assert [trial.attempt for trial in session.ready(1)] == [2]


def test_a_deleted_pod_is_begun_again_and_a_deleted_job_is_not(place):
    """
    Whoever deletes a Job may have had a reason.
    """
    session = place.session("forever", "forever")
    engine = place.connect(session)
    begin(session, engine)

    place.cluster.delete("Pod", session.trials["t0"].pod)
    place.cluster.delete("Job", session.trials["t1"].job)

    follow(session, engine, lambda: not session.in_flight)
    assert ended(session, "t0") == (TrialState.LOST, Failure.PREEMPTED)
    assert ended(session, "t1") == (TrialState.LOST, Failure.DELETED)
    assert [trial.id for trial in session.ready(9)] == ["t0"]


def test_a_trial_that_is_killed_for_its_memory(place):
    """
    Fails as such, though no agent is left to say so.
    """
    session = place.session("forever")
    engine = place.connect(session)
    begin(session, engine)

    place.cluster.oom(session.trials["t0"].pod)

    follow(session, engine, lambda: session.trials["t0"].state.ended)
    assert ended(session) == (TrialState.FAILED, Failure.OOM)


def test_a_quota_of_pods_is_waited_for(place):
    """
    Without asking the server again and again.
    """
    place.cluster.quota(pods=1)
    session = place.session("sleep 3", "ok")
    engine = place.connect(session)

    told = finish(session, engine)

    assert states(session) == [TrialState.SUCCEEDED] * 2
    assert any(event.failure is Failure.QUOTA for event in told) or place.most_at_once() == 1
    assert place.cluster.requests["create", "Job"] == 2


def test_a_quota_of_jobs_is_waited_for(place):
    """
    The trial is on its way, and says what it waits for.
    """
    place.cluster.quota(**{"count/jobs.batch": 1})
    session = with_pod_options(place.session("ok", "ok"), keep="none")
    engine = place.connect(session)

    told = list(engine.submit(session.ready(9)))
    for event in told:
        session.apply(event)

    [waits] = [event for event in told if event.failure is Failure.QUOTA]
    assert waits.state is TrialState.SUBMITTED and "quota" in waits.reason
    assert place.cluster.requests["create", "Job"] == 2


# What becomes of the way to the server


def test_watches_that_end_and_history_that_is_forgotten_lose_nothing(place):
    """
    Everything is found again by a list.
    """
    session = place.session(*["sleep 0.2; echo out"] * 6, max_parallel=2)
    engine = place.connect(session)
    begun = engine.submit(session.ready(engine.slots))
    follow(session, engine, lambda: True, begun)

    place.cluster.compact()
    place.cluster.drop_watches()

    finish(session, engine)
    assert states(session) == [TrialState.SUCCEEDED] * 6
    assert place.begun().total() == 6


# What is left in the cluster


@pytest.mark.parametrize(
    ("keep", "left"), [("all", {"t0", "t1"}), ("failed", {"t1"}), ("none", set())]
)
def test_jobs_are_kept_as_asked_for(place, keep, left):
    """
    And what ended is noted in the cluster before its Job goes.
    """
    session = with_pod_options(place.session("result", "fail"), keep=keep)
    engine = place.connect(session)
    finish(session, engine)
    jobs = {trial.job: trial.id for trial in session.trials.values()}
    assert len(place.cluster.all("Job")) == 2

    engine.close()
    assert len(place.cluster.all("Job")) == 2  # nobody has said yet that all of it is saved
    engine.forget()

    place.cluster.until(
        lambda: {jobs[job["metadata"]["name"]] for job in place.cluster.all("Job")} == left,
        f"only {left} to be left",
    )
    done = place.cluster.all("ConfigMap", "kubectl-tune.dev/part=done")
    assert len(done) == 1


def test_a_run_costs_few_requests(place):
    """
    At most two and a half for each trial, watches aside.
    """
    session = place.session(*["ok"] * 100, max_parallel=10)
    engine = place.connect(session)
    finish(session, engine)
    engine.close()
    engine.forget()

    asked = sum(count for (verb, _), count in place.cluster.requests.items() if verb != "watch")
    assert asked <= 250, place.cluster.requests


# Drivers that die


class Dead(Exception):
    pass


class Mortal:
    """A client whose process dies at its n-th request: before it is sent, or after."""

    def __init__(self, client, last: int, *, sent: bool) -> None:
        self._client = client
        self._left = last
        self._sent = sent

    def __getattr__(self, name: str):
        found = getattr(self._client, name)
        if name not in ("create", "get", "list", "logs", "delete_collection"):
            return found

        def call(*args, **more):
            self._left -= 1
            if self._left > 0:
                return found(*args, **more)
            if self._left == 0 and self._sent:
                found(*args, **more)
            raise Dead

        return call


@pytest.mark.parametrize("sent", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("last", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14])
def test_a_driver_that_dies_at_any_request_loses_nothing(place, tmp_path, last, sent):
    """
    Whoever goes on ends with one success, one attempt and one Job for each trial.
    """
    made = with_pod_options(place.session(*["result"] * 3, max_parallel=2), keep="all")
    with opened(tmp_path / "state.db") as store:
        store.create(made.info, [trial.spec for trial in made.trials.values()])
        for client in (Mortal(place.cluster.client(), last, sent=sent), place.cluster.client()):
            name = made.info.name
            ledger = Ledger(store.load(name), store, store.claim(name))
            engine = JobsEngine(ledger.session, client, store.folder(name))
            try:
                Driver(ledger, engine, stop=Stop()).run()
            except Dead:
                engine._fleet.close()
        found = store.load(made.info.name)
        texts = dict(store.results(made.info.name))

    assert states(found) == [TrialState.SUCCEEDED] * 3
    assert [json.loads(text) for text in texts.values()] == [RESULT] * 3
    assert place.begun() == {(f"t{n}", 1): 1 for n in range(3)}
    assert len(place.cluster.all("Job")) == 3


def test_a_job_that_is_a_moment_behind_its_pod_is_left_alone(place):
    """
    Its trial's success is saved already when a new driver finds it unfinished.
    """
    session = with_pod_options(place.session("ok", "ok"), keep="all")
    engine = place.connect(session)
    finish(session, engine)
    place.abandon(engine)
    for job in place.cluster.all("Job"):
        place.cluster.api.update(job, lambda new: new["status"].pop("conditions", None))

    again = place.connect(session)
    assert list(again.poll(0)) == []
    follow(session, again, partial(next, iter([False, False, True])))
    again.close()
    again.forget()

    assert len(place.cluster.all("Job")) == 2
