"""
The cluster in memory behind HTTPS, as kubectl and our own client reach a real one.

Its rule: nothing is decided here. Each request becomes a call of a `FakeClient` of whoever asks,
and what that says no with becomes the `Status` it was made of.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from kubectl_tune.cluster import KINDS, LogRequest, Manifest
from kubectl_tune.errors import ClusterError, Unreachable
from tests.http.server import CUT, ApiServer, Heard, Reply, pem

from . import FakeClient, FakeCluster, answers

USERS = ("admin", "user")  # each has a context of that name, and a token

_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[a-z]+))?"
)
_INVALID = re.compile(r'The (\S*) "(.*?)" is invalid: ?\n?(.*)', re.DOTALL)


class Asked(NamedTuple):
    """What a request is about."""

    kind: str
    namespace: str
    name: str
    sub: str


class Front(ApiServer):
    """Close it before its cluster."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster
        self.users = {f"{user}-token": user for user in USERS}
        self._clients: list[FakeClient] = []
        self._pages: dict[str, list[Manifest]] = {}  # what is left of lists, by `continue`
        super().__init__("server")

    def kubeconfig(self, path: Path, namespace: str = "", **current: str) -> Path:
        """Write a kubeconfig with a context for each user; the current one is `admin`."""
        space = {"namespace": namespace} if namespace else {}
        authority = base64.b64encode(pem("ca.pem")).decode()
        cluster = {"server": self.url, "certificate-authority-data": authority}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": current.get("context", "admin"),
            "clusters": [{"name": "fake", "cluster": cluster}],
            "users": [{"name": u, "user": {"token": t}} for t, u in self.users.items()],
            "contexts": [
                {"name": user, "context": {"cluster": "fake", "user": user, **space}}
                for user in USERS
            ],
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def asked(self, method: str = "", path: str = "") -> list[Heard]:
        """The requests so far of a method, whose path ends as given."""
        return [h for h in self.heard if method in ("", h.method) and h.path.endswith(path)]

    def close(self) -> None:
        super().close()
        for client in self._clients:
            client.close()

    def reply(self, heard: Heard) -> Reply:
        with self._changed:
            self.heard.append(heard)
            self._changed.notify_all()
        user = self._user(heard)
        if not user:
            return _status(401, "Unauthorized", "Unauthorized")
        try:
            return self._answered(heard, user)
        except Unreachable:
            return CUT
        except ClusterError as error:
            return _refusal(error)
        except answers.Answer as answer:
            return _status(answer.code, answer.reason, str(answer))

    def _user(self, heard: Heard) -> str:
        token = (heard.headers.get("Authorization") or "").removeprefix("Bearer ")
        user = self.users.get(token, "")
        return heard.headers.get("Impersonate-User") or user if user else ""

    def _answered(self, heard: Heard, user: str) -> Reply:
        if heard.path == "/version":
            return Reply(body=self._client(user, "").server_version())
        asked = _read(heard)
        client = self._client(user, asked.namespace)
        reply = _VERBS[heard.method](self, heard, asked, client)
        if said := client.warnings():
            told = "\n".join(f'299 - "{text}"' for text in said)
            return Reply(reply.status, reply.body, {"Warning": told})
        return reply

    def _client(self, user: str, namespace: str) -> FakeClient:
        client = self.cluster.client(user, namespace)
        self._clients.append(client)
        return client

    # The verbs

    def _get(self, heard: Heard, asked: Asked, client: FakeClient) -> Reply:
        if asked.sub == "log":
            pieces = client.logs(_log_request(heard, asked))
            return Reply(headers={"Content-Type": "text/plain"}, pieces=lambda: pieces)
        if asked.name:
            return Reply(body=client.get(asked.kind, asked.name))
        if heard.value("watch") == "true":
            return self._watch(heard, asked, client)
        return self._list(heard, asked, client)

    def _watch(self, heard: Heard, asked: Asked, client: FakeClient) -> Reply:
        seconds = int(heard.value("timeoutSeconds") or 270)
        since = heard.value("resourceVersion")
        changes = client.watch(asked.kind, heard.value("labelSelector"), since, seconds=seconds)

        def lines() -> Iterator[bytes]:
            for change in changes:
                yield json.dumps(change._asdict()).encode() + b"\n"

        return Reply(pieces=lines)

    def _list(self, heard: Heard, asked: Asked, client: FakeClient) -> Reply:
        limit, more = int(heard.value("limit") or 0), heard.value("continue")
        if more:
            items, version = self._pages.pop(more), more.partition(":")[0]
        else:
            found, version = client.list(
                asked.kind, heard.value("labelSelector"), heard.value("fieldSelector")
            )
            items = [_bare(each) for each in found]
        meta = {"resourceVersion": version}
        if limit and len(items) > limit:
            meta["continue"] = f"{version}:{len(self.heard)}"
            self._pages[meta["continue"]] = items[limit:]
        kind = {"apiVersion": KINDS[asked.kind][0], "kind": f"{asked.kind}List"}
        return Reply(body={**kind, "metadata": meta, "items": items[: limit or None]})

    def _post(self, heard: Heard, asked: Asked, client: FakeClient) -> Reply:
        return Reply(201, client.create(heard.body, dry_run=heard.value("dryRun") == "All"))

    def _patch(self, heard: Heard, asked: Asked, client: FakeClient) -> Reply:
        return Reply(body=client.patch(asked.kind, asked.name, heard.body))

    def _delete(self, heard: Heard, asked: Asked, client: FakeClient) -> Reply:
        if asked.name:
            grace = heard.value("gracePeriodSeconds")
            client.delete(asked.kind, asked.name, grace=int(grace) if grace else None)
        else:
            client.delete_collection(asked.kind, heard.value("labelSelector"))
        return Reply(body={"kind": "Status", "apiVersion": "v1", "status": "Success"})


_VERBS: dict[str, Callable[[Front, Heard, Asked, FakeClient], Reply]] = {
    "GET": Front._get,
    "POST": Front._post,
    "PATCH": Front._patch,
    "DELETE": Front._delete,
}


def _read(heard: Heard) -> Asked:
    match = _PATH.fullmatch(heard.path)
    version = "/".join(filter(None, (match["group"], match["version"]))) if match else ""
    for kind, known in KINDS.items():
        if match and known == (version, match["plural"]):
            return Asked(kind, *(match[part] or "" for part in ("namespace", "name", "sub")))
    raise answers.unknown_kind()


def _log_request(heard: Heard, asked: Asked) -> LogRequest:
    tail = heard.value("tailLines")
    return LogRequest(
        asked.name,
        heard.value("container"),
        heard.value("follow") == "true",
        heard.value("timestamps") == "true",
        int(tail) if tail else None,
        heard.value("sinceTime"),
    )


def _bare(item: Manifest) -> Manifest:
    return {key: value for key, value in item.items() if key not in ("apiVersion", "kind")}


def _refusal(error: ClusterError) -> Reply:
    answer = error.__context__
    if isinstance(answer, answers.Answer):
        return _status(answer.code, answer.reason, str(answer), _details(answer))
    message = str(error).removeprefix(f"Error from server ({error.reason}): ")
    return _status(error.code or 500, error.reason or "InternalError", message)


def _details(answer: answers.Answer) -> dict[str, Any]:
    """What is wrong with which field, out of kubectl's sentence."""
    if not (match := _INVALID.fullmatch(answer.kubectl)):
        return {}
    kind, name, said = match.groups()
    problems = [line.removeprefix("* ").partition(": ") for line in said.splitlines()]
    causes = [{"field": field, "message": message} for field, _, message in problems]
    return {"kind": kind, "name": name, "causes": causes}


def _status(code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> Reply:
    said = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    said |= {"message": message, "reason": reason, "code": code}  # type: ignore[dict-item]
    return Reply(code, {**said, "details": details} if details else said)
