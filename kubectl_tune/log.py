"""
Logs as the store keeps them: CRI log lines, `TIME stdout|stderr F|P text`, one file an attempt.

P marks a line that goes on in the next one of its stream. Local attempts and harvested pods
have the same format, so there is one reader; `cat` shows it with times, as `logs --timestamps`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LogLine:
    time: str  # RFC 3339 with nanoseconds, UTC
    stream: str
    text: bytes
    ended: bool = True  # False: the attempt ended, or waits, in the middle of this line

    @property
    def at(self) -> float:
        """Seconds since the epoch, to the microsecond."""
        return datetime.fromisoformat(self.time[:26] + "+00:00").timestamp()


def parse(lines: Iterable[bytes]) -> Iterator[LogLine]:
    """Put stored lines together to the lines that were printed; skip what is torn."""
    open_lines: dict[str, list[LogLine]] = {}
    for line in lines:
        piece = _piece(line)
        if piece is None:
            continue
        pieces = open_lines.setdefault(piece.stream, [])
        pieces.append(piece)
        if piece.ended:
            yield _joined(open_lines.pop(piece.stream))
    yield from map(_joined, open_lines.values())


def _joined(pieces: list[LogLine]) -> LogLine:
    first, last = pieces[0], pieces[-1]
    return LogLine(first.time, first.stream, b"".join(p.text for p in pieces), last.ended)


def _piece(line: bytes) -> LogLine | None:
    fields = line.rstrip(b"\n").split(b" ", 3)
    if len(fields) < 4 or fields[2] not in (b"F", b"P") or not fields[0].endswith(b"Z"):
        return None
    time, stream = (field.decode("ascii", "replace") for field in fields[:2])
    return LogLine(time, stream, fields[3], fields[2] == b"F")
