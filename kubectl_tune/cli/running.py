"""
What `run`, `submit`, `resume` and `retry` share: their options, and driving with progress.

The options of a new session are the parameters of `start`; `begins` gives them to a command.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

import typer

from kubectl_tune import beginning, driving, engines, planfile
from kubectl_tune.cli.errors import FlagError
from kubectl_tune.cli.frame import BEHIND
from kubectl_tune.cli.options import DURATION
from kubectl_tune.cli.state import open_store, state_path
from kubectl_tune.direction import direction_of
from kubectl_tune.errors import EngineError, PlanError, UsageError
from kubectl_tune.halt import Halt
from kubectl_tune.lock import current_driver
from kubectl_tune.progress import Progress
from kubectl_tune.selection import only as chosen
from kubectl_tune.session import Policy, SessionInfo, Target
from kubectl_tune.store import Store
from kubectl_tune.summary import begun, closing
from kubectl_tune.table import clean
from kubectl_tune.trial import TrialSpec
from kubectl_tune.workload import ARBITRAGE, Workload

START_SECONDS = 10.0  # how long a detached driver may take to take its session

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress")]


@dataclass(frozen=True, slots=True)
class Started:
    store: Store
    name: str


def start(
    context: typer.Context,
    plan: Annotated[
        str, typer.Argument(metavar="PLAN", help="File with one trial a line; - reads stdin")
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- COMMAND", help="What runs for every line without a command"),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="Where trials run: jobs on the cluster, local on this machine")
    ] = "jobs",
    max_parallel: Annotated[
        int,
        typer.Option(
            "--max-parallel",
            "-j",
            "--parallelism",
            "--jobs",
            min=0,
            help="How many trials run at once; 0 is one per core",
        ),
    ] = 4,
    timeout: Annotated[
        float | None,
        typer.Option(click_type=DURATION, help="How long a trial may run, such as 90s or 1h30m"),
    ] = None,
    session_timeout: Annotated[
        float | None,
        typer.Option(click_type=DURATION, help="How long all of it may take before it is ended"),
    ] = None,
    retries: Annotated[
        int, typer.Option(min=0, help="How often a trial that failed is tried again")
    ] = 0,
    halt: Annotated[
        str,
        typer.Option(
            metavar="WHEN,WHY",
            help="When to give up: never, or soon|now,fail|success|done=N or N% of the trials",
        ),
    ] = "never",
    only: Annotated[
        list[str] | None,
        typer.Option(help="Run these lines only: 1,3,5-8:2,last by number, or job_ids"),
    ] = None,
    shuffle: Annotated[
        bool, typer.Option("--shuf", help="Begin the trials in a random order")
    ] = False,
    name: Annotated[str, typer.Option(help="The session's name, to go by later")] = "",
    metric: Annotated[str, typer.Option("--metric", help="What to rank by")] = "",
    direction: Annotated[
        str, typer.Option("--direction", help="Which end of it is best: maximize or minimize")
    ] = "",
    require_result: Annotated[
        bool, typer.Option("--require-result", help="A trial that writes no result has failed")
    ] = False,
    reuse: Annotated[
        bool, typer.Option("--reuse", help="Take over results of equal trials of earlier sessions")
    ] = False,
) -> Started:
    """Check a plan and write its session down; nothing runs yet."""
    command = _behind(context, words or [])
    engines.require(engine)
    policy = Policy(
        max_parallel, _positive("--timeout", timeout),
        _positive("--session-timeout", session_timeout), retries, Halt.parse(halt), shuffle,
        require_result,
    )  # fmt: skip
    specs = _specs(plan, command, engine, only or [])
    workload = ARBITRAGE if not command and any(not spec.command for spec in specs) else None
    metric, direction = objective(metric, direction, workload)
    uid = beginning.new_uid()
    info = SessionInfo(
        beginning.session_name(name, plan, uid), uid, plan, Target(engine, workdir=os.getcwd()),
        policy, command or (workload.command if workload else ()),
        workload.name if workload else "", metric, direction,
        workload.caveat if workload else "",
    )  # fmt: skip
    store = open_store()
    beginning.begin(store, info, specs, workload.file_keys if workload else ())
    if reuse and (count := beginning.reuse(store, info.name)):
        print(f"{count} results taken over from earlier sessions", file=sys.stderr)
    return Started(store, info.name)


def begins(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the parameters of `start` before its own; it gets them in `options`."""
    mine = [p for p in inspect.signature(function).parameters.values() if p.name != "options"]
    hints: dict[str, Any] = {}
    for each in (start, function):
        hints |= get_type_hints(each, include_extras=True)
    parameters = [
        each.replace(annotation=hints[each.name])
        for each in (*inspect.signature(start).parameters.values(), *mine)
    ]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return function


def objective(metric: str, direction: str, workload: Workload | None) -> tuple[str, str]:
    """Return what to rank by and which end is best; neither is known for every command."""
    if direction not in ("", "maximize", "minimize"):
        raise UsageError(f"--direction {direction}: expected maximize or minimize")
    if not metric and workload:
        metric = workload.metric
    if not metric:
        if direction:
            raise UsageError(f"--direction {direction}: of what?", hint="name it with --metric")
        return "", ""
    known = workload.direction if workload and metric == workload.metric else direction_of(metric)
    if not (direction or known):
        raise UsageError(
            f"--metric {metric}: which end of it is best can't be told from its name",
            hint="add --direction maximize or --direction minimize",
        )
    return metric, direction or known or ""


def drive(store: Store, name: str, *, quiet: bool) -> int:
    """Drive a session with progress on stderr, and say on stdout how it ended."""
    progress = Progress(sys.stderr, quiet=quiet)
    if not quiet:
        print(begun(store.info(name)), file=sys.stderr)
    try:
        outcome = driving.drive(store, name, show=progress)
    finally:
        progress.close()
    text = closing(outcome.standing, quiet=quiet)
    if outcome.exit_code > 2:  # let go of: nothing to show yet but how to come back
        print(text, file=sys.stderr)
    elif text:
        print(text)
    return outcome.exit_code


def detach(started: Started) -> int:
    """Start a driver that outlives this process, and return once the session is its own."""
    folder = started.store.folder(started.name)
    log = folder / "driver.log"
    with log.open("ab") as output:
        driver = subprocess.Popen(
            [sys.executable, "-m", "kubectl_tune", f"--state={state_path()}", "resume",
             started.name, "--quiet"],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    while driver.poll() is None and not current_driver(folder):
        if time.monotonic() > deadline:
            raise EngineError(f"the session's driver does not start; see {log}")
        time.sleep(0.02)
    if driver.poll() not in (None, 0, 1):
        said = log.read_text(errors="replace").strip()
        raise EngineError(f"the session's driver ended at once: {said}")
    print(f"session/{started.name} submitted")
    print(f"follow it with: kubectl tune watch {started.name}", file=sys.stderr)
    return 0


def _specs(plan: str, command: tuple[str, ...], engine: str, only: list[str]) -> list[TrialSpec]:
    rules = planfile.rules(command, needs_data=True)
    read = planfile.read_plan(plan, rules)
    for warning in read.warnings[:20]:
        print(f"warning: {plan}: {clean(str(warning))}", file=sys.stderr)
    if len(read.warnings) > 20:
        print(f"warning: {plan}: {len(read.warnings) - 20} more", file=sys.stderr)
    if not only:
        return list(read.trials)
    wanted = set(chosen(",".join(only), [spec.id for spec in read.trials]))
    if not wanted:
        raise PlanError(f"--only {','.join(only)}: no line of {plan} is meant")
    return [spec for spec in read.trials if spec.id in wanted]


def _behind(context: typer.Context, words: list[str]) -> tuple[str, ...]:
    """Return the words behind `--`; others have no place after the plan."""
    behind = list(context.meta.get(BEHIND, []))
    if len(words) > len(behind):
        raise FlagError(
            f"unexpected argument {words[0]}",
            usage=context.command_path,
            hint="the command of the trials goes behind --",
        )
    return tuple(behind)


def _positive(flag: str, value: float | None) -> float | None:
    if value is not None and value <= 0:
        raise UsageError(f"{flag} {value:g}: a time-out is longer than 0s")
    return value
