"""
A container's log as the runtime keeps it and the API serves it: lines with their times.

Long lines are kept in pieces of 16 KiB, of which `tail` counts every one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kubectl_tune.cluster import LogRequest

PIECE = 16 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    at: int  # nanoseconds since the epoch
    text: bytes
    whole: bool  # a line ends here

    @property
    def time(self) -> bytes:
        seconds, rest = divmod(self.at, 10**9)
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z".encode()


@dataclass
class PodLog:
    pieces: list[Piece] = field(default_factory=list)
    ended: bool = False
    _rest: bytes = b""
    _news: threading.Condition = field(default_factory=threading.Condition)

    def feed(self, data: bytes) -> None:
        """Take what the container wrote."""
        with self._news:
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._keep(line, whole=True)
            while len(self._rest) >= PIECE:
                self._add(self._rest[:PIECE], whole=False)
                self._rest = self._rest[PIECE:]
            self._news.notify_all()

    def end(self) -> None:
        """The container has ended: what it left without an end of line is a line, too."""
        with self._news:
            if self._rest:
                self._keep(self._rest, whole=True)
            self._rest = b""
            self.ended = True
            self._news.notify_all()

    def wake(self) -> None:
        with self._news:
            self._news.notify_all()

    def last(self, size: int, lines: int) -> str:
        """The end of the log, as it stands in for a termination message."""
        text = b"".join(each.text + b"\n" * each.whole for each in self.pieces)
        tail = b"".join(text.splitlines(keepends=True)[-lines:])
        return tail[-size:].decode(errors="replace")

    def serve(self, request: LogRequest, alive: Callable[[], None]) -> Iterator[bytes]:
        """Yield what was asked for; `alive` raises when it can't go on."""
        at = self._begin(request)
        fresh = True
        while True:
            with self._news:
                alive()
                pieces, ended = self.pieces[at:], self.ended
                if not pieces and not ended and request.follow:
                    self._news.wait()
                    continue
            for piece in pieces:
                prefix = piece.time + b" " if request.timestamps and fresh else b""
                fresh = piece.whole
                yield prefix + piece.text + b"\n" * piece.whole
            at += len(pieces)
            if ended or not request.follow:
                return

    def _begin(self, request: LogRequest) -> int:
        begin = 0
        if request.since:
            # The kubelet is told whole seconds: lines of the same second come again.
            since = int(datetime.fromisoformat(request.since).timestamp()) * 10**9
            while begin < len(self.pieces) and self.pieces[begin].at < since:
                begin += 1
        if request.tail is not None:
            begin = max(begin, len(self.pieces) - request.tail)
        return begin

    def _keep(self, line: bytes, whole: bool) -> None:
        while len(line) > PIECE:
            self._add(line[:PIECE], whole=False)
            line = line[PIECE:]
        self._add(line, whole)

    def _add(self, text: bytes, whole: bool) -> None:
        self.pieces.append(Piece(time.time_ns(), text, whole))
