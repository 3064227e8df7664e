"""The Jobs engine on a cluster in memory: what every engine promises, and what goes wrong."""

from __future__ import annotations

import pytest
from engines.clusterplace import ClusterPlace
from engines.contract import EngineContract

from kubectl_tune.engines.jobs import JobsEngine


@pytest.fixture
def place(tmp_path):
    place = ClusterPlace(tmp_path, JobsEngine)
    yield place
    place.close()


class TestJobsEngine(EngineContract):
    @pytest.fixture
    def place(self, place):
        return place
