"""Drivers that die at every step: what they leave is always gone on with, and nothing is lost."""

from __future__ import annotations

from collections import Counter

import pytest
from engines.clusterplace import ClusterPlace
from engines.drives import Sessions

from kubectl_tune.engines.indexed import IndexedEngine
from kubectl_tune.engines.jobs import JobsEngine
from kubectl_tune.trial import TrialState

MOST_CALLS = 60


def sessions(tmp_path, engine, step):
    folder = tmp_path / str(step)
    folder.mkdir()
    return Sessions(ClusterPlace(folder, engine), folder)


@pytest.mark.parametrize("done", [False, True], ids=["before-a-call", "after-a-call"])
def test_a_driver_of_jobs_may_die_at_any_call(tmp_path, done):
    """
    Whatever it was about to do: one success and one Job a trial, and in the end no Job is left.
    """
    once = {"t0": 1, "t1": 1}
    for step in range(1, MOST_CALLS):
        all = sessions(tmp_path, JobsEngine, step)
        try:
            name = all.new("result", "ok", max_parallel=2)
            died = all.kill(name, step, done=done)
            all.drive(name)

            assert all.successes(name) == once, step
            assert all.jobs_made() == once, step
            assert Counter(id for id, _ in all.place.begun().elements()) == once, step
            assert not all.place.cluster.all("Job"), step
        finally:
            all.place.close()
        if not died:
            return
    raise AssertionError("it never came to an end")


def states(trials):
    return {id: trial.state for id, trial in trials.items()}


@pytest.mark.parametrize("done", [False, True], ids=["before-a-call", "after-a-call"])
def test_a_driver_of_an_indexed_job_may_die_at_any_call(tmp_path, done):
    """
    Each trial has one success, whoever hears of it.
    """
    once = {"t0": 1, "t1": 1}
    for step in range(1, MOST_CALLS):
        all = sessions(tmp_path, IndexedEngine, step)
        try:
            name = all.new("result", "ok", max_parallel=2)
            died = all.kill(name, step, done=done)
            all.drive(name)

            assert set(states(all.stored(name)).values()) == {TrialState.SUCCEEDED}, step
            assert all.successes(name) == once, step
            assert all.place.begun() == {("t0", 1): 1, ("t1", 1): 1}, step
        finally:
            all.place.close()
        if not died:
            return
    raise AssertionError("it never came to an end")
