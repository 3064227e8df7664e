"""An engine in memory: trials end as they are told to, in the order in which they began."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kubectl_tune.trial import Failure, Trial, TrialEvent, TrialState

ENDS: dict[str, dict[str, Any]] = {
    "ok": {"state": TrialState.SUCCEEDED, "exit_code": 0},
    "fail": {"state": TrialState.FAILED, "failure": Failure.EXIT, "exit_code": 1},
    "timeout": {"state": TrialState.TIMED_OUT, "failure": Failure.TIMEOUT},
    "lost": {"state": TrialState.LOST, "failure": Failure.NODE_LOST},
    "interrupted": {"state": TrialState.LOST},
    "deleted": {"state": TrialState.LOST, "failure": Failure.DELETED},
}
IDLE = 3000  # polls without news that mean that a driver waits for ever


class FakeEngine:
    """
    `ends` says how the attempts at a trial end, one word each, the last one for all further
    ones; `hang` never ends, a JSON text is the result of a success. `polled` is called at each
    poll.
    """

    def __init__(
        self,
        ends: Mapping[str, Sequence[str]] | None = None,
        *,
        slots: int = 2,
        first: Sequence[TrialEvent] = (),
        polled: Callable[[FakeEngine], None] = lambda engine: None,
    ) -> None:
        self.slots = slots
        self.submitted: list[tuple[str, int]] = []
        self.cancelled: list[str] = []
        self.forgotten = 0
        self.closed = 0
        self.running: dict[str, Trial] = {}
        self.most = 0
        self._ends = ends or {}
        self._first = list(first)
        self._polled = polled
        self._told: deque[TrialEvent] = deque()
        self._idle = 0

    def submit(self, trials: Sequence[Trial]) -> list[TrialEvent]:
        for trial in trials:
            self.submitted.append((trial.id, trial.attempt))
            self.running[trial.id] = trial
        self.most = max(self.most, len(self.running))
        return [TrialEvent(t.id, t.attempt, TrialState.SUBMITTED, time.time()) for t in trials]

    def poll(self, timeout: float) -> list[TrialEvent]:
        if self._first:
            events, self._first = self._first, []
            return events
        self._polled(self)
        events = [*self._told, *self._ended()]
        self._told.clear()
        self._idle = 0 if events else self._idle + 1
        assert self._idle < IDLE, "the driver waits for ever"
        time.sleep(0 if events else min(timeout, 0.002))
        return events

    def cancel(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            self.cancelled.append(trial.id)
            if running := self.running.pop(trial.id, None):
                self._told.append(self._event(running, {"state": TrialState.CANCELLED}))

    def logs(self, trial: Trial, *, follow: bool = False) -> Iterator[bytes]:
        return iter(())

    def forget(self) -> None:
        self.forgotten += 1

    def close(self) -> list[TrialEvent]:
        self.closed += 1
        lost = [self._event(t, ENDS["interrupted"]) for t in self.running.values()]
        self.running.clear()
        return lost

    def _ended(self) -> list[TrialEvent]:
        """End the oldest that doesn't hang."""
        for trial in self.running.values():
            words = self._ends.get(trial.id, ["ok"])
            word = words[min(trial.attempt, len(words)) - 1]
            if word != "hang":
                del self.running[trial.id]
                return [self._event(trial, ENDS.get(word) or ENDS["ok"] | {"result": word})]
        return []

    def _event(self, trial: Trial, end: Mapping[str, Any]) -> TrialEvent:
        now = time.time()
        return TrialEvent(trial.id, trial.attempt, at=now, **{"started": now} | dict(end))


class Remote(FakeEngine):
    """
    As on a cluster: trials go on when the driver lets go, and they begin when there is room.

    A `deaf` one can't be told to end anything.
    """

    def __init__(self, *given: Any, deaf: bool = False, **more: Any) -> None:
        super().__init__(*given, **more)
        self._deaf = deaf

    def hold(self, trials: Sequence[Trial]) -> None:
        """Have attempts already, which an earlier driver has submitted."""
        self.running |= {trial.id: trial for trial in trials}

    def cancel(self, trials: Sequence[Trial]) -> None:
        if self._deaf:
            self.cancelled += [trial.id for trial in trials]
        else:
            super().cancel(trials)

    def close(self) -> list[TrialEvent]:
        self.closed += 1
        return []
