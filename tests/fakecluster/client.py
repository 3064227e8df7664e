"""
FakeClient: a `ClusterClient` of one user in one namespace, over a cluster that many share.

Every call passes one gate: it is counted, the network may fail it, and the user must have the
right. What comes back is the caller's own copy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from kubectl_tune.cluster import KINDS, Change, LogRequest, Manifest

from . import answers, selectors
from .apiserver import ApiServer, scope
from .store import Store, Written, copy

if TYPE_CHECKING:
    from . import FakeCluster

T = TypeVar("T")
PAGE = 500  # objects a page of a list


class FakeClient:
    def __init__(self, cluster: FakeCluster, user: str, namespace: str) -> None:
        self._cluster = cluster
        self._user = user
        self._namespace = namespace
        self._warnings: list[str] = []
        self._closed = False

    @property
    def namespace(self) -> str:
        return self._namespace

    @property
    def server(self) -> str:
        return self._cluster.server

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        kind = manifest.get("kind", "")
        if kind in ("SelfSubjectAccessReview", "SelfSubjectReview"):
            return self._ask("create", kind, "", lambda: self._review(manifest))

        def create() -> Manifest:
            self._warnings += self._cluster.warnings.get(kind, ())
            return self._cluster.api.create(manifest, self._namespace, dry_run=dry_run)

        return self._ask("create", kind, "", create)

    def get(self, kind: str, name: str) -> Manifest:
        return self._ask("get", kind, name, lambda: self._api.get(kind, self._namespace, name))

    def patch(self, kind: str, name: str, patch: Manifest) -> Manifest:
        return self._ask(
            "patch", kind, name, lambda: self._api.patch(kind, self._namespace, name, patch)
        )

    def delete(self, kind: str, name: str, *, grace: int | None = None) -> None:
        self._ask(
            "delete", kind, name, lambda: self._api.delete(kind, self._namespace, name, grace)
        )

    def delete_collection(self, kind: str, selector: str) -> None:
        def delete() -> None:
            for each in self._api.list(kind, self._namespace, selector):
                self._api.delete(kind, self._namespace, each["metadata"]["name"])

        self._ask("deletecollection", kind, "", delete)

    def list(
        self, kind: str, selector: str = "", fields: str = ""
    ) -> tuple[Sequence[Manifest], str]:
        def find() -> tuple[Sequence[Manifest], str]:
            found = self._api.list(kind, self._namespace, selector, fields)
            return found, str(self._store.version)

        found, version = self._ask("list", kind, "", find)
        self._cluster.requests["list", kind] += max(0, (len(found) - 1) // PAGE)
        return found, version

    def watch(
        self, kind: str, selector: str, since: str, *, seconds: int = 270
    ) -> Iterator[Change]:
        matches = self._ask("watch", kind, "", lambda: self._begin(selector, since))
        return self._changes(kind, selector, since, seconds, matches)

    def _changes(
        self, kind: str, selector: str, since: str, seconds: int, matches: selectors.Matches
    ) -> Iterator[Change]:
        network = self._cluster.network
        wire, marks = network.wires, network.bookmarks
        end = time.monotonic() + seconds
        version = int(since or 0)
        if not version:  # from anywhere: what is there comes first
            found, at = self._ask_again(kind, selector)
            yield from (Change("ADDED", each) for each in found)
            version = at
        while True:
            news, latest = self._news(version, end, lambda: (network.wires, network.bookmarks))
            network.check(self.server)
            if self._closed or network.wires != wire:
                return
            for written in news:
                if change := _change(written, kind, scope(kind, self._namespace), matches):
                    yield change
            version = latest
            over = time.monotonic() >= end
            if over or network.bookmarks != marks:
                marks = network.bookmarks
                yield _bookmark(kind, version)
            if over:
                return

    def logs(self, request: LogRequest) -> Iterator[bytes]:
        def find() -> Iterator[bytes]:
            pod = self._api.get("Pod", self._namespace, request.pod)
            return self._cluster.log(pod, request, self._alive)

        return self._ask("get", "Pod", request.pod, find, sub="log")

    def can_i(self, verb: str, resource: str, *, group: str = "", subresource: str = "") -> bool:
        asked = {"verb": verb, "resource": resource, "group": group, "subresource": subresource}
        review = {"kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": asked}}
        return bool(self.create(review)["status"]["allowed"])

    def server_version(self) -> Manifest:
        major, minor = self._api.version.split(".")
        git = {"major": major, "minor": minor, "gitVersion": f"v{self._api.version}.0"}
        return self._pass("get", "/version", lambda: git)

    def warnings(self) -> Sequence[str]:
        said, self._warnings = self._warnings, []
        return said

    def close(self) -> None:
        self._closed = True
        self._store.wake()

    def _ask_again(self, kind: str, selector: str) -> tuple[Sequence[Manifest], int]:
        with self._store.lock:
            found = self._api.list(kind, self._namespace, selector)
            return copy(found), self._store.version

    def _news(
        self, version: int, end: float, signals: Callable[[], Any]
    ) -> tuple[Sequence[Written], int]:
        """Wait for writes after `version`, for a signal, or for the end."""
        before = signals()
        with self._store.changed:
            while (rest := end - time.monotonic()) > 0:
                if self._store.version > version or signals() != before or self._closed:
                    break
                self._store.changed.wait(rest)
            return self._store.since(version), self._store.version

    @property
    def _api(self) -> ApiServer:
        return self._cluster.api

    @property
    def _store(self) -> Store:
        return self._cluster.api.store

    def _ask(self, verb: str, kind: str, name: str, answer: Callable[[], T], sub: str = "") -> T:
        if kind not in KINDS:
            raise answers.unknown_kind().error()

        def allowed() -> T:
            resource = KINDS[kind][1] + (f"/{sub}" if sub else "")
            if not kind.startswith("SelfSubject") and not self._may(verb, resource):
                where = scope(kind, self._namespace)
                raise answers.no_right(self._user, verb, kind, name, sub, where)
            return answer()

        return self._pass(verb, f"{kind}/{sub}" if sub else kind, allowed)

    def _pass(self, verb: str, what: str, answer: Callable[[], T]) -> T:
        """Count a request and put it on the wire, there and back."""
        network = self._cluster.network
        self._cluster.requests[verb, what] += 1
        network.going(verb, what, self.server)
        try:
            with self._store.lock:
                found = copy(answer())
        except answers.Answer as refusal:
            raise refusal.error() from None
        network.coming(verb, what, self.server)
        return found

    def _may(self, verb: str, resource: str) -> bool:
        rights = self._cluster.rights.get(self._user)
        return rights is None or any((a, b) in rights for a in (verb, "*") for b in (resource, "*"))

    def _review(self, manifest: Manifest) -> Manifest:
        if manifest["kind"] == "SelfSubjectReview":
            return {**manifest, "status": {"userInfo": {"username": self._user}}}
        asked = manifest["spec"]["resourceAttributes"]
        sub = asked.get("subresource", "")
        allowed = self._may(asked["verb"], asked["resource"] + (f"/{sub}" if sub else ""))
        return {**manifest, "status": {"allowed": allowed}}

    def _begin(self, selector: str, since: str) -> selectors.Matches:
        if since not in ("", "0") and int(since) < self._store.oldest:
            raise answers.too_old(since, self._store.version)
        return selectors.labels(selector)

    def _alive(self) -> None:
        self._cluster.network.check(self.server)


def _change(
    written: Written, kind: str, namespace: str, matches: selectors.Matches
) -> Change | None:
    """Return a write as a watch with this selector sees it: leaving it is being deleted."""
    if written.key.kind != kind or written.key.namespace != namespace:
        return None
    before = written.old is not None and matches(_labels(written.old))
    after = written.type != "DELETED" and matches(_labels(written.new))
    if not before and not after:
        return None
    type = "MODIFIED" if before and after else "ADDED" if after else "DELETED"
    if (
        written.old and type == "DELETED" and written.type != "DELETED"
    ):  # it goes as it was in the selection
        last = copy(written.old)
        last["metadata"]["resourceVersion"] = str(written.version)
        return Change(type, last)
    return Change(type, copy(written.new))


def _labels(manifest: Manifest) -> dict[str, str]:
    return dict(manifest["metadata"].get("labels", {}))


def _bookmark(kind: str, version: int) -> Change:
    meta = {"resourceVersion": str(version)}
    return Change("BOOKMARK", {"apiVersion": KINDS[kind][0], "kind": kind, "metadata": meta})
