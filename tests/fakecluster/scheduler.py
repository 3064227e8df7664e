"""The scheduler: gives pods a node, or says on them why there is none; asked again when it may
have changed."""

from __future__ import annotations

from kubectl_tune.cluster import Manifest

from . import podstatus
from .apiserver import ApiServer
from .nodes import place, takes_room
from .recorder import Recorder
from .store import Key, Written, key_of

COMPONENT = "default-scheduler"


class Scheduler:
    def __init__(self, api: ApiServer, recorder: Recorder) -> None:
        self._api = api
        self._recorder = recorder
        self._pending: dict[Key, None] = {}
        self._again = False

    def see(self, written: Written) -> None:
        if written.key.kind == "Node":
            self._again = True
        elif written.key.kind == "Pod" and written.type == "ADDED":
            self._pending[written.key] = None
            self._again = True
        elif written.key.kind == "Pod" and _gives_way(written.new, written.type):
            self._again = True

    def act(self) -> None:
        if not self._again or not self._pending:
            return
        self._again = False
        nodes = self._api.store.each("Node")
        there = [pod for pod in self._api.store.each("Pod") if takes_room(pod)]
        for key in [*self._pending]:
            pod = self._api.store.get(key)
            if pod is None or "nodeName" in pod["spec"] or self._schedule(pod, nodes, there):
                del self._pending[key]

    def _schedule(self, pod: Manifest, nodes: list[Manifest], there: list[Manifest]) -> bool:
        if pod["spec"].get("schedulingGates"):
            self._refuse(pod, "SchedulingGated", "Scheduling is blocked due to non-empty gates")
            return False
        name, why = place(pod, nodes, there)
        if why:
            self._refuse(pod, "Unschedulable", why)
            self._recorder.warn(pod, COMPONENT, "FailedScheduling", why)
            return False

        def bind(new: Manifest) -> None:
            new["spec"]["nodeName"] = name
            self._condition(new, "True")

        bound = self._api.update(pod, bind)
        there += [bound] if bound else []
        where = "/".join(key_of(pod)[1:])
        text = f"Successfully assigned {where} to {name}"
        self._recorder.say(pod, COMPONENT, "Scheduled", text)
        return True

    def _refuse(self, pod: Manifest, reason: str, why: str) -> None:
        self._api.update(pod, lambda new: self._condition(new, "False", reason, why))

    def _condition(self, pod: Manifest, status: str, reason: str = "", text: str = "") -> None:
        podstatus.set_condition(pod, self._api.now(), "PodScheduled", status, reason, text)


def _gives_way(pod: Manifest, type: str) -> bool:
    return type == "DELETED" or pod["status"]["phase"] in ("Succeeded", "Failed")
