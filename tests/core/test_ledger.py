"""What counts as a success, and what is kept of an attempt's result."""

from __future__ import annotations

import json

import pytest
from core.making import info, opened

from kubectl_tune.ledger import Ledger
from kubectl_tune.session import Policy
from kubectl_tune.trial import Failure, TrialEvent, TrialSpec, TrialState

OK, FAILED = TrialState.SUCCEEDED, TrialState.FAILED
GOOD = '{"status": "success", "metrics": {"m": 2, "deep": {"n": NaN}}}'
ERROR = '{"status": "error", "error": {"type": "ValueError", "message": "no data"}}'


@pytest.fixture
def store(tmp_path):
    with opened(tmp_path / "state.db") as store:
        yield store


@pytest.fixture
def begin(store, tmp_path):
    """Begin a session of one trial and return its ledger."""

    def begin(**policy):
        about = info(
            policy=Policy(**policy), workdir=tmp_path, metric="m", direction="maximize", total=1
        )
        store.create(about, [TrialSpec("t0", 0, {}, "out/r.json").named("t0", "")])
        return Ledger(store.load("demo"), store, store.claim("demo"))

    return begin


def ended(state=OK, attempt=1, **more):
    return TrialEvent("t0", attempt, state, 9.0, started=1.0, **more)


@pytest.mark.parametrize(
    ("requires", "result", "state", "failure"),
    [
        (False, None, OK, None),
        (True, None, FAILED, Failure.NO_RESULT),
        (True, GOOD, OK, None),
        (True, "{}", OK, None),
        (False, GOOD, OK, None),
        (False, ERROR, FAILED, Failure.BAD_RESULT),
        (False, '{"status": "stopped"}', FAILED, Failure.BAD_RESULT),
        (False, "{broken", FAILED, Failure.BAD_RESULT),
        (False, "[1]", FAILED, Failure.BAD_RESULT),
    ],
)
def test_exit_code_zero_is_not_enough(begin, store, requires, result, state, failure):
    """
    A result must be whole, call itself no error, and be there where one is required.
    """
    ledger = begin(requires_result=requires)

    ledger.keep([ended(result=result, exit_code=0)])
    ledger.save()

    trial = store.load("demo").trials["t0"]
    assert (trial.state, trial.failure) == (state, failure)
    assert trial.exit_code == 0
    assert bool(trial.reason) is (state is FAILED)


def test_a_success_is_written_to_its_file_and_to_the_store(begin, store, tmp_path):
    """
    As the trial wrote it, and its metrics so that every reader takes them.
    """
    ledger = begin()

    ledger.keep([ended(result=GOOD)])
    assert not (tmp_path / "out").exists()
    ledger.save()

    assert (tmp_path / "out" / "r.json").read_text() == GOOD == store.result("demo", "t0")
    (stored,) = store.trials("demo")
    assert stored.metrics == {"m": 2, "deep": {"n": None}}
    best = store.summary("demo").best
    assert best and (best.job_id, best.value) == ("t0", 2.0)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["r.json"]


def test_a_result_that_says_that_it_is_an_error_is_written_too(begin, store, tmp_path):
    """
    Who gathers the files finds the reason there.
    """
    ledger = begin()

    ledger.keep([ended(FAILED, result=ERROR, exit_code=1)])
    ledger.save()

    assert json.loads((tmp_path / "out" / "r.json").read_text())["status"] == "error"
    assert store.summary("demo").best is None


@pytest.mark.parametrize("state", [FAILED, TrialState.TIMED_OUT, TrialState.CANCELLED])
def test_what_a_trial_said_before_it_was_ended_is_no_result_file(begin, store, tmp_path, state):
    """
    A line of progress must not pass for a result in the folder of results.
    """
    ledger = begin()

    ledger.keep([ended(state, result='{"metrics": {"m": 99}}', exit_code=1)])
    ledger.save()

    assert not (tmp_path / "out").exists()
    assert store.summary("demo").best is None


def test_what_an_interrupted_attempt_had_said_is_forgotten(begin, store, tmp_path):
    """
    The trial waits, and has no metrics.
    """
    ledger = begin()

    ledger.keep([ended(TrialState.LOST, result='{"metrics": {"m": 99}}')])
    ledger.save()

    (stored,) = store.trials("demo")
    assert (stored.trial.state, stored.trial.attempt) == (TrialState.PENDING, 2)
    assert stored.metrics is None
    assert store.result("demo", "t0") is None
    assert not (tmp_path / "out").exists()


def test_the_result_of_an_attempt_does_not_pass_for_the_next_one_s(begin, store):
    """
    Both may end within one batch.
    """
    ledger = begin(retries=1)

    ledger.keep([ended(FAILED, result='{"metrics": {"m": 99}}'), ended(OK, 2)])
    ledger.save()

    (stored,) = store.trials("demo")
    assert (stored.trial.state, stored.trial.attempt) == (OK, 2)
    assert stored.metrics is None
    assert store.summary("demo").best is None


def test_a_second_end_of_an_attempt_changes_neither_rows_nor_files(begin, store, tmp_path):
    """
    One success a trial is accepted.
    """
    ledger = begin()
    ledger.keep([ended(result='{"m": 1}')])
    ledger.save()

    ledger.keep([ended(result='{"m": 2}'), ended(FAILED)])
    ledger.save()

    assert (tmp_path / "out" / "r.json").read_text() == '{"m": 1}' == store.result("demo", "t0")
    assert [row["state"] for row in store.attempts("demo", "t0")] == ["Succeeded"]


@pytest.mark.parametrize("value", ["NaN", "Infinity", '"high"', "1" + "0" * 400, "null", "[1]"])
def test_a_metric_that_is_no_number_ranks_nothing(begin, store, value):
    """
    Nor does it keep the result from being kept.
    """
    ledger = begin()

    ledger.keep([ended(result=f'{{"metrics": {{"m": {value}}}}}')])
    ledger.save()

    assert store.summary("demo").counts == {OK: 1}
    assert store.summary("demo").best is None
    assert value in (store.result("demo", "t0") or "")
