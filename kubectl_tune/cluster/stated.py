"""
Credentials that stand in the kubeconfig, or in files that it names.

Its rule: files are looked at again, in time for new tokens and whenever the server says no.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from kubectl_tune.cluster.datafile import Certificate, KeyPair, contents
from kubectl_tune.errors import ClusterError

REREAD_SECONDS = 60.0  # as client-go: half of what the kubelet leaves us to see a new token


class Stated:
    """A header, a file that holds a token, a certificate: any of them, or nothing."""

    def __init__(
        self,
        header: str | None = None,
        token_file: str = "",
        pair: KeyPair | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._header = header
        self._token_file = token_file
        self._pair = pair
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at = -math.inf
        self._used = threading.local()
        self._shown: Certificate | None = None

    def authorization(self) -> str | None:
        with self._lock:
            if self._clock() - self._read_at >= REREAD_SECONDS:
                self._reread()
            self._used.header = self._header
            return self._header

    def refresh_after_401(self) -> bool:
        with self._lock:
            used = getattr(self._used, "header", self._header)
            self._reread()
            if self._header != used:
                return True
            return bool(self._pair and self._shown and self._pair.read() != self._shown)

    def client_certificate(self) -> Certificate | None:
        self._shown = self._pair.read() if self._pair else None
        return self._shown

    def _reread(self) -> None:
        """Look for a new token; one that was read once outlasts a file that is being replaced."""
        if not self._token_file:
            return
        try:
            self._header = f"Bearer {_token(self._token_file)}"
        except ClusterError:
            if self._header is None:
                raise
        self._read_at = self._clock()


def _token(path: str) -> str:
    token = contents(path).decode(errors="surrogateescape").strip()
    if not token:
        raise ClusterError(f'read empty token from file "{path}"')
    return token
