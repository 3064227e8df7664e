"""
An API server on this machine that says what a test has written down, and writes down what it heard.

It speaks HTTP by hand, because most of what is tested happens below it: lines cut in half,
connections that end, certificates, proxies. Its keys (`certificates/`) open nothing else.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

CERTIFICATES = Path(__file__).with_name("certificates")


def pem(name: str) -> bytes:
    return (CERTIFICATES / name).read_bytes()


@dataclass(frozen=True)
class Heard:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: HTTPMessage
    body: Any

    def value(self, name: str) -> str:
        return self.query.get(name, [""])[0]


@dataclass(frozen=True)
class Reply:
    """`body` is sent whole; `pieces`, one chunk each, as the iterator yields them."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Callable[[], Iterable[bytes]] | None = None
    cut: bool = False  # the connection ends where more is promised


CUT = Reply(cut=True)  # nothing is answered at all


def refused(code: int, reason: str, message: str = "no", **more: object) -> Reply:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
    return Reply(code, status | {"code": code, "reason": reason, "message": message} | more)


def line(type: str, **meta: str) -> bytes:
    """Return an event of a watch on pods."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta}
    return json.dumps({"type": type, "object": pod}).encode() + b"\n"


def stream(*pieces: bytes, cut: bool = False, then: threading.Event | None = None) -> Reply:
    """Return an answer in chunks; it stays open until `then` is set."""

    def sent() -> Iterable[bytes]:
        yield from pieces
        if then:
            then.wait(30)

    return Reply(pieces=sent, cut=cut)


class ApiServer:
    """Replies are given in order, by method and path; the last of them again and again."""

    def __init__(
        self, certificate: str = "", *, ask_certificate: bool = False, port: int = 0
    ) -> None:
        self.heard: list[Heard] = []
        self._replies: dict[tuple[str, str], list[Reply]] = defaultdict(list)
        self._changed = threading.Condition()
        self._http = _Server(("127.0.0.1", port), self._handler())
        self._http.context = _context(certificate, ask_certificate) if certificate else None
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self) -> int:
        return self._http.server_port

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self._http.context else 'http'}://{self.host}"

    def on(self, method: str, path: str, *replies: Reply | object) -> None:
        self._replies[method, path] = [
            each if isinstance(each, Reply) else Reply(body=each) for each in replies
        ]

    def calls(self) -> list[str]:
        return [f"{each.method} {each.path}" for each in self.heard]

    def wait_for(self, number: int, seconds: float = 60.0) -> None:
        """Wait until so many requests have come."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.heard) >= number, seconds), self.calls()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def reply(self, heard: Heard) -> Reply:
        with self._changed:
            self.heard.append(heard)
            self._changed.notify_all()
            found = self._replies[heard.method, heard.path]
            if not found:
                return refused(404, "NotFound", f"{heard.path} is not written down")
            return found.pop(0) if len(found) > 1 else found[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        return type("Handler", (_Handler,), {"api": self})


class _Server(ThreadingHTTPServer):
    context: ssl.SSLContext | None
    daemon_threads = True

    def get_request(self) -> tuple[socket.socket, Any]:
        request, address = super().get_request()
        if self.context:  # hands are shaken in the connection's own thread, at its first read
            request = self.context.wrap_socket(
                request, server_side=True, do_handshake_on_connect=False
            )
        return request, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that don't like us, or have gone


class _Handler(BaseHTTPRequestHandler):
    api: ApiServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for its second half

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        if self.command == "CONNECT":
            self._tunnel()
        else:
            self._answer(self.api.reply(self._heard()))

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _heard(self) -> Heard:
        length = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(length)
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        body = json.loads(data) if data else None
        return Heard(self.command, address.path, query, self.headers, body)

    def _answer(self, reply: Reply) -> None:
        if reply.pieces:
            self._stream(reply, reply.pieces())
        elif reply.cut and reply.body is None:
            self._hang_up()
        else:
            body = reply.body
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            length = len(data) + (10 if reply.cut else 0)
            self._head(reply, {"Content-Length": str(length)})
            self.wfile.write(data)
            if reply.cut:
                self._hang_up()

    def _head(self, reply: Reply, more: dict[str, str]) -> None:
        self.send_response(reply.status)
        for name, value in (
            {"Content-Type": "application/json"} | dict(reply.headers) | more
        ).items():
            for each in value.split("\n"):
                self.send_header(name, each)
        self.end_headers()

    def _stream(self, reply: Reply, pieces: Iterable[bytes]) -> None:
        self._head(reply, {"Transfer-Encoding": "chunked"})
        self.wfile.flush()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
        if reply.cut:
            self._hang_up()
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _tunnel(self) -> None:
        """Be a proxy: carry bytes both ways."""
        self.api.reply(Heard("CONNECT", self.path, {}, self.headers, None))
        host, _, port = self.path.rpartition(":")
        self.send_response(200)
        self.end_headers()
        with socket.create_connection((host, int(port))) as far:
            back = threading.Thread(target=_carry, args=(far, self.connection), daemon=True)
            back.start()
            _carry(self.connection, far)
            back.join(5)
        self.close_connection = True


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def _context(certificate: str, ask: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(
        CERTIFICATES / f"{certificate}.pem", CERTIFICATES / f"{certificate}.key"
    )
    if ask:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(CERTIFICATES / "ca.pem")
    return context


def silent() -> tuple[socket.socket, str]:
    """Return a socket that takes connections and never says a word, and its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, f"127.0.0.1:{listener.getsockname()[1]}"


def nobody() -> str:
    """Return an address where nothing listens."""
    listener, address = silent()
    listener.close()
    return address
