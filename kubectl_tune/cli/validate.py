"""`kubectl tune validate`: everything that is wrong with a plan, before anything runs."""

from __future__ import annotations

import sys
from typing import Annotated

import click
import typer

from kubectl_tune import planfile, validation
from kubectl_tune.cli.behind import behind
from kubectl_tune.cli.options import output
from kubectl_tune.result import dumps

INVALID = 2


def command(
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
            click_type=click.Choice(["jobs", "indexed", "local"]),
            help="Where the trials would run, as in kubectl tune run",
        ),
    ] = "jobs",
    all_problems: Annotated[
        bool,
        typer.Option("--all-problems", help=f"On a terminal, show more than {validation.SHOWN}"),
    ] = False,
    format: Annotated[str, output("json")] = "",
) -> int:
    """
    Check a plan and list every problem in it at once, each with its line and column.

    Give the command of the trials behind --, as for "kubectl tune run": its placeholders are
    compared with the plan. Exit code 0 says that the plan can run, perhaps with warnings;
    2 that it can't.

    Examples:
      # Check a plan of the built-in workload
      kubectl tune validate plan.jsonl

      # Check a plan for a program of one's own
      kubectl tune validate plan.jsonl -- python train.py --lr {lr}

      # Check what a program writes
      ./make-plan | kubectl tune validate - -o json
    """
    # Wherever trials run, data files are read here, or travel from here.
    rules = planfile.rules(behind(context, words), needs_data=True)
    checked = validation.validate(plan, rules)
    if format == "json":
        print(dumps(validation.as_object(checked), indent=4))
    else:
        limited = sys.stdout.isatty() and not all_problems
        print(validation.as_text(checked, limit=validation.SHOWN if limited else None), end="")
    return 0 if checked.valid else INVALID
