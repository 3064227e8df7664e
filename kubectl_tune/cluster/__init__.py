"""
The little of Kubernetes that we need: a few verbs over plain manifests, in one namespace.

Manifests are the dicts that kubectl shows, so tests write them by hand and nothing above this
package knows the Kubernetes client. Whatever goes wrong is raised as a `ClusterError` in the
words of kubectl; connection losses, 429 and 5xx have then been retried already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

Manifest = dict[str, Any]

# Every kind that we use: its API group and version, and its plural. All of them are namespaced
# but the reviews and Namespace.
KINDS = {
    "ConfigMap": ("v1", "configmaps"),
    "Event": ("v1", "events"),
    "Job": ("batch/v1", "jobs"),
    "LimitRange": ("v1", "limitranges"),
    "Namespace": ("v1", "namespaces"),
    "Node": ("v1", "nodes"),
    "Pod": ("v1", "pods"),
    "ResourceQuota": ("v1", "resourcequotas"),
    "SelfSubjectAccessReview": ("authorization.k8s.io/v1", "selfsubjectaccessreviews"),
    "SelfSubjectReview": ("authentication.k8s.io/v1", "selfsubjectreviews"),
}


class Change(NamedTuple):
    """One event of a watch."""

    type: str  # ADDED, MODIFIED, DELETED or BOOKMARK
    object: Manifest


@dataclass(frozen=True, slots=True)
class LogRequest:
    """What to read of a container's log, as the API's query has it."""

    pod: str
    container: str = ""
    follow: bool = False
    timestamps: bool = True  # each line begins with its RFC 3339 time and a space
    tail: int | None = None
    since: str = ""  # RFC 3339


class ClusterClient(Protocol):
    """Its methods may be called from several threads at once."""

    @property
    def namespace(self) -> str:
        """The namespace that all of it is about."""

    @property
    def server(self) -> str:
        """The API server's address."""

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Create an object and return it as it is now; `Conflict` when there is one already."""

    def get(self, kind: str, name: str) -> Manifest: ...

    def patch(self, kind: str, name: str, patch: Manifest) -> Manifest:
        """Change an object by a JSON merge patch (RFC 7396)."""

    def delete(self, kind: str, name: str, *, grace: int | None = None) -> None:
        """Delete an object and, in the background, what it owns; `NotFound` when it is gone."""

    def delete_collection(self, kind: str, selector: str) -> None:
        """Delete all that a label selector finds, and in the background what they own."""

    def list(
        self, kind: str, selector: str = "", fields: str = ""
    ) -> tuple[Sequence[Manifest], str]:
        """
        Return all objects that the label and the field selector find, and the resource version
        to watch from. Long lists come in pages, and as of one moment.
        """

    def watch(
        self, kind: str, selector: str, since: str, *, seconds: int = 270
    ) -> Iterator[Change]:
        """
        Yield changes after the resource version `since`, bookmarks among them, until the server
        ends the watch, which it does after about `seconds`. `Gone` asks for a new list.
        """

    def logs(self, request: LogRequest) -> Iterator[bytes]:
        """Yield a container's log in pieces of any length, raw."""

    def can_i(self, verb: str, resource: str, *, group: str = "", subresource: str = "") -> bool:
        """Ask the server whether we may (SelfSubjectAccessReview)."""

    def server_version(self) -> Manifest:
        """Return what the server says of itself at /version."""

    def warnings(self) -> Sequence[str]:
        """Return, and forget, what the server has warned of since (`Warning:` headers)."""

    def close(self) -> None: ...
