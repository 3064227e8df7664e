"""A driver begins what is to be begun, keeps what it is told, and stops when it should."""

from __future__ import annotations

import json
import os
import signal
import threading
from contextlib import contextmanager

import pytest
from core.fakes import ENDS, FakeEngine, Remote
from core.making import info, opened, specs

from kubectl_tune.errors import ResultError, TakenOver
from kubectl_tune.halt import Halt
from kubectl_tune.ledger import Ledger
from kubectl_tune.runner import Driver, Stop, stopping
from kubectl_tune.session import Policy
from kubectl_tune.trial import Failure, TrialEvent, TrialState

OK, FAILED, LOST = TrialState.SUCCEEDED, TrialState.FAILED, TrialState.LOST
PENDING, CANCELLED, TIMED_OUT = TrialState.PENDING, TrialState.CANCELLED, TrialState.TIMED_OUT


class Drive:
    """One session in a store, driven as often as a test likes."""

    def __init__(self, folder, store) -> None:
        self.folder, self.store = folder, store
        self.stop = Stop()
        self.ended = ""
        self.diagnosis = None

    def begin(self, count=3, *, output_json="", **policy):
        halt = Halt.parse(policy.pop("halt", "never"))
        about = info(policy=Policy(halt=halt, **policy), total=count, workdir=self.folder)
        outputs = [output_json.format(i) for i in range(count)]
        lines = [
            spec.__class__(spec.id, spec.index, spec.config, output).named(spec.slug, spec.hash)
            for spec, output in zip(specs(count), outputs, strict=True)
        ]
        self.store.create(about, lines)

    def run(self, engine, requests=tuple, show=lambda *_: None, **more):
        ledger = Ledger(self.store.load("demo"), self.store, self.store.claim("demo"))
        driver = Driver(ledger, engine, stop=self.stop, requests=requests, show=show, **more)
        self.ended = driver.run()
        self.diagnosis = driver.diagnosis
        return self.ended

    @property
    def states(self):
        return {t.id: t.state for t in self.store.load("demo").trials.values()}

    def attempts(self, id):
        return [(row["attempt"], row["state"]) for row in self.store.attempts("demo", id)]


@pytest.fixture
def drive(tmp_path):
    with opened(tmp_path / "state.db") as store:
        yield Drive(tmp_path, store)


def test_a_session_runs_to_its_end(drive):
    """
    Everything is begun once, in order, at most as many at once as the engine has slots.
    """
    drive.begin(5)
    engine = FakeEngine()

    assert drive.run(engine) == "done"

    assert engine.submitted == [(f"t{i}", 1) for i in range(5)]
    assert engine.most == 2
    assert set(drive.states.values()) == {OK}
    assert (engine.closed, drive.store.summary("demo").ended) == (1, "done")


def test_a_session_without_trials_ends_at_once(drive):
    """
    Nothing is begun.
    """
    drive.begin(0)

    assert drive.run(FakeEngine()) == "done"


def test_failures_are_tried_again_as_the_policy_says(drive):
    """
    And what fails for good doesn't stop the others.
    """
    drive.begin(3, retries=1)
    engine = FakeEngine({"t0": ["fail", "ok"], "t1": ["fail"]})

    drive.run(engine)

    assert drive.states == {"t0": OK, "t1": FAILED, "t2": OK}
    assert drive.attempts("t0") == [(1, "Failed"), (2, "Succeeded")]
    assert drive.attempts("t1") == [(1, "Failed"), (2, "Failed")]


def test_losses_are_begun_again_without_counting(drive):
    """
    Whatever the retries; ten times, then no more.
    """
    drive.begin(2)
    engine = FakeEngine({"t0": ["lost", "interrupted", "lost", "ok"], "t1": ["lost"]})

    drive.run(engine)

    assert drive.states == {"t0": OK, "t1": LOST}
    assert [attempt for attempt, _ in drive.attempts("t0")] == [1, 2, 3, 4]
    assert len(drive.attempts("t1")) == 11


def test_the_engine_speaks_first(drive):
    """
    What had ended while nobody watched is not begun again; its record is then forgotten.
    """
    drive.begin(2)
    first = [TrialEvent("t0", 1, OK, 5.0), TrialEvent("t1", 1, LOST, 5.0)]
    engine = FakeEngine(first=first)

    drive.run(engine)

    assert engine.submitted == [("t1", 2)]
    assert set(drive.states.values()) == {OK}
    assert engine.forgotten >= 2


def test_what_the_engine_knew_is_saved_before_it_may_forget(drive):
    """
    A driver that dies in between finds it told again.
    """
    drive.begin(1)

    class Checked(FakeEngine):
        def forget(self):
            super().forget()
            assert drive.states == {"t0": OK}

    drive.run(Checked(first=[TrialEvent("t0", 1, OK, 5.0)]))


@pytest.mark.parametrize(
    ("halt", "ends", "submitted", "ended"),
    [
        ("soon,fail=1", {"t0": ["fail"]}, 2, "done"),
        ("soon,fail=2", {"t0": ["fail"], "t1": ["fail"]}, 3, "done"),
        ("soon,fail=50%", {"t0": ["fail"], "t1": ["fail"], "t2": ["fail"]}, 4, "done"),
        ("soon,success=1", {}, 2, "Succeeded"),
        ("now,success=1", {"t1": ["hang"]}, 2, "Succeeded"),
        ("now,done=3", {"t1": ["fail"]}, 4, "done"),
        ("soon,fail=7", {}, 6, "done"),
    ],
)
def test_a_session_halts_when_its_policy_says(drive, halt, ends, submitted, ended):
    """
    Six trials, two at once: nothing is begun after what called for the halt.
    """
    drive.begin(6, halt=halt)
    engine = FakeEngine(ends)

    assert drive.run(engine) == ended

    assert len(engine.submitted) == submitted
    assert list(drive.states.values()).count(PENDING) == 6 - submitted


def test_halting_soon_lets_what_runs_end(drive):
    """
    Nothing is cancelled.
    """
    drive.begin(4, halt="soon,fail=1")
    engine = FakeEngine({"t0": ["fail"]})

    drive.run(engine)

    assert drive.states == {"t0": FAILED, "t1": OK, "t2": PENDING, "t3": PENDING}
    assert engine.cancelled == []


def test_halting_now_ends_what_runs(drive):
    """
    As cancelled, with the reason.
    """
    drive.begin(4, halt="now,fail=1")

    drive.run(FakeEngine({"t0": ["fail"], "t1": ["hang"]}))

    assert drive.states == {"t0": FAILED, "t1": CANCELLED, "t2": PENDING, "t3": PENDING}
    assert "--halt now,fail=1" in drive.store.load("demo").trials["t1"].reason


@pytest.mark.parametrize("when", ["soon", "now"])
def test_the_last_trial_can_be_the_success_that_was_asked_for(drive, when):
    """
    Then the session has succeeded, though nothing was left to be halted.
    """
    drive.begin(2, halt=f"{when},success=1")

    assert drive.run(FakeEngine({"t0": ["fail"]}, slots=1)) == "Succeeded"


def test_a_halted_session_can_be_gone_on_with(drive):
    """
    Failures of the drive before don't halt it again.
    """
    drive.begin(4, halt="soon,fail=1")
    drive.run(FakeEngine({"t0": ["fail"]}, slots=1))
    assert list(drive.states.values()).count(PENDING) == 3

    drive.run(FakeEngine(slots=1))

    assert drive.states == {"t0": FAILED, "t1": OK, "t2": OK, "t3": OK}


def test_a_session_time_out_ends_what_runs_and_leaves_the_rest(drive):
    """
    What ran is timed out; what waits may be gone on with.
    """
    drive.begin(4, session_timeout=0.05, retries=3)

    assert drive.run(FakeEngine({"t1": ["hang"], "t2": ["hang"]})) == "TimedOut"

    assert drive.states == {"t0": OK, "t1": TIMED_OUT, "t2": TIMED_OUT, "t3": PENDING}
    trial = drive.store.load("demo").trials["t1"]
    assert (trial.failure, trial.reason) == (Failure.TIMEOUT, "session time-out of 0.05s")


def test_a_session_time_out_holds_while_a_session_halts(drive):
    """
    `soon` waits for what runs, but not for ever.
    """
    drive.begin(4, session_timeout=0.1, halt="soon,fail=1")

    assert drive.run(FakeEngine({"t0": ["fail"], "t1": ["hang"]})) == "done"

    assert drive.states == {"t0": FAILED, "t1": TIMED_OUT, "t2": PENDING, "t3": PENDING}


def test_what_waited_for_room_was_not_timed_out(drive):
    """
    It never began, and waits on.
    """
    drive.begin(2, session_timeout=0.05)

    class Crowded(FakeEngine):
        def _event(self, trial, end):
            event = super()._event(trial, end)
            return TrialEvent("t1", event.attempt, event.state) if trial.id == "t1" else event

    drive.run(Crowded({"t0": ["hang"], "t1": ["hang"]}))

    assert drive.states == {"t0": TIMED_OUT, "t1": PENDING}
    assert drive.store.load("demo").trials["t1"].attempt == 2


def asking(*asked):
    """Requests that come at the first look."""
    left = [list(asked), []]
    return lambda: left.pop(0) if left else []


def test_one_trial_can_be_cancelled(drive):
    """
    One that runs is ended, one that waits is not begun, an unknown one is nobody's; others go on.
    """
    drive.begin(4)
    looks = iter([[], [("cancel", "t1"), ("cancel", "t3"), ("cancel", "gone")]])

    drive.run(FakeEngine({"t0": ["hang"], "t1": ["hang"]}, polled=release("t0")),
              lambda: next(looks, []))  # fmt: skip

    assert drive.states == {"t0": OK, "t1": CANCELLED, "t2": OK, "t3": CANCELLED}
    assert drive.store.load("demo").trials["t3"].reason == "cancelled before it began"


def release(id):
    """Let a trial end once another one was cancelled."""

    def polled(engine):
        if engine.cancelled:
            engine._ends = engine._ends | {id: ["ok"]}

    return polled


def test_a_whole_session_can_be_cancelled(drive):
    """
    What runs and what waits; what has ended stays.
    """
    drive.begin(4, retries=5)
    looks = iter([[], [("cancel", None)]])

    ended = drive.run(FakeEngine({"t1": ["hang"], "t2": ["hang"]}), lambda: next(looks, []))

    assert ended == "Cancelled"
    assert drive.states == {"t0": OK, "t1": CANCELLED, "t2": CANCELLED, "t3": CANCELLED}


def test_a_retry_that_waits_can_be_cancelled(drive):
    """
    It has failed before, and is not tried again.
    """
    drive.begin(2, retries=9)
    looks = iter([[], [("cancel", "t0")], [("cancel", "t1")]])

    drive.run(FakeEngine({"t0": ["fail"], "t1": ["hang"]}, slots=1), lambda: next(looks, []))

    assert drive.states == {"t0": CANCELLED, "t1": CANCELLED}
    assert drive.attempts("t0") == [(1, "Failed"), (2, "Cancelled")]


def test_requests_that_were_made_before_anything_began_are_heard(drive):
    """
    A cancelled session begins nothing.
    """
    drive.begin(3)
    engine = FakeEngine()

    assert drive.run(engine, asking(("cancel", None))) == "Cancelled"

    assert engine.submitted == []
    assert set(drive.states.values()) == {CANCELLED}


def test_a_signal_lets_go_of_the_session(drive):
    """
    What ran is Pending again as the next attempt, and nothing says that the session is over.
    """
    drive.begin(3)

    def polled(engine):
        if len(engine.running) == 2:
            drive.stop.signal = signal.SIGTERM

    engine = FakeEngine({"t1": ["hang"], "t2": ["hang"]}, polled=polled)
    assert drive.run(engine) == ""

    assert engine.closed == 1
    session = drive.store.load("demo")
    waiting = {t.id: t.attempt for t in session.trials.values() if t.state is PENDING}
    assert waiting and set(waiting.values()) <= {1, 2}
    assert drive.store.summary("demo").ended == ""
    assert drive.stop.exit_code == 143

    drive.stop = Stop()
    again = FakeEngine()
    assert drive.run(again) == "done"
    assert not set(engine.submitted) & set(again.submitted)
    assert set(drive.states.values()) == {OK}


def test_a_driver_that_was_taken_over_begins_nothing_more(drive):
    """
    It ends what it runs, and says so.
    """
    drive.begin(9)

    def polled(engine):
        if len(engine.submitted) == 4:
            drive.store.claim("demo")

    engine = FakeEngine(polled=polled)
    with pytest.raises(TakenOver):
        drive.run(engine)

    assert len(engine.submitted) == 4
    assert engine.closed == 1


def test_an_error_ends_what_runs(drive):
    """
    A result that can't be written ends the drive, not just the trial; going on finishes it.
    """
    drive.begin(3, output_json="taken/{}.json")
    (drive.folder / "taken").write_text("a file in the place of the folder")
    engine = FakeEngine({"t0": ['{"a": 1}'], "t1": ["hang"]})

    with pytest.raises(ResultError, match=r"taken/0\.json"):
        drive.run(engine)

    assert engine.closed == 1
    assert drive.states["t0"] is not OK
    (drive.folder / "taken").unlink()
    drive.run(FakeEngine({"t0": ['{"a": 1}']}))
    assert set(drive.states.values()) == {OK}


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_whatever_ends_the_driver_ends_what_runs(drive, error):
    """
    A second Ctrl-C or a bug.
    """
    drive.begin(3)

    def polled(engine):
        if engine.running:
            raise error

    engine = FakeEngine({"t0": ["hang"]}, polled=polled)
    with pytest.raises(error):
        drive.run(engine)

    assert engine.closed == 1


def test_what_is_shown_is_what_has_ended(drive):
    """
    Each end once, with the session as it stands.
    """
    drive.begin(3, retries=1)
    shown = []

    def show(session, ended, best):
        shown.extend((trial.id, trial.state) for trial in ended)

    drive.run(FakeEngine({"t1": ["fail", "ok"]}), show=show)

    assert sorted(shown) == [("t0", OK), ("t1", FAILED), ("t1", OK), ("t2", OK)]


@contextmanager
def handled(number, handler):
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_the_first_signal_asks_and_the_second_insists(number, code):
    """
    The handlers of before are back afterwards.
    """
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), stopping() as stop:
        os.kill(os.getpid(), number)
        assert (stop.signal, stop.exit_code) == (number, code)
        os.kill(os.getpid(), number)

    assert signal.getsignal(number) == before


def test_a_hangup_that_is_ignored_stays_ignored():
    """
    `nohup kubectl tune run` goes on when its terminal is closed.
    """
    with handled(signal.SIGHUP, signal.SIG_IGN), stopping() as stop:
        os.kill(os.getpid(), signal.SIGHUP)

        assert not stop.signal


def test_an_interrupt_that_is_ignored_is_heard():
    """
    A script's `kubectl tune run &` starts with it ignored; who sends it means us.
    """
    with handled(signal.SIGINT, signal.SIG_IGN), stopping() as stop:
        os.kill(os.getpid(), signal.SIGINT)

        assert stop.exit_code == 130


def test_a_thread_can_drive(drive):
    """
    Signals are the main thread's.
    """
    seen = []

    def act():
        with stopping() as stop:
            seen.append(stop.signal)

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()

    assert seen == [0]


def test_a_long_session_is_saved_in_batches(drive):
    """
    A commit lasts as long as a dozen short trials, so many share one.
    """
    drive.begin(300)
    saved = []
    save = drive.store.save

    def counted(name, trials, *rest):
        saved.append(len(list(trials)))
        save(name, trials, *rest)

    drive.store.save = counted
    drive.run(FakeEngine({f"t{i}": [json.dumps({"i": i})] for i in range(300)}, slots=50))

    assert len(saved) < 150
    assert len(list(drive.store.results("demo"))) == 300


def test_retries_by_class_are_begun(drive):
    """
    A class has the number that was named for it, whatever the retries.
    """
    drive.begin(2, retries=5, retry={Failure.NODE_LOST: 2, Failure.EXIT: 0})

    drive.run(FakeEngine({"t0": ["lost"], "t1": ["fail"]}))

    assert drive.attempts("t0") == [(1, "Lost"), (2, "Lost"), (3, "Lost")]
    assert drive.attempts("t1") == [(1, "Failed")]


@pytest.mark.parametrize(
    ("kind", "attempts"),
    [(FakeEngine, ["Failed", "Lost", "Failed", "Failed"]), (Remote, ["Failed"] * 3)],
)
@pytest.mark.parametrize("policy", [{"retry": {Failure.EXIT: 2}}, {"retries": 2}])
def test_retries_are_counted_over_drives(drive, kind, attempts, policy):
    """
    Who stops a driver gives no trial another one, whether or not that interrupts an attempt.
    """
    drive.begin(1, **policy)

    def polled(engine):
        if ("t0", 2) in engine.submitted:
            drive.stop.signal = signal.SIGTERM

    drive.run(kind({"t0": ["fail", "hang"]}, polled=polled))
    drive.stop = Stop()
    engine = kind({"t0": ["fail"]})
    engine.running |= {t.id: t for t in drive.store.load("demo").in_flight}
    drive.run(engine)

    assert [state for _, state in drive.attempts("t0")] == attempts


# On a cluster


def test_letting_go_leaves_trials_on_a_cluster(drive):
    """
    They stay as they are, the session isn't over, and the next driver hears of their end.
    """
    drive.begin(4)

    def polled(engine):
        if len(engine.running) == 2:
            drive.stop.signal = signal.SIGINT

    engine = Remote({"t0": ["hang"], "t1": ["hang"]}, polled=polled)
    assert drive.run(engine) == ""

    assert engine.cancelled == []
    assert list(drive.states.values()) == [TrialState.SUBMITTED] * 2 + [PENDING] * 2
    assert drive.store.summary("demo").ended == ""

    drive.stop = Stop()
    again = Remote()
    again.hold(drive.store.load("demo").in_flight)
    assert drive.run(again) == "done"
    assert again.submitted == [("t2", 1), ("t3", 1)]
    assert set(drive.states.values()) == {OK}


@pytest.mark.parametrize(
    ("policy", "asked", "ended"),
    [
        ({"session_timeout": 0.05}, [], "TimedOut"),
        ({"halt": "now,done=1"}, [], "done"),
        ({}, [("cancel", None)], "Cancelled"),
    ],
)
def test_what_can_not_be_ended_is_not_waited_for_in_vain(drive, policy, asked, ended):
    """
    A cluster that is out of reach never says that a trial has ended.
    """
    drive.begin(4, **policy)
    engine = Remote({"t1": ["hang"], "t2": ["hang"]}, deaf=True)
    looks = iter([[], asked])

    assert drive.run(engine, lambda: next(looks, []), patience=0.1) == ended

    flying = [t.id for t in drive.store.load("demo").in_flight]
    assert flying and flying == engine.cancelled


def test_a_session_time_out_waits_for_what_it_ends(drive):
    """
    Their endings are kept, with why.
    """
    drive.begin(3, session_timeout=0.05)
    polls = []

    class Slow(Remote):
        def cancel(self, trials):
            self.cancelled += [trial.id for trial in trials]

        def poll(self, timeout):
            polls.append(bool(self.cancelled))
            if sum(polls) == 5:
                FakeEngine.cancel(self, list(self.running.values()))
            return super().poll(timeout)

    assert drive.run(Slow({"t0": ["hang"], "t1": ["hang"]})) == "TimedOut"

    assert drive.states == {"t0": TIMED_OUT, "t1": TIMED_OUT, "t2": PENDING}


def test_why_a_trial_waits_is_kept(drive):
    """
    As it changes, until the trial runs.
    """
    drive.begin(1)
    seen = []
    word = TrialEvent("t0", 1, TrialState.SUBMITTED, 5.0, failure=Failure.QUOTA, reason="no room")

    class Full(Remote):
        def poll(self, timeout):
            kept = drive.store.load("demo").trials["t0"]
            seen.extend([kept] * bool(kept.reason))
            return super().poll(timeout) if seen or not self.submitted else [word]

    drive.run(Full())

    assert {(t.state, t.failure, t.reason) for t in seen} == {
        (TrialState.SUBMITTED, Failure.QUOTA, "no room")
    }
    assert drive.store.load("demo").trials["t0"].reason == ""


# Failing fast


def failing(reason="exit code 1", failure=Failure.EXIT, state=FAILED):
    return {"state": state, "failure": failure, "reason": reason}


@pytest.fixture
def ends(monkeypatch):
    """Words for endings that a test makes up."""

    def add(**words):
        for word, end in words.items():
            monkeypatch.setitem(ENDS, word, end)

    return add


def test_a_session_whose_first_trials_fail_alike_is_given_up(drive, ends):
    """
    Nothing more is begun, what runs is ended, and one diagnosis says why.
    """
    words = [f"t{i} of 10 was killed at 0x{i}f3a77" for i in range(10)]
    ends(**{f"bad{i}": failing(word) for i, word in enumerate(words)})
    drive.begin(10, fail_fast=True)
    engine = FakeEngine({f"t{i}": [f"bad{i}"] for i in range(3)} | {"t3": ["hang"]})

    assert drive.run(engine) == "done"

    assert drive.diagnosis.failure is Failure.EXIT
    assert drive.diagnosis.reason == words[0]
    assert drive.diagnosis.ids == ("t0", "t1", "t2")
    assert [str(state) for state in drive.states.values()] == (
        ["Failed"] * 3 + ["Cancelled"] + ["Pending"] * 6
    )
    assert "--fail-fast" in drive.store.load("demo").trials["t3"].reason


@pytest.mark.parametrize("count", [1, 2])
def test_a_small_session_is_given_up_when_all_of_it_fails_alike(drive, count):
    """
    Before its retries are used up.
    """
    drive.begin(count, fail_fast=True, retries=9)

    assert drive.run(FakeEngine({f"t{i}": ["fail"] for i in range(count)})) == "done"

    assert len(drive.diagnosis.ids) == count
    assert sum(len(drive.attempts(f"t{i}")) for i in range(count)) <= count + 1


@pytest.mark.parametrize(
    "first",
    [
        ["fail", "ok", "fail"],
        ["fail", "fail", "timeout"],
        ["fail", "fail", "other"],
        ["ok", "fail", "fail"],
    ],
)
def test_trials_that_fail_in_several_ways_are_gone_on_with(drive, ends, first):
    """
    A success, another class or another reason among the first three says that it isn't all.
    """
    ends(other=failing("no such file"))
    drive.begin(8, fail_fast=True)
    words = {f"t{i}": [word] for i, word in enumerate(first)}

    drive.run(FakeEngine(words | {f"t{i}": ["fail"] for i in range(3, 8)}, slots=1))

    assert drive.diagnosis is None
    assert PENDING not in drive.states.values()


def test_one_bad_trial_says_nothing_of_the_others(drive):
    """
    However often it is tried again before the others have ended.
    """
    drive.begin(3, fail_fast=True, retries=5)

    def polled(engine):
        if ("t0", 6) in engine.submitted:
            engine._ends = {"t0": ["fail"]}  # the others end well

    engine = FakeEngine({"t0": ["fail"], "t1": ["hang"], "t2": ["hang"]}, slots=3, polled=polled)
    drive.run(engine)

    assert drive.diagnosis is None
    assert drive.states == {"t0": FAILED, "t1": OK, "t2": OK}


def test_losses_say_nothing_of_the_others(drive):
    """
    A node that dies under three trials is no reason to give up.
    """
    drive.begin(4, fail_fast=True)

    assert drive.run(FakeEngine({f"t{i}": ["lost", "ok"] for i in range(3)})) == "done"

    assert drive.diagnosis is None
    assert set(drive.states.values()) == {OK}


def test_without_being_asked_a_session_does_not_fail_fast(drive):
    """
    All its trials are run.
    """
    drive.begin(5)

    drive.run(FakeEngine({f"t{i}": ["fail"] for i in range(5)}))

    assert drive.diagnosis is None
    assert set(drive.states.values()) == {FAILED}


def test_each_drive_judges_its_own_first_trials(drive):
    """
    What was mended and is gone on with gets another chance.
    """
    drive.begin(6, fail_fast=True)
    drive.run(FakeEngine({f"t{i}": ["fail"] for i in range(6)}, slots=1))
    assert list(drive.states.values()).count(PENDING) == 3

    drive.run(FakeEngine(slots=1))

    assert drive.diagnosis is None
    assert list(drive.states.values()).count(OK) == 3
