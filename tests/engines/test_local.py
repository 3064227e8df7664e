"""The local engine: what every engine promises, and that nothing of it outlives its driver."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path

import pytest
from core.making import info
from core.waiting import gone, processes, until
from engines.contract import (
    EngineContract,
    begin,
    every,
    finish,
    follow,
    states,
)
from engines.diary import Diary

from kubectl_tune import journal
from kubectl_tune.engines import local
from kubectl_tune.errors import EngineError
from kubectl_tune.session import Session
from kubectl_tune.trial import Failure, TrialEvent, TrialSpec, TrialState


class LocalPlace(Diary):
    """Children of this machine; each writes down when it begins and ends."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._engines: list[local.LocalEngine] = []
        self._epoch = 0

    def connect(self, session: Session) -> local.LocalEngine:
        self._epoch += 1
        engine = local.LocalEngine(session, self.folder, self._epoch)
        self._engines.append(engine)
        return engine

    def abandon(self, engine: local.LocalEngine) -> None:
        """The end of the requests is all that an agent sees of its driver's death."""
        if engine._process:
            engine._let_go()
        engine._close_journal()
        self._engines.remove(engine)

    def vanish(self, engine: local.LocalEngine) -> None:
        engine._process.kill()
        # Whole groups: a process that is being started has no environment to be found by.
        for group in engine._pids.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        gone(self.marker)
        self.abandon(engine)
        (journal,) = self.folder.glob("journal.*.jsonl")
        journal.unlink()

    def close(self) -> None:
        for engine in self._engines:
            engine.close()


@pytest.fixture
def place(tmp_path):
    place = LocalPlace(tmp_path)
    yield place
    place.close()
    gone(place.marker)


class TestLocalEngine(EngineContract):
    @pytest.fixture
    def place(self, place):
        return place


def test_closing_ends_everything_and_blames_nobody(place, monkeypatch):
    """
    Lost without a class of failure: to be begun again, by whoever goes on.
    """
    monkeypatch.setattr(local, "GRACE", 0.2)
    session = place.session("forever", "stubborn")
    engine = place.connect(session)
    begin(session, engine)

    events = engine.close()

    gone(place.marker, 1.0)
    assert {(e.trial, e.state, e.failure) for e in events} == {
        ("t0", TrialState.LOST, None),
        ("t1", TrialState.LOST, None),
    }


def test_a_driver_that_dies_takes_its_trials_along(place):
    """
    The agent sees the end of its requests, and the next driver waits for the agent's.
    """
    session = place.session("forever", "stubborn")
    engine = place.connect(session)
    begin(session, engine)

    place.abandon(engine)
    again = place.connect(session)

    gone(place.marker, 1.0)  # the kernel takes its time to end what was killed
    for event in again.poll(0):
        session.apply(event)
    assert states(session) == [TrialState.LOST] * 2


def test_an_agent_that_dies_takes_its_trials_along(place):
    """
    They are lost with it, not at fault, and begun again on a new one.
    """
    session = place.session("forever", "test $TUNE_ATTEMPT -gt 1 || sleep 600")
    engine = place.connect(session)
    begin(session, engine)
    until(lambda: place.begun().total() == 2, "both to write down that they began")

    engine._process.kill()
    events = follow(session, engine, lambda: not session.in_flight)

    gone(place.marker, 1.0)
    assert {(e.trial, e.state, e.failure) for e in events} == {
        ("t0", TrialState.LOST, Failure.NODE_LOST),
        ("t1", TrialState.LOST, Failure.NODE_LOST),
    }
    events = engine.submit(session.ready(9))
    follow(session, engine, lambda: session.trials["t1"].state.ended, events)
    assert session.trials["t1"].state is TrialState.SUCCEEDED
    until(lambda: place.begun().total() == 4, "t0 to write down that it began again")
    assert place.begun() == {("t0", 1): 1, ("t1", 1): 1, ("t0", 2): 1, ("t1", 2): 1}


def test_trials_of_an_agent_and_a_driver_that_were_both_killed_are_ended(place):
    """
    By the next driver, before it begins anything.
    """
    session = place.session("forever", "stubborn")
    engine = place.connect(session)
    begin(session, engine)
    engine._process.kill()
    place.abandon(engine)
    assert len(processes(place.marker)) >= 2

    again = place.connect(session)

    gone(place.marker, 1.0)
    for event in again.poll(0):
        session.apply(event)
    assert states(session) == [TrialState.LOST] * 2


def test_an_agent_that_was_stopped_does_not_hold_up_a_new_driver(place, monkeypatch):
    """
    It is ended for good, with what it ran.
    """
    monkeypatch.setattr(journal, "LAST_WORDS", 0.3)
    session = place.session("stubborn")
    engine = place.connect(session)
    begin(session, engine)
    os.kill(engine._process.pid, signal.SIGSTOP)

    again = place.connect(session)

    for event in again.poll(0):
        session.apply(event)
    assert states(session) == [TrialState.LOST]
    gone(place.marker, 1.0)


def test_the_second_agent_of_a_driver_can_be_outlived_too(place):
    """
    It is the one that signed the journal last who holds its lock.
    """
    session = place.session("stubborn")
    engine = place.connect(session)
    begin(session, engine)
    engine._process.kill()
    follow(session, engine, lambda: not session.in_flight)
    follow(session, engine, lambda: bool(session.in_flight), engine.submit(session.ready(1)))
    follow(session, engine, lambda: place.begun()["t0", 2] == 1)

    again = place.connect(session)

    assert {(e.trial, e.attempt, e.state) for e in again.poll(0)} == {
        ("t0", 1, TrialState.LOST),
        ("t0", 2, TrialState.LOST),
    }
    gone(place.marker, 1.0)


def test_a_torn_journal_counts_for_what_is_whole(place):
    """
    An agent may have died in the middle of a line, and a new one have written behind it.
    """
    session = place.session("ok", "forever")
    record = {
        "key": "t0.1", "event": "ended", "at": 2.0, "started": 1.0, "code": 0, "why": "exit",
        "detail": "", "result": None,
    }  # fmt: skip
    lines = [
        json.dumps({"agent": 1, "host": "gone", "at": 0.0}),
        json.dumps(record),
        json.dumps({"key": "t1.1", "event": "running", "at": 1.0, "pid": 1}),
        '{"key": "t1.1", "event": "ended", "at": 2.0, "star',
        json.dumps({"key": "unknown.1", "event": "running", "at": 1.0, "pid": 1}),
        '{"key": "t1.1", "event": "ended"',
    ]
    (place.folder / "journal.0.0.jsonl").write_text("\n".join(lines))

    events = {event.trial: event for event in place.connect(session).poll(0)}

    assert events["t0"].state is TrialState.SUCCEEDED
    assert events["t1"].state is TrialState.LOST and events["t1"].failure is None
    assert events.keys() == {"t0", "t1"}


def test_journals_are_kept_until_what_they_say_is_saved(place):
    """
    `forget` is the word for that.
    """
    session = place.session("result")
    engine = place.connect(session)
    finish(session, engine)
    place.abandon(engine)
    fresh = Session.of(session.info, [trial.spec for trial in every(session)])

    first = place.connect(fresh)
    assert [e.state for e in first.poll(0)] == [TrialState.SUCCEEDED]
    second = place.connect(fresh)
    assert [e.state for e in second.poll(0)] == [TrialState.SUCCEEDED]
    second.forget()

    assert list(place.connect(fresh).poll(0)) == []
    assert list(place.folder.glob("journal.*")) == []


def test_commands_that_fail_to_start_are_failures_of_the_trial(place):
    """
    With a shell's codes and the system's words.
    """
    session = place.session("ok", "ok")
    specs = [trial.spec for trial in every(session)]
    odd = [
        TrialSpec("t0", 0, {}, command=("no-such-program",)).named("t0", ""),
        TrialSpec("t1", 1, {}, command=(str(place.folder),)).named("t1", ""),
    ]
    assert len(specs) == len(odd)
    session = Session.of(session.info, odd)

    finish(session, place.connect(session))

    codes = [(t.state, t.failure, t.exit_code) for t in every(session)]
    assert codes == [
        (TrialState.FAILED, Failure.EXIT, 127),
        (TrialState.FAILED, Failure.EXIT, 126),
    ]
    assert "no-such-program" in session.trials["t0"].reason


def test_a_trial_killed_by_a_signal_says_which(place):
    """
    The reason names it.
    """
    session = place.session("kill -SEGV $$")

    finish(session, place.connect(session))

    assert session.trials["t0"].exit_code == 139
    assert "SIGSEGV" in session.trials["t0"].reason


@pytest.mark.parametrize("broken", ["workdir", "folder", "journal"])
def test_an_agent_that_can_not_start_gives_a_sentence(place, broken):
    """
    The driver ends with it; there is nothing to clean up.
    """
    session = place.session("ok")
    if broken == "workdir":
        about = info(workdir=place.folder / "removed", total=1)
        session = Session.of(about, [t.spec for t in every(session)])
    engine = place.connect(session)
    if broken == "folder":
        (place.folder / "work").write_text("in the way")
    if broken == "journal":
        (place.folder / "journal.1.0.jsonl").mkdir()

    with pytest.raises(EngineError, match="the local agent can't start") as error:
        engine.submit(session.ready(1))

    assert str(place.folder) in str(error.value)
    with contextlib.suppress(OSError):
        (place.folder / "journal.1.0.jsonl").rmdir()


def test_short_trials_wait_at_the_agent_and_come_back_when_it_is_closed(place):
    """
    What was handed over ahead of its turn and never began is nobody's failure.
    """
    session = place.session(*["true"] * 30, *["forever"] * 30, max_parallel=2)
    engine = place.connect(session)
    events = engine.submit(session.ready(2))

    def step():
        for event in engine.submit(session.ready(engine.slots)):
            session.apply(event)
        return len(session.in_flight) > 2 and session.counts[TrialState.SUCCEEDED] >= 30

    follow(session, engine, step, events)
    ahead = len(session.in_flight)
    lost = engine.close()

    assert len(lost) == ahead > 2
    assert {(e.state, e.failure) for e in lost} == {(TrialState.LOST, None)}
    assert len([e for e in lost if e.started is not None]) == 2
    assert place.most_at_once() <= 2


def test_late_words_on_an_attempt_are_harmless(place):
    """
    What comes after the engine gave an attempt up changes nothing.
    """
    session = place.session("ok")
    engine = place.connect(session)
    finish(session, engine)
    before = session.trials["t0"]

    until(lambda: not engine.poll(0), "silence")
    session.apply(TrialEvent("t0", 1, TrialState.LOST))

    assert session.trials["t0"] is before
