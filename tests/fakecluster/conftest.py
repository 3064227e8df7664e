from __future__ import annotations

from collections.abc import Iterator

import pytest

from fakecluster import FakeClient, FakeCluster


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    with FakeCluster() as cluster:
        yield cluster


@pytest.fixture
def client(cluster: FakeCluster) -> FakeClient:
    return cluster.client()
