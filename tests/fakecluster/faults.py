"""What can go wrong in a cluster, and on the way to it, as a test orders it."""

from __future__ import annotations

import threading
from typing import Any

from kubectl_tune.cluster import Manifest
from kubectl_tune.errors import ClusterError

from . import jobpods, nodes, podstatus
from .apiserver import ApiServer
from .kubelet import Kubelet
from .network import Network
from .store import Key, key_of

_UNREACHABLE = {"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"}


class Faults:
    """Names of pods and Jobs are those of the namespace `default`, unless one is given."""

    api: ApiServer
    kubelet: Kubelet
    network: Network

    # Pods and Jobs

    def delete(self, kind: str, name: str, *, grace: int | None = None, **where: str) -> None:
        """Somebody deletes an object."""
        self.api.delete(kind, where.get("namespace", "default"), name, grace)

    def evict(self, pod: str, **where: str) -> None:
        """The eviction API, as kubectl drain uses it."""
        self._disrupt(pod, "EvictionByEvictionAPI", "Eviction API: evicting", where)

    def preempt(self, pod: str, **where: str) -> None:
        text = "default-scheduler: preempting to accommodate a higher priority pod"
        self._disrupt(pod, "PreemptionByScheduler", text, where)

    def expel(self, pod: str, **where: str) -> None:
        """What happens to the pods of a lost node when their tolerations are over."""
        text = "Taint manager: deleting due to NoExecute taint"
        self._disrupt(pod, "DeletionByTaintManager", text, where)

    def press(self, pod: str, **where: str) -> None:
        """The kubelet evicts a pod: its node has too little memory left."""
        text = "The node was low on resource: memory."
        self._condition(self._pod(pod, where), "TerminationByKubelet", text)
        run = self.kubelet.run_of(self._pod(pod, where))
        assert run
        run.fail("Evicted", text)

    def oom(self, pod: str, **where: str) -> None:
        """The kernel kills all of a container's processes."""
        run = self.kubelet.run_of(self._pod(pod, where))
        assert run
        run.oom()

    def _pod(self, name: str, where: dict[str, str]) -> Manifest:
        return self.api.get("Pod", where.get("namespace", "default"), name)

    def _disrupt(self, pod: str, reason: str, text: str, where: dict[str, str]) -> None:
        with self.api.store.lock:
            found = self._pod(pod, where)
            self._condition(found, reason, text)
            self.api.delete(*key_of(found))

    def _condition(self, pod: Manifest, reason: str, text: str) -> None:
        def change(new: Manifest) -> None:
            at = self.api.now()
            podstatus.set_condition(new, at, "DisruptionTarget", "True", reason, text)

        self.api.update(pod, change)

    # Nodes

    def cordon(self, node: str = "node1") -> None:
        self._node(node, lambda new: new["spec"].update(unschedulable=True))

    def uncordon(self, node: str = "node1") -> None:
        self._node(node, lambda new: new["spec"].pop("unschedulable", None))

    def node_lost(self, node: str = "node1") -> None:
        """The machine dies: its pods stay as they last were, and deleted ones stay, too."""
        with self.api.store.lock:
            for run in self.kubelet.on(node):
                run.vanish()
            unknown = nodes.ready("Unknown", "NodeStatusUnknown", "Kubelet stopped posting status")
            self._node(node, lambda new: new["status"].update(conditions=[unknown]))
            self._node(node, lambda new: new["spec"].update(taints=[_UNREACHABLE]))
            for pod in self._pods_on(node):
                self.api.update(pod, self._unready)

    def node_removed(self, node: str = "node1") -> None:
        """The node's object goes, too: the garbage collector of pods takes what was on it."""
        with self.api.store.lock:
            self.node_lost(node)
            self.api.delete("Node", "", node)
            for pod in self._pods_on(node):
                self._condition(pod, "DeletionByPodGC", "PodGC: node no longer exists")
                self.api.update(pod, podstatus.ended)
                self.api.delete(*key_of(pod), grace=0)

    def node_back(self, node: str = "node1") -> None:
        """The machine boots: its kubelet finds that the containers are gone."""
        with self.api.store.lock:
            ready = nodes.ready("True", "KubeletReady", "kubelet is posting ready status")
            self._node(node, lambda new: new["status"].update(conditions=[ready]))
            self._node(node, lambda new: new["spec"].pop("taints"))
            for pod in self._pods_on(node):
                self.kubelet.runs.pop(pod["metadata"]["uid"], None)
                self.api.update(pod, podstatus.unknown)
                self.api.update(pod, podstatus.ended)
                if jobpods.deleted(pod):
                    self.api.delete(*key_of(pod), grace=0)

    def _unready(self, pod: Manifest) -> None:
        text = "Node is not ready"
        podstatus.set_condition(pod, self.api.now(), "Ready", "False", "NodeNotReady", text)

    def _node(self, name: str, change: Any) -> None:
        self.api.update(self.api.get("Node", "", name), change)

    def _pods_on(self, node: str) -> list[Manifest]:
        pods = [pod for pod in self.api.store.each("Pod") if nodes.takes_room(pod)]
        return [pod for pod in pods if pod["spec"]["nodeName"] == node]

    # Admission

    def quota(self, name: str = "quota", *, namespace: str = "default", **hard: object) -> None:
        """Set a quota: `pods=2`, or with `**{"count/jobs.batch": 5, "limits.cpu": "4"}`."""
        with self.api.store.lock:
            old = self.api.store.get(Key("ResourceQuota", namespace, name))
            spec = {"hard": {what: str(limit) for what, limit in hard.items()}}
            if old:
                self.api.update(old, lambda new: new.update(spec=spec))
            else:
                manifest = {"apiVersion": "v1", "kind": "ResourceQuota", "spec": spec}
                self.api.create({**manifest, "metadata": {"name": name}}, namespace)

    def refuse(self, kind: str, why: str) -> None:
        """Admission denies every new object of a kind: PodSecurity, a webhook."""
        self.api.refusals.append((kind, why))

    def relent(self) -> None:
        self.api.refusals.clear()

    # The machine

    def add_image(self, image: str, user: str = "root") -> None:
        self.kubelet.machine.images[image] = user
        self.kubelet.retry()

    # The way to the server

    def api_down(self) -> None:
        """Every call is refused, open watches and logs break, until `api_up`."""
        self.network.switch(False)
        self._wake_logs()

    def api_up(self) -> None:
        self.network.switch(True)

    def drop_watches(self) -> None:
        """The server ends every open watch."""
        self.network.cut()

    def bookmark(self) -> None:
        """Every open watch says where it is."""
        self.network.mark()

    def compact(self) -> None:
        """Forget the history: watches can begin at the present only; open ones go on."""
        with self.api.store.lock:
            self.api.store.oldest = self.api.store.version

    def fail_next(self, verb: str, kind: str, *errors: ClusterError) -> None:
        """The next requests are not done, and answered with these errors."""
        self.network.fail(verb, kind, *errors)

    def lose_answer(self, verb: str, kind: str, times: int = 1) -> None:
        """The next requests are done, but nobody hears of it."""
        self.network.lose(verb, kind, times)

    def hold_answers(self, verb: str, kind: str) -> threading.Event:
        """Requests are done, but answered only when the returned event is set."""
        return self.network.hold(verb, kind)

    def _wake_logs(self) -> None:
        for run in [*self.kubelet.runs.values()]:
            run.log.wake()
