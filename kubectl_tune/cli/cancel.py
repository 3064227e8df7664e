"""`kubectl tune cancel`: end trials, or a whole session."""

from __future__ import annotations

import sys

from kubectl_tune import control
from kubectl_tune.cli.chosen import addressed
from kubectl_tune.cli.clusters import heed_flags
from kubectl_tune.cli.options import Trials, Yes
from kubectl_tune.cli.questions import confirm
from kubectl_tune.cli.state import open_store
from kubectl_tune.summary import counted


def command(trials: Trials = None, yes: Yes = False) -> int:
    """
    Cancel a session, or some of its trials: what runs is ended, what waits is not begun.

    The first word may name the session; the newest is meant if it doesn't, after a question.
    Results that are there stay. `kubectl tune retry` runs cancelled trials again.

    Examples:
      # Cancel a session
      kubectl tune cancel nightly

      # Cancel one trial of the newest session
      kubectl tune cancel sess001_0007 -y
    """
    store = open_store()
    words = trials or []
    name, ids = addressed(store, words)
    if not words:
        confirm(f"Cancel session {name}?", yes=yes)
    heed_flags()
    cancelled = control.cancel(store, name, ids)
    if not cancelled:
        what = "the trials have" if ids else f"session {name} has"
        print(f"nothing to cancel: {what} ended already", file=sys.stderr)
    elif ids:
        print(f"{counted(cancelled, 'trial')} of session/{name} cancelled")
    else:
        print(f"session/{name} cancelled")
    return 0
