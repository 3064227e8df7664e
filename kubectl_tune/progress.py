"""
How a session that runs is shown: one line redrawn on a terminal, plain lines elsewhere.

Failures are said at once in both. Everything goes to stderr: stdout is for results.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from kubectl_tune.rows import Best
from kubectl_tune.session import Session
from kubectl_tune.table import clean, duration
from kubectl_tune.trial import Trial, TrialState

REDRAW = 0.1  # seconds between two looks of the line on a terminal,
REPEAT = 10.0  # and between two plain lines
FAILURES = 20  # said one by one; more of them are only counted

_FAULTS = (TrialState.FAILED, TrialState.TIMED_OUT, TrialState.LOST)


class Progress:
    """The `show` of a driver; `close` leaves the cursor on a line of its own."""

    def __init__(self, stream: TextIO = sys.stderr, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._live = stream.isatty() and not quiet
        self._began = time.monotonic()
        self._next = 0.0 if self._live else self._began + REPEAT
        self._done_before: int | None = None
        self._failures = 0
        self._drawn = False

    def __call__(self, session: Session, ended: Sequence[Trial], best: Best | None) -> None:
        if self._done_before is None:
            self._done_before = session.settled.total()
        for trial in ended:
            if trial.state in _FAULTS and not self._quiet:
                self._fault(session, trial)
        now = time.monotonic()
        if now >= self._next and not self._quiet:
            self._next = now + (REDRAW if self._live else REPEAT)
            self._draw(line(session, best, self._done_before, now - self._began))

    def close(self) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _fault(self, session: Session, trial: Trial) -> None:
        self._failures += 1
        if self._failures > FAILURES:
            return
        again = "" if session.settled[trial.state] else ", it is tried again"
        what = f"trial {trial.id} {trial.state}: {trial.reason}{again}"
        if self._failures == FAILURES:
            what += "\n... further failures are counted only"
        self._say(clean(what, keep="\n"))

    def _say(self, text: str) -> None:
        self.close()
        self._stream.write(text + "\n")
        self._stream.flush()
        self._drawn = False

    def _draw(self, text: str) -> None:
        if not self._live:
            self._say(text)
            return
        width = shutil.get_terminal_size().columns
        self._stream.write("\r" + text[: width - 1] + "\x1b[K")
        self._stream.flush()
        self._drawn = True


def line(session: Session, best: Best | None, done_before: int, elapsed: float) -> str:
    """Say in one line how far a session is: what has ended, at what rate, and what is left."""
    done, total = session.settled.total(), len(session.trials)
    failed = sum(session.settled[state] for state in _FAULTS)
    running = session.counts[TrialState.RUNNING]
    parts = [f"{done}/{total} done, {running} running, {failed} failed"]
    if elapsed > 0 and done > done_before:
        rate = (done - done_before) / elapsed
        parts.append(f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.1f}/min")
        parts.append(f"ETA {duration(session.unfinished / rate)}")
    if best:
        parts.append(f"best {best.metric} {best.value:.6g} ({clean(best.job_id)})")
    return " | ".join(parts)
