"""
Taking home what an attempt left in its pod: its log, and its record.

Its rule: whatever is found is on disk before anybody is told of it. Pods go away: what was
read once, while one was being deleted, is kept until there is something better. And a cluster
that can't be asked says nothing of an attempt: it is asked again.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from kubectl_tune import record, result
from kubectl_tune.cluster import ClusterClient, LogRequest
from kubectl_tune.cluster import labels as marks
from kubectl_tune.errors import ClusterError, Forbidden, NotFound, Unauthorized, Unreachable
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


class Again(Enum):
    """Whether a log is worth another look."""

    NO = "it is whole, or gone"
    SOON = "its kubelet may be about to write the rest"
    EVER = "nobody could be asked"


class Harvester:
    """Reads logs for many threads at once; `close` ends what waits."""

    def __init__(self, client: ClusterClient, pauses: Sequence[float] = PAUSES) -> None:
        self._client = client
        self._pauses = pauses
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

    def take(self, source: Source, kept: bytes, *, gone: bool) -> Found | None:
        """
        Read an ended attempt's log and record, and store the log; None when closed before that.

        `kept` is what was read of it before; `gone` says that its pod can't be asked any more.
        Raises `Forbidden` and `Unauthorized` where the record is nowhere but in the log.
        """
        best = Found(None, kept, "there is no record of it")
        looks = 0
        while True:
            best, again = self._look(source, best, gone)
            if again is Again.NO or (again is Again.SOON and looks == len(self._pauses)):
                break
            if self._closed.wait(self._pauses[min(looks, len(self._pauses) - 1)]):
                return None
            looks += again is Again.SOON
        self._store(source, best.log)
        return best

    def _look(self, source: Source, best: Found, gone: bool) -> tuple[Found, Again]:
        """Look once; say whether it is worth looking again."""
        known = _found(source, best.log)
        if gone or (best.log and known.record):
            return known, Again.NO
        try:
            log = b"".join(self._parts(source, follow=False))
        except (Forbidden, Unauthorized):
            if known.record is None:
                raise
            return known, Again.NO
        except Unreachable:
            return known, Again.EVER
        except ClusterError as error:
            found = _found(source, best.log, str(error))
            return found, Again.NO if isinstance(error, NotFound) else Again.SOON
        found = _found(source, log if len(log) >= len(best.log) else best.log)
        whole = found.record is not None or not source.recorded
        return found, Again.NO if whole else Again.SOON

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
    return result.last_object(_texts(log))


def _texts(log: bytes) -> Iterator[str]:
    """Yield a log's lines without their times, the last one first."""
    for line in reversed(log.splitlines()):
        with contextlib.suppress(UnicodeDecodeError):  # then it is no JSON either
            yield line.partition(b" ")[2].decode()
