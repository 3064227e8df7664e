"""Merging an edited plan: who is who, and that it happens whole or not at all."""

from __future__ import annotations

import subprocess
import sys

from desk import Desk
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.merge import Changes, compare, described
from kubectl_tune.trial import Trial, TrialSpec, TrialState

IDS = st.lists(st.sampled_from("abcdefgh"), unique=True)


def trial(id: str, index: int, hash: str = "h", state: TrialState = TrialState.PENDING) -> Trial:
    return Trial(TrialSpec(id, index, {}, slug=f"slug-{id}", hash=hash), state=state)


def spec(id: str, index: int, hash: str = "h") -> TrialSpec:
    return TrialSpec(id, index, {}, slug="another", hash=hash)


@given(IDS, IDS, st.sets(st.sampled_from("abcdefgh")))
def test_every_trial_and_every_line_is_in_one_place(before: list[str], after: list[str], edited):
    """
    Kept and changed are of both, new of the plan alone, gone of the session alone.
    """
    trials = [trial(id, index) for index, id in enumerate(before)]
    specs = [spec(id, n, "edited" if id in edited else "h") for n, id in enumerate(after)]

    changes = compare(trials, specs)

    both = [id for id in after if id in before]
    assert [s.id for s in changes.kept] == [id for id in both if id not in edited]
    assert [s.id for s in changes.changed] == [id for id in both if id in edited]
    assert [s.id for s in changes.new] == [id for id in after if id not in before]
    assert [t.id for t in changes.gone] == [id for id in before if id not in after]


@given(IDS, IDS)
def test_indexes_and_slugs_are_never_given_twice(before: list[str], after: list[str]):
    """
    A trial keeps the index and the slug that its logs have; new ones follow on the last one.
    """
    trials = [trial(id, 3 * index) for index, id in enumerate(before)]

    changes = compare(trials, [spec(id, n) for n, id in enumerate(after)])

    assert all((s.index, s.slug) == (3 * before.index(s.id), f"slug-{s.id}") for s in changes.kept)
    used = [*(t.spec.index for t in trials), *(s.index for s in changes.new)]
    assert len(set(used)) == len(used)
    assert [s.index for s in changes.new] == sorted(s.index for s in changes.new)


def test_a_summary_names_the_first_of_many():
    """
    Counts of all, names of some.
    """
    new = tuple(spec(f"t{n}", n) for n in range(7))

    assert described(Changes((), (), new, ())) == (
        "0 kept, 0 changed, 7 new, 0 gone\n  new: t0, t1, t2, t3, t4 and 2 more"
    )


def test_a_summary_can_not_drive_a_terminal():
    """
    job_ids are the user's, or somebody else's.
    """
    assert "\x1b" not in described(Changes((), (), (spec("\x1b[31mred", 0),), ()))


MERGE_AND_DIE = """
import os, sys
from pathlib import Path
from kubectl_tune import merge, planfile
from kubectl_tune.store import Store

deadly, calls = int(sys.argv[1]), 0
store = Store.open(Path("state.db"))
specs = planfile.read_plan("edited.jsonl", planfile.rules(("true",))).trials

def step(sql):
    global calls
    calls += sql.startswith(("UPDATE", "INSERT", "DELETE", "COMMIT"))
    if calls == deadly:
        os._exit(9)

store._db.set_trace_callback(step)
merge.merge(store, "s", specs)
print(calls)
"""


def test_a_merge_that_is_killed_leaves_the_session_as_it_was_or_as_it_should_be(desk: Desk):
    """
    Killed before every single statement that writes, in turn.
    """
    lines = [{"job_id": id, "config": {"x": id}} for id in "abcd"]
    edited = [{"job_id": "a", "config": {"x": "a"}}, {"job_id": "b", "config": {"x": 0}},
              {"job_id": "c", "config": {"x": "c"}, "output_json": "c.json"},
              {"job_id": "e", "config": {}}]  # fmt: skip
    desk.plan(*edited, name="edited.jsonl")
    desk.run(desk.plan(*lines), "-j1", "--", "sh", "-c", "test $TUNE_TRIAL_ID != d")
    before = desk.session()

    def merged(deadly: int) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", MERGE_AND_DIE, str(deadly)]
        return subprocess.run(words, capture_output=True, text=True)

    deadly = 1
    while (done := merged(deadly)).returncode == 9:
        assert desk.session() == before, f"after {deadly} statements"
        deadly += 1

    assert done.returncode == 0, done.stderr
    assert deadly > 5
    after = {id: (each["state"], each["attempt"]) for id, each in desk.trials().items()}
    assert after == {"a": ("Succeeded", 1), "b": ("Pending", 2), "c": ("Succeeded", 1),
                     "e": ("Pending", 1)}  # fmt: skip


def test_a_result_that_can_not_be_written_stops_the_merge(desk: Desk):
    """
    Results before state: the session is as it was.
    """
    (desk.folder / "a-file").touch()
    desk.run(desk.plan({"job_id": "a", "config": {}}), "--", "echo", "{}")
    before = desk.session()
    desk.plan({"job_id": "a", "config": {}, "output_json": "a-file/new.json"})

    done = desk.tune("resume", "s", "--plan", "plan.jsonl")

    assert done.code == 2
    assert "can't write" in done.err
    assert desk.session() == before
