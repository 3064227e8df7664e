"""`kubectl tune logs`: what trials have printed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from kubectl_tune import logs
from kubectl_tune.cli.chosen import chosen
from kubectl_tune.cli.color import Color, coloured, log_colour
from kubectl_tune.cli.fresh import Looker
from kubectl_tune.cli.options import DURATION, trial_words
from kubectl_tune.cli.printer import Printer
from kubectl_tune.cli.state import open_store_to_read
from kubectl_tune.errors import UsageError
from kubectl_tune.rows import StoredTrial
from kubectl_tune.store import Store
from kubectl_tune.trial import TrialState

if TYPE_CHECKING:
    from kubectl_tune.podlogs import PodLogs


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SESSION/TRIAL",
            help="Trials by job_id or as much as makes it clear, of the session named first or in"
            " front of a slash, else of the newest one",
            autocompletion=trial_words,
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
    max_log_requests: Annotated[
        int | None,
        typer.Option(
            min=1, help="With -f: refuse to follow more logs at once; there is no limit otherwise"
        ),
    ] = None,
    previous: Annotated[
        bool, typer.Option("--previous", "-p", help="The log of the attempt before the latest")
    ] = False,
    color: Color = "auto",
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
    name, trials = chosen(
        store, words or [], every=all_, failed=failed, instead=", or give --failed or --all"
    )
    many = all_ or failed
    several = many or len(trials) > 1
    printer = Printer(
        prefix=several if prefix is None else prefix,
        timestamps=timestamps,
        paint=log_colour if coloured(color) else None,
    )
    if attempt is None and not previous:
        only: dict[str, int] = {}
    else:
        only = _attempts(store, name, trials, attempt, skip=many)
        trials = [each for each in trials if each.trial.id in only]
    if follow and max_log_requests is not None:
        _limit(trials, max_log_requests)
    with _pods(store, name) as pods:
        if follow and trials:
            ids = [] if all_ and not failed and not only else [each.trial.id for each in trials]
            _follow(store, name, ids, wanted, printer, only, pods)
        elif not follow:
            _print(store, name, trials, wanted, printer, only, several, pods)
        if pods and pods.trouble:
            printer.say(pods.trouble)


def _limit(trials: list[StoredTrial], most: int) -> None:
    """Refuse, in kubectl's words, to follow more logs than were asked for."""
    streams = sum(not each.trial.state.ended for each in trials)
    if streams > most:
        raise UsageError(
            f"you are attempting to follow {streams} log streams, but maximum allowed concurrency"
            f" is {most}, use --max-log-requests to increase the limit"
        )


@contextmanager
def _pods(store: Store, name: str) -> Iterator[PodLogs | None]:
    """The logs that are still with their pods, where the session is on a cluster."""
    if store.info(name).target.engine == "local":
        yield None
        return
    from kubectl_tune.cli.clusters import heed_flags
    from kubectl_tune.podlogs import PodLogs

    heed_flags()
    pods = PodLogs(store.info(name), store.folder(name))
    try:
        yield pods
    finally:
        pods.close()


def _attempts(
    store: Store, name: str, trials: list[StoredTrial], number: int | None, *, skip: bool
) -> dict[str, int]:
    """Return the attempt asked for of each trial; `skip` those that have had none such."""
    found = {}
    for each in trials:
        try:
            found[each.trial.id] = logs.attempt_of(store, name, each.trial, number)
        except UsageError:
            if not skip:
                raise
    return found


def _print(
    store: Store,
    name: str,
    trials: list[StoredTrial],
    wanted: logs.Wanted,
    printer: Printer,
    only: dict[str, int],
    several: bool,
    pods: PodLogs | None,
) -> None:
    for trial in [each.trial for each in trials]:
        number = only.get(trial.id) or logs.begun(trial)
        if number is None and not several:
            raise UsageError(
                f"trial {trial.id} has not begun yet", hint="wait for what it prints with: -f"
            )
        if trial.state is TrialState.PENDING and number and not several and not only:
            printer.say(f"attempt {trial.attempt} has not begun yet; this is {number}")
        if trial.state is TrialState.SUBMITTED and not several and number == trial.attempt:
            why = f": {trial.reason}" if trial.reason else ""
            raise UsageError(
                f"trial {trial.id} does not run yet{why}", hint="wait for what it prints with: -f"
            )
        if number:
            path = logs.file_of(store, name, trial, number)
            if pods and not path.exists():
                path = pods.path(trial, number, follow=False) or path
            for line in logs.lines(path, wanted):
                printer.line(trial.id, line)


def _follow(
    store: Store,
    name: str,
    ids: list[str],
    wanted: logs.Wanted,
    printer: Printer,
    only: dict[str, int],
    pods: PodLogs | None,
) -> None:
    from kubectl_tune.following import Follower, Said

    whole = printer.by_line or wanted.grep is not None
    follower = Follower(
        store, name, ids, wanted, whole=whole, only=only, live=pods,
        goes_on=Looker(store, name).looks,
    )  # fmt: skip
    for heard in follower:
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
