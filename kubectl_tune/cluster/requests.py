"""
What is asked of the API server, verb by verb: methods, paths and queries, and nothing is sent.

Its rule: deleting takes along what is owned, and what the server doesn't know is refused rather
than dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from kubectl_tune.cluster import KINDS, LogRequest, Manifest

PAGE = 500
WATCH_SECONDS = 90.0  # of silence; bookmarks come about every 60
FOLLOW_SECONDS = 4 * 3600.0  # a program may be silent; TCP keep-alive notices what is dead
LOG_SECONDS = 65.0

_CLUSTER_WIDE = {"Namespace", "Node", "SelfSubjectAccessReview", "SelfSubjectReview"}
# Without it a Job's pods stay (DefaultGarbageCollectionPolicy of batch/v1 Jobs is to orphan).
_WITH_ALL = ("propagationPolicy", "Background")

Query = Sequence[tuple[str, object]]


@dataclass(frozen=True, slots=True)
class Request:
    verb: str  # as rights name it, and as requests are counted
    method: str
    path: str
    about: str  # for messages, as `pods NAME`
    query: Query = ()
    body: Manifest | None = None
    type: str = "application/json"
    silence: float = 0.0  # that a stream may keep; 0 where the answer is read whole


VERSION = Request("get", "GET", "/version", "")


def create(namespace: str, manifest: Manifest, *, dry_run: bool = False) -> Request:
    kind, name = manifest["kind"], (manifest.get("metadata") or {}).get("name", "")
    query = [("fieldValidation", "Strict"), ("dryRun", "All" if dry_run else "")]
    return _request("create", "POST", namespace, kind, about=name, query=query, body=manifest)


def get(namespace: str, kind: str, name: str) -> Request:
    return _request("get", "GET", namespace, kind, name)


def patch(namespace: str, kind: str, name: str, patch: Manifest) -> Request:
    merge = "application/merge-patch+json"
    return _request("patch", "PATCH", namespace, kind, name, body=patch, type=merge)


def delete(namespace: str, kind: str, name: str, grace: int | None) -> Request:
    query = [_WITH_ALL, ("gracePeriodSeconds", grace)]
    return _request("delete", "DELETE", namespace, kind, name, query=query)


def delete_collection(namespace: str, kind: str, selector: str) -> Request:
    if not selector:
        raise ValueError("without a selector that would be everything in the namespace")
    query = [_WITH_ALL, ("labelSelector", selector)]
    return _request("deletecollection", "DELETE", namespace, kind, query=query)


def page(namespace: str, kind: str, selector: str, fields: str, more: str) -> Request:
    query = [
        ("labelSelector", selector),
        ("fieldSelector", fields),
        ("limit", PAGE),
        ("continue", more),
    ]
    return _request("list", "GET", namespace, kind, query=query)


def watch(namespace: str, kind: str, selector: str, since: str, seconds: int) -> Request:
    query = [
        ("watch", "true"),
        ("labelSelector", selector),
        ("resourceVersion", since),
        ("allowWatchBookmarks", "true"),
        ("timeoutSeconds", seconds),
    ]
    return _request("watch", "GET", namespace, kind, query=query, silence=WATCH_SECONDS)


def log(namespace: str, asked: LogRequest) -> Request:
    query = [
        ("container", asked.container),
        ("follow", "true" if asked.follow else ""),
        ("timestamps", "true" if asked.timestamps else ""),
        ("tailLines", asked.tail),
        ("sinceTime", asked.since),
    ]
    silence = FOLLOW_SECONDS if asked.follow else LOG_SECONDS
    return _request("logs", "GET", namespace, "Pod", asked.pod, "log", query=query, silence=silence)


def access_review(namespace: str, verb: str, resource: str, group: str, sub: str) -> Manifest:
    """Return the object whose creation answers whether we may."""
    asked = {"verb": verb, "resource": resource, "group": group, "subresource": sub}
    return {
        "apiVersion": KINDS["SelfSubjectAccessReview"][0],
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"namespace": namespace, **asked}},
    }


def _request(
    verb: str,
    method: str,
    namespace: str,
    kind: str,
    name: str = "",
    sub: str = "",
    *,
    about: str = "",
    query: Query = (),
    body: Manifest | None = None,
    type: str = "application/json",
    silence: float = 0.0,
) -> Request:
    version, plural = KINDS[kind]
    group = version.rpartition("/")[0]
    space = () if kind in _CLUSTER_WIDE else ("namespaces", namespace)
    steps = (*space, plural, *filter(None, (name, sub)))
    path = "/".join(["", "apis" if group else "api", version, *(quote(s, safe="") for s in steps)])
    said = " ".join(filter(None, (f"{plural}.{group}" if group else plural, name or about)))
    given = tuple((key, value) for key, value in query if value not in ("", None))
    return Request(verb, method, path, said, given, body, type, silence)
