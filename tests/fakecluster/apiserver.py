"""
The verbs of the API server over the store: what a request does, and what it is refused for.

Who may ask, and what goes wrong on the way, is the client's part; controllers come here directly.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from kubectl_tune.cluster import KINDS, Manifest

from . import answers, defaults, quota, selectors, validation
from .store import CLUSTER_WIDE, Key, Store, copy, key_of

_CHARACTERS = "bcdfghjklmnpqrstvwxz2456789"  # of generated names: no vowels, no words
_OLD_GATES = ("backoffLimitPerIndex", "maxFailedIndexes", "podReplacementPolicy")

Refusal = tuple[str, str]  # a kind, and why admission denies every object of it


class ApiServer:
    def __init__(self, store: Store, version: str = "1.34") -> None:
        self.store = store
        self.version = version
        self.refusals: list[Refusal] = []
        self.clock_offset = 0.0  # how far the server's clock is ahead of ours

    def now(self) -> float:
        return time.time() + self.clock_offset

    def create(self, manifest: Manifest, namespace: str, *, dry_run: bool = False) -> Manifest:
        with self.store.lock:
            new = self._prepared(manifest, namespace)
            if self.store.get(key_of(new)):
                raise answers.already_exists(new["kind"], new["metadata"]["name"])
            self._admit(new)
            return new if dry_run else self.store.insert(new)

    def get(self, kind: str, namespace: str, name: str) -> Manifest:
        found = self.store.get(Key(kind, scope(kind, namespace), name))
        if found is None:
            raise answers.not_found(kind, name)
        return found

    def list(
        self, kind: str, namespace: str, selector: str = "", fields: str = ""
    ) -> list[Manifest]:
        wanted, also = selectors.labels(selector), selectors.fields(fields, kind)
        return [
            each
            for each in self.store.all(kind, scope(kind, namespace))
            if wanted(each["metadata"].get("labels", {})) and also(each)
        ]

    def patch(self, kind: str, namespace: str, name: str, patch: Manifest) -> Manifest:
        """Merge `patch` into an object; its status has a door of its own, `update`."""
        with self.store.lock:
            old = self.get(kind, namespace, name)
            new = _merged(old, patch)
            if _identity(new) != _identity(old):
                raise answers.modified(kind, name)
            if "status" in old:
                new["status"] = old["status"]
            if old.get("spec") != new.get("spec") and "generation" in old["metadata"]:
                new["metadata"]["generation"] = old["metadata"]["generation"] + 1
            validation.decode(new)
            validation.changed(old, new)
            validation.validate(new)
            return self._replace(new)

    def update(self, old: Manifest, change: Callable[[Manifest], None]) -> Manifest | None:
        """Change an object as controllers do, if it is still the same one; else return None."""
        with self.store.lock:
            now = self.store.get(key_of(old))
            if now is None or now["metadata"]["uid"] != old["metadata"]["uid"]:
                return None
            new = copy(now)
            change(new)
            return self._replace(new)

    def delete(self, kind: str, namespace: str, name: str, grace: int | None = None) -> None:
        """Delete an object: pods that run are given their grace, finalizers are waited for."""
        with self.store.lock:
            old = self.get(kind, namespace, name)
            new = copy(old)
            seconds = _grace(old, grace)
            waits = seconds > 0 or bool(old["metadata"].get("finalizers"))
            before = old["metadata"].get("deletionGracePeriodSeconds")
            if before is None or seconds < before:
                new["metadata"]["deletionTimestamp"] = stamp(self.now() + seconds)
                new["metadata"]["deletionGracePeriodSeconds"] = seconds
            if waits or before:  # who was given grace is seen to be through with it
                self.store.replace(new)
            if not waits:
                self.store.remove(key_of(old))

    def pods_name(self, prefix: str) -> str:
        return prefix[:58] + "".join(random.choices(_CHARACTERS, k=5))

    def _prepared(self, manifest: Manifest, namespace: str) -> Manifest:
        """Read, complete and check a new manifest."""
        new: Manifest = copy(manifest)
        kind = new.get("kind", "")
        if kind not in KINDS or new.get("apiVersion") != KINDS[kind][0]:
            raise answers.unknown_kind()
        meta = new.setdefault("metadata", {})
        validation.decode(new)
        self._place(new, namespace)
        if "name" not in meta and meta.get("generateName"):
            meta["name"] = self.pods_name(meta["generateName"])
        if not meta.get("name"):
            raise answers.invalid(kind, "", ["metadata.name: Required value: name is required"])
        meta["uid"] = str(uuid.uuid4())
        meta["creationTimestamp"] = stamp(self.now())
        self._drop_gated(new)
        defaults.apply(new)
        validation.validate(new)
        return new

    def _place(self, new: Manifest, namespace: str) -> None:
        if new["kind"] in CLUSTER_WIDE:
            return
        given = new["metadata"].setdefault("namespace", namespace)
        if given != namespace:
            raise answers.bad_request(
                "the namespace of the provided object does not match the namespace sent on the"
                " request"
            )
        if self.store.get(Key("Namespace", "", namespace)) is None:
            raise answers.not_found("Namespace", namespace)

    def _drop_gated(self, new: Manifest) -> None:
        # Known to the schema, but their gate is off: dropped without a word.
        if new["kind"] == "Job" and tuple(map(int, self.version.split("."))) < (1, 29):
            for field in _OLD_GATES:
                new.get("spec", {}).pop(field, None)

    def _admit(self, new: Manifest) -> None:
        kind, name = new["kind"], new["metadata"]["name"]
        why = [why for of, why in self.refusals if of == kind]
        if kind not in CLUSTER_WIDE and kind not in ("Event", "ResourceQuota"):
            why.append(quota.problem(self.store, new))
        for reason in filter(None, why):
            raise answers.refused(kind, name, reason)

    def _replace(self, new: Manifest) -> Manifest:
        """Store a change; with its last finalizer goes what was deleted before."""
        meta = new["metadata"]
        if "finalizers" in meta and not meta["finalizers"]:
            del meta["finalizers"]
        gone = "deletionTimestamp" in meta and not meta.get("deletionGracePeriodSeconds")
        if gone and "finalizers" not in meta:
            self.store.remove(key_of(new))
            return new
        return self.store.replace(new)


def scope(kind: str, namespace: str) -> str:
    return "" if kind in CLUSTER_WIDE else namespace


def stamp(seconds: float) -> str:
    """A time as manifests have it: whole seconds, rounded down."""
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%SZ}"


def seconds_of(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def _grace(pod: Manifest, grace: int | None) -> int:
    """Only pods that a kubelet has are given time; what has ended needs none."""
    if pod["kind"] != "Pod" or not pod["spec"].get("nodeName"):
        return 0
    if pod["status"]["phase"] in quota.ENDED:
        return 0
    return int(pod["spec"]["terminationGracePeriodSeconds"] if grace is None else grace)


def _merged(old: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return copy(patch)
    new = copy(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            new.pop(key, None)
        else:
            new[key] = _merged(new.get(key), value)
    return new


def _identity(manifest: Manifest) -> tuple[str, ...]:
    meta = manifest["metadata"]
    return (meta["name"], meta["uid"], meta["resourceVersion"])
