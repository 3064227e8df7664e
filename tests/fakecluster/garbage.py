"""The garbage collector: what has owners, all of them gone, is deleted, whatever came first."""

from __future__ import annotations

from kubectl_tune.cluster import Manifest

from .apiserver import ApiServer
from .store import Written, key_of, owners


class GarbageCollector:
    def __init__(self, api: ApiServer) -> None:
        self._api = api
        self._suspects: list[Manifest] = []

    def see(self, written: Written) -> None:
        if written.type == "DELETED":
            self._suspects += self._api.store.owned(written.new["metadata"]["uid"])
        elif written.type == "ADDED":
            self._suspects.append(written.new)

    def act(self) -> None:
        suspects, self._suspects = self._suspects, []
        for each in suspects:
            if self._stands(each) and self._orphan(each):
                self._api.delete(*key_of(each))

    def _stands(self, manifest: Manifest) -> bool:
        now = self._api.store.get(key_of(manifest))
        return now is not None and now["metadata"]["uid"] == manifest["metadata"]["uid"]

    def _orphan(self, manifest: Manifest) -> bool:
        uids = [*owners(manifest)]
        return bool(uids) and not any(self._api.store.exists(uid) for uid in uids)
