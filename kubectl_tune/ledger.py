"""
The ledger folds a driver's events into its session, and saves both in batches.

Its rule: results before state. A batch is one durable transaction; result files are renamed
into place inside it, after the store has confirmed that the session is still ours.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from kubectl_tune import result
from kubectl_tune.errors import ResultError
from kubectl_tune.rows import Best, StoredResult
from kubectl_tune.session import Session, SessionInfo
from kubectl_tune.store import Store
from kubectl_tune.trial import Failure, Trial, TrialEvent, TrialState
from kubectl_tune.wholefile import write_whole
from kubectl_tune.workload import ARBITRAGE

BATCH_SECONDS = 0.1  # how long an event may wait for others to be saved with it


class Ledger:
    def __init__(
        self, session: Session, store: Store, epoch: int, *, best: Best | None = None
    ) -> None:
        self.session = session
        self.best = best
        self._store = store
        self.epoch = epoch
        self._trials: dict[str, Trial] = {}
        self._attempts: dict[tuple[str, int], Trial] = {}
        self._results: dict[str, StoredResult] = {}
        self._outputs: dict[str, StoredResult] = {}  # those of them to write to output_json
        self._since: float | None = None  # of the oldest event that is not saved

    def keep(self, events: Iterable[TrialEvent]) -> list[Trial]:
        """Fold in `events`; return the trials that they ended."""
        ended = []
        for event in events:
            judged, outcome = judge(self.session, event)
            if self._fold(judged):
                trial = self.session.trials[event.trial]
                self._results.pop(trial.id, None)  # of an attempt before it
                if outcome and trial.state.ended and trial.state is not TrialState.LOST:
                    found = self._results[trial.id] = self._stored(trial, judged, outcome)
                    self._compare(trial, found.objective)
                    # What a trial had said when it failed or was ended is no result to rely on.
                    if trial.state is TrialState.SUCCEEDED or not outcome.ok:
                        self._outputs[trial.id] = found
                if trial.state is TrialState.LOST and not trial.failure:
                    self._fold(TrialEvent(trial.id, trial.attempt + 1, TrialState.PENDING))
                elif trial.state.ended:
                    ended.append(trial)
        return ended

    @property
    def patience(self) -> float:
        """Seconds until what has been kept should be saved; a day when there is nothing."""
        if self._since is None:
            return 86400.0
        return max(0.0, self._since + BATCH_SECONDS - time.monotonic())

    def confirm(self) -> None:
        """Raise `TakenOver` if the session is no longer ours."""
        self._store.confirm(self.session.info.name, self.epoch)

    def save(self, *, ended: str = "") -> None:
        """Save what has been kept; `ended` writes down that the session is over, and how."""
        name = self.session.info.name
        if self._since is None and not ended:
            return
        with self._store.owned(name, self.epoch):
            self._write_outputs()
            self._store.save(
                name, self._trials.values(), self._attempts.values(), self._results.values()
            )
            if ended:
                self._store.finish(name, ended, time.time())
        self._trials.clear()
        self._attempts.clear()
        self._results.clear()
        self._outputs.clear()
        self._since = None

    def _fold(self, event: TrialEvent) -> bool:
        if not self.session.apply(event):
            return False
        trial = self.session.trials[event.trial]
        self._trials[trial.id] = trial
        if trial.state is not TrialState.PENDING:
            self._attempts[trial.id, trial.attempt] = trial
        self._since = self._since or time.monotonic()
        return True

    def _compare(self, trial: Trial, value: float | None) -> None:
        info, best = self.session.info, self.best
        if value is None or not info.direction or trial.state is not TrialState.SUCCEEDED:
            return
        sign = 1 if info.direction == "maximize" else -1
        if best is None or (sign * value, best.job_id) > (sign * best.value, trial.id):
            self.best = Best(trial.id, info.metric, value)

    def _stored(self, trial: Trial, event: TrialEvent, outcome: result.Result) -> StoredResult:
        value = result.number(result.dig(outcome.metrics, self.session.info.metric))
        objective = None if value is None else float(value)
        metrics = {key: result.finite(value) for key, value in outcome.metrics.items()}
        return StoredResult(trial.spec, trial.attempt, event.result or "", metrics, objective)

    def _write_outputs(self) -> None:
        written, info = [], self.session.info
        for found in self._outputs.values():
            if found.trial.output_json:
                path = os.path.join(info.target.workdir, found.trial.output_json)
                # The session's own name for it: whoever goes on after a crash overwrites it.
                draft = f".{found.trial.slug}.{info.uid}.tmp"
                write_whole(path, found.text.encode("utf-8", "replace"), draft=draft)
                written.append(path)
        _sync_folders(written)


def judge(session: Session, event: TrialEvent) -> tuple[TrialEvent, result.Result | None]:
    """
    Hold an ending against what counts as a success, and read its result.

    Exit code 0 is not enough: a result has to be whole, must not call itself an error, and
    has to be there where the session requires one.
    """
    if not event.state.ended:
        return event, None
    outcome, fault = _read(event.result)
    if event.state is not TrialState.SUCCEEDED:
        return event, outcome
    if fault:
        return _failed(event, Failure.BAD_RESULT, fault), outcome
    if outcome is None and requires_result(session.info, session.trials[event.trial]):
        return _failed(event, Failure.NO_RESULT, "it ended well, but without a result"), None
    return event, outcome


def requires_result(info: SessionInfo, trial: Trial) -> bool:
    """Say whether a trial without a result has failed."""
    built_in = bool(info.workload) and not trial.spec.command
    return info.policy.requires_result or (built_in and ARBITRAGE.requires_result)


def _read(text: str | None) -> tuple[result.Result | None, str]:
    if text is None:
        return None, ""
    try:
        outcome = result.parse(text)
    except ResultError as error:
        return None, str(error)
    return outcome, "" if outcome.ok else f"its result says {outcome.status}: {outcome.error}"


def _failed(event: TrialEvent, failure: Failure, reason: str) -> TrialEvent:
    return event._replace(state=TrialState.FAILED, failure=failure, reason=reason)


def _sync_folders(paths: Iterable[str]) -> None:
    """Make renames in the folders of `paths` survive a power cut."""
    for folder in {os.path.dirname(path) for path in paths}:
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
