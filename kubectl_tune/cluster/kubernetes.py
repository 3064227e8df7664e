"""
The cluster's client over the official one: the only file that knows `kubernetes`.

Its rule: JSON in, JSON out. The official models cost far more than the requests, so none is
loaded: `ApiClient` carries our bytes, and how often and how long anything is tried is ours.
"""

from __future__ import annotations

import json
import os
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from warnings import simplefilter
from weakref import WeakSet

import urllib3
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.client.rest import should_bypass_proxies

from kubectl_tune.cluster import (
    KINDS,
    Change,
    LogRequest,
    Manifest,
    requests,
    retrying,
    statuses,
    transport,
)
from kubectl_tune.cluster.requests import Request
from kubectl_tune.cluster.retrying import Tries, Trouble
from kubectl_tune.cluster.streams import Stream, Watch
from kubectl_tune.errors import ClusterError, Conflict, Forbidden, Gone, NotFound

if TYPE_CHECKING:
    from kubectl_tune.cluster.kubeconfig import Access

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 65.0  # of silence; the API server itself gives up after 60
LISTS = 5  # begun again when the server has forgotten where a long one was
PIECE = 1 << 16
OTHERS = 8  # connections beside the workers': watches, followed logs

_WARNING = re.compile(r'\b\d{3} \S+ "((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Answer:
    response: urllib3.BaseHTTPResponse
    data: bytes  # empty where it is a stream


class Failed(Exception):
    """An attempt that may be made again."""

    def __init__(self, trouble: Trouble | None, error: ClusterError) -> None:
        super().__init__(error)
        self.trouble = trouble
        self.error = error


class KubernetesClient:
    """`patient` calls outlast an API server that restarts, once it has answered at all."""

    def __init__(
        self,
        access: Access,
        *,
        request_timeout: float = 0.0,
        workers: int = 8,
        patient: bool = True,
        sleep: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self.requests: Counter[str] = Counter()
        self._access = access
        self._timeout = request_timeout
        self._workers = workers
        self._patient = patient
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait
        self._clock = clock
        self._jitter = jitter
        self._tell = tell  # of each request, as kubectl does with -v=6
        self._lock = threading.RLock()
        self._api: ApiClient | None = None
        self._shown: tuple[bytes, bytes] | None = None  # the certificate on these connections
        self._answered = False
        self._streams: WeakSet[Stream] = WeakSet()
        self._warned: dict[str, bool] = {}  # what the server has warned of: was it told?

    @property
    def namespace(self) -> str:
        return self._access.namespace

    @property
    def server(self) -> str:
        return self._access.server.rstrip("/")

    # The verbs

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        request = requests.create(self.namespace, manifest, dry_run=dry_run)
        named = not dry_run and bool(_meta(manifest).get("name"))
        tries = self._tries()
        while True:
            conflict = None
            try:
                return self._json(self._attempt(request))
            except Failed as failed:
                if not tries.again(failed.trouble):
                    raise failed.error from failed
            except Conflict as error:
                conflict = error
            # What became of an attempt without an answer shows in what has the name.
            if tries.doubtful and named and (there := self._like(manifest)):
                return there
            if conflict:
                raise conflict

    def get(self, kind: str, name: str) -> Manifest:
        return self._json(self._ask(requests.get(self.namespace, kind, name)))

    def patch(self, kind: str, name: str, patch: Manifest) -> Manifest:
        # Merged twice is merged.
        return self._json(self._ask(requests.patch(self.namespace, kind, name, patch)))

    def delete(self, kind: str, name: str, *, grace: int | None = None) -> None:
        tries = self._tries()
        try:
            self._ask(requests.delete(self.namespace, kind, name, grace), tries)
        except NotFound:
            if not tries.doubtful:  # else that was us
                raise

    def delete_collection(self, kind: str, selector: str) -> None:
        self._ask(requests.delete_collection(self.namespace, kind, selector))

    def list(
        self, kind: str, selector: str = "", fields: str = ""
    ) -> tuple[Sequence[Manifest], str]:
        for _ in range(LISTS - 1):
            with suppress(Gone):
                return self._list(kind, selector, fields)
        return self._list(kind, selector, fields)

    def watch(
        self, kind: str, selector: str, since: str, *, seconds: int = 270
    ) -> Iterator[Change]:
        request = requests.watch(self.namespace, kind, selector, since, seconds)
        try:
            return Watch(self._stream(self._attempt(request), request))
        except Failed as failed:  # who watches has a pace of his own
            raise failed.error from failed

    def logs(self, request: LogRequest) -> Iterator[bytes]:
        asked = requests.log(self.namespace, request)
        return self._stream(self._ask(asked), asked)

    def can_i(self, verb: str, resource: str, *, group: str = "", subresource: str = "") -> bool:
        review = requests.access_review(self.namespace, verb, resource, group, subresource)
        return bool((self.create(review).get("status") or {}).get("allowed"))

    def server_version(self) -> Manifest:
        return self._json(self._ask(requests.VERSION))

    def warnings(self) -> Sequence[str]:
        with self._lock:
            new = [text for text, told in self._warned.items() if not told]
            self._warned.update(dict.fromkeys(new, True))
        return new

    def close(self) -> None:
        self._closed.set()
        with self._lock:
            streams, api = list(self._streams), self._api
        for stream in streams:
            stream.close()
        if api:
            api.rest_client.close()

    # How they are asked

    def _list(self, kind: str, selector: str, fields: str) -> tuple[Sequence[Manifest], str]:
        items: list[Manifest] = []
        more = ""
        while True:
            request = requests.page(self.namespace, kind, selector, fields, more)
            page = self._json(self._ask(request))
            items += self._items(page)
            more = _meta(page).get("continue", "")
            if not more:
                break
        for item in items:  # lists leave out what all have in common; kubectl shows it
            item.setdefault("apiVersion", KINDS[kind][0])
            item.setdefault("kind", kind)
        return items, str(_meta(page).get("resourceVersion", ""))

    def _items(self, page: Manifest) -> Sequence[Manifest]:
        """Return what is listed; taken for an empty list, any other answer would say it is gone."""
        if "items" not in page and not str(page.get("kind", "")).endswith("List"):
            raise self._stranger("no list, where one was asked for")
        return page.get("items") or ()

    def _like(self, wanted: Manifest) -> Manifest | None:
        """Return an object of this name that may be what we have made."""
        try:
            there = self.get(wanted["kind"], _meta(wanted)["name"])
        except (NotFound, Forbidden):
            return None
        labels = _meta(there).get("labels") or {}
        return there if (_meta(wanted).get("labels") or {}).items() <= labels.items() else None

    def _tries(self) -> Tries:
        return Tries(self._patience, self._clock, self._sleep, self._jitter)

    def _patience(self) -> float:
        return retrying.PATIENT if self._patient and self._answered else retrying.HASTY

    def _ask(self, request: Request, tries: Tries | None = None) -> Answer:
        """Send a request that may be sent twice, until there is an answer or no hope."""
        tries = tries or self._tries()
        while True:
            try:
                return self._attempt(request)
            except Failed as failed:
                if not tries.again(failed.trouble):
                    raise failed.error from failed

    def _attempt(self, request: Request) -> Answer:
        """Send a request once; twice where it takes new credentials."""
        answer = self._send(request)
        if answer.response.status == 401 and self._renewed():
            answer = self._send(request)
        status = answer.response.status
        if status < 300:
            return answer
        asked = f"{request.method.lower()} {request.about}" if request.about else ""
        error = statuses.refusal(status, answer.data, asked)
        found = retrying.trouble(status, answer.response.headers.get("Retry-After", ""))
        if found:
            raise Failed(found, error)
        raise error

    def _send(self, request: Request) -> Answer:
        api = self._connected()
        with self._lock:
            self.requests[request.verb] += 1
        method, url, *_ = api.param_serialize(
            request.method, request.path, query_params=list(request.query)
        )
        headers = self._headers(request)
        limits = self._limits(request)
        began, said = time.monotonic(), ""
        try:
            answer = api.call_api(method, url, headers, request.body, _request_timeout=limits)
            response = answer.response
            said = f" {response.status} {response.reason or ''}".rstrip()
            whole = not request.silence or response.status >= 300
            data = response.data if whole else b""
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
            raise self._failed(error, limits[1]) from error
        finally:
            if self._tell:
                took = round((time.monotonic() - began) * 1000)
                self._tell(f"{method} {url}{said} in {took} milliseconds")
        self._answered |= response.status < 500
        self._collect(response.headers.getlist("Warning"))
        return Answer(response, data)

    def _failed(self, error: Exception, seconds: float) -> Failed:
        # The official client hides TLS errors in one of its own, without an HTTP status.
        hidden = error.__context__ if isinstance(error, ApiException) else None
        return Failed(*transport.lost(hidden or error, self.server, timeout=seconds))

    def _limits(self, request: Request) -> tuple[float, float]:
        if request.silence or not self._timeout:
            return CONNECT_SECONDS, request.silence or ANSWER_SECONDS
        return min(CONNECT_SECONDS, self._timeout), self._timeout

    def _json(self, answer: Answer) -> Manifest:
        try:
            found = json.loads(answer.data)
        except ValueError:
            found = None
        if isinstance(found, dict):
            if found.get("kind") == "Status" and found.get("status") == "Failure":
                raise statuses.error_of(found)  # as kubectl, which doesn't go by the code alone
            return found
        what = answer.response.headers.get("Content-Type", "") or "no type"
        raise self._stranger(f"{what} instead of JSON")

    def _stranger(self, what: str) -> ClusterError:
        return ClusterError(
            f"{self.server} does not answer as an API server: {what}",
            hint="is there a login page or a proxy on the way? kubectl config view --minify",
        )

    def _stream(self, answer: Answer, request: Request) -> Stream:
        response = answer.response

        def read() -> bytes:
            try:
                return response.read1(PIECE) or b""
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise self._failed(error, request.silence).error from error

        stream = Stream(read, response.shutdown, response.close)
        with self._lock:
            self._streams.add(stream)
        if self._closed.is_set():
            stream.close()
        return stream

    def _collect(self, headers: Sequence[str]) -> None:
        for text in (text for header in headers for text in _WARNING.findall(header)):
            with self._lock:
                self._warned.setdefault(re.sub(r"\\(.)", r"\1", text), False)

    # Who we are

    @property
    def _secure(self) -> bool:
        return urlsplit(self.server).scheme == "https"

    def _headers(self, request: Request) -> urllib3.HTTPHeaderDict:
        access = self._access
        headers = urllib3.HTTPHeaderDict({"Accept": "application/json, */*"})
        headers["User-Agent"] = transport.user_agent()
        if request.body is not None:
            headers["Content-Type"] = request.type
        if not access.disable_compression and not request.silence:
            headers["Accept-Encoding"] = "gzip"
        for name, value in access.impersonation:  # one name may come several times
            headers.add(name, transport.header(value))
        # As kubectl: nothing secret goes over a wire that anybody can read.
        if self._secure and (authorization := access.credentials.authorization()):
            headers["Authorization"] = transport.header(authorization)
        return headers

    def _renewed(self) -> bool:
        if not self._secure or not self._access.credentials.refresh_after_401():
            return False
        with self._lock:
            if self._api and self._shown != self._access.credentials.client_certificate():
                self._api = None  # open streams keep their connections
        return True

    def _connected(self) -> ApiClient:
        with self._lock:
            if self._api is None:
                self._api = self._connect()
            return self._api

    def _connect(self) -> ApiClient:
        access = self._access
        configuration = Configuration(host=self.server)
        configuration.retries = False
        configuration.keep_alive = True
        configuration.connection_pool_maxsize = self._workers + OTHERS
        configuration.verify_ssl = not access.insecure
        configuration.tls_server_name = access.tls_server_name or None
        proxy = transport.proxy_for(
            self.server, access.proxy_url, os.environ, should_bypass_proxies
        )
        configuration.proxy = proxy or None
        configuration.no_proxy = ""  # asked above
        configuration.proxy_headers = transport.proxy_headers(proxy)
        try:
            api = ApiClient(configuration)
        except (ImportError, ValueError) as error:  # of urllib3, which has to know its scheme
            raise transport.unusable(proxy) from error
        if self._secure:
            self._shown = access.credentials.client_certificate()
            # A context of ours keeps authorities and keys in memory, where the official client
            # would keep them in files.
            api.rest_client.pool_manager.connection_pool_kw["ssl_context"] = transport.tls(
                access.certificate_authority, self._shown, insecure=access.insecure
            )
        if access.insecure:  # which somebody has asked for: kubectl doesn't warn of it either
            simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        return api


def _meta(manifest: Manifest) -> Manifest:
    return manifest.get("metadata") or {}
