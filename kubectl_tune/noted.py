"""
What has ended, as the cluster keeps it beside its Jobs: pure, both ways.

Its rule: a line says of which spec an attempt was made, so that an edited plan takes over no
result of another line. What can't be read counts as not noted: then it is found out again.
"""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from kubectl_tune.cluster import Manifest
from kubectl_tune.trial import Failure, TrialEvent, TrialState

MOST_BYTES = 640 << 10  # of a ConfigMap, packed
_FIELDS = frozenset(TrialEvent._fields)


class Noted(NamedTuple):
    event: TrialEvent
    hash: str  # of the spec that the attempt was made of


def packed(
    events: Sequence[TrialEvent], hash_of: Callable[[TrialEvent], str]
) -> Iterator[tuple[Sequence[TrialEvent], bytes]]:
    """Yield events and what is noted of them; one too large to be noted is left out."""
    lines = (json.dumps({**event._asdict(), "hash": hash_of(event)}) for event in events)
    data = gzip.compress("".join(f"{line}\n" for line in lines).encode(), 6, mtime=0)
    if len(data) <= MOST_BYTES:
        if events:
            yield events, data
    elif len(events) > 1:
        middle = len(events) // 2
        yield from packed(events[:middle], hash_of)
        yield from packed(events[middle:], hash_of)


def noted(maps: Iterable[Manifest]) -> list[Noted]:
    """Return what ConfigMaps hold, each attempt once, in the order of attempts."""
    found = {(each.event.trial, each.event.attempt): each for each in _read(maps)}
    return sorted(found.values(), key=lambda each: each.event.attempt)


def _read(maps: Iterable[Manifest]) -> Iterator[Noted]:
    for each in maps:
        for text in (each.get("binaryData") or {}).values():
            try:
                lines = gzip.decompress(base64.b64decode(text)).splitlines()
            except (ValueError, OSError, EOFError, zlib.error):
                continue
            yield from filter(None, map(_line, lines))


def _line(text: bytes) -> Noted | None:
    try:
        line: dict[str, Any] = json.loads(text)
        given = {key: value for key, value in line.items() if key in _FIELDS}
        given["state"] = TrialState(given["state"])
        given["failure"] = Failure(given["failure"]) if given.get("failure") else None
        event = TrialEvent(**given)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return Noted(event, str(line.get("hash") or ""))
