"""
Logs of pods that still run, as files that grow: whoever reads logs need not know of clusters.

Its rule: what is here is only borrowed. The log that is kept is the one that the session's
driver takes home when the attempt has ended; what a lost connection has left out is read there.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from kubectl_tune import record
from kubectl_tune.access import client_of
from kubectl_tune.cluster import ClusterClient, LogRequest, manifests
from kubectl_tune.cluster import labels as marks
from kubectl_tune.engines.local import log_path
from kubectl_tune.errors import ClusterError, EngineError, NotFound
from kubectl_tune.session import SessionInfo
from kubectl_tune.trial import Trial, TrialState

LAST_WORDS = 5.0  # seconds that a log may go on after its attempt is known to have ended
PAUSE = 1.0  # seconds before a log that was lost is asked for again


class PodLogs:
    """The logs of one session's pods, read as they are asked for; `folder` is the session's."""

    def __init__(self, info: SessionInfo, folder: Path) -> None:
        self._info = info
        self._kept = folder
        self._client: ClusterClient | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="kubectl-tune-")
        self._copies: dict[Path, _Copy] = {}
        self.trouble = ""

    def path(self, trial: Trial, attempt: int, *, follow: bool) -> Path | None:
        """Return a file that has the log of a running attempt; None where there is no such."""
        if trial.state is not TrialState.RUNNING or trial.attempt != attempt or not trial.pod:
            return None
        path = Path(self._folder.name, f"{trial.spec.slug}.{attempt}.log")
        if path not in self._copies:
            try:
                # Here, not in its thread: that would not know of the command line's flags.
                client = self._client = self._client or client_of(self._info)
            except (ClusterError, EngineError) as error:
                self.trouble = str(error)
                return None
            nonce = manifests.nonce(trial.job, self._info.uid)
            self._copies[path] = _Copy(client, trial.pod, nonce, path, follow=follow)
        if not follow:
            self._copies[path].join()
            self.trouble = self._copies[path].trouble
        return path

    def finish(self, path: Path, trial: Trial, attempt: int) -> None:
        """Bring the log of an attempt that has ended to its end."""
        if copy := self._copies.get(path):
            copy.finish(log_path(self._kept, trial._replace(attempt=attempt)))
            self.trouble = copy.trouble

    def close(self) -> None:
        for copy in self._copies.values():
            copy.ends.set()
        if self._client:
            self._client.close()
        self._folder.cleanup()


class _Copy:
    """One pod's log, copied in a thread of its own; where it is lost, it is read again."""

    def __init__(
        self, client: ClusterClient, pod: str, nonce: str, path: Path, *, follow: bool
    ) -> None:
        self.trouble = ""
        self.ends = threading.Event()  # nothing more will come
        self._client = client
        self._request = LogRequest(pod, marks.CONTAINER, follow=follow)
        self._nonce = nonce
        self._path = path
        self._lines = 0  # that are copied
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def finish(self, kept: Path) -> None:
        """Wait for the end; what is missing then is read from the log that was taken home."""
        self.ends.set()
        self._thread.join(LAST_WORDS)
        if not self._thread.is_alive() and kept.exists():
            self.trouble = ""
            with kept.open("rb") as lines:
                self._append(lines)

    def _read(self) -> None:
        while True:
            try:
                self._append(self._served())
                self.trouble = ""
                return
            except (NotFound, OSError) as error:  # its pod is gone, or we were closed meanwhile
                self.trouble = str(error)
                return
            except ClusterError as error:
                self.trouble = str(error)
            if not self._request.follow or self.ends.wait(PAUSE):
                return

    def _append(self, lines: Iterable[bytes]) -> None:
        """Copy the lines that are not copied yet."""
        with self._path.open("ab", buffering=0) as file:
            for line in islice(lines, self._lines, None):
                file.write(line)
                self._lines += 1

    def _served(self) -> Iterator[bytes]:
        torn = b""
        for part in self._client.logs(self._request):
            whole, newline, torn = (torn + part).rpartition(b"\n")
            yield from record.harvested_log(whole + newline, self._nonce)
        yield from record.harvested_log(torn, self._nonce)
