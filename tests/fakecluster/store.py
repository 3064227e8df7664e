"""
Objects and their history: what etcd and the watch cache are to a real API server.

What is stored is never changed in place: every write puts a new manifest under a new, greater
resource version, and says so to everybody who waits on `changed`.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from kubectl_tune.cluster import Manifest

T = TypeVar("T")

CLUSTER_WIDE = ("Namespace", "Node")


class Key(NamedTuple):
    kind: str
    namespace: str  # "" for what belongs to no namespace
    name: str


class Written(NamedTuple):
    """One write: what was there before, and what is there now."""

    version: int
    type: str  # ADDED, MODIFIED or DELETED
    key: Key
    old: Manifest | None
    new: Manifest  # of a deletion, the last state under the deletion's version


class Store:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.version = 100
        self.oldest = 0  # watches can't begin before it
        self.history: list[Written] = []
        self._objects: dict[str, dict[Key, Manifest]] = defaultdict(dict)
        self._uids: set[str] = set()
        self._owned: dict[str, dict[Key, None]] = defaultdict(dict)

    def get(self, key: Key) -> Manifest | None:
        """Return what is stored, to be read only; `copy` it to change it."""
        return self._objects[key.kind].get(key)

    def all(self, kind: str, namespace: str) -> list[Manifest]:
        """Return the objects of a kind, by name."""
        found = [each for each in self._objects[kind].items() if each[0].namespace == namespace]
        return [manifest for _, manifest in sorted(found, key=lambda each: each[0])]

    def each(self, kind: str) -> list[Manifest]:
        """Return the objects of a kind, of all namespaces, the oldest first."""
        return [*self._objects[kind].values()]

    def exists(self, uid: str) -> bool:
        return uid in self._uids

    def owned(self, uid: str, kind: str = "") -> list[Manifest]:
        """Return what names `uid` among its owners, the oldest first."""
        keys = [key for key in self._owned.get(uid, ()) if not kind or key.kind == kind]
        return [self._objects[key.kind][key] for key in keys]

    def insert(self, manifest: Manifest) -> Manifest:
        return self._write("ADDED", manifest, None)

    def replace(self, manifest: Manifest) -> Manifest:
        """Store a changed object; one that is as it was keeps its version, as in etcd."""
        old = self.get(key_of(manifest))
        assert old is not None
        if _but_version(old) == _but_version(manifest):
            return old
        return self._write("MODIFIED", manifest, old)

    def remove(self, key: Key) -> None:
        old = self._objects[key.kind][key]
        self._write("DELETED", copy(old), old)

    def since(self, version: int) -> list[Written]:
        return self.history[bisect_right(self.history, version, key=lambda each: each.version) :]

    def wait(self, answer: Callable[[], T], timeout: float | None = None) -> T:
        """Wait until `answer` is true; it is asked after every change."""
        with self.changed:
            return self.changed.wait_for(answer, timeout)

    def wake(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def _write(self, type: str, new: Manifest, old: Manifest | None) -> Manifest:
        self.version += 1
        new["metadata"]["resourceVersion"] = str(self.version)
        key = key_of(new)
        if old is not None:
            self._forget(key, old)
        if type != "DELETED":
            self._remember(key, new)
        self.history.append(Written(self.version, type, key, old, new))
        self.changed.notify_all()
        return new

    def _remember(self, key: Key, manifest: Manifest) -> None:
        self._objects[key.kind][key] = manifest
        self._uids.add(manifest["metadata"]["uid"])
        for uid in owners(manifest):
            self._owned[uid][key] = None

    def _forget(self, key: Key, manifest: Manifest) -> None:
        del self._objects[key.kind][key]
        self._uids.discard(manifest["metadata"]["uid"])
        for uid in owners(manifest):
            self._owned[uid].pop(key, None)


def key_of(manifest: Manifest) -> Key:
    meta = manifest["metadata"]
    namespace = "" if manifest["kind"] in CLUSTER_WIDE else meta["namespace"]
    return Key(manifest["kind"], namespace, meta["name"])


def owners(manifest: Manifest) -> Iterator[str]:
    return (each["uid"] for each in manifest["metadata"].get("ownerReferences", ()))


def copy(value: T) -> T:
    """Return a deep copy of what JSON can say; `copy.deepcopy` takes ten times as long."""
    if isinstance(value, dict):
        return {key: copy(each) for key, each in value.items()}  # type: ignore[return-value]
    if isinstance(value, tuple):
        return tuple(copy(each) for each in value)  # type: ignore[return-value]
    if isinstance(value, list):
        return [copy(each) for each in value]  # type: ignore[return-value]
    return value


def _but_version(manifest: Manifest) -> Manifest:
    meta = {**manifest["metadata"], "resourceVersion": ""}
    return {**manifest, "metadata": meta}
