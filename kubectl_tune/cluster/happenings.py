"""
What the cluster's Events say of one object: pure readings, oldest first.

Its rule: an Event belongs to an object of its uid, or to one of its name that is not younger;
so what befell an earlier pod of the same name is not told of this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kubectl_tune.cluster import Manifest
from kubectl_tune.cluster.observed import seconds

COMBINED = "(combined from similar events): "  # put in front by clients that have seen many
SLACK = 2.0  # seconds that clocks of nodes may differ by, beside whole seconds


@dataclass(frozen=True, slots=True)
class Happening:
    """One Event; one that came again and again is one Event with a count."""

    reason: str
    message: str
    kind: str
    name: str
    warning: bool = False
    first: float = 0.0
    last: float = 0.0
    count: int = 1


def happening(event: Manifest) -> Happening:
    about, series = _about(event), event.get("series") or {}
    told = (
        *(event.get(key) for key in ("firstTimestamp", "eventTime", "lastTimestamp")),
        series.get("lastObservedTime"),
    )
    made = seconds((event.get("metadata") or {}).get("creationTimestamp")) or 0.0
    known = [time for time in map(seconds, told) if time is not None] or [made]
    count = series.get("count") or event.get("count")
    return Happening(
        str(event.get("reason") or ""),
        str(event.get("message") or event.get("note") or "").removeprefix(COMBINED),
        str(about.get("kind") or ""),
        str(about.get("name") or ""),
        event.get("type") == "Warning",
        min(known),
        max(known),
        count if isinstance(count, int) and count > 0 else 1,
    )


def happenings(events: Iterable[Manifest], thing: Manifest | None) -> list[Happening]:
    """Return what befell an object, oldest first."""
    found = [happening(event) for event in events if thing and _concerns(event, thing)]
    return sorted(found, key=lambda each: each.last)


def newest(told: Sequence[Happening], *reasons: str) -> Happening | None:
    """Return the latest one of these reasons."""
    return next((each for each in reversed(told) if each.reason in reasons), None)


def times(told: Iterable[Happening], reason: str) -> int:
    """Return how often something happened: messages that differ are Events of their own."""
    return sum(each.count for each in told if each.reason == reason)


def _concerns(event: Manifest, thing: Manifest) -> bool:
    about = _about(event)
    mine = thing.get("metadata") or {}
    if about.get("uid") and mine.get("uid"):
        return bool(about["uid"] == mine["uid"])
    if not about.get("name") or about["name"] != mine.get("name"):
        return False
    if about.get("kind") and thing.get("kind") and about["kind"] != thing["kind"]:
        return False
    made = seconds(mine.get("creationTimestamp"))
    return made is None or happening(event).last >= made - SLACK


def _about(event: Manifest) -> Manifest:
    return event.get("involvedObject") or event.get("regarding") or {}
