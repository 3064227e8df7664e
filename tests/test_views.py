"""How sessions and trials look to programs, whose keys are a promise, and to people."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from typing import Any

import pytest
import yaml
from core.making import info
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.launch import launch
from kubectl_tune.lock import Driver
from kubectl_tune.recipe import quote, recipe
from kubectl_tune.result import finite
from kubectl_tune.rows import Best, StoredTrial, Summary
from kubectl_tune.sessions import Standing
from kubectl_tune.trial import Failure, Trial, TrialSpec, TrialState
from kubectl_tune.views import objects
from kubectl_tune.views.status import ROWS, shares, status_text
from kubectl_tune.views.tables import sessions_table, trials_table
from kubectl_tune.views.trial import trial_text

SUCCEEDED, FAILED = TrialState.SUCCEEDED, TrialState.FAILED
RUNNING, PENDING = TrialState.RUNNING, TrialState.PENDING
NOON = 1782907200.0  # 2026-07-01T12:00:00Z

SESSION_KEYS = [
    "kind", "name", "state", "plan", "engine", "context", "namespace", "created", "finished",
    "counts", "total", "attempts", "best",
]  # fmt: skip
TRIAL_KEYS = [
    "job_id", "index", "state", "attempt", "job", "pod", "node", "class", "reason", "exit_code",
    "started", "finished", "seconds", "metrics",
]  # fmt: skip


def standing(
    counts: dict[TrialState, int], *, driven: bool = False, ended: str = "", **more: Any
) -> Standing:
    best = more.pop("best", None)
    total = sum(counts.values())
    made = info(total=total, **{"created": NOON} | more)
    finished = NOON + 90 if ended else None
    attempts = total - counts.get(PENDING, 0)
    summary = Summary(made, Counter(counts), attempts, finished, ended, best)
    return Standing(summary, Driver(4242, "here", NOON) if driven else None)


def stored(id: str = "t0", **fields: Any) -> StoredTrial:
    metrics = fields.pop("metrics", None)
    spec = TrialSpec(id, fields.pop("index", 0), fields.pop("config", {}))
    return StoredTrial(Trial(spec, **fields), metrics)


ENDED = stored(
    "t0", state=FAILED, attempt=2, node="host", failure=Failure.EXIT, reason="exit code 3",
    exit_code=3, started=NOON, finished=NOON + 1.23456,
)  # fmt: skip
RANKED = stored("t1", index=1, state=SUCCEEDED, exit_code=0, metrics={"score": 1.5, "n": None})


def status(format: str, *trials: StoredTrial) -> str:
    session = standing(
        {SUCCEEDED: 1, FAILED: 1}, ended="done", best=Best("t1", "score", 1.5), metric="score"
    )
    writer = objects.json_status if format == "json" else objects.yaml_status
    return "".join(writer(session, trials))


def test_a_session_has_the_promised_keys():
    """
    Keys and their meaning never change; all nine states are counted.
    """
    shown = json.loads(status("json", ENDED, RANKED))

    assert list(shown) == [*SESSION_KEYS, "trials"]
    assert shown["kind"] == "Session" and shown["state"] == "Failed"
    assert list(shown["counts"]) == [str(state) for state in TrialState]
    assert shown["counts"]["Succeeded"] == 1 and shown["counts"]["Lost"] == 0
    assert (shown["total"], shown["attempts"]) == (2, 2)
    assert shown["created"] == "2026-07-01T12:00:00Z"
    assert shown["finished"] == "2026-07-01T12:01:30Z"
    assert shown["best"] == {"job_id": "t1", "metric": "score", "value": 1.5, "caveat": None}
    assert (shown["context"], shown["namespace"]) == (None, None)


def test_a_trial_has_the_promised_keys():
    """
    What does not apply to a trial is null, not left out.
    """
    failed, succeeded = json.loads(status("json", ENDED, RANKED))["trials"]

    assert list(failed) == list(succeeded) == TRIAL_KEYS
    assert failed == {
        "job_id": "t0", "index": 0, "state": "Failed", "attempt": 2, "job": None, "pod": None,
        "node": "host", "class": "exit", "reason": "exit code 3", "exit_code": 3,
        "started": "2026-07-01T12:00:00Z", "finished": "2026-07-01T12:00:01Z",
        "seconds": 1.235, "metrics": None,
    }  # fmt: skip
    assert succeeded["metrics"] == {"score": 1.5, "n": None}


@pytest.mark.parametrize("trials", [[], [ENDED], [ENDED, RANKED, ENDED]], ids=len)
def test_json_is_indented_by_four_and_yaml_says_the_same(trials):
    """
    However it is put together, it is what the usual writers make of one object.
    """
    text = status("json", *trials)

    assert text == json.dumps(json.loads(text), indent=4) + "\n"
    assert yaml.safe_load(status("yaml", *trials)) == json.loads(text)


names = st.text(max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | names


@given(st.dictionaries(names, scalars, max_size=3), names)
def test_json_is_the_same_whatever_trials_are_called(metrics, id):
    """
    Names out of plans and results can't break the document, nor drive a terminal.
    """
    text = status("json", stored(id, metrics=metrics), stored(id, reason=id))

    trials = json.loads(text)["trials"]
    assert trials[0]["metrics"] == json.loads(json.dumps(finite(metrics)))
    assert [trial["job_id"] for trial in trials] == [id, id]
    assert text.isascii() and text.replace("\n", "").isprintable()


def test_infinite_values_are_null():
    """
    Every JSON reader can read it.
    """
    shown = objects.session_object(standing({SUCCEEDED: 1}, best=Best("t", "s", float("inf"))))

    assert shown["best"]["value"] is None


counted = st.dictionaries(st.sampled_from(TrialState), st.integers(0, 40))


@given(counted, st.integers(1, 30))
def test_the_rows_of_a_status_tell_the_most(counts, room):
    """
    No more rows than there is room for, none left empty, and what runs never hides all failures.
    """
    given = shares(standing(counts), room)

    assert sum(given.values()) == min(room, sum(counts.values()))
    assert all(0 < share <= counts[state] for state, share in given.items())
    faults = {TrialState.FAILED, TrialState.TIMED_OUT, TrialState.LOST}
    if room > 1 and any(counts.get(state) for state in faults):
        assert faults & set(given)


@pytest.mark.parametrize(
    ("counts", "facts", "state", "next"),
    [
        ({RUNNING: 1, PENDING: 2}, {"driven": True},
         "Running, driven by process 4242 on here", "watch demo"),
        ({SUCCEEDED: 1, PENDING: 2}, {}, "Detached: nobody drives it", "resume demo"),
        ({PENDING: 3}, {}, "Pending", "resume demo"),
        ({SUCCEEDED: 3}, {"ended": "done"}, "Succeeded", "results demo"),
        ({SUCCEEDED: 2, FAILED: 1}, {"ended": "done"}, "Failed",
         "logs demo --failed; kubectl tune retry demo"),
        ({SUCCEEDED: 2, TrialState.CANCELLED: 1}, {"ended": "Cancelled"}, "Cancelled",
         "retry demo"),
        ({PENDING: 2, TrialState.TIMED_OUT: 1}, {"ended": "TimedOut"}, "TimedOut",
         "resume demo"),
    ],
)  # fmt: skip
def test_the_head_says_how_it_stands_and_what_to_do(counts, facts, state, next):
    """
    Whatever has become of a session, the command that leads on is there.
    """
    lines = status_text(standing(counts, **facts), [], NOON).splitlines()

    assert lines[0] == "Name:    demo"
    assert lines[1].startswith(f"State:   {state}")
    assert f"Next:    kubectl tune {next}" in lines


def test_a_status_says_how_many_trials_it_leaves_out():
    """
    Twenty of 100,000 are shown as twenty of 100,000.
    """
    text = status_text(standing({SUCCEEDED: 100_000}), [stored()] * ROWS, NOON)

    assert text.endswith("… and 99,980 more; all of them: kubectl tune status demo -o wide\n")
    assert "Trials:  100,000 of 100,000 done: 100,000 Succeeded\n" in text


def test_tables_begin_with_the_name_and_end_with_the_age():
    """
    As kubectl's do; a trial that has not begun has no age.
    """
    begun = stored("t0", state=RUNNING, started=NOON)
    session = info(metric="score")

    for wide in (False, True):
        header, first, second = trials_table(
            [begun, stored("t1")], session, NOON + 90, wide=wide
        ).splitlines()
        assert (header.split()[0], header.split()[-2:]) == ("NAME", ["DURATION", "AGE"])
        assert first.split()[-2:] == ["90s", "90s"]
        assert second.split()[-2:] == ["<none>", "<none>"]
    header, row = sessions_table([standing({SUCCEEDED: 1})], NOON + 7200).splitlines()
    assert (header.split()[0], header.split()[-1], row.split()[-1]) == ("NAME", "AGE", "120m")


def test_a_wide_table_has_what_a_cluster_knows():
    """
    Job, pod, node, class and the whole reason.
    """
    trial = stored("t0", state=FAILED, job="j-1", pod="p-1", failure=Failure.OOM, reason="r" * 99)

    text = trials_table([trial], info(), NOON, wide=True)

    assert {"JOB", "POD", "NODE", "CLASS", "REASON"} < set(text.splitlines()[0].split())
    assert {"j-1", "p-1", "oom", "r" * 99} < set(text.split())


HOSTILE = "a\x1b]0;owned\x07\u202eb\n"


def test_nothing_of_a_users_reaches_the_terminal_as_it_is():
    """
    Names, reasons, plans, configs, metrics: whatever they hold, control characters are shown.
    """
    trial = stored(
        HOSTILE, state=FAILED, reason=HOSTILE, node=HOSTILE, config={HOSTILE: HOSTILE},
        metrics={HOSTILE: HOSTILE},
    )  # fmt: skip
    session = standing(
        {FAILED: 1}, plan=HOSTILE, metric=HOSTILE, best=Best(HOSTILE, HOSTILE, 1.0),
        caveat=HOSTILE, command=(HOSTILE,),
    )  # fmt: skip
    made = session.summary.info
    row = {"attempt": 1, "state": "Failed", "class": None, "exit_code": 1, "node": HOSTILE,
           "started": None, "finished": None, "reason": HOSTILE}  # fmt: skip
    what = launch(made, trial.trial, folder="/f", python=("py",))

    shown = [
        status_text(session, [trial], NOON),
        status_text(session, [trial], NOON, wide=True),
        sessions_table([session], NOON, wide=True),
        trial_text(made, trial, [row], recipe=recipe(what, workdir=HOSTILE, folder="/f"),
                   log=HOSTILE, tail=[], now=NOON),
    ]  # fmt: skip

    for text in shown:
        assert text.replace("\n", "").isprintable()


words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


def test_quoted_words_are_read_back_by_a_shell():
    """
    What is shown to be copied is what the trial got, to the byte.
    """

    @given(st.lists(words, min_size=20, max_size=60))
    def check(texts: list[str]) -> None:
        assert all(quote(text).isprintable() for text in texts)
        script = "printf '%s\\0' " + " ".join(map(quote, texts))
        done = subprocess.run(
            ["bash", "-c", script], stdout=subprocess.PIPE, check=True, env={"LC_ALL": "C.UTF-8"}
        )
        assert done.stdout.decode().split("\0")[:-1] == texts

    check()


def test_a_recipe_runs_the_trial_once_more(tmp_path):
    """
    Its lines, pasted into a shell, give the command its config, environment and folder.
    """
    config = {"x": 3, "name": "it's\t$HOME"}
    spec = TrialSpec("t", 0, config, env={"EXTRA": "a b"}).named("t", "h")
    script = 'pwd; cat "$TUNE_CONFIG_FILE"; echo; echo "$EXTRA $TUNE_ATTEMPT $1"'
    made = info(command=("sh", "-c", script, "sh", "{name}"), workdir=str(tmp_path))
    folder = str(tmp_path / "again and again")
    what = launch(made, Trial(spec, attempt=2), folder=folder, python=("py",))

    text = recipe(what, workdir=str(tmp_path), folder=folder)

    env = {"PATH": os.environ["PATH"], "HOME": "/nowhere"}
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, env=env)
    where, given_config, rest = done.stdout.split("\n", 2)
    assert (where, json.loads(given_config)) == (str(tmp_path), config)
    assert rest == "a b 2 it's\t$HOME\n"
