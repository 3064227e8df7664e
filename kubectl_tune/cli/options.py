"""
Options and arguments that several commands share: their types, names and help.

A command takes them as annotations: `session: Session = ""`.
"""

from __future__ import annotations

from typing import Annotated, Any

import click
import typer
from click.shell_completion import CompletionItem

from kubectl_tune.cli.errors import unknown_format
from kubectl_tune.cli.globals import PREFIX, Globals, globals_, remember
from kubectl_tune.duration import seconds
from kubectl_tune.errors import UsageError

__all__ = ["DURATION", "FILE", "Globals", "Session", "Trial", "Trials", "Yes", "globals_", "output"]


class Duration(click.ParamType[float]):
    """`90`, `90s`, `1h30m`: seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return seconds(value)
        except UsageError as error:
            self.fail(f"{error}; {error.hint}", param, ctx)


DURATION = Duration()


FILE = click.Path(allow_dash=True)  # a file's name, for completion; it is opened elsewhere


class Format(click.ParamType[str]):
    """A format that the command can print, `jsonpath` perhaps with `=TEMPLATE`; or none."""

    name = "format"

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value and str(value).partition("=")[0] not in self.allowed:
            raise unknown_format(str(value), self.allowed)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(name) for name in self.allowed if name.startswith(incomplete)]


def output(*allowed: str) -> Any:
    """Return the option `-o`: `o: Annotated[str, output("table", "json")] = "table"`."""
    return typer.Option(
        "--output",
        "-o",
        click_type=Format(allowed),
        help=f"Output format. One of: ({', '.join(allowed)})",
    )


def session_names(context: typer.Context, incomplete: str) -> list[str]:
    """What completes a session: read from the state file that the line names."""
    from kubectl_tune.cli.state import open_store_to_read

    remember(Globals(state=context.params.get(f"{PREFIX}state") or ""))
    return [name for name in open_store_to_read().names() if name.startswith(incomplete)]


def trial_words(context: typer.Context, incomplete: str) -> list[str]:
    """What completes a trial: the sessions, and the trials of the newest or the named one."""
    from kubectl_tune.cli.state import open_store_to_read
    from kubectl_tune.sessions import addressed

    sessions = session_names(context, incomplete)
    store = open_store_to_read()
    name, _ = addressed(store, [*(context.params.get("trials") or [])][:1])
    ids = [id for id in store.ids(name) if id.startswith(incomplete)]
    return [*sessions, *ids[:MOST]]


MOST = 100  # candidates beyond that help nobody
Session = Annotated[
    str,
    typer.Argument(
        metavar="SESSION",
        help="Name of the session; the newest one if not given",
        autocompletion=session_names,
    ),
]
Trial = Annotated[
    str,
    typer.Argument(
        metavar="TRIAL",
        help="The trial's job_id, or as much as makes it clear",
        autocompletion=trial_words,
    ),
]
Trials = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TRIAL",
        help="The trials' job_ids; all trials if none is given",
        autocompletion=trial_words,
    ),
]
ADDRESSED = (
    "The trial's job_id or as much as makes it clear, of the session named first or in front of a"
    " slash, else of the newest one"
)
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")]
