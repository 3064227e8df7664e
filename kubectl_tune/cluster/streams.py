"""
Answers that go on: bytes as they come, and a watch's changes out of them.

Its rule: a line counts once its end has come. What a connection leaves behind when it is lost
is half a change, and comes again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from kubectl_tune.cluster import Change
from kubectl_tune.cluster.statuses import error_of
from kubectl_tune.errors import ClusterError


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield whole lines that aren't empty; an unterminated tail is dropped."""
    torn: list[bytes] = []
    for piece in pieces:
        head, newline, rest = piece.partition(b"\n")
        if not newline:
            torn.append(piece)  # joined once: a large object comes in many pieces
            continue
        *whole, tail = rest.split(b"\n")
        yield from filter(bytes.strip, [b"".join([*torn, head]), *whole])
        torn = [tail]


def changes(pieces: Iterable[bytes]) -> Iterator[Change]:
    """Yield a watch's changes, and raise what it says went wrong; `Gone` asks for a new list."""
    for line in lines(pieces):
        change = _change(line)
        if change.type == "ERROR":
            raise error_of(change.object)
        yield change


def _change(line: bytes) -> Change:
    try:
        event = json.loads(line)
        change = Change(str(event["type"]), dict(event["object"]))
        if change.type not in ("ERROR", "BOOKMARK"):
            _ = change.object["metadata"]["name"]  # what has none can't be known again
        return change
    except (ValueError, KeyError, TypeError):
        raise ClusterError(
            f"the server sent something else than a change: {line[:80].decode(errors='replace')}"
        ) from None


class Stream:
    """
    The bytes of an answer as they come.

    `close` may come from another thread, and ends a read that waits.
    """

    def __init__(
        self,
        read: Callable[[], bytes],
        wake: Callable[[], object],
        release: Callable[[], object],
    ) -> None:
        self._read = read
        self._wake = wake
        self._release = release
        self._reading = threading.Lock()
        self._closed = False
        self._over = False

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> bytes:
        with self._reading:
            if self._over or self._closed:
                self._end()
                raise StopIteration
            try:
                piece = self._read()
            except Exception:  # what `close` breaks in another thread breaks in many ways
                self._end()
                if self._closed:
                    raise StopIteration from None
                raise
            if not piece or self._closed:
                self._end()
                raise StopIteration
            return piece

    def close(self) -> None:
        self._closed = True
        with suppress(Exception):  # whatever is wrong with it, it was to end
            self._wake()
        if self._reading.acquire(blocking=False):  # else who reads ends it
            try:
                self._end()
            finally:
                self._reading.release()

    def _end(self) -> None:
        if not self._over:
            self._over = True
            with suppress(Exception):
                self._release()


class Watch:
    """The changes in a stream; `close` as a stream's."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._changes = changes(stream)

    def __iter__(self) -> Watch:
        return self

    def __next__(self) -> Change:
        try:
            return next(self._changes)
        except BaseException:  # whatever ends a watch, its end included, frees its connection
            self._stream.close()
            raise

    def close(self) -> None:
        self._stream.close()
