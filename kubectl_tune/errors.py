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
  x ClusterError        the API server, or the way to it, said no
    + Unreachable       no answer: refused, timed out, TLS, or no configuration at all
    + Unauthorized      401, also after credentials were asked for again
    + Forbidden         403: a right is missing, or admission denied it
    + NotFound          404
    + Conflict          409: there is one already, or it has changed
    + Gone              410: too old a place to watch or list from
    + Invalid           400 and 422: the server can't take what was sent
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


class ClusterError(TuneError):
    """`reason` and `code` are the server's own (metav1.Status), "" and 0 where it said nothing."""

    def __init__(self, message: str, *, hint: str = "", reason: str = "", code: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.code = code


class Unreachable(ClusterError):
    pass


class Unauthorized(ClusterError):
    pass


class Forbidden(ClusterError):
    pass


class NotFound(ClusterError):
    pass


class Conflict(ClusterError):
    pass


class Gone(ClusterError):
    pass


class Invalid(ClusterError):
    pass


class ResultError(TuneError):
    pass
