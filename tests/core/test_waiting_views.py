"""`status` says in one sentence why a trial that was submitted doesn't run."""

from __future__ import annotations

import json

import pytest
from core.making import info, opened, specs

from kubectl_tune.cli.showing import pieces
from kubectl_tune.ledger import Ledger
from kubectl_tune.sessions import standing
from kubectl_tune.trial import Failure, TrialEvent, TrialState

WHY = "no node fits: 0/3 nodes are available: 3 Insufficient cpu (it asks for cpu=64, memory=2Gi)"
SUBMITTED = TrialState.SUBMITTED


@pytest.fixture
def show(tmp_path):
    """A session on a cluster of which t0 and t1 have no room, t2 waits without a word, t3 runs."""
    with opened(tmp_path / "state.db") as store:
        about = info(total=4)
        store.create(about._replace(target=about.target._replace(engine="jobs")), specs(4))
        ledger = Ledger(store.load("demo"), store, store.claim("demo"))
        for id in ("t0", "t1", "t2", "t3"):
            ledger.keep([TrialEvent(id, 1, SUBMITTED, 5.0, job=f"{id}-bcdfg")])
        ledger.save()
        stuck = {"failure": Failure.UNSCHEDULABLE, "reason": WHY}
        ledger.keep(TrialEvent(id, 1, SUBMITTED, 6.0, **stuck) for id in ("t0", "t1", "t3"))
        ledger.keep([TrialEvent("t3", 1, TrialState.RUNNING, 7.0)])
        ledger.save()
        yield lambda format: "".join(pieces(store, standing(store, "demo"), format))


def test_the_head_says_why_trials_wait(show):
    """
    In full, each reason once; the table has class and reason in their columns.
    """
    head, table = show("table").split("\n\n")

    assert f"Waiting: t0 and 1 more: {WHY} (unschedulable)\n" in f"{head}\n"
    assert head.count("Waiting:") == 1
    assert "State:   Detached: nobody drives it, its Jobs go on" in head
    rows = {row.split()[0]: row for row in table.splitlines()}
    assert {"CLASS", "REASON"} < set(rows["NAME"].split())
    assert "unschedulable   no node fits: 0/3 nodes" in rows["t0"]
    assert "unschedulable" not in rows["t2"] + rows["t3"]


def test_the_wide_table_has_it_too(show):
    """
    With the reason uncut.
    """
    assert f"unschedulable   {WHY}" in show("wide")


def test_programs_find_class_and_reason(show):
    """
    Of those that wait; null for those that run.
    """
    trials = {trial["job_id"]: trial for trial in json.loads(show("json"))["trials"]}

    assert {id: (t["state"], t["class"], t["reason"]) for id, t in trials.items()} == {
        "t0": ("Submitted", "unschedulable", WHY),
        "t1": ("Submitted", "unschedulable", WHY),
        "t2": ("Submitted", None, None),
        "t3": ("Running", None, None),
    }
