"""Events: what controllers and kubelets say of objects, one that repeats being counted."""

from __future__ import annotations

import itertools
from typing import Any

from kubectl_tune.cluster import Manifest

from .apiserver import ApiServer, stamp
from .store import Key


class Recorder:
    def __init__(self, api: ApiServer) -> None:
        self._api = api
        self._known: dict[tuple[str, ...], Key] = {}
        self._numbers = itertools.count(1)

    def say(self, of: Manifest, component: str, reason: str, text: str, type: str = "") -> None:
        """Write an event about an object; Normal, unless `type` says Warning."""
        with self._api.store.lock:
            same = (of["metadata"]["uid"], reason, text)
            before = self._api.store.get(self._known.get(same, Key("Event", "", "")))
            if before:
                self._api.update(before, self._again)
            else:
                self._known[same] = self._first(of, component, reason, text, type or "Normal")

    def warn(self, of: Manifest, component: str, reason: str, text: str) -> None:
        self.say(of, component, reason, text, "Warning")

    def _again(self, event: Manifest) -> None:
        event["count"] += 1
        event["lastTimestamp"] = stamp(self._api.now())

    def _first(self, of: Manifest, component: str, reason: str, text: str, type: str) -> Key:
        meta = of["metadata"]
        at = stamp(self._api.now())
        namespace = meta.get("namespace", "default")
        name = f"{meta['name']}.{next(self._numbers):016x}"
        involved = {
            "apiVersion": of["apiVersion"], "kind": of["kind"], "name": meta["name"],
            "namespace": namespace, "uid": meta["uid"], "resourceVersion": meta["resourceVersion"],
        }  # fmt: skip
        event: dict[str, Any] = {
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": name},
            "involvedObject": involved, "reason": reason, "message": text, "type": type,
            "count": 1, "eventTime": None, "firstTimestamp": at, "lastTimestamp": at,
            "reportingComponent": component, "reportingInstance": "",
            "source": {"component": component},
        }  # fmt: skip
        event["metadata"] = {"name": name, "namespace": namespace, "uid": f"event-{name}"}
        event["metadata"]["creationTimestamp"] = at
        self._api.store.insert(event)
        return Key("Event", namespace, name)
