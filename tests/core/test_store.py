"""The store gives back what it was given, and a driver writes only while it is the owner."""

from __future__ import annotations

import itertools
import json

import pytest
from core.making import info, opened, specs
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_tune.errors import SessionNotFound, StoreError, TakenOver
from kubectl_tune.halt import Halt
from kubectl_tune.ledger import Ledger
from kubectl_tune.rows import (
    StoredResult,
    plan_line,
    session_info,
    session_row,
    stored_trial,
)
from kubectl_tune.session import Policy, SessionInfo, Target
from kubectl_tune.store import Store
from kubectl_tune.trial import Failure, Trial, TrialEvent, TrialSpec, TrialState

NUMBER = itertools.count()  # of sessions in the shared store
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.none() | st.floats(0, 4e9)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
SPECS = st.builds(
    TrialSpec,
    TEXT.filter(bool),
    st.integers(0, 10**6),
    st.dictionaries(TEXT, JSON, max_size=4),
    TEXT,
    st.lists(TEXT, max_size=3).map(tuple),
    st.dictionaries(TEXT, TEXT, max_size=2),
    st.none() | st.floats(0.001, 1e9),
    TEXT,
    TEXT,
    TEXT,
)
TRIALS = st.builds(
    Trial,
    SPECS,
    st.integers(1, 99),
    st.sampled_from(TrialState),
    TEXT,
    TEXT,
    TEXT,
    st.none() | st.sampled_from(Failure),
    TEXT,
    st.none() | st.integers(-255, 255),
    NUMBERS,
    NUMBERS,
    st.integers(0, 99),
    st.integers(0, 99),
    st.dictionaries(
        st.tuples(st.sampled_from(TrialState), st.sampled_from(Failure)), st.integers(1, 99)
    ),
)
POLICIES = st.builds(
    Policy,
    st.integers(0, 1000),
    NUMBERS,
    NUMBERS,
    st.integers(0, 9),
    st.none() | st.just(Halt("soon", "fail", 10, True)),
    st.booleans(),
    st.booleans(),
    st.dictionaries(st.sampled_from(Failure), st.integers(0, 99)),
    st.booleans(),
)
INFOS = st.builds(
    SessionInfo,
    TEXT.filter(bool),
    TEXT,
    TEXT,
    st.builds(Target, TEXT, TEXT, TEXT, TEXT, TEXT),
    POLICIES,
    st.lists(TEXT, max_size=3).map(tuple),
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    st.floats(0, 4e9),
    st.integers(0, 10**6),
    st.dictionaries(TEXT, JSON, max_size=3),
)


@pytest.fixture
def store(tmp_path):
    with opened(tmp_path / "state.db") as store:
        yield store


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One store for many examples, which use it under names of their own."""
    with opened(tmp_path_factory.mktemp("shared") / "state.db") as store:
        yield store


def save(store, name, epoch, *trials, results=()):
    with store.owned(name, epoch):
        store.save(name, trials, trials, results)


@given(INFOS)
def test_a_session_comes_back_as_it_was_written(given_info):
    """
    Every field of a session survives its row.
    """
    assert session_info(session_row(given_info, "folder")) == given_info


@settings(max_examples=60)
@given(trial=TRIALS)
def test_a_trial_comes_back_as_it_was_saved(shared, trial):
    """
    Every field of a spec and of what became of it survives the file, whatever texts it holds.
    """
    name = f"s{next(NUMBER)}"
    shared.create(info(name), [trial.spec])

    save(shared, name, shared.claim(name), trial)

    assert shared.load(name).trials == {trial.id: trial}


@given(SPECS)
def test_a_plan_line_says_what_its_spec_says(spec):
    """
    What is left out of a line is what its absence means.
    """
    line = json.loads(plan_line(spec))

    row = [spec.index, spec.id, spec.slug, spec.hash, "Pending", 1, "", "", "", None, "", None]
    again = stored_trial([*row, None, None, 0, 0, "", None, json.dumps(line)])
    assert again.trial.spec == spec


def test_numbers_that_json_does_not_have_survive_in_a_config(store):
    """
    NaN and infinities are values that a search may ask for.
    """
    config = {"a": float("nan"), "b": float("inf"), "c": -0.0, "d": 10**400}
    store.create(info(), [TrialSpec("t0", 0, config)])

    assert repr(store.load("demo").trials["t0"].spec.config) == repr(config)


def test_a_session_is_created_once(store):
    """
    A name that is taken is refused with the way to go on, and nothing of the second stays.
    """
    store.create(info(total=3), specs(3))

    with pytest.raises(StoreError) as error:
        store.create(info(total=5, uid="other"), specs(5))

    assert "there is a session named demo already" in str(error.value)
    assert "resume demo" in error.value.hint
    assert list(store.load("demo").trials) == ["t0", "t1", "t2"]
    assert [path.name for path in (store.path.parent / "sessions").iterdir()] == ["demo"]


def test_a_session_that_can_not_be_created_leaves_no_folder(store):
    """
    Two trials of one name: all or nothing, also beside the state file.
    """
    with pytest.raises(StoreError):
        store.create(info(), specs(1) * 2)

    assert store.names() == []
    assert list((store.path.parent / "sessions").iterdir()) == []


def test_two_state_files_in_one_folder_don_t_share_folders(tmp_path):
    """
    Sessions of one name in two state files have logs and locks of their own.
    """
    with opened(tmp_path / "a.db") as a, opened(tmp_path / "b.db") as b:
        a.create(info(uid="aaaaa"), specs(1))
        b.create(info(uid="bbbbb"), specs(2))

        assert a.folder("demo") != b.folder("demo")
        assert a.folder("demo").is_dir() and b.folder("demo").is_dir()
        assert [len(s.load("demo").trials) for s in (a, b)] == [1, 2]


def test_the_newest_session_comes_first(store):
    """
    A session argument left out means the first of these.
    """
    for name in ("b", "a", "c"):
        store.create(info(name), specs(1))

    assert store.names() == ["c", "a", "b"]


def test_a_deleted_session_is_gone_and_leaves_the_others(store):
    """
    Nothing of it comes back when its name is used again.
    """
    for name in ("a", "b"):
        store.create(info(name), specs(2))
        save(store, name, store.claim(name), Trial(specs(1)[0], 1, TrialState.SUCCEEDED))
        store.ask(name, "cancel", [None], 1.0)

    store.delete("a")

    assert store.names() == ["b"]
    assert store.summary("b").counts[TrialState.SUCCEEDED] == 1
    with pytest.raises(SessionNotFound):
        store.info("a")
    store.create(info("a", uid="fresh"), specs(2))
    assert store.summary("a").attempts == 0
    assert store.summary("a").counts == {TrialState.PENDING: 2}
    assert store.asked("a", 0) == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.info("x"),
        lambda store: store.folder("x"),
        lambda store: store.load("x"),
        lambda store: store.summary("x"),
        lambda store: store.delete("x"),
        lambda store: store.claim("x"),
        lambda store: list(store.trials("x")),
        lambda store: store.attempts("x", "t0"),
        lambda store: store.ask("x", "cancel", [None], 1.0),
    ],
)
def test_a_session_that_is_not_there_is_said_to_be_missing(store, ask):
    """
    Whatever is asked of it.
    """
    with pytest.raises(SessionNotFound, match="no session named x"):
        ask(store)


def test_a_driver_that_was_taken_over_writes_no_rows(store):
    """
    Its transaction begins by comparing epochs.
    """
    store.create(info(), specs(1))
    stale = store.claim("demo")
    store.claim("demo")

    with pytest.raises(TakenOver, match="demo was taken over"), store.owned("demo", stale):
        pytest.fail("never reached")

    assert store.load("demo").trials["t0"].state is TrialState.PENDING


def test_a_driver_that_was_taken_over_writes_no_result_files(store, tmp_path):
    """
    Files are renamed into place only while the session is the writer's.
    """
    store.create(info(workdir=tmp_path), specs(1, output_json="out/r.json"))
    ledger = Ledger(store.load("demo"), store, store.claim("demo"))
    ledger.keep([TrialEvent("t0", 1, TrialState.SUCCEEDED, 1.0, result='{"a": 1}')])
    store.claim("demo")

    with pytest.raises(TakenOver):
        ledger.save()

    assert not (tmp_path / "out").exists()
    assert store.result("demo", "t0") is None


def test_a_driver_of_a_deleted_session_writes_nothing(store):
    """
    A session that came back under its name has another owner.
    """
    store.create(info(), specs(1))
    epoch = store.claim("demo")
    store.delete("demo")

    with pytest.raises(TakenOver), store.owned("demo", epoch):
        pytest.fail("never reached")


def test_what_fails_in_the_middle_of_a_transaction_is_undone(store):
    """
    All of a batch or none of it.
    """
    store.create(info(), specs(2))
    epoch = store.claim("demo")
    done = [t._replace(state=TrialState.SUCCEEDED) for t in store.load("demo").trials.values()]

    with pytest.raises(RuntimeError), store.owned("demo", epoch):
        store.save("demo", done, done, [StoredResult(done[0].spec, 1, "{}", {}, None)])
        raise RuntimeError

    assert store.summary("demo").counts == {TrialState.PENDING: 2}
    assert store.summary("demo").attempts == 0
    assert store.result("demo", "t0") is None


def test_the_result_of_an_earlier_attempt_is_not_the_trial_s(store):
    """
    A trial that is to run again has no result until it has run.
    """
    store.create(info(metric="m", direction="maximize"), specs(1))
    epoch, trial = store.claim("demo"), store.load("demo").trials["t0"]
    done = trial._replace(state=TrialState.SUCCEEDED)
    save(store, "demo", epoch, done, results=[StoredResult(trial.spec, 1, "{}", {"m": 3}, 3.0)])
    assert store.summary("demo").best is not None

    save(store, "demo", epoch, trial.again())

    assert store.result("demo", "t0") is None
    assert list(store.results("demo")) == []
    assert next(store.trials("demo")).metrics is None
    assert store.summary("demo").best is None


def test_every_attempt_has_its_row(store):
    """
    The history of a trial is kept, and a later word on an attempt replaces the earlier one.
    """
    store.create(info(), specs(1))
    epoch, trial = store.claim("demo"), store.load("demo").trials["t0"]

    for attempt, state in [(1, "Running"), (1, "Failed"), (2, "Submitted"), (2, "Succeeded")]:
        save(store, "demo", epoch, Trial(trial.spec, attempt, TrialState(state)))

    history = [(row["attempt"], row["state"]) for row in store.attempts("demo", "t0")]
    assert history == [(1, "Failed"), (2, "Succeeded")]


def test_requests_reach_the_driver_once_and_in_order(store):
    """
    A driver asks for those younger than the last it has seen; a new owner starts without.
    """
    store.create(info(), specs(2))
    store.ask("demo", "cancel", ["t0", "t1"], 1.0)
    first = store.asked("demo", 0)
    store.ask("demo", "cancel", [None], 2.0)

    assert [request[1:] for request in first] == [("cancel", "t0"), ("cancel", "t1")]
    assert [r[1:] for r in store.asked("demo", first[-1][0])] == [("cancel", None)]
    store.claim("demo")
    assert store.asked("demo", 0) == []


def test_one_transaction_waits_for_another_process_s(tmp_path):
    """
    Two drivers of different sessions share the file.
    """
    with opened(tmp_path / "state.db") as a, opened(tmp_path / "state.db") as b:
        a.create(info("a"), specs(1))
        b.create(info("b"), specs(1))
        save(a, "a", a.claim("a"), Trial(specs(1)[0], 1, TrialState.SUCCEEDED))
        save(b, "b", b.claim("b"), Trial(specs(1)[0], 1, TrialState.FAILED))

        assert [b.summary(n).counts for n in "ab"] == [a.summary(n).counts for n in "ab"]


def test_a_reader_sees_what_was_committed_last(tmp_path):
    """
    `status` of a session that runs doesn't wait for it, and sees no half of a batch.
    """
    with opened(tmp_path / "state.db") as store:
        store.create(info(), specs(2))
        epoch = store.claim("demo")
        reader = Store.open_to_read(tmp_path / "state.db")
        with store.owned("demo", epoch):
            done = [Trial(s, 1, TrialState.SUCCEEDED) for s in specs(2)]
            store.save("demo", done, done, [])

            assert reader.summary("demo").counts == {TrialState.PENDING: 2}

        assert reader.summary("demo").counts == {TrialState.SUCCEEDED: 2}
        reader.close()


def test_an_edited_plan_changes_trials_in_place(store):
    """
    Trials are added, replaced and removed, and the total follows.
    """
    store.create(info(total=3), specs(3))

    store.add_trials("demo", [TrialSpec("new", 3, {"x": 9}).named("new", "h")])
    store.replace_specs("demo", [TrialSpec("t1", 1, {"x": 7}).named("t1", "changed")])
    store.remove_trials("demo", [0])

    loaded = store.load("demo")
    assert {id: t.spec.config["x"] for id, t in loaded.trials.items()} == {
        "t1": 7, "t2": 2, "new": 9,
    }  # fmt: skip
    assert loaded.trials["t1"].spec.hash == "changed"
    assert loaded.info.total == 3


def test_text_that_is_no_text_is_refused_with_a_sentence(store):
    """
    A working directory whose name is not UTF-8 can't be written down.
    """
    with pytest.raises(StoreError, match="not UTF-8"):
        store.create(info(workdir="/caf\udce9"), specs(1))

    assert store.names() == []
