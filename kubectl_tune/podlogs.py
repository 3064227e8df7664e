"""
Logs of pods that still run, as files that grow: whoever reads logs need not know of clusters.

Its rule: what is here is only borrowed. The log that is kept is the one that the session's
driver takes home when the attempt has ended.
"""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

from kubectl_tune import record
from kubectl_tune.access import client_of
from kubectl_tune.cluster import ClusterClient, LogRequest, manifests
from kubectl_tune.cluster import labels as marks
from kubectl_tune.errors import ClusterError, EngineError
from kubectl_tune.session import SessionInfo
from kubectl_tune.trial import Trial, TrialState

LAST_WORDS = 5.0  # seconds that a log may go on after its attempt is known to have ended


class PodLogs:
    """The logs of one session's pods, read as they are asked for."""

    def __init__(self, info: SessionInfo) -> None:
        self._info = info
        self._client: ClusterClient | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="kubectl-tune-")
        self._readers: dict[Path, threading.Thread] = {}
        self.trouble = ""

    def path(self, trial: Trial, attempt: int, *, follow: bool) -> Path | None:
        """Return a file that has the log of a running attempt; None where there is no such."""
        if trial.state is not TrialState.RUNNING or trial.attempt != attempt or not trial.pod:
            return None
        path = Path(self._folder.name, f"{trial.spec.slug}.{attempt}.log")
        if path not in self._readers:
            try:
                client = self._connected()
            except (ClusterError, EngineError) as error:
                self.trouble = str(error)
                return None
            work = (client, trial, path, follow)
            reader = threading.Thread(target=self._read, args=work, daemon=True)
            self._readers[path] = reader
            reader.start()
        if not follow:
            self._readers[path].join()
        return path

    def finish(self, path: Path) -> None:
        """Wait for the end of a log whose attempt has ended."""
        if reader := self._readers.get(path):
            reader.join(LAST_WORDS)

    def close(self) -> None:
        if self._client:
            self._client.close()
        self._folder.cleanup()

    def _read(self, client: ClusterClient, trial: Trial, path: Path, follow: bool) -> None:
        nonce = manifests.nonce(trial.job, self._info.uid)
        request = LogRequest(trial.pod, marks.CONTAINER, follow=follow)
        torn = b""
        try:
            with path.open("ab", buffering=0) as file:
                for part in client.logs(request):
                    whole, newline, torn = (torn + part).rpartition(b"\n")
                    for line in record.harvested_log(whole + newline, nonce):
                        file.write(line)
                for line in record.harvested_log(torn, nonce):
                    file.write(line)
        except ClusterError as error:
            self.trouble = str(error)
        except OSError as error:  # also when it was closed meanwhile
            self.trouble = str(error)

    def _connected(self) -> ClusterClient:
        if self._client is None:
            self._client = client_of(self._info)
        return self._client
