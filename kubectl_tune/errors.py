"""
What can go wrong, as the user sees it:

* TuneError             anything we can explain; exit 2
  x UsageError          the command line asks for what can't be
  x PlanError           the plan or the spec is wrong; lists every problem
  x StoreError          the state file is missing, broken, newer, full, or in use
    + SessionNotFound
    + SessionBusy       another driver has the session
    + TakenOver         this driver has lost the session to another one
  x EngineError         an engine could not do what was asked
  x ResultError         a result file can't be read or written

A bug is any other exception: it keeps its traceback.
"""

from __future__ import annotations


class TuneError(Exception):
    """A failure the user can act on: what happened, and in `hint` what to do next."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(TuneError):
    pass


class PlanError(TuneError):
    pass


class StoreError(TuneError):
    pass


class SessionNotFound(StoreError):
    pass


class SessionBusy(StoreError):
    pass


class TakenOver(StoreError):
    pass


class EngineError(TuneError):
    pass


class ResultError(TuneError):
    pass
