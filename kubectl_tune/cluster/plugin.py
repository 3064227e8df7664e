"""
Credentials that a plugin knows.

Its rule: it is run once for as long as its answer holds, whoever asks and however many do.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Mapping

from kubectl_tune.cluster.datafile import Certificate
from kubectl_tune.cluster.execcredential import Issued, issued
from kubectl_tune.cluster.execution import Execution
from kubectl_tune.cluster.kuberc import Policy
from kubectl_tune.cluster.pluginrun import PLUGIN_SECONDS, output
from kubectl_tune.errors import ClusterError, Unreachable

FORCED_SECONDS = 20.0  # between two runs that the server's 401 asked for


class Plugin:
    """Who waits while another thread runs it gets that thread's answer, or its failure."""

    def __init__(
        self,
        execution: Execution,
        environment: Mapping[str, str],
        policy: Policy | None = None,
        *,
        terminal: Callable[[], bool] = lambda: os.isatty(0),
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        seconds: float = PLUGIN_SECONDS,
    ) -> None:
        self._execution = execution
        self._environment = dict(environment)
        self._policy = policy or Policy()
        self._terminal = terminal
        self._now = now
        self._clock = clock
        self._seconds = seconds
        self._lock = threading.Lock()
        self._issued: Issued | None = None
        self._failure: tuple[float, ClusterError] | None = None
        self._forced_at = -math.inf
        self._used = threading.local()
        self._shown: Certificate | None = None

    @property
    def command(self) -> str:
        return self._execution.command

    def authorization(self) -> str | None:
        header = self._current().header
        self._used.header = header
        return header

    def client_certificate(self) -> Certificate | None:
        self._shown = self._current().certificate
        return self._shown

    def refresh_after_401(self) -> bool:
        asked = self._clock()
        with self._lock:
            if self._issued is None or self._newer(self._issued):
                return self._issued is not None
            if asked - self._forced_at < FORCED_SECONDS:
                return False
            self._forced_at = asked
            return self._newer(self._run_once(asked))

    def _newer(self, issued: Issued) -> bool:
        used = getattr(self._used, "header", issued.header)
        other = bool(self._shown and issued.certificate != self._shown)
        return issued.header != used or other

    def _current(self) -> Issued:
        asked = self._clock()
        with self._lock:
            if self._issued and self._now() <= self._issued.until:
                return self._issued
            return self._run_once(asked)

    def _run_once(self, asked: float) -> Issued:
        if self._failure and self._failure[0] >= asked:
            raise Unreachable(str(self._failure[1]), hint=self._failure[1].hint)
        try:
            self._issued = self._run()
        except ClusterError as error:
            self._failure = self._clock(), error
            raise
        return self._issued

    def _run(self) -> Issued:
        printed = output(
            self._execution,
            self._environment,
            self._policy,
            terminal=self._terminal(),
            seconds=self._seconds,
        )
        return issued(printed, self._execution.version, self._now())
