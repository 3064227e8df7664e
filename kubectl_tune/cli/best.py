"""`kubectl tune best`: the best trial, and how to have it again."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Annotated

import typer

from kubectl_tune import interpreter, ranked, reproduction
from kubectl_tune.cli.fresh import open_fresh
from kubectl_tune.cli.options import Session, output
from kubectl_tune.cli.ranking import Best as BestEnd
from kubectl_tune.cli.ranking import Metric, Where, direction_asked, passing
from kubectl_tune.errors import ResultError, UsageError
from kubectl_tune.ranked import Asked, Field
from kubectl_tune.result import dumps
from kubectl_tune.rows import output_path
from kubectl_tune.store import Store
from kubectl_tune.table import clean
from kubectl_tune.views.best import Best, best_object, best_text
from kubectl_tune.views.objects import json_text
from kubectl_tune.views.yamltext import yaml_text


def command(
    session: Session = "",
    metric: Metric = "",
    direction: BestEnd = None,
    where: Where = None,
    config: Annotated[
        bool, typer.Option("--config", help="Print the trial's config alone, as JSON")
    ] = False,
    format: Annotated[str, output("json", "yaml", "name")] = "",
) -> None:
    """
    Name the best trial of a session: its metrics and config, and the command that reproduces it.

    While the session runs, the best so far is meant. Exit code 2 says that there is none.
    The command writes to files of its own, so the recorded result stays as it is.

    Examples:
      # The best trial of the newest session
      kubectl tune best

      # The best of those that trade enough, by another metric
      kubectl tune best nightly --metric win_rate --where 'total_trades > 30'

      # Its config, to go on with
      kubectl tune best --config > best.json
    """
    if config and format:
        raise UsageError(f"--config has no -o {format}: it is JSON", hint="leave one of them out")
    asked = Asked(metric, direction_asked(direction), passing(where))
    store, name = open_fresh(session)
    with store.moment():
        best = found(store, name, asked)
    if config:
        print(dumps(best.row.config, indent=4))
    elif format == "name":
        print(clean(f"{name}/{best.row.job_id}"))
    elif format:
        print((json_text if format == "json" else yaml_text)(best_object(best)), end="")
    else:
        print(best_text(best), end="")


def found(store: Store, name: str, asked: Asked) -> Best:
    """Return the best trial of a session, or say why there is none."""
    field = ranked.of_session(store, name)
    ranking = field.ranking(asked)
    if not ranking.places or not ranking.places[0].rank:
        raise ResultError(
            _nothing(field, asked), hint="" if asked.where else f"kubectl tune status {name}"
        )
    row, info = ranking.places[0].row, store.info(name)
    (stored,) = store.trials(name, ids=[row.job_id], specs=True)
    result = output_path(stored.trial.spec, info)
    return Best(
        session=name,
        row=row,
        metric=ranking.metric,
        direction=ranking.direction or "",
        among=sum(place.rank is not None for place in ranking.places),
        result=result,
        gone=bool(result) and not os.path.exists(result),
        command=reproduction.command(info, stored.trial, here=os.getcwd(), python=_python()),
        caveat=ranking.caveat,
    )


def _nothing(field: Field, asked: Asked) -> str:
    if not field.successes or asked.where:
        return field.emptiness(asked)
    return f"no trial of {field.name} has a number to rank by"


def _python() -> tuple[str, ...]:
    """Return the word, where the shell takes it for this interpreter, else what it stands for."""
    return ("python",) if shutil.which("python") == sys.executable else interpreter.python()
