"""What Jobs and Pods say of attempts."""

from __future__ import annotations

import pytest

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
