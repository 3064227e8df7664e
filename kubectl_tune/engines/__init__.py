"""
Places to run trials. Each is a module here that offers `connect(...) -> Engine`; nothing
is registered anywhere else, and only the one a session names is imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from ..trial import Trial, TrialEvent


class Engine(Protocol):
    """
    Where trials run. Engines keep no record of how a session stands: what they are told to
    do and what they observe both come back as events. The first `poll` after `connect` says
    what became of the session's attempts while nobody watched.
    """

    @property
    def slots(self) -> int:
        """How many attempts to hold at once."""

    def submit(self, trials: Sequence[Trial]) -> Sequence[TrialEvent]:
        """Begin `trials`. Asked twice for the same attempt, begin it once."""

    def poll(self, timeout: float) -> Sequence[TrialEvent]:
        """Return what changed, waiting up to `timeout` seconds for the first change."""

    def cancel(self, trials: Sequence[Trial]) -> None:
        """End `trials`, if they still run; `poll` reports the outcome."""

    def logs(self, trial: Trial, *, follow: bool = False) -> Iterator[bytes]:
        """Yield what the attempt printed, as CRI log lines (see `kubectl_tune.log`)."""

    def forget(self) -> None:
        """Drop what is kept for a restart only: all that was reported is now saved."""

    def close(self) -> Sequence[TrialEvent]:
        """
        Let go, and say what that ended. Trials on a cluster go on; local ones are
        stopped, and come back as Pending with a new attempt number.
        """
