"""
The kubelet: gives every pod that has a node a thread of its own, and tells it what concerns it.

It owns what a real one has on its disk: the pods' files and logs, which go with their pods.
"""

from __future__ import annotations

from kubectl_tune.cluster import Manifest

from .apiserver import ApiServer
from .nodes import is_ready
from .podrun import Machine, PodRun
from .recorder import Recorder
from .store import Key, Written


class Kubelet:
    def __init__(self, api: ApiServer, recorder: Recorder, machine: Machine) -> None:
        self._api = api
        self._recorder = recorder
        self.machine = machine
        self.runs: dict[str, PodRun] = {}  # by the uid of the pod
        self._news: list[Written] = []

    def see(self, written: Written) -> None:
        if written.key.kind in ("Pod", "Node", "ConfigMap"):
            self._news.append(written)

    def act(self) -> None:
        news, self._news = self._news, []
        for written in news:
            if written.key.kind == "Pod":
                self._pod(written)
            else:
                self.retry()

    def run_of(self, pod: Manifest) -> PodRun | None:
        return self.runs.get(pod["metadata"]["uid"])

    def retry(self) -> None:
        """Something is there now that pods may have waited for."""
        for run in [*self.runs.values()]:
            run.retry()

    def on(self, node: str) -> list[PodRun]:
        return [run for run in self.runs.values() if run.pod["spec"].get("nodeName") == node]

    def close(self) -> None:
        """End every process; nothing is written any more."""
        runs = [*self.runs.values()]
        for run in runs:
            run.vanish()
        for run in runs:
            run.join()

    def _pod(self, written: Written) -> None:
        pod = written.new
        run = self.run_of(pod)
        if written.type == "DELETED":
            if run:
                del self.runs[pod["metadata"]["uid"]]
                run.forget()
        elif run is None and self._ours(pod):
            run = PodRun(self._api, self._recorder, self.machine, pod)
            self.runs[pod["metadata"]["uid"]] = run
            run.start()
        if run and "deletionTimestamp" in pod["metadata"]:
            run.delete(pod["metadata"]["deletionGracePeriodSeconds"])

    def _ours(self, pod: Manifest) -> bool:
        node = self._api.store.get(Key("Node", "", pod["spec"].get("nodeName", "")))
        ended = pod["status"]["phase"] in ("Succeeded", "Failed")
        return node is not None and is_ready(node) and not ended
