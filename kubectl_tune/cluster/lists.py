"""
A client for lists as a command line asks for them: of all namespaces, narrower, in pages.

Its rule: what is asked for is added to what we would ask for anyway. A selector of the user's
finds nothing that isn't ours.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from kubectl_tune.cluster import KINDS, Manifest
from kubectl_tune.cluster.kubeconfig import Access
from kubectl_tune.cluster.kubernetes import Answer, KubernetesClient
from kubectl_tune.cluster.requests import PAGE, Request
from kubectl_tune.errors import ClusterError, Invalid, NotFound

LISTED = ("list", "watch")


@dataclass(frozen=True, slots=True)
class Narrowing:
    """`selector` and `fields` are for objects of one kind; the rest is for every list."""

    kind: str = ""
    selector: str = ""
    fields: str = ""
    everywhere: bool = False
    page: int = PAGE  # 0 or less: all at once


class NarrowedClient(KubernetesClient):
    def __init__(self, access: Access, narrowing: Narrowing, **more: Any) -> None:
        super().__init__(access, **more)
        self._narrowing = narrowing

    def list(
        self, kind: str, selector: str = "", fields: str = ""
    ) -> tuple[Sequence[Manifest], str]:
        try:
            return super().list(kind, selector, fields)
        except (Invalid, NotFound) as error:
            raise _about(error, kind, self._narrowing) from error

    def _attempt(self, request: Request) -> Answer:
        if request.verb in LISTED:
            request = narrowed(request, self._narrowing, self.namespace)
        return super()._attempt(request)


def narrowed(request: Request, by: Narrowing, namespace: str) -> Request:
    """Return the request for a list or a watch as it is to be sent."""
    query = {key: value for key, value in request.query if key != "limit"}
    if request.verb == "list" and by.page > 0:
        query["limit"] = by.page
    if by.kind and request.path.endswith(f"/{KINDS[by.kind][1]}"):
        selectors = [query.get("labelSelector"), by.selector]
        query["labelSelector"] = ",".join(str(each) for each in selectors if each)
        query["fieldSelector"] = by.fields
    path = request.path
    if by.everywhere:
        path = path.replace(f"/namespaces/{quote(namespace, safe='')}", "", 1)
    given = tuple((key, value) for key, value in query.items() if value)
    return replace(request, path=path, query=given)


def _about(error: ClusterError, kind: str, by: Narrowing) -> ClusterError:
    """Say what could not be listed, as kubectl does where a list makes no sense to the server."""
    version, plural = KINDS[kind]
    resource = f"{version if '/' in version else f'/{version}'}, Resource={plural}"
    lead = f"Error from server ({error.reason}): "
    said = str(error).removeprefix(lead)
    if kind == by.kind and (by.selector or by.fields):
        label, field = (json.dumps(each, ensure_ascii=False) for each in (by.selector, by.fields))
        about = f'find "{resource}" that match label selector {label}, field selector {field}'
    else:
        about = f'list "{resource}"'
    error.args = (f"{lead}Unable to {about}: {said}",)
    return error
