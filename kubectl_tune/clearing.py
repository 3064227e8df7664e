"""
What is of no use any more in the cluster, and has to be ended there.

Its rule: nothing goes before it is saved why, and nothing at all while somebody only looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kubectl_tune.cluster import observed
from kubectl_tune.flight import Flight, Key

LINGER_SECONDS = 10.0  # that a pod may run on when our container has ended

End = Callable[[Sequence[Flight]], Callable[[], object]]


class Clearing:
    """`end` returns what ends attempts in the cluster, to be called in another thread."""

    def __init__(self, end: End) -> None:
        self._end = end
        self._strays: dict[str, Callable[[], object]] = {}  # by uid
        self._unsaved: list[Flight] = []
        self._doomed: list[Flight] = []
        self._lingering: dict[Key, tuple[Flight, float]] = {}  # and since when

    def stray(self, uid: str, remove: Callable[[], object]) -> None:
        """Note a thing that is no attempt of the session any more."""
        self._strays[uid] = remove

    def over(self, flight: Flight, *, doomed: bool) -> None:
        """Note an attempt that is over; a doomed one is still to be ended."""
        self._unsaved.append(flight)
        if doomed:
            self._doomed.append(flight)

    def saved(self, now: float) -> list[Callable[[], object]]:
        """Return what there is to do when all that was told is saved."""
        doomed, unsaved = self._doomed, self._unsaved
        self._doomed, self._unsaved = [], []
        todo = [self._end(doomed)] if doomed else []
        for flight in unsaved:
            if _lingers(flight):
                self._lingering[flight.key] = flight, now
            else:
                _strip(flight)
        return todo

    def seen(self, flight: Flight) -> None:
        """Take note that a pod of an attempt that is over has changed."""
        if flight.key in self._lingering and not _lingers(flight):
            del self._lingering[flight.key]
            _strip(flight)

    def lingers(self, flight: Flight) -> bool:
        return flight.key in self._lingering

    def due(self, now: float) -> Iterable[Callable[[], object]]:
        """Yield what there is to do now, by drivers only: strays, and pods that run on."""
        strays, self._strays = self._strays, {}
        yield from strays.values()
        late = [f for f, since in self._lingering.values() if now - since >= LINGER_SECONDS]
        if late:
            yield self._end(late)
        for flight in late:
            del self._lingering[flight.key]


def _lingers(flight: Flight) -> bool:
    """Say whether a pod runs on, as sidecars do, though its trial has ended."""
    gone = flight.pod_gone or flight.fate or flight.pod is None
    return not gone and not observed.has_ended(flight.pod or {})


def _strip(flight: Flight) -> None:
    """Let go of manifests: they are large, and sessions long."""
    flight.heard = flight.pod = None
