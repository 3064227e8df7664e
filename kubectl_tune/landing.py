"""
Attempts that come to their end: their logs and records are taken home, several at once.

Its rule: what a pod that goes away has printed is read while it is there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from kubectl_tune import record
from kubectl_tune.cluster import ClusterClient, LogRequest, manifests, observed
from kubectl_tune.cluster import labels as marks
from kubectl_tune.engines.local import log_path
from kubectl_tune.errands import Errands, News
from kubectl_tune.flight import Flight
from kubectl_tune.harvest import Found, Harvester, Source
from kubectl_tune.podoptions import pod_options
from kubectl_tune.session import SessionInfo
from kubectl_tune.trial import Trial


class Landing:
    def __init__(
        self, info: SessionInfo, client: ClusterClient, folder: Path, errands: Errands, news: News
    ) -> None:
        self._info = info
        self._client = client
        self._folder = folder
        self._errands = errands
        self._news = news
        self._recorded = pod_options(info).agent
        self._harvester = Harvester(client)
        self.under_way = 0  # attempts of which we wait to hear what they left

    def follow(self, flight: Flight) -> None:
        """Read the log of a pod that is going while it is there."""
        if flight.followed is None:
            follow = partial(self._harvester.follow, self._source(flight), flight.log.append)
            flight.followed = threading.Thread(target=follow, daemon=True)
            flight.followed.start()

    def begin(self, flight: Flight, *, gone: bool) -> None:
        """Take home what an attempt left, once; the queue gets what is found."""
        if flight.harvest:
            return
        flight.harvest = True
        self.under_way += 1
        self._errands.run(partial(self._take, flight, self._source(flight), gone))

    def _take(self, flight: Flight, source: Source, gone: bool) -> None:
        if flight.followed:
            flight.followed.join(manifests.GRACE)
        found: Found | None = Found(None, b"", "it never had a pod")
        if source.pod:
            found = self._harvester.take(source, b"".join(flight.log), gone=gone)
        if found:
            self._news.put(("found", (flight, found)))

    def landed(self, flight: Flight) -> None:
        """Note that the driver has heard of it."""
        self.under_way -= flight.harvest

    def _source(self, flight: Flight) -> Source:
        pod = flight.pod or {"metadata": {"name": ""}}
        return Source(
            observed.name(pod),
            flight.key[1],
            manifests.nonce(observed.job_of(pod), self._info.uid),
            log_path(self._folder, flight.trial),
            observed.message(pod),
            self._recorded and observed.ended_by_itself(pod),
        )

    def logs(self, trial: Trial, flight: Flight | None, *, follow: bool) -> Iterator[bytes]:
        """Yield an attempt's log, as CRI lines: from disk, or from its pod while it is there."""
        path = log_path(self._folder, trial)
        if path.exists():
            with path.open("rb") as file:
                yield from file
        elif flight and flight.pod and not flight.over:
            source = self._source(flight)
            parts = self._client.logs(LogRequest(source.pod, marks.CONTAINER, follow=follow))
            yield from record.harvested_log(b"".join(parts), source.nonce)

    def close(self) -> None:
        self._harvester.close()
