"""
Events of attempts in the order of attempts: a later one is told when the one before is over.

The log of an attempt may come home after the pod of the next one has shown; told at once, that
would make the end of the first no news, and so it would count for nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from kubectl_tune.flight import Flight, Key
from kubectl_tune.trial import TrialEvent


class InOrder:
    def __init__(self, flights: Mapping[Key, Flight]) -> None:
        self._flights = flights
        self._over: set[Key] = set()  # that the driver has heard the end of
        self._held: dict[Key, list[TrialEvent]] = defaultdict(list)

    def __call__(self, events: Iterable[TrialEvent]) -> list[TrialEvent]:
        told: list[TrialEvent] = []
        for event in events:
            key, before = (event.trial, event.attempt), (event.trial, event.attempt - 1)
            if before in self._flights and before not in self._over:
                self._held[key].append(event)
                continue
            told.append(event)
            if event.state.ended:
                self._over.add(key)
                told += self(self._held.pop((event.trial, event.attempt + 1), ()))
        return told
