"""A cluster in memory as a place for the tests that every engine passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engines.diary import Diary
from fakecluster import FakeCluster

from kubectl_tune.engines import Engine
from kubectl_tune.session import Session


class ClusterPlace(Diary):
    """Pods that run as processes of this machine; `make` is the engine's class."""

    def __init__(self, folder: Path, make: Any) -> None:
        super().__init__(folder)
        self.cluster = FakeCluster()
        self._make = make
        self._engines: list[Engine] = []

    def connect(self, session: Session) -> Engine:
        engine = self.engine(session, self.cluster.client())
        self._engines.append(engine)
        return engine

    def engine(self, session: Session, client: Any, **more: Any) -> Engine:
        """An engine that somebody else closes."""
        return self._make(session, client, self.folder, **more)

    def abandon(self, engine: Engine) -> None:
        """Nothing in the cluster notices that a driver is gone."""
        engine._fleet.close()
        self._engines.remove(engine)

    def vanish(self, engine: Engine) -> None:
        self.cluster.node_removed()
        self.cluster.until(lambda: not self._pods_on("node1"), "the pods to be gone")
        self.abandon(engine)
        self.cluster.add_node("node2")

    def _pods_on(self, node: str) -> list[Any]:
        return [p for p in self.cluster.all("Pod") if p["spec"].get("nodeName") == node]

    def close(self) -> None:
        for engine in self._engines:
            engine.close()
            engine.forget()
        self.cluster.close()
