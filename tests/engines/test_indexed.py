"""The Indexed engine on a cluster in memory: what every engine promises, and what goes wrong."""

from __future__ import annotations

import pytest
from engines.clusterplace import ClusterPlace
from engines.contract import EngineContract

from kubectl_tune.engines.indexed import IndexedEngine


@pytest.fixture
def place(tmp_path):
    place = ClusterPlace(tmp_path, IndexedEngine)
    yield place
    place.close()


class TestIndexedEngine(EngineContract):
    @pytest.fixture
    def place(self, place):
        return place
