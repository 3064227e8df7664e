"""
How a session that runs is shown: one line redrawn on a terminal, plain lines elsewhere.

Failures are said at once in both. Everything goes to stderr: stdout is for results.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TextIO
from unicodedata import category, east_asian_width

from kubectl_tune.rows import Best
from kubectl_tune.session import FAULTS, Session
from kubectl_tune.table import clean, duration
from kubectl_tune.trial import Trial, TrialState

REDRAW = 0.1  # seconds between two looks of the line on a terminal;
FIRST, LAST = 2.0, 60.0  # between plain lines at first, and at most
FAILURES = 20  # said one by one; more of them are only counted


class Progress:
    """The `show` of a driver; `close` leaves the cursor on a line of its own."""

    def __init__(
        self,
        stream: TextIO = sys.stderr,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._quiet = quiet
        self._live = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._began = self._clock()
        self._gap = REDRAW if self._live else FIRST
        self._next = self._began + self._gap
        self._done_before: int | None = None
        self._failures = 0
        self._drawn = False

    def __call__(self, session: Session, ended: Sequence[Trial], best: Best | None) -> None:
        if self._quiet:
            return
        if self._done_before is None:
            self._done_before = session.settled.total()
            self._say(begun(session))
        for trial in ended:
            if trial.state in FAULTS:
                self._fault(session, trial)
        now = self._clock()
        if now >= self._next:
            self._draw(line(session, best, self._done_before, now - self._began))
            self._gap = REDRAW if self._live else min(LAST, 2 * self._gap)
            self._next = now + self._gap

    def close(self) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._drawn = False

    def _fault(self, session: Session, trial: Trial) -> None:
        self._failures += 1
        if self._failures > FAILURES:
            return
        again = ", it is tried again" if session.next_attempt(trial) else ""
        self._say(clean(f"trial {trial.id} {trial.state}: {trial.reason}{again}"))
        if self._failures == FAILURES:
            self._say("further failures are counted only")

    def _say(self, text: str) -> None:
        self.close()
        self._stream.write(text + "\n")
        self._stream.flush()

    def _draw(self, text: str) -> None:
        if not self._live:
            self._say(text)
            return
        self._stream.write("\r" + fitted(text, _columns(self._stream) - 1) + "\x1b[K")
        self._stream.flush()
        self._drawn = True


def begun(session: Session) -> str:
    """Say what a drive sets out to do."""
    info, left = session.info, session.unfinished
    of_all = "" if left == len(session.trials) else f" of {len(session.trials)}"
    plural = "" if len(session.trials) == 1 else "s"
    parallel = info.policy.max_parallel or os.cpu_count() or 1
    where = "on this machine" if info.target.engine == "local" else f"as {info.target.engine}"
    return f"session/{info.name}: {left}{of_all} trial{plural} {where}, {parallel} at once"


def line(session: Session, best: Best | None, done_before: int, elapsed: float) -> str:
    """Say in one line how far a session is: what has ended, at what rate, and what is left."""
    done, total = session.settled.total(), len(session.trials)
    failed = sum(session.settled[state] for state in FAULTS)
    running = session.counts[TrialState.RUNNING]
    parts = [f"{done}/{total} done, {running} running, {failed} failed"]
    if elapsed > 0 and done > done_before:
        rate = (done - done_before) / elapsed
        parts.append(f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.1f}/min")
        parts.append(f"ETA {duration(session.unfinished / rate)}")
    if best:
        parts.append(f"best {best.metric} {best.value:.6g} ({best.job_id})")
    return clean(" | ".join(parts))


def fitted(text: str, width: int) -> str:
    """
    Cut a line to so many columns of a terminal, where some characters take two or none.

    >>> fitted("日本 go", 5)
    '日本 '
    """
    for end, char in enumerate(text):
        if category(char) not in ("Mn", "Me"):
            width -= 2 if east_asian_width(char) in "WF" else 1
        if width < 0:
            return text[:end]
    return text


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80
