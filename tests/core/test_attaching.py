"""Sessions that are rebuilt from the cluster alone: equal to those that were lost."""

from __future__ import annotations

import gzip
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from core.making import info as session_info
from core.making import opened
from core.waiting import until
from engines.clusterplace import ClusterPlace
from engines.drives import Sessions
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune import attaching
from kubectl_tune.cluster import manifests
from kubectl_tune.engines.indexed import IndexedEngine
from kubectl_tune.engines.jobs import JobsEngine
from kubectl_tune.errors import EngineError, SessionNotFound, StoreError
from kubectl_tune.ledger import Ledger
from kubectl_tune.noted import noted, packed
from kubectl_tune.rows import session_row
from kubectl_tune.trial import Failure, TrialEvent, TrialState

SUCCEEDED, FAILED = TrialState.SUCCEEDED, TrialState.FAILED


@pytest.fixture
def place(request, tmp_path):
    place = ClusterPlace(tmp_path, getattr(request, "param", JobsEngine))
    yield place
    place.close()


both = pytest.mark.parametrize("place", [JobsEngine, IndexedEngine], indirect=True,
                               ids=["jobs", "indexed"])  # fmt: skip


@pytest.fixture
def here(place, tmp_path):
    return Sessions(place, tmp_path)


@pytest.fixture
def elsewhere(place, tmp_path):
    """The sessions of another machine, with a state file of its own."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return Sessions(place, folder)


def attach(sessions: Sessions, asked: str = "") -> str:
    client = sessions.place.cluster.client()
    with sessions.store() as store:
        return attaching.attach(store, client, attaching.choose(client, asked), "context")


def known(sessions: Sessions, name: str):
    """What a state file knows: states, attempts, codes, results."""
    with sessions.store() as store:
        texts = dict(store.results(name))
    return {
        id: (t.state, t.attempt, t.failure, t.exit_code, texts.get(id))
        for id, t in sessions.stored(name).items()
    }


@both
def test_a_session_that_has_ended_is_the_same_elsewhere(here, elsewhere):
    """
    Also where its Jobs are gone: what they had to say is noted in the cluster.
    """
    name = here.new("result", "fail", "ok", "test $TUNE_ATTEMPT = 2", retries=1)
    here.drive(name)

    assert attach(elsewhere) == name
    elsewhere.drive(name)

    assert known(elsewhere, name) == known(here, name)
    assert here.place.begun().total() == 6


@both
def test_a_session_that_goes_on_is_gone_on_with(here, elsewhere, tmp_path):
    """
    What has ended is taken home, what runs is waited for, and nothing runs twice.
    """
    gate = tmp_path / "gate"
    wait = f"while ! test -e {gate}; do sleep 0.02; done; echo '{{\"m\": 2}}'"
    name = here.new("result", "fail", wait, wait, "ok", max_parallel=2)
    kill_when_two_have_ended(here, name)

    attach(elsewhere)
    gate.touch()
    elsewhere.drive(name)

    states = [t.state for t in elsewhere.stored(name).values()]
    assert states == [SUCCEEDED, FAILED, SUCCEEDED, SUCCEEDED, SUCCEEDED]
    assert set(here.place.begun().values()) == {1}
    here.drive(name)
    assert known(here, name) == known(elsewhere, name)


def kill_when_two_have_ended(sessions: Sessions, name: str) -> None:
    class Enough(BaseException):
        pass

    def show(session, ended, best):
        if session.settled.total() >= 2:
            raise Enough

    with pytest.raises(Enough):
        sessions.drive(name, show=show)


@both
def test_a_changed_line_is_run_and_its_old_result_is_none(here, elsewhere):
    """
    The last word of the plan counts; attempts that were made of an earlier one don't.
    """
    name = here.new("result", "ok")
    here.drive(name)
    change(here, name, "t0", 'echo \'{"metrics": {"m": 9}}\'')
    here.drive(name)

    attach(elsewhere)
    elsewhere.drive(name)

    assert known(elsewhere, name) == known(here, name)
    assert json.loads(known(elsewhere, name)["t0"][-1]) == {"metrics": {"m": 9}}
    assert here.place.begun() == {("t0", 1): 1, ("t1", 1): 1, ("t0", 2): 1}


def change(sessions: Sessions, name: str, id: str, script: str) -> None:
    """Do what `resume --plan` does with one changed line."""
    [new] = [t.spec for t in sessions.place.session("ok", script).trials.values() if t.id == "t1"]
    with sessions.store() as store:
        epoch, old = store.claim(name), store.load(name).trials[id].spec
        store.replace_specs(name, [replace(old, command=new.command, hash="changed")])
        with store.owned(name, epoch):
            ledger_of(store, name, epoch, TrialEvent(id, 2, TrialState.PENDING))


def ledger_of(store, name, epoch, *events):
    ledger = Ledger(store.load(name), store, epoch)
    ledger.keep(events)
    ledger.save()


@both
def test_an_attempt_at_a_changed_line_that_still_runs_is_ended(here, elsewhere):
    """
    Its result would be one of what the plan said before.
    """
    name = here.new("forever", "ok")
    kill_when_it_runs(here, name, "t0")
    change(here, name, "t0", "echo now")
    kill_when_it_runs(here, name, "t0", attempt=2)

    attach(elsewhere)
    elsewhere.drive(name)

    assert {t.state for t in elsewhere.stored(name).values()} == {SUCCEEDED}
    assert elsewhere.stored(name)["t0"].attempt == 2
    running = [p for p in here.place.cluster.all("Pod") if p["status"]["phase"] == "Running"]
    here.place.cluster.until(lambda: not _running(here.place), f"{running} to end")


def _running(place):
    return [p for p in place.cluster.all("Pod") if p["status"]["phase"] == "Running"]


def kill_when_it_runs(sessions: Sessions, name: str, id: str, attempt: int = 1) -> None:
    class Enough(BaseException):
        pass

    def show(session, ended, best):
        if (session.trials[id].attempt, session.trials[id].state.rank) >= (attempt, 2):
            raise Enough

    with pytest.raises(Enough):
        sessions.drive(name, show=show)
    until(lambda: (id, attempt) in sessions.place.begun(), "it to begin")


@both
def test_lines_that_an_edited_plan_has_no_more_stay_away(here, elsewhere):
    """
    Until it has them again.
    """
    name = here.new("ok", "ok", "exit 3")
    here.drive(name)
    with here.store() as store:
        spec = store.load(name).trials["t2"].spec
        store.remove_trials(name, [spec.index])
        with store.owned(name, store.claim(name)):
            ledger_of(store, name, store.claim(name), TrialEvent("t1", 2, TrialState.PENDING))
    here.drive(name)

    attach(elsewhere)

    assert set(elsewhere.stored(name)) == {"t0", "t1"}
    with here.store() as store:
        store.add_trials(name, [replace(spec, hash="another")])
    here.drive(name)
    assert set(specs_in_the_cluster(here.place)) == {"t0", "t1", "t2"}


def specs_in_the_cluster(place):
    client = place.cluster.client()
    [remote] = attaching.remotes(client)
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder) / "s.db") as store:
        name = attaching.attach(store, client, remote, "")
        return [row.trial.id for row in store.trials(name)]


def test_attaching_may_be_cut_off(here, elsewhere):
    """
    All that it writes is the session; what became of its trials is found out by whoever drives it.
    """
    name = here.new("result", "ok")
    here.drive(name)

    attach(elsewhere)

    assert {t.state for t in elsewhere.stored(name).values()} == {TrialState.PENDING}
    elsewhere.drive(name)
    assert known(elsewhere, name) == known(here, name)


# Which session is meant


def anchor(place, **info):
    made = session_info(**info)
    place.cluster.client().create(manifests.anchor(made, ""))
    return made


def test_sessions_of_one_name_are_told_apart_by_their_uids(place):
    """
    The name alone is not enough, and both are named.
    """
    client = place.cluster.client()
    first, second = anchor(place, uid="aaaaa"), anchor(place, uid="bbbbb")

    with pytest.raises(SessionNotFound, match=r"demo \(aaaaa\), demo \(bbbbb\)|bbbbb.*aaaaa"):
        attaching.choose(client, "demo")
    assert attaching.choose(client, "bbbbb").info.uid == second.uid
    assert attaching.choose(client, "aaaaa").info.uid == first.uid


def test_a_name_that_is_not_there_is_answered_with_one_that_is(place):
    """
    As everywhere.
    """
    anchor(place)

    with pytest.raises(SessionNotFound) as raised:
        attaching.choose(place.cluster.client(), "dmeo")

    assert "demo" in raised.value.hint


BROKEN = [
    "", "[]", "{}", "null", "{torn",
    json.dumps(session_row(session_info(), "") | {"policy": "5"}),
    json.dumps(session_row(session_info(), "") | {"policy": '{"halt": "nonsense"}'}),
    json.dumps(session_row(session_info(), "") | {"policy": '{"halt": "", "retry": []}'}),
    json.dumps(session_row(session_info(), "") | {"name": "../../etc"}),
    json.dumps(session_row(session_info(), "") | {"name": 7}),
    json.dumps(session_row(session_info(), "") | {"uid": "other"}),
    json.dumps(session_row(session_info(), "") | {"created": "yesterday"}),
    json.dumps(session_row(session_info(), "") | {"extra": '{"pod": {"keep": []}}'}),
    json.dumps(session_row(session_info(), "") | {"extra": "[]"}),
]  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
def test_anchors_that_can_not_be_ours_are_passed_over(place, text):
    """
    Whoever made them; those beside them are found.
    """
    good = anchor(place, name="good", uid="ggggg")
    made = manifests.anchor(session_info(), "")
    made["data"]["session.json"] = text
    place.cluster.client().create(made)

    found = attaching.remotes(place.cluster.client())

    assert [remote.info.name for remote in found if remote.info.uid != "bcdfg"] == [good.name]
    assert all(remote.info.name == "demo" for remote in found if remote.info.uid == "bcdfg")


def test_a_session_that_is_here_already_is_not_attached_again(here):
    """
    Going on with it is all there is to do.
    """
    name = here.new("ok")
    here.drive(name)

    with pytest.raises(StoreError, match="already") as raised:
        attach(here)

    assert f"resume {name}" in raised.value.hint


def test_a_session_without_a_plan_says_what_to_do(place, tmp_path):
    """
    Somebody has deleted half of it.
    """
    anchor(place)
    client = place.cluster.client()

    with opened(tmp_path / "s.db") as store, pytest.raises(EngineError, match="plan is not in"):
        attaching.attach(store, client, attaching.choose(client, ""), "")


# What is noted of endings

text = st.text(max_size=20)
events = st.lists(
    st.builds(
        TrialEvent, st.sampled_from(["t0", "t1", "t2"]), st.integers(1, 9),
        st.sampled_from([state for state in TrialState if state.ended]), st.floats(0, 1e10),
        text, text, text, st.none() | st.sampled_from(Failure), text,
        st.none() | st.integers(0, 255), st.none() | st.floats(0, 1e10), st.none() | text,
    ),
    max_size=8, unique_by=lambda event: (event.trial, event.attempt),
)  # fmt: skip


def maps(events, hash: str = "h"):
    scene = manifests.Scene(session_info(), "default")
    parts = [data for _, data in packed(events, lambda event: hash)]
    return [manifests.binary_map(scene, f"m{n}", "done", "k", data) for n, data in enumerate(parts)]


@given(events)
def test_what_is_noted_is_read_as_it_was(told):
    """
    Every field of it, with the hash of the line.
    """
    found = noted(maps(told))

    assert {(each.event.trial, each.event.attempt) for each in found} == {
        (each.trial, each.attempt) for each in told
    }
    assert all(each.event in told and each.hash == "h" for each in found)
    assert [each.event.attempt for each in found] == sorted(e.attempt for e in told)


def test_notes_that_can_not_be_read_count_as_none():
    """
    Then it is found out again; what a later version adds is left alone.
    """
    event = TrialEvent("t0", 1, SUCCEEDED)
    scene = manifests.Scene(session_info(), "default")
    broken = [
        manifests.binary_map(scene, "a", "done", "k", data)
        for data in (b"", b"not gzip", packed_lines("{torn", '{"state": "Odd"}', "[]"))
    ]
    later = packed_lines('{"trial": "t1", "attempt": 1, "state": "Failed", "new": 1}')

    found = noted([*broken, *maps([event]), manifests.binary_map(scene, "b", "done", "k", later)])

    assert {each.event.trial for each in found} == {"t0", "t1"}


def packed_lines(*lines: str) -> bytes:
    return gzip.compress("\n".join(lines).encode())
