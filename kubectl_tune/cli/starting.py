"""
What `run` and `submit` share: the options of a new session, checked and written down.

The options are the parameters of `_draft` and of `podding.pod`; `begins` gives them to a command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from kubectl_tune import beginning, engines, planfile
from kubectl_tune.cli import clusters, podding
from kubectl_tune.cli.behind import behind
from kubectl_tune.cli.composing import compose
from kubectl_tune.cli.options import DURATION, engine_names
from kubectl_tune.cli.state import open_store
from kubectl_tune.direction import direction_of
from kubectl_tune.errors import UsageError
from kubectl_tune.halt import Halt
from kubectl_tune.plan import Rules
from kubectl_tune.podoptions import PodOptions
from kubectl_tune.retry import parse as retry_numbers
from kubectl_tune.selection import only as chosen
from kubectl_tune.session import Policy, SessionInfo
from kubectl_tune.store import Store
from kubectl_tune.summary import counted
from kubectl_tune.table import clean
from kubectl_tune.trial import TrialSpec
from kubectl_tune.workload import ARBITRAGE, Workload

WARNINGS = 20  # shown; `validate` shows them all
DIRECTIONS = {"": "", "max": "maximize", "min": "minimize"}


@dataclass(frozen=True, slots=True)
class Draft:
    """A session that has been checked, and is not written down."""

    info: SessionInfo
    specs: Sequence[TrialSpec]
    file_keys: tuple[str, ...]
    reuse: bool


def draft(*, detached: bool, **options: Any) -> Draft:
    """Check a command's options and its plan; nothing is written. `detached` needs no driver."""
    engine = options["engine"]
    engines.require(engine)
    pod = podding.taken(options, engine).lasting(detached=detached)
    if detached and engine == "jobs":
        options["engine"] = "indexed"  # the cluster itself keeps the window
    return _draft(pod, **options)


def start(draft: Draft) -> tuple[Store, str]:
    """Write a session down, where its cluster would take it; nothing runs yet."""
    store = open_store()
    if draft.info.name not in store.names():  # else that is what is wrong
        clusters.knock(draft.info, next(iter(draft.specs), None))
    info = beginning.begin(store, draft.info, draft.specs, draft.file_keys)
    if draft.reuse:
        count = counted(beginning.reuse(store, info.name), "result")
        print(f"{count} taken over from earlier sessions", file=sys.stderr)
    return store, info.name


def _draft(
    pod: PodOptions,
    context: typer.Context,
    plan: Annotated[
        str, typer.Argument(metavar="PLAN", help="File with one trial a line; - reads stdin")
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- COMMAND", help="What runs for every line without a command"),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            help="Where trials run: jobs on the cluster, local on this machine",
            autocompletion=engine_names,
        ),
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
    retry: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLASS=N,...",
            help="How often one that ended with this class is, whatever --retries says:"
            " preempted=10,oom=1,exit=0",
        ),
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Give up when the first three trials fail alike")
    ] = False,
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
) -> Draft:
    command = behind(context, words)
    policy = Policy(
        max_parallel, _positive("--timeout", timeout),
        _positive("--session-timeout", session_timeout), retries, Halt.parse(halt), shuffle,
        require_result, retry_numbers(retry or ()), fail_fast,
    )  # fmt: skip
    workdir = _workdir()
    target, reached = clusters.target(engine, workdir)
    # A volume may have the data files that are not here.
    needs_data = engine == "local" or not pod.volumes
    rules = planfile.rules(command, workdir=workdir, needs_data=needs_data)
    specs = _wanted(read(plan, rules), only or [])
    workload = ARBITRAGE if not command and any(not spec.command for spec in specs) else None
    metric, direction = objective(metric, direction, workload, specs)
    uid = beginning.new_uid()
    extra = dict(reached) if engine == "local" else {**reached, "pod": pod.as_json()}
    name = beginning.session_name(name, plan, uid)
    info = SessionInfo(
        name, uid, plan, target,
        policy, command or (workload.command if workload else ()),
        workload.name if workload else "", metric, direction,
        workload.caveat_of((spec.config for spec in specs), name) if workload else "", extra=extra,
    )  # fmt: skip
    return Draft(info, specs, workload.file_keys if workload else (), reuse)


def begins(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the parameters of a new session before its own, in its `options`."""
    return compose(function, _draft, podding.pod, function, hidden=("pod", "options"))


def read(plan: str, rules: Rules) -> tuple[TrialSpec, ...]:
    """Read a plan that is about to run, and say what is odd about it."""
    found = planfile.read_plan(plan, rules)
    for warning in found.warnings[:WARNINGS]:
        print(f"warning: {plan}: {clean(str(warning))}", file=sys.stderr)
    if (more := len(found.warnings) - WARNINGS) > 0:
        print(f"warning: {plan}: {more} more, see kubectl tune validate", file=sys.stderr)
    return found.trials


def objective(
    metric: str, direction: str, workload: Workload | None, specs: Sequence[TrialSpec] = ()
) -> tuple[str, str]:
    """Return what to rank by and which end is best; neither is known for every command."""
    direction = DIRECTIONS.get(direction, direction)
    if direction not in DIRECTIONS.values():
        raise UsageError(f"--direction {direction}: expected maximize or minimize")
    if not metric and workload:
        metric = workload.metric_of([spec.config for spec in specs])
    if not metric:
        if direction:
            raise UsageError(f"--direction {direction}: of what?", hint="name it with --metric")
        return "", ""
    own = workload and metric in (workload.metric, workload.honest_metric)
    known = workload.direction if workload and own else direction_of(metric)
    if not (direction or known):
        raise UsageError(
            f"--metric {metric}: which end of it is best can't be told from its name",
            hint="add --direction maximize or --direction minimize",
        )
    return metric, direction or known or ""


def _wanted(specs: Sequence[TrialSpec], only: Sequence[str]) -> list[TrialSpec]:
    ids = [spec.id for spec in specs]
    wanted = {id for part in only for id in chosen(part, ids)}
    return [spec for spec in specs if not only or spec.id in wanted]


def _workdir() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise UsageError(
            "the folder that this was started in is gone", hint="cd to one that is there"
        ) from None


def _positive(flag: str, value: float | None) -> float | None:
    if value is not None and value <= 0:
        raise UsageError(f"{flag} {value:g}: a time-out is longer than 0s")
    return value
