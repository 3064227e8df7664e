"""
Taking home what an attempt left in its pod: its log, and its record.

Its rule: whatever is found is on disk before anybody is told of it. Pods go away: what was
read once, while one was being deleted, is kept until there is something better.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kubectl_tune import record
from kubectl_tune.cluster import ClusterClient, LogRequest
from kubectl_tune.cluster import labels as marks
from kubectl_tune.errors import ClusterError, NotFound
from kubectl_tune.record import Incomplete, Record
from kubectl_tune.wholefile import write_whole

PAUSES = (0.5, 2.0, 5.0)  # seconds: the kubelet may still be writing the last of a log
MOST_LOG = 64 << 20  # bytes of a log that are taken; an agent keeps to less than 10 MiB


@dataclass(frozen=True, slots=True)
class Source:
    """One attempt's pod, as far as its log goes."""

    pod: str
    attempt: int
    nonce: str
    path: Path  # where the log belongs
    message: str = ""  # the container's termination message
    recorded: bool = True  # an agent ended it; else there is no record to wait for


@dataclass(frozen=True, slots=True)
class Found:
    record: Record | None
    log: bytes  # as served, with times
    trouble: str = ""  # why there is no record


class Harvester:
    """Reads logs for many threads at once; `close` ends what waits."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client
        self._closed = threading.Event()

    def close(self) -> None:
        self._closed.set()

    def follow(self, source: Source, keep: Callable[[bytes], None]) -> None:
        """Read the log of a pod that is about to go, to its end; `keep` gets each part of it."""
        with contextlib.suppress(ClusterError):
            for part in self._parts(source, follow=True):
                keep(part)
                if self._closed.is_set():
                    return

    def take(self, source: Source, kept: bytes, *, gone: bool) -> Found:
        """
        Read an ended attempt's log and record, and store the log.

        `kept` is what was read of it before; `gone` says that its pod can't be asked any more.
        """
        best = Found(None, kept, "there is no record of it")
        for pause in (0.0, *PAUSES):
            if pause and self._closed.wait(pause):
                break
            best, final = self._look(source, best, gone)
            if final:
                break
        self._store(source, best.log)
        return best

    def _look(self, source: Source, best: Found, gone: bool) -> tuple[Found, bool]:
        """Look once; say whether looking again is of no use."""
        read = _record(source, best.log) if best.log else None
        if isinstance(read, Record) or gone:
            return _found(source, best.log), True
        try:
            log = b"".join(self._parts(source, follow=False))
        except NotFound as error:
            return _found(source, best.log, str(error)), True
        except ClusterError as error:
            return _found(source, best.log, str(error)), False
        log = log if len(log) >= len(best.log) else best.log
        found = _found(source, log)
        return found, not source.recorded or found.record is not None

    def _parts(self, source: Source, *, follow: bool) -> Iterator[bytes]:
        size = 0
        for part in self._client.logs(LogRequest(source.pod, marks.CONTAINER, follow=follow)):
            yield part
            size += len(part)
            if size > MOST_LOG:
                return

    def _store(self, source: Source, log: bytes) -> None:
        lines = b"".join(record.harvested_log(log, source.nonce))
        if lines:
            write_whole(source.path, lines, draft=f".{source.path.name}.tmp")


def _record(source: Source, log: bytes) -> Record | Incomplete:
    return record.read(source.message, log, source.nonce, source.attempt)


def _found(source: Source, log: bytes, trouble: str = "") -> Found:
    read = _record(source, log)
    if isinstance(read, Record):
        return Found(read, log)
    return Found(None, log, trouble or read.reason)


def last_object(log: bytes) -> str | None:
    """Return the last line of a log, as served with times, that is a JSON object."""
    for line in reversed(log.splitlines()):
        text = line.partition(b" ")[2].strip()
        if text.startswith(b"{") and text.endswith(b"}"):
            with contextlib.suppress(ValueError, RecursionError):
                if isinstance(json.loads(text), dict):
                    return text.decode()
    return None
