"""The Indexed engine on a cluster in memory: what every engine promises, and what goes wrong."""

from __future__ import annotations

import pytest
from engines.clusterplace import ClusterPlace
from engines.contract import EngineContract, follow, states

from kubectl_tune.engines.indexed import IndexedEngine
from kubectl_tune.trial import TrialState


@pytest.fixture
def place(tmp_path):
    place = ClusterPlace(tmp_path, IndexedEngine)
    yield place
    place.close()


class TestIndexedEngine(EngineContract):
    @pytest.fixture
    def place(self, place):
        return place


def test_cancelling_the_rest_deletes_the_job(place):
    """
    Also where one of its trials was cancelled before, by a driver that is gone.
    """
    session = place.session("forever", "forever", "forever", max_parallel=2)
    first = place.connect(session)
    submitted = first.submit(session.ready(9))
    follow(session, first, lambda: session.trials["t1"].state is TrialState.RUNNING, submitted)
    first.cancel([session.trials["t0"]])
    follow(session, first, lambda: session.trials["t0"].state.ended)
    place.abandon(first)

    engine = place.connect(session)
    follow(session, engine, lambda: True, engine.poll(0))
    engine.cancel(session.in_flight)

    follow(session, engine, lambda: not session.in_flight)
    assert states(session) == [TrialState.CANCELLED] * 3
    place.cluster.until(lambda: not place.cluster.all("Job"), "the Job to be gone")
