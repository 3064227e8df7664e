"""
Several engines as one, each with a share of the trials that run at once.

Starting a process keeps an agent busy for about as long as a short trial runs, so on a machine
with more than one core one agent alone leaves the others waiting.
"""

from __future__ import annotations

import select
from collections.abc import Iterator, Sequence
from typing import Protocol

from kubectl_tune.engines import Engine
from kubectl_tune.trial import Trial, TrialEvent


class Member(Engine, Protocol):
    @property
    def free(self) -> int:
        """How many more attempts it takes."""

    @property
    def wake(self) -> int | None:
        """What becomes readable when it has news; None while it runs nothing."""

    @property
    def unheard(self) -> bool:
        """Whether it has something to say before anything has been asked of it."""

    def stop(self) -> None:
        """Ask for the end of everything; `close` waits for it."""


class Crew:
    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._homes: dict[str, Member] = {}  # of each trial: it stays with who had it first

    @property
    def slots(self) -> int:
        return sum(member.slots for member in self._members)

    def submit(self, trials: Sequence[Trial]) -> list[TrialEvent]:
        room = {id(member): member.free for member in self._members}
        shares: dict[int, list[Trial]] = {id(member): [] for member in self._members}
        for trial in trials:
            home = max(self._members, key=lambda member: room[id(member)])
            home = self._homes.setdefault(trial.id, home)
            room[id(home)] -= 1
            shares[id(home)].append(trial)
        return [e for member in self._members for e in member.submit(shares[id(member)])]

    def poll(self, timeout: float) -> list[TrialEvent]:
        wakes = [member.wake for member in self._members if member.wake is not None]
        if not wakes or any(member.unheard for member in self._members):
            first, *others = self._members
            return [*first.poll(timeout), *(e for member in others for e in member.poll(0))]
        select.select(wakes, [], [], timeout)
        return [event for member in self._members for event in member.poll(0)]

    def cancel(self, trials: Sequence[Trial]) -> None:
        for member in self._members:
            member.cancel(trials)

    def logs(self, trial: Trial, *, follow: bool = False) -> Iterator[bytes]:
        return self._members[0].logs(trial, follow=follow)

    def forget(self) -> None:
        for member in self._members:
            member.forget()

    def close(self) -> list[TrialEvent]:
        for member in self._members:
            member.stop()
        return [event for member in self._members for event in member.close()]
