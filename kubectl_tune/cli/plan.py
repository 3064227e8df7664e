"""`kubectl tune plan`: a spec to a plan."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from kubectl_tune import planfile, planner
from kubectl_tune.errors import UsageError
from kubectl_tune.table import clean


def command(
    spec: Annotated[
        str,
        typer.Argument(metavar="SPEC", help="File that says what to tune: .yaml, .yml or .json"),
    ],
    to: Annotated[
        str, typer.Option(metavar="PLAN", help="File to write, instead of standard output")
    ] = "",
) -> None:
    """
    Make a plan from a spec: one trial for each combination of parameters, or for some of them.

    The same spec gives the same plan, byte for byte, also where trials are drawn at random. A
    spec that is wrong writes nothing, and everything that is wrong with it is said at once. A
    file that is there already is replaced.

    Examples:
      # See how many trials a spec comes to
      kubectl tune plan spec.yaml | wc -l

      # Make a plan and run it
      kubectl tune plan spec.yaml --to plan.jsonl
      kubectl tune run plan.jsonl --engine local
    """
    to = "" if to == "-" else to
    if to and _same(spec, to):
        raise UsageError(f"--to {to} is the spec", hint="name another file, such as plan.jsonl")
    read = planfile.read_spec(spec)
    for warning in read.warnings:
        print(clean(f"warning: {spec}: {warning}"), file=sys.stderr)
    lines = planner.lines(read)
    if not to:
        sys.stdout.writelines(f"{line}\n" for line in lines)
        return
    count = planfile.write_plan(to, lines)
    print(clean(f"{count} trial{'' if count == 1 else 's'} written to {to}"), file=sys.stderr)


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
