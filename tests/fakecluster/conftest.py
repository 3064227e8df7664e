"""What tests of the fake cluster begin with."""

from __future__ import annotations

import pytest

from fakecluster import FakeClient, FakeCluster


@pytest.fixture
def client(cluster: FakeCluster) -> FakeClient:
    return cluster.client()
