"""What of a session's attempts is over, by what the session itself knows of them."""

from __future__ import annotations

import time

from kubectl_tune.flight import Key
from kubectl_tune.session import Session
from kubectl_tune.trial import Failure, Trial, TrialEvent, TrialState

OWN_ENDS = (TrialState.SUCCEEDED, TrialState.FAILED, TrialState.TIMED_OUT)


def is_past(session: Session, key: Key) -> bool:
    """Say whether the session is through with an attempt."""
    trial = session.trials[key[0]]
    if trial.state is TrialState.CANCELLED:
        return True  # so are attempts that would follow by themselves
    return key[1] < trial.attempt or (key[1] == trial.attempt and trial.state.ended)


def has_run(session: Session, key: Key) -> bool:
    """Say whether an attempt came to its own end: so will its Job, a moment later."""
    trial = session.trials[key[0]]
    ran = trial.state is TrialState.SUCCEEDED or trial.started is not None
    return key[1] == trial.attempt and trial.state in OWN_ENDS and ran


def missing(trial: Trial) -> TrialEvent:
    """Say of an attempt that should be there, and is not, what that means."""
    if not trial.job:
        return unbegun(trial)
    return TrialEvent(
        trial.id, trial.attempt, TrialState.LOST, time.time(), job=trial.job,
        failure=Failure.DELETED, reason="its Job is gone from the cluster, and its result with it",
    )  # fmt: skip


def unbegun(trial: Trial) -> TrialEvent:
    """Nobody's fault, and to be begun again."""
    return TrialEvent(
        trial.id, trial.attempt, TrialState.LOST, time.time(),
        reason="its Job could not be created before its driver ended",
    )  # fmt: skip
