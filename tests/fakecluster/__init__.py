"""
A Kubernetes in memory, for tests: an API server with watches, a Job controller, a garbage
collector, a scheduler, and a kubelet that runs each container as a local process.

It does what version 1.34 was seen to do, as far as we use it, only sooner; `faults.py` has what
a test can let go wrong.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from kubectl_tune.cluster import LogRequest, Manifest

from . import answers, nodes
from .apiserver import ApiServer
from .client import FakeClient
from .faults import Faults
from .garbage import GarbageCollector
from .jobs import JobController
from .kubelet import Kubelet
from .loop import Controller, Loop
from .network import Network
from .podrun import Machine
from .quota import QuotaController
from .recorder import Recorder
from .scheduler import Scheduler
from .store import Key, Store, copy

__all__ = ["FakeClient", "FakeCluster"]

T = TypeVar("T")


class FakeCluster(Faults):
    """Close it at the end of the test: that ends all of its threads and processes."""

    server = "https://fake.test:6443"

    def __init__(self, *, version: str = "1.34", cpu: str = "64", memory: str = "256Gi") -> None:
        self.requests: Counter[tuple[str, str]] = Counter()  # by verb and kind
        self.rights: dict[str, set[tuple[str, str]]] = {}  # by user; who isn't here may all
        self.warnings: dict[str, list[str]] = {}  # what a create of a kind warns of
        self._folder = Path(tempfile.mkdtemp(prefix="fakecluster-"))
        self.machine = Machine(self._folder, {"python:3.11": "root"})
        self.images = self.machine.images  # those that can be had; see also `add_image`
        self.secrets = self.machine.secrets  # what pods may refer to; the API has none
        self.api = ApiServer(Store(), version)
        self.network = Network(self.api.store.wake)
        self.add_namespace("default")
        self.add_node("node1", cpu=cpu, memory=memory)
        self._loop = Loop(self.api.store)
        recorder = Recorder(self.api)
        self.jobs = JobController(self.api, recorder, self._loop)
        self.kubelet = Kubelet(self.api, recorder, self.machine)
        parts: list[Controller] = [
            GarbageCollector(self.api),
            self.jobs,
            Scheduler(self.api, recorder),
            self.kubelet,
            QuotaController(self.api.store),
        ]
        self._loop.start(parts)

    def client(self, user: str = "admin", namespace: str = "default") -> FakeClient:
        return FakeClient(self, user, namespace)

    def add_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        meta = {"name": name, "labels": dict(labels or {})}
        self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, "")

    def add_node(self, name: str, *, cpu: str = "64", memory: str = "256Gi") -> None:
        node = nodes.node(name, self.api.version, cpu=cpu, memory=memory, pods="200")
        self.api.create(node, "")

    def bind(self, user: str, rules: Iterable[Mapping[str, Any]]) -> None:
        """Give a user the rules of a Role, and nothing else."""
        self.rights[user] = {
            (verb, resource)
            for rule in rules
            for verb in rule["verbs"]
            for resource in rule["resources"]
        }

    def find(self, kind: str, name: str, namespace: str = "default") -> Manifest | None:
        """Return a copy of an object, by no user's request."""
        return copy(self.api.store.get(Key(kind, "" if kind == "Node" else namespace, name)))

    def all(self, kind: str, selector: str = "", namespace: str = "default") -> list[Manifest]:
        with self.api.store.lock:
            return copy(self.api.list(kind, namespace, selector))

    def until(self, answer: Callable[[], T], what: str, seconds: float = 60.0) -> T:
        """Return the first answer that is true; it is asked after every change of the cluster."""
        end = time.monotonic() + seconds
        while not (found := self.api.store.wait(answer, 0.05)):  # what else it asks for may change
            assert time.monotonic() < end, f"waited {seconds:g}s in vain for {what}"
        return found

    def log(self, pod: Manifest, request: LogRequest, alive: Callable[[], None]) -> Iterator[bytes]:
        """Serve a container's log, as the API server gets it from the kubelet."""
        name, containers = pod["metadata"]["name"], pod["spec"]["containers"]
        if request.container not in ("", *(each["name"] for each in containers)):
            raise answers.bad_request(f"container {request.container} is not valid for pod {name}")
        node = pod["spec"].get("nodeName")
        if node is None:
            return iter(())
        found = self.api.store.get(Key("Node", "", node))
        run = self.kubelet.run_of(pod)
        if found is None or not nodes.is_ready(found):
            raise answers.kubelet_silent(node)
        if run is None or run.waiting_for:
            why = run.waiting_for if run else "ContainerCreating"
            container = request.container or containers[0]["name"]
            raise answers.bad_request(
                f'container "{container}" in pod "{name}" is waiting to start: {why}'
            )
        return run.log.serve(request, alive)

    def close(self) -> None:
        self.network.open()
        self.network.switch(False)
        self._loop.close()
        self._wake_logs()
        self.kubelet.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    stop_everything = close

    def __enter__(self) -> FakeCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
