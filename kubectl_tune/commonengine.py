"""
What engines on a cluster do alike: take trials once, pass on what the fleet tells, tidy, let go.

Its rule: nothing in the cluster is deleted before all that was told of it is saved.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from kubectl_tune.cluster import ClusterClient
from kubectl_tune.fleet import Fleet
from kubectl_tune.provision import Provision
from kubectl_tune.session import Session
from kubectl_tune.tidying import Tidier
from kubectl_tune.trial import Trial, TrialEvent
from kubectl_tune.ways import Ways


class CommonEngine(Ways, ABC):
    """An engine says how trials are begun, and has its own `Ways`."""

    def __init__(
        self,
        session: Session,
        client: ClusterClient,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._client = client
        self._ids = {trial.spec.slug: trial.id for trial in session.trials.values()}
        self._provision = Provision(session, client)
        self._fleet = Fleet(session, client, folder, self, clock)
        self._tidier = Tidier(session, client, self._provision, deletes=not self.shared)
        self._submitted: set[tuple[str, int]] = set()
        self._closed = False

    @abstractmethod
    def _begin(self, trials: Sequence[Trial]) -> list[TrialEvent]:
        """Begin trials that have not been asked for before."""

    def submit(self, trials: Sequence[Trial]) -> list[TrialEvent]:
        events = [] if self._fleet.started else self.poll(0)
        new = [t for t in trials if (t.id, t.attempt) not in self._submitted]
        new = [t for t in new if self._fleet.flight(t) is None]
        self._submitted.update((t.id, t.attempt) for t in new)
        return events + self._begin(new)

    def poll(self, timeout: float) -> list[TrialEvent]:
        if self._fleet.started:
            events = self._fleet.poll(timeout)
        else:
            events = self._fleet.start()
            self._tidier.note_leftovers(self._fleet.leftovers)
        self._tidier.note(self._fleet.unnoted(events))
        return events

    def cancel(self, trials: Sequence[Trial]) -> None:
        self._fleet.cancel(trials)

    def logs(self, trial: Trial, *, follow: bool = False) -> Iterator[bytes]:
        return self._fleet.logs(trial, follow=follow)

    def forget(self) -> None:
        """Delete the Jobs of what has ended, many at once; `--keep` says which."""
        late = not (self.shared or self._fleet.started or self._closed)
        if late:  # an earlier driver may have been killed before it could
            self.poll(0)
        self._fleet.saved()
        self._tidier.tidy(all=late or self._closed, cramped=self._fleet.cramped)
        if self._closed:
            self._client.close()

    def close(self) -> list[TrialEvent]:
        """Let go: the Jobs go on."""
        if self._closed:
            return []
        self._closed = True
        events = self._fleet.close()
        if self._tidier.idle:  # else the last `forget` still needs it
            self._client.close()
        return events
