"""
Logs as they grow: what trials print, line by line, until they have ended.

Its rule: how a trial stands is read before its log is, so that nothing is missed of an
attempt that is found to have ended. A trial that is tried again is followed into its
next attempt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from kubectl_tune.lock import current_driver
from kubectl_tune.log import LogLine
from kubectl_tune.logs import LogFile, Wanted, begun, file_of
from kubectl_tune.session import Session
from kubectl_tune.store import Store
from kubectl_tune.trial import EMPTY, Trial

TURN = 0.2  # seconds between two looks
SHARE = 10  # a look at the store costs at most a tenth of the time


@dataclass(frozen=True, slots=True)
class Said:
    """Something about a followed trial that is no line of its log."""

    text: str


Heard = tuple[str, LogLine] | Said | None  # None: all that is there has been said


@dataclass(slots=True)
class _Followed:
    trial: Trial
    next: int  # the attempt to open next
    wanted: Wanted
    logs: dict[int, LogFile] = field(default_factory=dict)  # by attempt
    live: Path | None = None


class Live(Protocol):
    """Logs of attempts that run elsewhere (see `kubectl_tune.podlogs`)."""

    def path(self, trial: Trial, attempt: int, *, follow: bool) -> Path | None: ...

    def finish(self, path: Path, trial: Trial, attempt: int) -> None: ...


class Follower:
    """
    Trials of a session, `ids` or all, as they print.

    `whole` lines wait for their end. Of a trial in `only`, one attempt is followed, not the next.
    `live` has the logs that are elsewhere as long as their attempts run, `goes_on` says whether
    trials go on without a driver.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        ids: Sequence[str],
        wanted: Wanted,
        *,
        whole: bool,
        only: Mapping[str, int] = EMPTY,
        live: Live | None = None,
        goes_on: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store, self._name, self._ids = store, name, ids
        self._wanted, self._whole, self._only = wanted, whole, only
        self._live = live
        self._goes_on_alone = goes_on
        self._info = store.info(name)
        self._going: dict[str, _Followed] = {}
        self._gone: set[str] = set()
        self._version: int | None = None
        self._patience = 0.0  # not to look at the store before then

    def __iter__(self) -> Iterator[Heard]:
        while True:
            driven = current_driver(self._store.folder(self._name)) is not None
            driven = driven or self._goes_on_alone()
            looked = self._look(sure=not driven)
            for each in list(self._going.values()):
                if looked or each.logs:
                    yield from self._turn(each, driven)
            yield None
            if not self._going:
                return
            if not driven:
                yield Said(
                    f"session {self._name} has no driver, so nothing more will come; go on with:"
                    f" kubectl tune resume {self._name}"
                )
                return
            time.sleep(TURN)

    def _look(self, *, sure: bool) -> bool:
        """Learn how the trials stand, if that may have changed; say whether it may."""
        began, version = time.monotonic(), self._store.version
        if not sure and (version == self._version or began < self._patience):
            return False
        self._version = version
        for stored in self._store.trials(self._name, ids=self._ids):
            self._note(stored.trial)
        self._patience = time.monotonic() + SHARE * (time.monotonic() - began)
        return True

    def _note(self, trial: Trial) -> None:
        if each := self._going.get(trial.id):
            each.trial = trial
        elif trial.id not in self._gone:
            now = self._only.get(trial.id) or begun(trial)
            # Of a log that is still to come, nothing is left out.
            wanted = self._wanted if now else replace(self._wanted, tail=-1)
            self._going[trial.id] = _Followed(trial, now or trial.attempt, wanted)

    def _turn(self, each: _Followed, driven: bool) -> Iterator[Heard]:
        self._open(each)
        trial = each.trial
        for attempt, log in list(each.logs.items()):
            over = not driven or trial.attempt > attempt or trial.state.ended
            if over and self._live and each.live:
                self._live.finish(each.live, trial, attempt)
            for line in log.news(final=over, whole=self._whole):
                yield trial.id, line
            if over:
                log.close()
                del each.logs[attempt]
                if self._follows_on(trial, attempt, driven):
                    yield Said(f"attempt {attempt} of trial {trial.id} ended; it is tried again")
        if not each.logs and not self._goes_on(trial):
            del self._going[trial.id]
            self._gone.add(trial.id)

    def _open(self, each: _Followed) -> None:
        """Open the logs of the attempts that have begun since."""
        last = self._only.get(each.trial.id) or begun(each.trial) or 0
        while each.next <= last:
            path = file_of(self._store, self._name, each.trial, each.next)
            if self._live and not path.exists():
                each.live = self._live.path(each.trial, each.next, follow=True)
                if each.live is None and not each.trial.state.ended:
                    return  # it is yet to run
                path = each.live or path
            each.logs[each.next] = LogFile(path, each.wanted)
            each.wanted = replace(each.wanted, tail=-1)
            each.next += 1

    def _follows_on(self, trial: Trial, attempt: int, driven: bool) -> bool:
        return trial.id not in self._only and (
            trial.attempt > attempt or (driven and self._goes_on(trial))
        )

    def _goes_on(self, trial: Trial) -> bool:
        """Say whether the trial runs, or is to be begun, once or again."""
        return trial.id not in self._only and Session(self._info, [trial]).unfinished > 0
