"""`kubectl tune results`: the ranking of a session, or of a folder of result files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from kubectl_tune import ranked
from kubectl_tune.cli.fresh import open_fresh
from kubectl_tune.cli.options import Session, output
from kubectl_tune.cli.ranking import Best, Metric, Where, direction_asked, passing
from kubectl_tune.errors import UsageError
from kubectl_tune.export import BINARY, FORMATS, Rendered, render
from kubectl_tune.ranked import Asked, Field
from kubectl_tune.table import clean
from kubectl_tune.wholefile import write_whole

_HEADED = ("table", "wide", "csv")  # formats whose first line names the columns


def command(
    session: Session = "",
    metric: Metric = "",
    direction: Best = None,
    where: Where = None,
    sort: Annotated[
        str, typer.Option(metavar="NAMES", help="Another order: names with commas, -NAME downwards")
    ] = "",
    top: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="How many trials to show at most")
    ] = None,
    columns: Annotated[
        list[str] | None, typer.Option(metavar="NAMES", help="Columns to show, with commas between")
    ] = None,
    group_by: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMES", help="Show the best trial of each group that shares these"),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Show trials that have not succeeded, too")
    ] = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain-accounting",
            help="Show the best trials, five unless --top says it, in the books of each accounting",
        ),
    ] = False,
    folder: Annotated[
        str, typer.Option("--dir", metavar="FOLDER", help="Rank the result files of a folder")
    ] = "",
    to: Annotated[
        str, typer.Option(metavar="FILE", help="File to write, instead of standard output")
    ] = "",
    no_headers: Annotated[
        bool, typer.Option("--no-headers", help="Leave out the names of the columns")
    ] = False,
    format: Annotated[str, output(*FORMATS)] = "",
) -> None:
    """
    Rank the trials of a session by a metric, best first; while it runs, those that are there.

    Names in conditions, columns and orders are those of the metrics, then of the config. The
    format of a file to write is told by its name, unless -o says it.

    Examples:
      # The ten best trials of the newest session
      kubectl tune results --top 10

      # Only those that are worth a look
      kubectl tune results --where 'max_drawdown_pct < 5 and total_trades > 30'

      # The best of each group, and how good the others are
      kubectl tune results --group-by slippage_bps

      # What the best would have made with both legs booked at real prices
      kubectl tune results --explain-accounting

      # For a spreadsheet, and for a program
      kubectl tune results --all --to results.csv
      kubectl tune results -o json | jq '.[0].config'

      # Result files of any program
      kubectl tune results --dir outputs --metric loss
    """
    if folder and session:
        raise UsageError("--dir ranks a folder, not a session", hint="leave one of them out")
    form = _form(format, to)
    asked = Asked(
        metric, direction_asked(direction), passing(where), sort, top, _listed(group_by), everything
    )
    if explain:
        body: str | bytes = _explained(session, folder, asked, form, _listed(columns))
    else:
        with _field(session, folder) as field:
            body = _rendered(field, asked, form, _listed(columns))
    if no_headers and form in _HEADED and isinstance(body, str):
        body = body.partition("\n")[2]
    _deliver(body, to)


@contextmanager
def _field(session: str, folder: str) -> Iterator[Field]:
    """Find what is to be ranked; of a session all is of one moment."""
    if folder:
        yield ranked.of_folder(folder)
        return
    store, name = open_fresh(session)
    with store.moment():
        yield ranked.of_session(store, name)


def _form(format: str, to: str) -> str:
    suffix = Path(to).suffix.lower().removeprefix(".")
    form = format or (suffix if suffix in FORMATS else "table")
    if form in BINARY and not to and sys.stdout.isatty():
        raise UsageError(f"-o {form} is not for a terminal", hint=f"add --to results.{form}")
    return form


def _rendered(field: Field, asked: Asked, form: str, columns: list[str]) -> str | bytes:
    ranking = field.ranking(asked)
    if not ranking.places:
        print(clean(field.emptiness(asked)), file=sys.stderr)
    rendered: Rendered = render(
        ranking.places, form, metric=ranking.metric or None, columns=columns,
        among=ranking.among, caveat=ranking.caveat,
    )  # fmt: skip
    if rendered.notice:
        print(f"note: {rendered.notice}", file=sys.stderr)
    return rendered.body


def _explained(session: str, folder: str, asked: Asked, form: str, columns: list[str]) -> str:
    from kubectl_tune.cli import accounts  # which can start processes, unlike other rankings

    asked = accounts.asked_for(asked, form, columns)
    with _field(session, folder) as field:
        ranking = accounts.candidates(field, asked)
    return accounts.explained(field, ranking, form)  # takes a while, and needs no store


def _deliver(body: str | bytes, to: str) -> None:
    if to and to != "-":
        write_whole(to, body)
        print(clean(f"results written to {to}"), file=sys.stderr)
    elif isinstance(body, bytes):
        sys.stdout.buffer.write(body)
    else:
        sys.stdout.write(body)


def _listed(words: list[str] | None) -> list[str]:
    """Read what may be said with commas, or by a flag that is repeated."""
    return [name.strip() for word in words or [] for name in word.split(",") if name.strip()]
