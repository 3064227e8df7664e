"""The Jobs engine on a cluster in memory: what every engine promises, and what goes wrong."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from core.waiting import until
from engines.clusterplace import ClusterPlace
from engines.contract import EngineContract, begin, every, finish, follow, states
from engines.drives import Sessions

from kubectl_tune.cluster import manifests
from kubectl_tune.engines.jobs import JobsEngine
from kubectl_tune.errors import Forbidden, Unreachable
from kubectl_tune.session import Session
from kubectl_tune.trial import Failure, TrialEvent, TrialState

SUCCEEDED, FAILED, LOST = TrialState.SUCCEEDED, TrialState.FAILED, TrialState.LOST
SUBMITTED, RUNNING = TrialState.SUBMITTED, TrialState.RUNNING
LONG = 'import json,random; print(json.dumps({"m": random.Random(1).randbytes(%d).hex()}))'


@pytest.fixture
def place(tmp_path):
    place = ClusterPlace(tmp_path, JobsEngine)
    yield place
    place.close()


@pytest.fixture
def sessions(place, tmp_path):
    return Sessions(place, tmp_path)


class TestJobsEngine(EngineContract):
    @pytest.fixture
    def place(self, place):
        return place


class Clock:
    """A clock that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 0.3  # else nothing would be looked after between two polls
        return self.now


class Gate:
    """A file that trials wait for."""

    def __init__(self, folder) -> None:
        self.path = folder / "gate"
        self.wait = f"while ! test -e {self.path}; do sleep 0.02; done"

    def open(self) -> None:
        self.path.touch()


@pytest.fixture
def gate(tmp_path):
    return Gate(tmp_path)


def with_pod(session: Session, **options: object) -> Session:
    info = session.info._replace(extra={"pod": options})
    return Session.of(info, [trial.spec for trial in every(session)])


def outcome(session: Session, id: str = "t0"):
    trial = session.trials[id]
    return trial.state, trial.failure


def over(session: Session):
    return lambda: not session.in_flight


def pods_ended(place, count: int) -> None:
    def ended():
        return sum(p["status"]["phase"] in ("Succeeded", "Failed") for p in pods(place)) == count

    place.cluster.until(ended, f"{count} ended pods")


def pods(place):
    return place.cluster.all("Pod")


def posts(place) -> int:
    return place.cluster.requests["create", "Job"]


# The way to the server


def test_an_outage_costs_no_attempt(place, gate):
    """
    What ended meanwhile is heard of afterwards, result and all; what was due then is begun.
    """
    result = f"{gate.wait}; python3 -c '{LONG % 2000}'"
    session = place.session(result, "ok")
    engine = place.connect(session)
    begun = engine.submit(session.ready(1))
    follow(session, engine, lambda: session.trials["t0"].state is RUNNING, begun)

    place.cluster.api_down()
    gate.open()
    pods_ended(place, 1)
    for event in [*engine.submit([session.trials["t1"]]), *engine.poll(0.05)]:
        session.apply(event)
    assert states(session) == [RUNNING, SUBMITTED]
    assert "refused" in session.trials["t1"].reason
    place.cluster.api_up()

    follow(session, engine, over(session))
    assert states(session) == [SUCCEEDED, SUCCEEDED]
    assert place.begun() == {("t0", 1): 1, ("t1", 1): 1}


def test_a_log_that_can_not_be_read_for_an_outage_is_read_after_it(place, gate):
    """
    Nobody is blamed for a record that only could not be fetched.
    """
    session = place.session(f"{gate.wait}; python3 -c '{LONG % 2000}'")
    engine = place.connect(session)
    begin(session, engine)
    unreachable = _refused(place)
    place.cluster.fail_next("get", "Pod/log", *[unreachable] * 3)

    gate.open()

    told = follow(session, engine, over(session))
    assert states(session) == [SUCCEEDED]
    assert len(json.loads(told[-1].result)["m"]) == 4000
    assert place.cluster.requests["get", "Pod/log"] == 4


def _refused(place):
    client = place.cluster.client()
    place.cluster.api_down()
    with pytest.raises(Unreachable) as caught:
        client.list("Job")
    place.cluster.api_up()
    return caught.value


def test_rights_that_are_taken_away_end_the_drive_and_no_trial(place, sessions, gate):
    """
    The server's sentence is told; whoever has the rights goes on where it stopped.
    """
    name = sessions.new(f"{gate.wait}; python3 -c '{LONG % 2000}'")
    rules = [{"verbs": ["*"], "resources": ["jobs", "pods", "configmaps", "events"]}]
    place.cluster.bind("poor", rules)
    gate.open()

    with pytest.raises(Forbidden, match="pods/log"):
        sessions.drive(name, place.cluster.client("poor"))

    assert not sessions.stored(name)["t0"].state.ended
    sessions.drive(name)
    assert sessions.stored(name)["t0"].state is SUCCEEDED
    assert place.begun() == {("t0", 1): 1}


def test_a_log_that_nobody_may_read_costs_no_result_that_its_message_has(place):
    """
    The right to read logs is worth the logs, and long results.
    """
    place.cluster.bind("poor", [{"verbs": ["*"], "resources": ["jobs", "pods", "configmaps"]}])
    session = place.session("result")
    engine = place.engine(session, place.cluster.client("poor"))

    told = finish(session, engine)

    engine.close()
    assert states(session) == [SUCCEEDED]
    assert "metrics" in told[-1].result


def test_a_clock_that_is_wrong_times_nothing_out(place):
    """
    No decision mixes the server's times with ours.
    """
    place.cluster.api.clock_offset = 3600.0
    session = place.session("ok", "forever")
    engine = place.connect(session)

    begin(session, engine)

    follow(session, engine, lambda: session.trials["t0"].state.ended)
    assert states(session) == [SUCCEEDED, RUNNING]


# Room


def test_a_full_quota_of_jobs_makes_the_session_smaller(place, sessions):
    """
    Jobs go as soon as they are saved, so all trials find room; nobody hammers at the server.
    """
    place.cluster.quota(**{"count/jobs.batch": 2})
    name = sessions.new(*["ok", "fail"] * 3, max_parallel=4)

    sessions.drive(name)

    assert [t.state for t in sessions.stored(name).values()] == [SUCCEEDED, FAILED] * 3
    assert {t.attempt for t in sessions.stored(name).values()} == {1}
    assert posts(place) <= 6 + 12


def test_what_a_quota_kept_from_beginning_is_not_lost_with_its_driver(place, sessions):
    """
    It never had a Job: the next driver begins it.
    """
    place.cluster.quota(**{"count/jobs.batch": 0})
    session = place.session("ok")
    engine = place.connect(session)
    events = engine.submit(session.ready(1))
    follow(session, engine, lambda: True, events)
    assert outcome(session) == (SUBMITTED, Failure.QUOTA)
    place.abandon(engine)
    place.cluster.quota(**{"count/jobs.batch": 9})

    again = place.connect(session)

    [lost] = again.poll(0)
    assert (lost.state, lost.failure, lost.attempt) == (LOST, None, 1)


def test_a_quota_of_jobs_is_asked_by_one_for_all(place):
    """
    However many wait.
    """
    place.cluster.quota(**{"count/jobs.batch": 0})
    session = place.session(*["ok"] * 20, max_parallel=20)
    clock = Clock()
    engine = place.engine(session, place.cluster.client(), clock=clock)
    follow(session, engine, lambda: True, engine.submit(session.ready(20)))
    assert posts(place) == 20

    for _ in range(100):
        engine.poll(0)  # half a minute or more

    assert posts(place) < 40
    engine.close()


def test_waiting_for_a_quota_is_no_failure_while_others_run(place, gate):
    """
    They will give back what they have; how long that takes is their business.
    """
    place.cluster.quota(pods=1)
    session = with_pod(place.session(gate.wait, gate.wait), pending_timeout=600.0)
    clock = Clock()
    engine = place.engine(session, place.cluster.client(), clock=clock)

    def told():
        return Failure.QUOTA in [trial.failure for trial in every(session)]

    follow(session, engine, told, engine.submit(session.ready(2)))
    clock.now += 3600
    follow(session, engine, lambda: True, engine.poll(0.1))
    clock.now += 3600
    follow(session, engine, lambda: True, engine.poll(0.1))
    gate.open()

    follow(session, engine, over(session))
    engine.close()
    assert states(session) == [SUCCEEDED] * 2


def test_what_no_node_takes_says_so_and_ends(place):
    """
    After the pending time-out; its Job goes once that is saved.
    """
    place.cluster.cordon()
    session = with_pod(place.session("ok"), pending_timeout=60.0)
    clock = Clock()
    engine = place.engine(session, place.cluster.client(), clock=clock)
    first = engine.submit(session.ready(1))

    follow(session, engine, lambda: session.trials["t0"].failure is not None, first)
    assert outcome(session) == (SUBMITTED, Failure.UNSCHEDULABLE)
    clock.now += 100

    follow(session, engine, over(session))
    assert outcome(session) == (FAILED, Failure.UNSCHEDULABLE)
    assert "it waited longer than 60s" in session.trials["t0"].reason
    assert place.cluster.all("Job")
    engine.forget()
    place.cluster.until(lambda: not place.cluster.all("Job"), "its Job to be gone")
    engine.close()


def test_an_image_that_is_not_there_fails_its_trial_only(place):
    """
    In the registry's words, and without waiting for the pending time-out.
    """
    session = place.session("ok", "ok")
    specs = [t.spec for t in every(session)]
    specs[0] = replace(specs[0], image="nowhere.test/none:1")
    session = Session.of(session.info, specs)
    place.cluster.cordon()
    engine = place.engine(session, place.cluster.client(), clock=Clock())
    first = engine.submit(session.ready(9))
    place.cluster.api.clock_offset = -60.0  # what happens now is said to be long ago
    place.cluster.uncordon()

    follow(session, engine, over(session), first)

    engine.close()
    assert outcome(session) == (FAILED, Failure.IMAGE)
    assert "nowhere.test/none:1" in session.trials["t0"].reason
    assert session.trials["t1"].state is SUCCEEDED


# Names that are taken


def job_of(place, session, id: str = "t0", **meta):
    """A Job under the name of a trial's attempt, that runs nowhere."""
    scene = manifests.Scene(session.info, "default")
    made = manifests.job(scene, session.trials[id], manifests.Parts(("none",), 0))
    made["spec"]["suspend"] = True
    made["metadata"] |= meta
    return place.cluster.client().create(made)


class Late:
    """A client whose first list of Jobs is from before there were any."""

    def __init__(self, client) -> None:
        self._client = client

    def __getattr__(self, name: str):
        return getattr(self._client, name)

    def list(self, kind: str, selector: str = "", fields: str = ""):
        found, version = self._client.list(kind, selector, fields)
        return ([] if kind == "Job" else found), version


def test_a_job_of_ours_that_is_being_deleted_is_waited_for(place):
    """
    Then its name is free for the attempt.
    """
    session = place.session("ok")
    old = job_of(place, session, finalizers=["test/held"])
    place.cluster.delete("Job", old["metadata"]["name"])
    engine = place.engine(session, Late(place.cluster.client()))

    follow(session, engine, lambda: True, engine.submit(session.ready(1)))
    assert "still being deleted" in session.trials["t0"].reason
    there = place.cluster.find("Job", old["metadata"]["name"])
    place.cluster.api.update(there, lambda new: new["metadata"].update(finalizers=[]))

    follow(session, engine, over(session))
    engine.close()
    assert states(session) == [SUCCEEDED]
    assert place.begun() == {("t0", 1): 1}


def test_a_job_of_what_the_plan_said_before_is_ended_and_not_taken_over(place):
    """
    Its attempt counts for nothing; the changed line is the next one.
    """
    session = place.session("forever")
    engine = place.connect(session)
    begin(session, engine)
    place.abandon(engine)
    changed = replace(place.session("ok").trials["t0"].spec, hash="changed")
    session = Session.of(session.info, [changed])

    again = place.connect(session)
    [lost] = again.poll(0)

    assert (lost.state, lost.failure, lost.attempt) == (LOST, None, 1)
    assert "line in the plan has changed" in lost.reason
    session.apply(lost)
    session.apply(TrialEvent("t0", 2, TrialState.PENDING))
    finish(session, again)
    assert states(session) == [SUCCEEDED]
    place.cluster.until(lambda: len(place.cluster.all("Job")) == 1, "the old Job to be gone")


def test_a_look_changes_nothing(place):
    """
    Also where there is something to clear away.
    """
    session = place.session("forever")
    engine = place.connect(session)
    begin(session, engine)
    place.abandon(engine)
    changed = replace(session.trials["t0"].spec, hash="changed")
    reader = [{"verbs": ["get", "list", "watch"], "resources": ["*"]}]
    place.cluster.bind("reader", reader)

    look = place.engine(Session.of(session.info, [changed]), place.cluster.client("reader"))
    look.poll(0)
    look.close()

    assert len(place.cluster.all("Job")) == 1


# Pods that come to harm


def test_a_pod_that_does_not_go_away_is_lost_with_its_node(place):
    """
    Once it has had its grace, and then two minutes.
    """
    session = place.session("forever")
    clock = Clock()
    engine = place.engine(session, place.cluster.client(), clock=clock)
    begin(session, engine)
    place.cluster.node_lost()
    place.cluster.expel(session.trials["t0"].pod)
    for _ in range(3):
        follow(session, engine, lambda: True, engine.poll(0.1))
    assert states(session) == [RUNNING]

    clock.now += 150

    follow(session, engine, over(session))
    engine.close()
    assert outcome(session) == (LOST, Failure.NODE_LOST)
    assert "node1" in session.trials["t0"].reason


@pytest.mark.parametrize("harm", ["evict", "preempt", "expel", "press"])
def test_what_the_cluster_does_to_a_pod_is_not_its_trials_fault(place, harm):
    """
    It is begun again, and counts for nothing.
    """
    session = place.session("forever")
    engine = place.connect(session)
    begin(session, engine)
    until(place.begun, "the trial to begin")

    getattr(place.cluster, harm)(session.trials["t0"].pod)

    follow(session, engine, over(session))
    assert session.trials["t0"].state is LOST
    assert [trial.attempt for trial in session.ready(1)] == [2]


@pytest.mark.parametrize("agent", [True, False])
def test_a_trial_that_is_ended_and_says_that_all_is_well_is_believed_by_nobody(place, agent):
    """
    Who traps SIGTERM and exits with 0 has not come to its end.
    """
    trap = "trap 'exit 0' TERM; echo ready; sleep 600 & wait"
    session = with_pod(place.session(trap), agent=agent)
    engine = place.connect(session)
    begin(session, engine)
    pod = session.trials["t0"].pod
    place.cluster.until(lambda: b"ready" in _log(place, pod), "the trap to be set")

    place.cluster.delete("Pod", pod)

    follow(session, engine, over(session))
    assert outcome(session) == (LOST, Failure.PREEMPTED)


def _log(place, pod: str) -> bytes:
    from kubectl_tune.cluster import LogRequest

    return b"".join(place.cluster.client().logs(LogRequest(pod, "tuning-runner")))


def test_a_deleted_job_takes_no_log_along(place):
    """
    What its pod had printed is taken home while it goes.
    """
    session = place.session("echo so far; sleep 600 & wait")
    engine = place.connect(session)
    begin(session, engine)
    trial = session.trials["t0"]
    place.cluster.until(lambda: b"so far" in _log(place, trial.pod), "it to print")

    place.cluster.delete("Job", trial.job)

    follow(session, engine, over(session))
    assert outcome(session) == (LOST, Failure.DELETED)
    assert b"so far" in b"".join(engine.logs(trial))
    assert not session.ready(1)


def test_a_container_that_has_ended_counts_though_its_pod_runs_on(place):
    """
    Sidecars don't end by themselves: once its outcome is saved, the Job is deleted with them.
    """
    session = with_pod(place.session("ok"), keep="all", agent=False)
    clock = Clock()
    place.cluster.cordon()
    engine = place.engine(session, place.cluster.client(), clock=clock)
    follow(session, engine, lambda: bool(pods(place)), engine.submit(session.ready(1)))
    state = {"terminated": {"exitCode": 0, "finishedAt": "2026-11-24T12:00:00Z"}}

    def end(pod):
        ours = {"name": "tuning-runner", "state": state}
        others = {"name": "mesh", "state": {"running": {}}}
        pod["status"].update(phase="Running", containerStatuses=[others, ours])

    place.cluster.api.update(pods(place)[0], end)

    follow(session, engine, over(session))
    assert states(session) == [SUCCEEDED]
    clock.now += 60
    engine.poll(0)
    assert place.cluster.all("Job")  # it may not be saved yet
    engine.forget()
    clock.now += 60
    engine.poll(0)
    place.cluster.until(lambda: not place.cluster.all("Job"), "the Job to be gone")
    engine.close()


# Results


class Torn:
    """A client that serves a log without its last bytes, as often as it is told to."""

    def __init__(self, client, times: int) -> None:
        self._client = client
        self._times = times

    def __getattr__(self, name: str):
        return getattr(self._client, name)

    def logs(self, request):
        log = b"".join(self._client.logs(request))
        self._times -= 1
        yield log[:-900] if self._times >= 0 else log


def test_a_record_that_is_torn_is_read_again(place):
    """
    The kubelet may still be writing the last of it.
    """
    session = place.session(f"python3 -c '{LONG % 4000}'")
    engine = place.engine(session, Torn(place.cluster.client(), 1))

    told = finish(session, engine)

    engine.close()
    assert states(session) == [SUCCEEDED]
    assert len(json.loads(told[-1].result)["m"]) == 8000


def test_a_result_of_a_mebibyte_comes_home(place):
    """
    By the log alone.
    """
    write = 'open(__import__("os").environ["TUNE_RESULT_FILE"],"w").write'
    text = '("{%cm%c: %c" + __import__("random").Random(1).randbytes(510000).hex() + "%c}")'
    script = f"{write}({text} % (34, 34, 34, 34))"
    session = place.session(f"python3 -c '{script}'")
    engine = place.connect(session)

    told = finish(session, engine)

    assert states(session) == [SUCCEEDED]
    assert len(json.loads(told[-1].result)["m"]) == 1020000


def test_a_command_without_an_agent(place):
    """
    Has its config as a file; its exit code and the last object that it prints are the outcome.
    """
    session = with_pod(
        place.session("cat $TUNE_CONFIG_FILE; echo; echo '{\"m\": 2}'; echo bye", "exit 7"),
        agent=False,
    )
    specs = [
        replace(t.spec, config={"text": "$(HOME) $$ \u00e9 \U0001f600"}) for t in every(session)
    ]
    session = Session.of(session.info, specs)
    engine = place.connect(session)

    told = finish(session, engine)

    assert [outcome(session, id) for id in ("t0", "t1")] == [
        (SUCCEEDED, None), (FAILED, Failure.EXIT)
    ]  # fmt: skip
    assert [json.loads(event.result) for event in told if event.result] == [{"m": 2}]
    printed = b"".join(engine.logs(session.trials["t0"])).splitlines()[0].split(b" ", 3)[3]
    assert json.loads(printed) == {"text": "$(HOME) $$ \u00e9 \U0001f600"}


# What may go


def test_what_was_not_told_yet_is_not_deleted(place, gate):
    """
    A result that is on its way while the rest is saved keeps its Job.
    """
    session = with_pod(place.session("ok", gate.wait), keep="none")
    engine = place.connect(session)
    begin(session, engine)
    follow(session, engine, lambda: session.trials["t0"].state.ended)
    gate.open()
    pods_ended(place, 2)

    engine.close()
    engine.forget()

    place.cluster.until(lambda: len(place.cluster.all("Job")) == 1, "one Job to be left")
    again = place.connect(session)
    [event] = [event for event in again.poll(0) if event.state.ended]
    assert (event.trial, event.state) == ("t1", SUCCEEDED)


def test_results_that_another_machine_has_put_away_are_taken_over(place):
    """
    Their Jobs are gone, but the session's notes in the cluster have them.
    """
    session = with_pod(place.session("result", "ok"), keep="none")
    unsaved = Session.of(session.info, [trial.spec for trial in every(session)])
    engine = place.connect(unsaved)
    finish(unsaved, engine)
    engine.close()
    engine.forget()
    place.cluster.until(lambda: not place.cluster.all("Job"), "all Jobs to be gone")

    again = place.connect(session)
    told = again.poll(0)

    assert {event.state for event in told} == {SUCCEEDED}
    assert [json.loads(e.result) for e in told if e.result] == [{"metrics": {"m": 1.5}}]


def test_a_job_that_is_created_when_its_trial_is_cancelled_does_not_run(place):
    """
    The answer came too late to cancel it before.
    """
    place.cluster.quota(**{"count/jobs.batch": 0})
    session = place.session("forever")
    clock = Clock()
    engine = place.engine(session, place.cluster.client(), clock=clock)
    follow(session, engine, lambda: True, engine.submit(session.ready(1)))
    place.cluster.quota(**{"count/jobs.batch": 1})
    gate = place.cluster.hold_answers("create", "Job")
    clock.now += 60
    engine.poll(0)
    place.cluster.until(lambda: place.cluster.all("Job"), "the Job to be made")

    engine.cancel(session.in_flight)
    follow(session, engine, over(session))
    gate.set()

    assert states(session) == [TrialState.CANCELLED]

    def gone():
        clock.now += 1
        engine.poll(0.05)
        return not place.cluster.all("Job")

    place.cluster.until(gone, "the Job to be gone")
    engine.close()
