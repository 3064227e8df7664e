"""The Indexed engine on a cluster in memory: what every engine promises, and what goes wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core.waiting import until
from engines.clusterplace import ClusterPlace
from engines.contract import EngineContract, begin, every, finish, follow, states

from kubectl_tune.cluster import observed
from kubectl_tune.engines.indexed import IndexedEngine
from kubectl_tune.halt import Halt
from kubectl_tune.session import Session
from kubectl_tune.trial import Failure, TrialEvent, TrialState

SUCCEEDED, FAILED, LOST = TrialState.SUCCEEDED, TrialState.FAILED, TrialState.LOST
RUNNING = TrialState.RUNNING


@pytest.fixture
def place(tmp_path):
    place = ClusterPlace(tmp_path, IndexedEngine)
    yield place
    place.close()


class TestIndexedEngine(EngineContract):
    @pytest.fixture
    def place(self, place):
        return place


def test_cancelling_the_rest_deletes_the_job(place):
    """
    Also where one of its trials was cancelled before, by a driver that is gone.
    """
    session = place.session("forever", "forever", "forever", max_parallel=2)
    first = place.connect(session)
    submitted = first.submit(session.ready(9))
    follow(session, first, lambda: session.trials["t1"].state is TrialState.RUNNING, submitted)
    first.cancel([session.trials["t0"]])
    follow(session, first, lambda: session.trials["t0"].state.ended)
    place.abandon(first)

    engine = place.connect(session)
    follow(session, engine, lambda: True, engine.poll(0))
    engine.cancel(session.in_flight)

    follow(session, engine, lambda: not session.in_flight)
    assert states(session) == [TrialState.CANCELLED] * 3
    place.cluster.until(lambda: not place.cluster.all("Job"), "the Job to be gone")


def run(place, session, engine=None):
    """Drive it to its end as a driver without retries of its own does."""
    engine = engine or place.connect(session)
    return finish(session, engine), engine


def hand_over(place, session) -> None:
    """Give it all to the cluster, and go away."""
    engine = place.connect(session)
    for event in engine.submit(session.ready(engine.slots)):
        session.apply(event)
    place.abandon(engine)


def jobs(place):
    return place.cluster.all("Job")


def finished(place) -> None:
    def ended():
        found = jobs(place)
        return found and all(observed.finished(job) for job in found)

    place.cluster.until(ended, "all Jobs to end")


def come_back(place, session):
    """What a driver is told first, folded into the session."""
    engine = place.connect(session)
    told = list(engine.poll(0))
    for event in told:
        session.apply(event)
    return told, engine


def endings(told, id: str = "t0"):
    return [(e.attempt, e.state, e.failure) for e in told if e.trial == id and e.state.ended]


AT_THIRD = "test $TUNE_ATTEMPT = 3 || exit 3"
EXIT = Failure.EXIT


def test_what_nobody_watched_is_told_when_somebody_comes_back(place):
    """
    Every attempt with its own end, in whatever order the cluster lists their pods.
    """
    session = place.session(*[AT_THIRD] * 5, "result", retries=2, max_parallel=3)
    hand_over(place, session)
    finished(place)

    told, _ = come_back(place, session)

    for n in range(5):
        assert endings(told, f"t{n}") == [
            (1, FAILED, EXIT), (2, FAILED, EXIT), (3, SUCCEEDED, None)
        ]  # fmt: skip
    assert endings(told, "t5") == [(1, SUCCEEDED, None)]
    assert len(jobs(place)) == 1 and place.begun().total() == 16


def test_retries_stay_in_their_index_while_somebody_watches(place):
    """
    The driver hears of the next attempt with the end of the one before, and begins none itself.
    """
    session = place.session(AT_THIRD, "ok", retries=2)

    told, _ = run(place, session)

    assert states(session) == [SUCCEEDED] * 2
    assert endings(told) == [(1, FAILED, EXIT), (2, FAILED, EXIT), (3, SUCCEEDED, None)]
    assert len(jobs(place)) == 1


def test_a_class_that_is_not_tried_again_fails_its_index(place):
    """
    Though others are.
    """
    session = place.session("exit 3", retry={Failure.EXIT: 0, Failure.TIMEOUT: 2})

    run(place, session)

    finished(place)
    assert place.begun() == {("t0", 1): 1}


def test_a_time_out_alone_is_tried_again(place):
    """
    As the session says.
    """
    session = place.session("forever", timeout=0.3, retry={Failure.TIMEOUT: 1})

    told, _ = run(place, session)

    timed_out = (TrialState.TIMED_OUT, Failure.TIMEOUT)
    assert endings(told) == [(1, *timed_out), (2, *timed_out)]
    assert len(jobs(place)) == 1


def test_what_the_cluster_does_to_a_pod_counts_for_nothing(place):
    """
    The same index begins again, as the next attempt.
    """
    session = place.session("test $TUNE_ATTEMPT = 3 || sleep 600 & wait $!")
    engine = place.connect(session)
    begin(session, engine)
    told = []
    for attempt in (1, 2):
        until(lambda n=attempt: ("t0", n) in place.begun(), "the attempt to begin")
        place.cluster.evict(session.trials["t0"].pod)
        told += follow(session, engine, lambda n=attempt: session.trials["t0"].attempt > n)
        if attempt == 1:
            told += follow(session, engine, lambda: session.trials["t0"].state is RUNNING)

    told += follow(session, engine, lambda: not session.in_flight)
    lost = (LOST, Failure.PREEMPTED)
    assert endings(told) == [(1, *lost), (2, *lost), (3, SUCCEEDED, None)]
    assert len(jobs(place)) == 1


def test_a_pod_that_somebody_deletes_is_begun_again_elsewhere(place):
    """
    Its index is given up, so that no attempt is made twice.
    """
    session = place.session("test $TUNE_ATTEMPT = 2 || sleep 600 & wait $!", "ok", retries=2)
    engine = place.connect(session)
    begin(session, engine)
    until(lambda: ("t0", 1) in place.begun(), "the trial to begin")

    place.cluster.delete("Pod", session.trials["t0"].pod)
    follow(session, engine, lambda: session.trials["t0"].state is LOST)
    run(place, session, engine)

    assert states(session) == [SUCCEEDED] * 2
    assert len(jobs(place)) == 2
    assert place.begun() == {("t0", 1): 1, ("t0", 2): 1, ("t1", 1): 1}


def test_every_image_has_a_job_of_its_own(place):
    """
    A Job's pods are all alike.
    """
    place.cluster.add_image("other:1")
    made = place.session("ok", "ok", "ok")
    specs = [trial.spec for trial in every(made)]
    specs[1] = replace(specs[1], image="other:1")
    session = Session.of(made.info, specs)

    run(place, session)

    assert states(session) == [SUCCEEDED] * 3
    images = [j["spec"]["template"]["spec"]["containers"][0]["image"] for j in jobs(place)]
    assert sorted(images) == ["other:1", "python:3.11"]
    assert sorted(job["spec"]["completions"] for job in jobs(place)) == [1, 2]


def test_the_sessions_time_is_kept_by_the_cluster(place):
    """
    Whoever comes back later hears that it was over.
    """
    session = place.session("forever", "forever", max_parallel=1, session_timeout=1)
    hand_over(place, session)
    finished(place)

    come_back(place, session)

    assert states(session) == [TrialState.TIMED_OUT] * 2
    assert not place.cluster.all("Pod", "batch.kubernetes.io/job-completion-index=1")


def test_a_halted_job_leaves_the_rest_to_be_begun(place):
    """
    What it did not come to is nobody's fault.
    """
    halt = Halt.parse("now,fail=1")
    session = place.session("fail", "ok", "ok", max_parallel=1, halt=halt)
    hand_over(place, session)
    finished(place)

    told, _ = come_back(place, session)

    assert endings(told) == [(1, FAILED, EXIT)]
    for id in ("t1", "t2"):
        assert endings(told, id) == [(1, LOST, None)]


@pytest.mark.parametrize("retries", [0, 2])
def test_a_trial_that_is_cancelled_does_not_begin_again(place, retries):
    """
    Whether it ran or waited, and whatever retries its Job has.
    """
    behaviours = ["forever", "ok", "forever"]
    session = place.session(*behaviours, max_parallel=1, retries=retries)
    engine = place.connect(session)
    submitted = engine.submit(session.ready(9))
    follow(session, engine, lambda: session.trials["t0"].state is RUNNING, submitted)
    until(place.begun, "the trial to begin")

    engine.cancel([session.trials["t0"], session.trials["t2"]])

    follow(session, engine, lambda: not session.in_flight)
    cancelled = TrialState.CANCELLED
    assert states(session) == [cancelled, SUCCEEDED, cancelled]

    def gone():
        assert engine.poll(0.05) == []
        return observed.finished(jobs(place)[0])

    place.cluster.until(gone, "the Job to end")
    assert {id for id, attempt in place.begun() if attempt > 1} == set()


def test_a_quota_of_pods_is_waited_for(place):
    """
    The Job asks again by itself, and so no trial fails.
    """
    place.cluster.quota(pods=1)
    session = place.session(*["ok"] * 4, max_parallel=4)

    run(place, session)

    assert states(session) == [SUCCEEDED] * 4
    assert place.most_at_once() == 1
    assert place.cluster.requests["create", "Job"] == 1


def test_a_result_that_went_with_its_pod_is_computed_again(place):
    """
    The Job counts it as a success, but nobody has it.
    """
    session = place.session("result", "ok")
    hand_over(place, session)
    finished(place)
    [pod] = place.cluster.all("Pod", "batch.kubernetes.io/job-completion-index=0")
    place.cluster.delete("Pod", pod["metadata"]["name"])

    told, engine = come_back(place, session)

    assert endings(told) == [(1, LOST, Failure.NODE_LOST)]
    assert "nor its result" in session.trials["t0"].reason
    assert [trial.attempt for trial in session.ready(9)] == [2]
    run(place, session, engine)
    assert states(session) == [SUCCEEDED] * 2


@pytest.mark.parametrize("behaviours", [["fail"], ["fail", "forever"]], ids=["alone", "beside"])
def test_a_trial_that_is_tried_again_by_hand_has_not_been_begun(place, behaviours):
    """
    Its next attempt is none that the Job lost, whether others of that still run or not.
    """
    session = place.session(*behaviours)
    engine = place.connect(session)
    submitted = engine.submit(session.ready(9))
    follow(session, engine, lambda: session.trials["t0"].state is FAILED, submitted)
    place.abandon(engine)
    session.apply(TrialEvent("t0", 2, TrialState.PENDING))

    told, engine = come_back(place, session)
    told += engine.submit(session.ready(9))

    assert endings(told) == []
    for event in told:
        session.apply(event)
    follow(session, engine, lambda: session.trials["t0"].state is FAILED)
    assert session.trials["t0"].attempt == 2
    assert place.begun()["t0", 2] == 1


def test_a_retry_of_the_job_that_was_still_to_begin_is_told_when_somebody_comes_back(place):
    """
    Though the session had it as to be begun, its pod says that the Job has done so.
    """
    session = place.session(AT_THIRD, retries=2)
    hand_over(place, session)
    finished(place)
    session.apply(TrialEvent("t0", 1, FAILED, failure=EXIT))
    session.apply(TrialEvent("t0", 2, TrialState.PENDING))

    told, _ = come_back(place, session)

    assert endings(told) == [(2, FAILED, EXIT), (3, SUCCEEDED, None)]
    assert len(jobs(place)) == 1


def test_results_of_a_job_that_is_gone_are_gone(place):
    """
    As when its time to live is over: that is said, and nothing is begun again unasked.
    """
    session = place.session("ok")
    hand_over(place, session)
    finished(place)
    place.cluster.delete("Job", jobs(place)[0]["metadata"]["name"])

    told, _ = come_back(place, session)

    assert endings(told) == [(1, LOST, Failure.DELETED)]
    assert "gone from the cluster" in session.trials["t0"].reason
    assert not session.ready(9)


def test_looking_again_reads_no_log_again(place):
    """
    What the session knows of is not asked for once more.
    """
    session = place.session(*["ok"] * 5, "forever", max_parallel=6)
    hand_over(place, session)
    place.cluster.until(lambda: len(_ended(place)) == 5, "five ended pods")
    _, engine = come_back(place, session)
    follow(session, engine, lambda: len(session.in_flight) == 1)
    place.abandon(engine)
    read = place.cluster.requests["get", "Pod/log"]

    come_back(place, session)

    assert place.cluster.requests["get", "Pod/log"] == read


def _ended(place):
    return [pod for pod in place.cluster.all("Pod") if observed.has_ended(pod)]


def test_lines_that_the_plan_no_longer_has_are_ended(place):
    """
    A changed one is begun anew, in a Job of its own; its old index runs for nobody.
    """
    session = place.session("forever", "forever", "ok")
    hand_over(place, session)
    old = [trial.spec for trial in every(session)]
    changed = replace(place.session("ok").trials["t0"].spec, hash="changed")
    session = Session.of(session.info, [changed, old[2]])

    told, engine = come_back(place, session)
    assert endings(told) == [(1, LOST, None)]
    session.apply(TrialEvent("t0", 2, TrialState.PENDING))
    run(place, session, engine)

    assert states(session) == [SUCCEEDED] * 2
    follow(session, engine, lambda: all(map(observed.finished, jobs(place))))
    assert place.begun()["t0", 2] == 1
