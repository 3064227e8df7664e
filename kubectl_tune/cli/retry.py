"""`kubectl tune retry`: run trials again that did not succeed."""

from __future__ import annotations

import sys

from kubectl_tune import control
from kubectl_tune.cli import running
from kubectl_tune.cli.chosen import addressed
from kubectl_tune.cli.clusters import heed_flags
from kubectl_tune.cli.options import Trials
from kubectl_tune.cli.state import open_store
from kubectl_tune.summary import counted


def command(trials: Trials = None, quiet: running.Quiet = False) -> int:
    """
    Run trials of a session again that failed, were timed out, cancelled or lost.

    The first word may name the session; the newest is meant if it doesn't. Without trials,
    all of its failures are run again. What else is unfinished runs too.

    Examples:
      # Run all failures of the newest session again
      kubectl tune retry

      # Run one trial of a session again
      kubectl tune retry nightly sess001_0007
    """
    store = open_store()
    name, ids = addressed(store, trials or [])
    heed_flags()
    if again := control.begin_again(store, name, ids):
        print(f"{counted(again, 'trial')} to be tried again", file=sys.stderr)
    return running.drive(store, name, quiet=quiet)
