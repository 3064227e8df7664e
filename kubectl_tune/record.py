"""
What an agent says of an attempt, as a pod leaves it behind: a message, and lines of its log.

The format is the agent's, see `kubectl_tune.agent`. The rule: a record is whole or it is none.
What was cut, torn or mixed up is `Incomplete`, with the reason, and nothing is made of it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import signal
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kubectl_tune.trial import Failure, TrialEvent, TrialState

INTERRUPTED = "interrupted: its driver ended"
MOST_TEXT = 4 << 20  # bytes of a record, unpacked: an agent's limit, and broken UTF-8 mended
MOST_PIECES = 3000
LATEST = 1e11  # seconds since the epoch: no time, and no number, is beyond that
NO_TIME = "1970-01-01T00:00:00.000000000Z"


@dataclass(frozen=True, slots=True)
class Record:
    """How an attempt ended; `code` and `started` are None for what never began."""

    code: int | None
    why: str
    detail: str = ""
    started: float | None = None
    at: float = 0.0
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Incomplete:
    reason: str


def read(message: str, log: bytes, nonce: str, attempt: int) -> Record | Incomplete:
    """
    Read a record from a termination message and a log, as served with or without times.

    The message decides, where it is whole; the log has what the message has no room for.
    """
    head = _head(message)
    if head and head["a"] not in (attempt, 0):  # 0: the agent could not tell
        return Incomplete(f"its message is of attempt {head['a']}")
    if head and (record := _inline(head)):
        return record
    blocks = [block for block in _blocks(log, nonce) if block.attempt in (attempt, 0)]
    for block in reversed(blocks):
        record = block.record()
        if record and (head is None or _sha(record.result) == head["sha"]):
            return record
    return Incomplete(_trouble(head, message, blocks))


def event(id: str, attempt: int, record: Record, *, node: str = "") -> TrialEvent:
    """Turn an agent's record into the event that ends an attempt."""
    state, failure, reason = _verdict(record)
    return TrialEvent(
        id,
        attempt,
        state,
        record.at,
        node=node,
        failure=failure,
        reason=reason,
        exit_code=record.code,
        started=record.started,
        result=record.result,
    )


def harvested_log(log: bytes, nonce: str) -> Iterator[bytes]:
    """
    Yield a log as served with times in the CRI format, as the store keeps it, without a record.

    What is served doesn't say which stream a line is of, so all are of stdout.
    """
    mark, time = f"@@KT1 {nonce} ".encode(), NO_TIME.encode()
    *lines, rest = log.split(b"\n")
    for line in [*lines, rest] if rest else lines:
        stamp, _, text = line.partition(b" ")
        if found := _time(stamp):
            time = found
        else:  # the kubelet's own words, or the first line is cut
            text = line
        before, marked, _ = text.partition(mark)
        if not marked or before:
            yield time + b" stdout F " + before + b"\n"


# What became of it


def _verdict(record: Record) -> tuple[TrialState, Failure | None, str]:
    detail = record.detail
    match record.why:
        case "timeout":
            return TrialState.TIMED_OUT, Failure.TIMEOUT, "it ran into its time-out"
        case "cancelled":
            return TrialState.CANCELLED, None, "cancelled"
        case "stopped" | "begun":
            return TrialState.LOST, None, INTERRUPTED
        case "sigterm":
            return TrialState.LOST, Failure.PREEMPTED, "its pod was asked to end"
        case "machine":
            return TrialState.LOST, Failure.NODE_LOST, f"it could not be started: {detail}"
        case "setup":
            return TrialState.FAILED, Failure.EXIT, f"its pod can't run it: {detail}"
        case "oom":
            return TrialState.FAILED, Failure.OOM, f"out of memory: {detail}"
        case "bad-result" | "too-large":
            return TrialState.FAILED, Failure.BAD_RESULT, detail
    if record.code == 0:
        return TrialState.SUCCEEDED, None, detail
    return TrialState.FAILED, Failure.EXIT, _exit(record)


def _exit(record: Record) -> str:
    code = record.code
    if code is None:
        reason = f"it did not begin: {record.why}"
    else:
        reason = f"killed by {_signal(code - 128)}" if code > 128 else f"exit code {code}"
    return f"{reason} ({record.detail})" if record.detail else reason


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


# The message

_Number = (int, float)
_KINDS: Mapping[str, tuple[type, ...]] = {
    "a": (int,),
    "code": (int, type(None)),
    "why": (str,),
    "detail": (str,),
    "started": (*_Number, type(None)),
    "at": _Number,
    "sha": (str,),
    "size": (int,),
}


def _head(text: str | bytes) -> dict[str, Any] | None:
    """Return a message, or the head of a block, if it is one of ours and whole."""
    try:
        head = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(head, dict) or head.get("kt") != 1:
        return None
    sound = all(isinstance(head.get(key, ...), kinds) for key, kinds in _KINDS.items())
    sound = sound and all(0 <= (head[key] or 0) < LATEST for key in ("started", "at"))
    return head if sound else None


def _inline(head: dict[str, Any]) -> Record | None:
    """Return the record of a message that has no more to say, or has its result with it."""
    if not head["sha"]:
        return _record(head, None)
    packed = head.get("gz")
    data = _unpacked(packed.encode(), head["size"]) if isinstance(packed, str) else None
    return _record(head, data) if data else None


def _record(head: dict[str, Any], result: bytes | None) -> Record | None:
    """Put a record together; None where the result is not the head's, or no text."""
    if (hashlib.sha256(result).hexdigest() if result is not None else "") != head["sha"]:
        return None
    try:
        text = None if result is None else result.decode()
    except UnicodeDecodeError:
        return None
    return Record(
        head["code"], head["why"], head["detail"], head["started"], head["at"], result=text
    )


def _unpacked(packed: bytes, size: int) -> bytes | None:
    """Unpack exactly `size` bytes: a few bytes can be made to unpack to any number."""
    if not 0 <= size <= MOST_TEXT:
        return None
    try:
        unpacking = zlib.decompressobj(wbits=31)
        data = unpacking.decompress(base64.b64decode(packed, validate=True), size + 1)
    except (ValueError, zlib.error):
        return None
    return data if unpacking.eof and not unpacking.unused_data and len(data) == size else None


def _sha(result: str | None) -> str:
    return "" if result is None else hashlib.sha256(result.encode()).hexdigest()


# The log


@dataclass(slots=True)
class _Block:
    """A record in a log, as far as it is there; `count` is how many pieces it should have."""

    attempt: int
    count: int
    size: int
    sha: str
    pieces: list[bytes] = field(default_factory=list)
    sound: bool = True  # every piece so far is in its place, and is what was written
    ended: bool = False

    def add(self, words: list[bytes]) -> None:
        number, crc, piece = (*words, b"", b"", b"")[:3]
        in_place = number == str(len(self.pieces)).encode() and len(self.pieces) < self.count
        if not in_place or crc != f"{zlib.crc32(piece):08x}".encode():
            self.sound = False
        elif self.sound:
            self.pieces.append(piece)

    def end(self, words: list[bytes]) -> None:
        self.ended = words[:1] == [self.sha.encode()]

    def record(self) -> Record | None:
        if not (self.ended and self.sound and len(self.pieces) == self.count):
            return None
        text = _unpacked(b"".join(self.pieces), self.size)
        if text is None or hashlib.sha256(text).hexdigest() != self.sha:
            return None
        line, _, result = text.partition(b"\n")
        head = _head(line)
        return _record(head, result if head["sha"] else None) if head else None


def _blocks(log: bytes, nonce: str) -> list[_Block]:
    """Return the records that a log has, or has parts of; other lines may stand between."""
    found: list[_Block] = []
    for kind, rest in re.findall(_marked(nonce), log):
        words = rest.split()
        if kind == b"B":
            found += filter(None, [_begun(words)])
        elif found and kind == b"C":
            found[-1].add(words)
        elif found:
            found[-1].end(words)
    return found


def _marked(nonce: str) -> bytes:
    # A marker may stand behind the piece of a long line of the other stream.
    return rb"@@KT1 %s ([BCE]) ([^\n]*)" % re.escape(nonce.encode())


def _begun(words: list[bytes]) -> _Block | None:
    try:
        attempt, count, size, _ = map(int, words[:4])
        sha, form = words[4].decode("ascii"), words[5]
    except (ValueError, IndexError):
        return None
    if form != b"gz+b64" or not (0 <= count <= MOST_PIECES and 0 <= size <= MOST_TEXT):
        return None
    return _Block(attempt, count, size, sha)


def _trouble(head: dict[str, Any] | None, message: str, blocks: list[_Block]) -> str:
    if blocks:
        last = blocks[-1]
        if last.record():
            return "the result in its log is not the one that its message names"
        return f"its record is torn: {len(last.pieces)} of {last.count} pieces are in its log"
    if head:
        return "its result is not in its log"
    return "its message is cut short" if message.startswith('{"kt"') else "it left no record"


# Times

_RFC3339 = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


def _time(stamp: bytes) -> bytes | None:
    """Return a time in UTC and with nine digits, or None where there is none."""
    match = _RFC3339.fullmatch(stamp)
    if match is None:
        return None
    clock, fraction, zone = match.groups()
    if zone != b"Z":
        clock = _utc(clock + zone)
    return clock + b"." + (fraction or b"").ljust(9, b"0") + b"Z" if clock else None


def _utc(time: bytes) -> bytes:
    """Return a node's own time in UTC, "" where there is no such time."""
    try:
        at = datetime.fromisoformat(time.decode()).astimezone(UTC)
    except (ValueError, OverflowError):
        return b""
    return at.strftime("%Y-%m-%dT%H:%M:%S").encode()
