"""
What is done with the Jobs of ended attempts: noted in the cluster, then deleted, many at once.

Its rule: results before deletion, here as on disk. What ended is in a ConfigMap of the session
before a Job of it goes, so that a machine without the state file can still learn of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterable, Sequence
from functools import partial

from kubectl_tune.cluster import ClusterClient, manifests
from kubectl_tune.cluster import labels as marks
from kubectl_tune.cluster.manifests import Scene
from kubectl_tune.errors import ClusterError, Conflict, Forbidden
from kubectl_tune.noted import packed
from kubectl_tune.podoptions import pod_options
from kubectl_tune.provision import Provision
from kubectl_tune.session import Session
from kubectl_tune.trial import TrialEvent, TrialState

BATCH = 25  # attempts that are noted and deleted together
KEPT = {
    "all": frozenset(TrialState),
    "failed": frozenset({TrialState.FAILED, TrialState.TIMED_OUT}),
    "none": frozenset[TrialState](),
}


class Tidier:
    """
    Attempts that have ended, until all that they left in the cluster is in order.

    `deletes` says whether Jobs may go one by one; those of an Indexed Job go together.
    """

    def __init__(
        self, session: Session, client: ClusterClient, provision: Provision, *, deletes: bool = True
    ) -> None:
        self._session = session
        self._client = client
        self._provision = provision
        self._keep = pod_options(session.info).keep if deletes else "all"
        self._ended: list[TrialEvent] = []  # to be noted, then deleted
        self._noted: list[TrialEvent] = []  # to be deleted
        self._kept: list[TrialEvent] = []  # by --keep failed
        self._working: threading.Thread | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is left to put in order."""
        return not (self._ended or self._noted or self._working)

    def note(self, events: Iterable[TrialEvent]) -> None:
        self._ended += [event for event in events if event.state.ended and event.job]

    def note_leftovers(self, events: Iterable[TrialEvent]) -> None:
        """Take over what an earlier driver has noted, but not deleted."""
        self._noted += events

    def tidy(self, *, all: bool = False, cramped: bool = False) -> None:
        """
        Put in order what was noted, if that is worth the requests; `all` waits for it.

        Where a quota leaves no room for Jobs (`cramped`), failed ones go as well.
        """
        if self._working and (all or not self._working.is_alive()):
            self._working.join()
            self._working = None
        if cramped and self._keep == "failed":
            self._keep = "none"
            self._noted += self._kept
        few = len(self._ended) + len(self._noted) < BATCH and not (all or cramped)
        if self.idle or few or self._working:
            return
        kept = [event for each in self._ended if (event := self._as_kept(each))]
        noted, self._noted, self._ended = self._noted, [], []
        work = partial(self._work, self._provision.scene, kept, noted)
        if all:
            work()
        else:
            self._working = threading.Thread(target=work, daemon=True)
            self._working.start()

    def _as_kept(self, event: TrialEvent) -> TrialEvent | None:
        """Return an ending as the session took it; its driver may know better why it was."""
        trial = self._session.trials.get(event.trial)
        if trial is None:
            return None
        if trial.attempt == event.attempt and trial.state.ended:
            return event._replace(state=trial.state, failure=trial.failure, reason=trial.reason)
        if event.state is TrialState.CANCELLED:  # it was let off, and begins again
            return event._replace(state=TrialState.LOST, failure=None)
        return event

    def _work(self, scene: Scene, ended: Sequence[TrialEvent], noted: Sequence[TrialEvent]) -> None:
        try:
            self._delete(noted)
            for events, data in packed(ended, self._hash_of):
                self._note_in_cluster(scene, data)
                self._delete(events)
        except Forbidden:
            pass  # they stay until the cluster's own time to live for them is over
        except ClusterError:
            self._ended += ended  # another time
            self._noted += noted

    def _delete(self, events: Sequence[TrialEvent]) -> None:
        kept = KEPT[self._keep]
        delete_jobs(
            self._client,
            self._session.info.uid,
            [event.job for event in events if event.state not in kept],
        )
        self._kept += [event for event in events if event.state in kept]

    def _hash_of(self, event: TrialEvent) -> str:
        return self._session.trials[event.trial].spec.hash

    def _note_in_cluster(self, scene: Scene, data: bytes) -> None:
        name = f"tune-{scene.info.uid}-done-{hashlib.sha256(data).hexdigest()[:10]}"
        with contextlib.suppress(Conflict):  # an earlier driver has done so
            self._client.create(manifests.binary_map(scene, name, "done", "done.jsonl.gz", data))


def delete_jobs(client: ClusterClient, uid: str, names: Sequence[str], batch: int = 40) -> None:
    """Delete Jobs, and in the background their pods, many with one request."""
    for first in range(0, len(names), batch):
        some = ",".join(names[first : first + batch])
        client.delete_collection("Job", f"{marks.UID}={uid},{marks.JOB} in ({some})")
