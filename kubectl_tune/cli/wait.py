"""`kubectl tune wait`: until a session has finished."""

from __future__ import annotations

import math
import time
from typing import Annotated

import click
import typer

from kubectl_tune import sessions
from kubectl_tune.cli.options import DURATION, Session
from kubectl_tune.cli.state import open_store_to_read
from kubectl_tune.cli.watch import PATIENCE, UNFINISHED, changes
from kubectl_tune.errors import StoreError, TuneError
from kubectl_tune.session import SessionState
from kubectl_tune.sessions import Standing
from kubectl_tune.store import Store
from kubectl_tune.trial import TrialState
from kubectl_tune.views.status import progress


class NotMet(TuneError):
    """What was waited for did not come about; its exit code is that of failed trials."""

    exit_code = 1


def command(
    session: Session = "",
    for_: Annotated[
        str,
        typer.Option(
            "--for",
            click_type=click.Choice(["done", "success", "first-success"]),
            help="What to wait for: done is the end of all trials, success gives up at the first"
            " that has failed for good, first-success ends at the first that has succeeded",
        ),
    ] = "done",
    timeout: Annotated[
        float | None,
        typer.Option(
            click_type=DURATION, help="How long to wait; 0 looks once, no limit if not given"
        ),
    ] = None,
) -> None:
    """
    Wait until a session has ended.

    The exit code is 0 when every trial has succeeded (with --for=first-success: one of them),
    and 1 when not, or when the time is up. Without --timeout, a session that nobody drives
    is not waited for.

    Examples:
      # Wait for the newest session, then rank it
      kubectl tune wait && kubectl tune results

      # Wait for one good trial, an hour at most
      kubectl tune wait nightly --for=first-success --timeout=1h
    """  # fmt: skip
    store = open_store_to_read()
    name = sessions.find(store, session)
    met = _await(store, name, for_, timeout)
    if not met:
        raise _unmet(sessions.standing(store, name))
    print(f"session/{name} condition met")


def _await(store: Store, name: str, aim: str, timeout: float | None) -> bool:
    """Wait until it is settled whether the aim is met, and return that."""
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    standing, seen = None, None
    for standing in changes(store, name, patience=PATIENCE if timeout is None else timeout):
        if standing is not seen and (met := _settled(store, standing, aim)) is not None:
            return met
        seen = standing
        if time.monotonic() >= deadline:
            break
    assert standing
    if timeout is not None:
        raise NotMet(f"timed out waiting for the condition on sessions/{name}")
    raise StoreError(
        f"session {name} has no driver, {progress(standing)}",
        hint=f"go on with it: kubectl tune resume {name}; or wait for a driver with --timeout",
    )


def _settled(store: Store, standing: Standing, aim: str) -> bool | None:
    """Say whether the aim is met, or None while it may still be."""
    if aim == "first-success" and standing.summary.counts.get(TrialState.SUCCEEDED):
        return True
    if standing.state not in UNFINISHED:
        return standing.state is SessionState.SUCCEEDED and aim != "first-success"
    return False if aim == "success" and _hopeless(store, standing) else None


def _hopeless(store: Store, standing: Standing) -> bool:
    """Say whether some trial has ended without success and is not to be tried again."""
    counts, policy = standing.summary.counts, standing.summary.info.policy
    if counts.get(TrialState.CANCELLED):
        return True
    faults = (TrialState.FAILED, TrialState.TIMED_OUT)
    failed = store.trials(standing.summary.info.name, states=faults)
    return any(counts.get(state) for state in faults) and any(
        not policy.begins_again(each.trial) for each in failed
    )


def _unmet(standing: Standing) -> NotMet:
    name = standing.summary.info.name
    return NotMet(
        f"session {name} is {standing.state}, {progress(standing)}",
        hint=f"see why with: kubectl tune logs {name} --failed",
    )
