"""`kubectl tune logs`: what trials have printed."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from typing import Annotated

import typer

from kubectl_tune import logs, sessions
from kubectl_tune.cli.options import DURATION
from kubectl_tune.cli.printer import Printer
from kubectl_tune.cli.state import open_store_to_read
from kubectl_tune.errors import UsageError
from kubectl_tune.rows import StoredTrial
from kubectl_tune.store import Store
from kubectl_tune.trial import TrialState

FAILED = (TrialState.FAILED, TrialState.TIMED_OUT, TrialState.LOST)


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SESSION/TRIAL",
            help="Trials by job_id or as much as makes it clear, of the session named first or in"
            " front of a slash, else of the newest one",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the trials have ended")
    ] = False,
    tail: Annotated[
        int, typer.Option(min=-1, help="Lines of each log to show, from its end; -1 shows all")
    ] = -1,
    since: Annotated[
        float | None,
        typer.Option(click_type=DURATION, help="Only lines younger than this, such as 5s or 2h"),
    ] = None,
    since_time: Annotated[
        str, typer.Option(help="Only lines after this time, as in 2026-07-01T12:00:00Z")
    ] = "",
    timestamps: Annotated[
        bool, typer.Option("--timestamps", help="Begin each line with its time")
    ] = False,
    prefix: Annotated[
        bool | None,
        typer.Option(
            "--prefix", help="Begin each line with its trial; so it is where there are several"
        ),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="The logs of all trials")] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="The logs of trials that failed, timed out or got lost")
    ] = False,
    grep: Annotated[
        str, typer.Option(metavar="RE", help="Only lines in which this regular expression is found")
    ] = "",
    attempt: Annotated[
        int | None, typer.Option(min=1, help="The log of this attempt; the latest if not given")
    ] = None,
    previous: Annotated[
        bool, typer.Option("--previous", "-p", help="The log of the attempt before the latest")
    ] = False,
) -> None:
    """
    Print what trials have written to their standard output and standard error.

    On a terminal, colours are dropped and control characters are made visible; elsewhere
    every byte is as it was printed.

    Examples:
      # What a trial of the newest session has printed
      kubectl tune logs trial-7

      # The last lines of all trials that failed in a session
      kubectl tune logs nightly --failed --tail 5

      # Everything that runs now, as it comes
      kubectl tune logs nightly --all -f

      # Errors of one trial's first attempt, with their times
      kubectl tune logs nightly/trial-7 --attempt 1 --grep 'Error|WARN' --timestamps
    """
    wanted = logs.Wanted(tail, _since(since, since_time), logs.pattern(grep))
    if previous and attempt is not None:
        raise UsageError("only one of --previous or --attempt may be used")
    store = open_store_to_read()
    name, trials = chosen(store, words or [], every=all_, failed=failed)
    several = all_ or failed or len(trials) > 1
    printer = Printer(prefix=several if prefix is None else prefix, timestamps=timestamps)
    numbered = [
        (each, logs.attempt_of(store, name, each, number=attempt, previous=previous))
        for each in trials
    ]
    if follow:
        _follow(store, name, numbered, wanted, printer, every=all_ and not failed,
                only=attempt is not None or previous)  # fmt: skip
    else:
        _print(store, name, numbered, wanted, printer, several)


def chosen(
    store: Store, words: list[str], *, every: bool = False, failed: bool = False
) -> tuple[str, list[StoredTrial]]:
    """Return the session and the trials that are asked for, in the order they are."""
    name, ids = sessions.addressed(store, words)
    if every and ids:
        raise UsageError("name trials, or give --all; not both")
    if not (ids or every or failed):
        ids = _only_trial(store, name)
    states = FAILED if failed else ()
    found = {each.trial.id: each for each in store.trials(name, ids=ids, states=states)}
    if not found and failed:
        print(f"no trial of {name} has failed", file=sys.stderr)
    return name, [found[id] for id in ids if id in found] if ids else list(found.values())


def _only_trial(store: Store, name: str) -> list[str]:
    ids = [each.trial.id for each in store.trials(name, limit=2)]
    if len(ids) == 1:
        return ids
    raise UsageError(
        f"session {name} has {store.info(name).total} trials: name the one that is meant",
        hint=f"kubectl tune logs {name}/{ids[0]}; or give --failed, or --all"
        if ids
        else "its plan was empty",
    )


Numbered = list[tuple[StoredTrial, int | None]]


def _print(
    store: Store,
    name: str,
    numbered: Numbered,
    wanted: logs.Wanted,
    printer: Printer,
    several: bool,
) -> None:
    for each, number in numbered:
        if number is None and not several:
            raise UsageError(
                f"trial {each.trial.id} has not begun yet", hint="wait for what it prints with: -f"
            )
        if number is not None:
            if each.trial.state is TrialState.PENDING and not several:
                printer.say(f"attempt {each.trial.attempt} has not begun yet; this is {number}")
            path = logs.file_of(store, name, each.trial, number)
            for line in logs.lines(path, wanted):
                printer.line(each.trial.id, line)


def _follow(
    store: Store,
    name: str,
    numbered: Numbered,
    wanted: logs.Wanted,
    printer: Printer,
    *,
    every: bool,
    only: bool,
) -> None:
    from kubectl_tune.following import Follower, Said

    if not numbered:
        return
    ids = [] if every else [each.trial.id for each, _ in numbered]
    number = numbered[0][1] if only else None
    whole = printer.by_line or wanted.grep is not None
    for heard in Follower(store, name, ids, wanted, whole=whole, only=number):
        if heard is None:
            printer.flush()
        elif isinstance(heard, Said):
            printer.say(heard.text)
        else:
            printer.line(*heard)


def _since(ago: float | None, moment: str) -> float | None:
    if ago is not None and moment:
        raise UsageError("only one of --since-time or --since may be used")
    if moment:
        return _parsed(moment)
    return None if ago is None else time.time() - ago


def _parsed(moment: str) -> float:
    try:
        when = datetime.fromisoformat(moment)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise UsageError(
            f"--since-time {moment}: not a time with its zone",
            hint="write it as RFC 3339 has it: 2026-07-01T12:00:00Z",
        )
    return when.timestamp()
