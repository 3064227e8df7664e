"""
What is done with the Jobs of ended attempts: noted in the cluster, then deleted, many at once.

Its rule: results before deletion, here as on disk. What ended is in a ConfigMap of the session
before a Job of it goes, so that a machine without the state file can still learn of it.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from kubectl_tune.cluster import ClusterClient, Manifest, manifests
from kubectl_tune.cluster.manifests import Scene
from kubectl_tune.errors import ClusterError, Conflict
from kubectl_tune.fleet import delete_jobs
from kubectl_tune.provision import Provision
from kubectl_tune.session import SessionInfo
from kubectl_tune.trial import Failure, TrialEvent, TrialState

BATCH = 25  # attempts that are noted and deleted together
MOST_BYTES = 640 << 10  # of what they had to say, packed
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
        self,
        info: SessionInfo,
        client: ClusterClient,
        provision: Provision,
        keep: str,
        *,
        deletes: bool = True,
    ) -> None:
        self._info = info
        self._client = client
        self._provision = provision
        self._kept = KEPT[keep] if deletes else KEPT["all"]
        self._ended: list[TrialEvent] = []
        self._working: threading.Thread | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is left to put in order."""
        return not self._ended and self._working is None

    def note(self, events: list[TrialEvent]) -> list[TrialEvent]:
        self._ended += [event for event in events if event.state.ended and event.job]
        return events

    def tidy(self, *, all: bool = False) -> None:
        """Put in order what was noted, if that is worth the requests; `all` waits for it."""
        if self._working and (all or not self._working.is_alive()):
            self._working.join()
            self._working = None
        if not self._ended or (not all and (self._working or len(self._ended) < BATCH)):
            return
        batch, self._ended = self._ended, []
        scene = self._provision.scene
        if all:
            self._work(scene, batch)
        else:
            work = threading.Thread(target=self._work, args=(scene, batch), daemon=True)
            self._working = work
            work.start()

    def _work(self, scene: Scene, batch: Sequence[TrialEvent]) -> None:
        try:
            for events, data in packed(batch):
                self._note_in_cluster(scene, data)
                names = [event.job for event in events if event.state not in self._kept]
                delete_jobs(self._client, self._info.uid, names)
        except ClusterError:
            pass  # they stay until the cluster's own time to live for them is over

    def _note_in_cluster(self, scene: Scene, data: bytes) -> None:
        name = f"tune-{self._info.uid}-done-{hashlib.sha256(data).hexdigest()[:10]}"
        with contextlib.suppress(Conflict):  # an earlier driver has done so
            self._client.create(manifests.binary_map(scene, name, "done", "done.jsonl.gz", data))


def packed(events: Sequence[TrialEvent]) -> Iterator[tuple[Sequence[TrialEvent], bytes]]:
    """Yield events and what is noted of them; one too large to be noted is left out."""
    lines = [json.dumps(asdict(event)).encode() + b"\n" for event in events]
    data = gzip.compress(b"".join(lines), 6, mtime=0)
    if len(data) <= MOST_BYTES:
        if events:
            yield events, data
    elif len(events) > 1:
        middle = len(events) // 2
        yield from packed(events[:middle])
        yield from packed(events[middle:])


def noted(maps: Iterable[Manifest]) -> Iterator[TrialEvent]:
    """Yield the events that done ConfigMaps hold."""
    for each in maps:
        for text in (each.get("binaryData") or {}).values():
            for line in gzip.decompress(base64.b64decode(text)).splitlines():
                fields = json.loads(line)
                fields["state"] = TrialState(fields["state"])
                fields["failure"] = Failure(fields["failure"]) if fields["failure"] else None
                yield TrialEvent(**fields)
