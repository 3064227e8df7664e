"""`kubectl tune plan`: a spec to a plan."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from kubectl_tune import planfile, planner, preview
from kubectl_tune.cli.behind import behind
from kubectl_tune.cli.options import DURATION, output
from kubectl_tune.errors import StoreError, UsageError
from kubectl_tune.result import dumps
from kubectl_tune.spec import Spec
from kubectl_tune.table import clean
from kubectl_tune.workload import ARBITRAGE

LARGE = 10_000  # trials of a full product that are hardly meant


def command(
    context: typer.Context,
    spec: Annotated[
        str,
        typer.Argument(metavar="SPEC", help="File that says what to tune: .yaml, .yml or .json"),
    ] = "",
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- COMMAND", help="What every trial runs, instead of SPEC's"),
    ] = None,
    to: Annotated[
        str, typer.Option(metavar="PLAN", help="File to write, instead of standard output")
    ] = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what SPEC comes to, and write nothing")
    ] = False,
    from_katib: Annotated[
        str,
        typer.Option(metavar="FILE", help="An Experiment of Katib; SPEC says what it lacks"),
    ] = "",
    from_wandb: Annotated[
        str, typer.Option(metavar="FILE", help="A sweep of W&B; SPEC says what it lacks")
    ] = "",
    trial_seconds: Annotated[
        float | None,
        typer.Option(click_type=DURATION, help="How long a trial takes, for the estimate"),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help=f"Make a product of more than {LARGE:,} trials"),
    ] = False,
    format: Annotated[str, output("json")] = "",
) -> None:
    """
    Make a plan from a spec: one trial for each combination of parameters, or for some of them.

    The same spec gives the same plan, byte for byte, also where trials are drawn at random. A
    spec that is wrong writes nothing, and everything that is wrong with it is said at once. A
    file that is there already is replaced.

    Examples:
      # See what a spec comes to, and how long it would take
      kubectl tune plan spec.yaml --explain

      # Make a plan and run it
      kubectl tune plan spec.yaml --to plan.jsonl
      kubectl tune run plan.jsonl --engine local

      # Take over a sweep of W&B, for a command of one's own
      kubectl tune plan --from-wandb sweep.yaml -- python train.py --lr {lr}
    """
    ran = behind(context, None)
    spec = _alone(context, spec, words, len(ran))
    to = "" if to == "-" else to
    name = _checked(spec, to, from_katib, from_wandb, explain=explain, format=format)
    read = _read(spec, from_katib, from_wandb, ran)
    for warning in read.warnings:
        print(clean(f"warning: {name}: {warning}"), file=sys.stderr)
    if explain:
        _explain(name, read, trial_seconds, format)
        return
    size = preview.product_size(read)
    if size > LARGE and not yes and not preview.bounded(read):
        raise UsageError(
            f"{name} comes to {size:,} trials",
            hint="say --yes, or limit them: max_jobs, sample, or search by lhs",
        )
    _write(name, read, to)


def _alone(context: typer.Context, spec: str, words: list[str] | None, behind: int) -> str:
    """Return the file in front of `--`, if there is one; click does not keep them apart."""
    front = [spec, *(words or ())]
    front = front[: len(front) - behind]
    if len(front) > 1:
        raise UsageError(f"unexpected argument {front[1]}", hint="the command goes behind --")
    return front[0] if front else ""


def _checked(spec: str, to: str, katib: str, wandb: str, *, explain: bool, format: str) -> str:
    """Return the file that problems are about, once the flags fit together."""
    if katib and wandb:
        raise UsageError("--from-katib and --from-wandb exclude each other")
    name = katib or wandb or spec
    if not name:
        raise UsageError("required argument SPEC not given", hint="kubectl tune plan --help")
    if explain and to:
        raise UsageError("--explain writes nothing", hint="leave --to out")
    if format and not explain:
        raise UsageError(f"a plan has one format; -o {format} belongs to --explain")
    for file in filter(None, (spec, katib, wandb)):
        if to and _same(file, to):
            what = "the spec" if file == spec else "the file to convert"
            raise UsageError(f"--to {to} is {what}", hint="name another file, such as plan.jsonl")
    return name


def _read(spec: str, katib: str, wandb: str, ran: tuple[str, ...]) -> Spec:
    if not katib and not wandb:
        return planfile.read_spec(spec, command=ran)
    from kubectl_tune.spec import katib as of_katib
    from kubectl_tune.spec import wandb as of_wandb

    convert = of_katib.convert if katib else of_wandb.convert
    flag = "--from-katib" if katib else "--from-wandb"
    hint = f"what is missing, or other here, goes into a spec: kubectl tune plan {flag} FILE SPEC"
    return planfile.read_converted(
        katib or wandb, convert, spec, command=ran, hint="" if spec else hint
    )


def _write(name: str, spec: Spec, to: str) -> None:
    chosen = planner.choose(spec)
    for remark in chosen.remarks:
        print(clean(f"warning: {name}: {remark}"), file=sys.stderr)
    lines = (json.dumps(trial) for trial in planner.trials(spec, chosen))
    count = planfile.write_plan(to, lines) if to else _print(lines)
    if not count and spec.where is not None:
        print(clean(f"warning: {name}: the plan is empty (does where drop all?)"), file=sys.stderr)
    if to:
        print(clean(f"{count} trial{'' if count == 1 else 's'} written to {to}"), file=sys.stderr)


def _print(lines: Iterable[str]) -> int:
    count = 0
    for line in lines:
        sys.stdout.write(f"{line}\n")
        count += 1
    return count


def _explain(name: str, spec: Spec, trial_seconds: float | None, format: str) -> None:
    from kubectl_tune.views.preview import preview_object, preview_text

    seen = preview.preview(spec)
    for remark in seen.remarks:
        print(clean(f"warning: {name}: {remark}"), file=sys.stderr)
    each, source = _trial_seconds(name, spec, trial_seconds)
    estimate: dict[str, Any] = {
        "seconds": None if each is None else seen.seconds(each),
        "trial_seconds": each,
        "source": source,
    }
    if format == "json":
        print(dumps(preview_object(name, seen, estimate), indent=4))
    else:
        print(preview_text(name, seen, estimate), end="")


def _trial_seconds(name: str, spec: Spec, given: float | None) -> tuple[float | None, str | None]:
    """Return how long a trial takes, and who says so."""
    if given is not None:
        return given, "--trial-seconds"
    from kubectl_tune.cli.state import open_store_to_read
    from kubectl_tune.usual import usual

    try:
        store = open_store_to_read()
        found = usual(store, name, spec.extras.get("command", ()), ARBITRAGE.name)
    except StoreError:  # an estimate is not worth an error
        return None, None
    if found is None:
        return None, None
    return found.seconds, f"median of {found.trials} in session {found.session}"


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
