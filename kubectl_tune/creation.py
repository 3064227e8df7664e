"""
Jobs that are not there yet: which of them to ask for again, and when.

Its rule: where there is no room, one asks for all. Only as room shows more are tried at once, so
that a session whose quota is full never hammers at the API server.
"""

from __future__ import annotations

from itertools import islice

from kubectl_tune.errors import ClusterError, Conflict, Forbidden, Unreachable
from kubectl_tune.flight import Flight, Key
from kubectl_tune.trial import Failure

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 8.0  # seconds between two tries while there is no room
MOST = 8  # tries at once


class Creation:
    def __init__(self) -> None:
        self._waiting: dict[Key, Flight] = {}
        self._at = 0.0
        self._pause = FIRST_PAUSE
        self._width = 1
        self._full = False

    @property
    def full(self) -> bool:
        """Whether a quota has no room for the Jobs that wait."""
        return self._full and bool(self._waiting)

    def put_off(self, flight: Flight, failure: Failure | None, now: float) -> None:
        self._waiting[flight.key] = flight
        self._full = failure is Failure.QUOTA
        if self._at <= now:
            self._at = now + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._width = 1

    def drop(self, flight: Flight) -> bool:
        """Take an attempt off the list, because it is made or over; say whether it was on it."""
        return self._waiting.pop(flight.key, None) is not None

    def made(self, flight: Flight, now: float) -> None:
        if self.drop(flight):
            self._width, self._at, self._pause = min(2 * self._width, MOST), now, FIRST_PAUSE

    def room(self, now: float) -> None:
        """Something has gone: there may be room."""
        self._at = min(self._at, now)

    def due(self, now: float) -> list[Flight]:
        if now < self._at or any(flight.sending for flight in self._waiting.values()):
            return []
        return list(islice(self._waiting.values(), self._width))


def passing(error: ClusterError) -> tuple[Failure | None, str] | None:
    """Return the class and words of a refusal that may pass by itself; None for all others."""
    if isinstance(error, Forbidden):
        return (Failure.QUOTA, str(error)) if "exceeded quota" in str(error) else None
    if isinstance(error, Unreachable | Conflict) or error.code >= 500 or error.code == 429:
        return None, str(error)
    return None
