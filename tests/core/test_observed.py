"""What Jobs and Pods say of attempts."""

from __future__ import annotations

from typing import Any

import pytest
from fakecluster import indexes
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.cluster import observed


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("2026-11-24T11:00:00Z", 1795518000.0),
        ("2026-11-24T12:00:00+01:00", 1795518000.0),
        ("1970-01-01T00:00:00Z", None),  # of a container that never began
        ("", None),
        (None, None),
        ("yesterday", None),
    ],
)
def test_times_are_seconds_or_unknown(time: str | None, seconds: float | None):
    """
    Nothing is said to have begun in 1970.
    """
    assert observed.seconds(time) == seconds


@given(st.sets(st.integers(0, 60)))
def test_sets_of_indexes_are_read_as_the_cluster_writes_them(there: set[int]):
    """
    Whatever runs they form.
    """
    text = indexes.write(there)

    assert {index for index in range(70) if observed.holds(text, index)} == there


def pod(**state: Any) -> dict[str, Any]:
    statuses = [
        {"name": "mesh", "state": {"running": {"startedAt": "2026-11-24T12:00:00Z"}}},
        {"name": "tuning-runner", "state": state},
    ]
    return {
        "metadata": {"name": "p"},
        "status": {"phase": "Running", "containerStatuses": statuses},
    }


def test_what_other_containers_do_is_nobodys_business():
    """
    An attempt runs and ends with ours.
    """
    runs = pod(running={"startedAt": "2026-11-24T12:00:01Z"})
    over = pod(terminated={"exitCode": 0, "message": "m"})

    assert observed.running_since(runs) == observed.seconds("2026-11-24T12:00:01Z")
    assert not observed.is_over(runs)
    assert observed.is_over(over) and not observed.has_ended(over)
    assert observed.message(over) == "m" and observed.running_since(over) is None


@pytest.mark.parametrize(
    ("thing", "over"),
    [
        ({}, None),
        ({"status": None}, None),
        ({"status": {"conditions": [{"type": "New", "status": "True"}]}}, None),
        ({"status": {"conditions": [{"type": "Failed", "status": "False"}]}}, None),
        ({"status": {"conditions": [{"type": "Complete", "status": "True"}]}}, "Complete"),
        ({"status": {"conditions": [{"type": "FailureTarget", "status": "True"}]}}, None),
    ],
)
def test_only_a_condition_that_holds_ends_a_job(thing: dict[str, Any], over: str | None):
    """
    What a later version says besides is left alone.
    """
    found = observed.finished(thing)

    assert (found or {}).get("type") == over


@pytest.mark.parametrize(
    ("annotations", "before"),
    [
        ({}, 0),
        ({"batch.kubernetes.io/job-index-failure-count": "2"}, 2),
        (
            {
                "batch.kubernetes.io/job-index-failure-count": "2",
                "batch.kubernetes.io/job-index-ignored-failure-count": "3",
            },
            5,
        ),
        ({"batch.kubernetes.io/job-index-failure-count": "many"}, 0),
    ],
)
def test_a_pod_says_how_many_its_index_had_before(annotations: dict[str, str], before: int):
    """
    Those that a disruption ended among them.
    """
    assert observed.attempts_before({"metadata": {"annotations": annotations}}) == before
