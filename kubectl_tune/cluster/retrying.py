"""
When a request is worth sending again, and how long to wait before: decisions, no clock, no wire.

Its rule: two things are kept apart, whether waiting can help, and whether the server may have
done what was asked although nobody heard so. The first decides here; the second is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

ATTEMPTS = 4  # where waiting is not what helps
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
LONGEST_ASKED = 60.0  # of a Retry-After; a server that is overloaded asks for 32 s at most
PATIENT = 180.0  # seconds that a session bears an API server that restarts
HASTY = 3.0  # and somebody who may have mistyped an address, before he is told
ASKED = 30.0  # who answers `later` is there, so nobody is told sooner than that


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a request has no proper answer."""

    passing: bool  # it passes by itself, as a restart does
    unsure: bool  # the request may have been done
    asked: float = 0.0  # seconds that the server asks to wait


UNHEARD = Trouble(passing=True, unsure=False)  # no connection came about
CUT = Trouble(passing=True, unsure=True)  # it was lost before the answer was whole
SILENT = Trouble(passing=False, unsure=True)  # no answer came in time


def trouble(status: int, retry_after: str = "") -> Trouble | None:
    """Return what is wrong with an answer of this HTTP status; None where that is final."""
    asked = seconds(retry_after)
    if status == 429:
        return Trouble(passing=True, unsure=False, asked=asked)
    if status in (502, 503):
        return Trouble(passing=True, unsure=True, asked=asked)
    if status >= 500:
        return Trouble(passing=False, unsure=True, asked=asked)
    return None


def seconds(retry_after: str) -> float:
    """Read a Retry-After; API servers never send its other form, a date, which counts as none."""
    return float(retry_after) if retry_after.isdecimal() and retry_after.isascii() else 0.0


def pause(
    trouble: Trouble, attempt: int, elapsed: float, *, patience: float, jitter: float
) -> float | None:
    """
    Return the seconds to wait after the attempt of this number (from 1); None gives up.

    `elapsed` is counted from the first attempt; `jitter`, between 0 and 1, spreads those who
    wait for the same server.
    """
    if not trouble.passing and attempt >= ATTEMPTS:
        return None
    wanted = min(FIRST_PAUSE * 2 ** min(attempt - 1, 10), LONGEST_PAUSE)
    wait = max(wanted, min(trouble.asked, LONGEST_ASKED)) * (1 + jitter / 4)
    limit = max(patience, ASKED) if trouble.asked else patience
    return wait if elapsed + wait <= limit else None


class Tries:
    """The attempts of one call, counted and paced; the clock and the sleep are the caller's."""

    def __init__(
        self,
        patience: Callable[[], float],
        clock: Callable[[], float],
        sleep: Callable[[float], object],
        jitter: Callable[[], float],
    ) -> None:
        self.doubtful = False  # what was asked may have been done already
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._began = clock()
        self._attempt = 0

    def again(self, trouble: Trouble | None) -> bool:
        """Wait and say yes, or say no; no too when the sleep says that it was ended early."""
        self._attempt += 1
        if trouble is None:
            return False
        self.doubtful |= trouble.unsure
        elapsed = self._clock() - self._began
        wait = pause(
            trouble, self._attempt, elapsed, patience=self._patience(), jitter=self._jitter()
        )
        return wait is not None and not self._sleep(wait)
