"""
Places to run trials. Each is a module here that offers `connect(...) -> Engine`; nothing
is registered anywhere else, and only the one a session names is imported.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from kubectl_tune.errors import EngineError
from kubectl_tune.session import Session
from kubectl_tune.trial import Trial, TrialEvent


class Engine(Protocol):
    """
    Where trials run. Engines keep no record of how a session stands: what they are told to
    do and what they observe both come back as events. The first `poll` after `connect` says
    what became of the session's attempts while nobody watched.
    """

    @property
    def slots(self) -> int:
        """How many attempts to hold at once."""

    def submit(self, trials: Sequence[Trial]) -> Sequence[TrialEvent]:
        """Begin `trials`. Asked twice for the same attempt, begin it once."""

    def poll(self, timeout: float) -> Sequence[TrialEvent]:
        """Return what changed, waiting up to `timeout` seconds for the first change."""

    def cancel(self, trials: Sequence[Trial]) -> None:
        """End `trials`, if they still run; `poll` reports the outcome."""

    def logs(self, trial: Trial, *, follow: bool = False) -> Iterator[bytes]:
        """Yield what the attempt printed, as CRI log lines (see `kubectl_tune.log`)."""

    def forget(self) -> None:
        """Drop what is kept for a restart only: all that was reported is now saved."""

    def close(self) -> Sequence[TrialEvent]:
        """
        Let go, and say what that ended. Trials on a cluster go on; local ones end as
        Lost, without a failure class: nobody's fault, to be begun again.
        """


def names() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(__path__)]


def require(name: str) -> None:
    """Raise `EngineError` when there is no engine of that name here."""
    if name not in names():
        raise EngineError(
            f"engine {name} is not part of this version; there is: {', '.join(names())}",
            hint="run on this machine with: --engine local",
        )


def connect(session: Session, folder: Path, epoch: int) -> Engine:
    """Connect to the engine that the session names, importing that one only."""
    require(session.info.target.engine)
    module = import_module(f"{__name__}.{session.info.target.engine}")
    return cast(Engine, module.connect(session, folder, epoch))
