"""
In what engines on a cluster differ that share a fleet: whose a thing is, and how it is ended.

Its rule: what ends something is decided in the driver's thread, and done in another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from kubectl_tune.cluster import Change, Manifest
from kubectl_tune.flight import Flight, Key
from kubectl_tune.trial import TrialEvent


class Claim(NamedTuple):
    """An attempt that an object belongs to; not `same` is one at what the plan said before."""

    key: Key
    same: bool = True


class Ways(Protocol):
    """In what engines differ that share a fleet."""

    shared: bool  # whether a Job has many attempts, and stays as long as one of them needs it

    def whose(self, kind: str, change: Change) -> Iterable[Claim]:
        """Yield the attempts that a Job or a pod belongs to, as far as the change concerns them."""

    def end(self, flights: Sequence[Flight]) -> Callable[[], object]:
        """Return what ends attempts in the cluster; it is called in another thread."""

    def remove(self, kind: str, thing: Manifest) -> Callable[[], object]:
        """Return what ends a Job or a pod that is no attempt of this session any more."""

    def is_queued(self, flight: Flight) -> bool:
        """Say whether an attempt waits for its turn only."""

    def is_counted(self, flight: Flight) -> bool:
        """Say whether the Job takes an attempt for over."""

    def is_tried_again(self, flight: Flight, event: TrialEvent) -> bool:
        """Say whether the cluster begins the next attempt by itself."""
