"""
Options and arguments that several commands share: their types, names and help.

A command takes them as annotations: `session: Session = ""`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import click
import typer
from click.shell_completion import CompletionItem

from kubectl_tune.cli.errors import unknown_format
from kubectl_tune.cli.globals import PREFIX, Globals, globals_, remember
from kubectl_tune.cli.gotime import go_seconds
from kubectl_tune.duration import seconds
from kubectl_tune.errors import UsageError

if TYPE_CHECKING:
    from kubectl_tune.store import Store

__all__ = ["DURATION", "FILE", "Globals", "Session", "Trials", "Yes", "globals_", "output"]


class Duration(click.ParamType[float]):
    """`90`, `90s`, `1h30m`: seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return seconds(value)
        except UsageError as error:
            self.fail(f"{value!r} is {str(error).partition(':')[0]}; {error.hint}", param, ctx)


class Timeout(Duration):
    """The value of --request-timeout, read and refused as kubectl does; 0 is no limit."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = go_seconds(value or "0") if isinstance(value, str) else value
        if found is None:
            raise UsageError(
                "Invalid timeout value. Timeout must be a single integer in seconds, or an integer"
                " followed by a corresponding time unit (e.g. 1s | 2m | 3h)"
            )
        return float(found)


DURATION = Duration()
TIMEOUT = Timeout()


FILE = click.Path(allow_dash=True)  # a file's name, for completion; it is opened elsewhere


class SessionName(click.ParamType[str]):
    """A session's name, or what `-o name` prints of it: `session/NAME`."""

    name = "session"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value).removeprefix("session/")


SESSION = SessionName()


class DryRunMode(click.Choice[str]):
    """The value of --dry-run; what is wrong with it is said in kubectl's sentence."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in self.choices:
            *others, last = (f'"{each}"' for each in self.choices)
            listed = f"{', '.join(others)}{',' * (len(others) > 1)} or {last}"
            raise UsageError(f"Invalid dry-run value ({value}). Must be {listed}.")
        return str(value)


class Format(click.ParamType[str]):
    """A format that the command can print, `jsonpath` perhaps with `=TEMPLATE`; or none."""

    name = "format"

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        name, equals, rest = str(value).partition("=")
        if value and name.lower() not in self.allowed:
            raise unknown_format(str(value), self.allowed)
        return f"{name.lower()}{equals}{rest}"

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


Candidate = tuple[str, str]  # a word, and what is said of it


def session_names(context: typer.Context, incomplete: str) -> list[Candidate]:
    """What completes a session: read from the state file that the line names."""
    store = _store(context)
    taken = context.params.get("names") or ()  # of the sessions that `delete` was given already
    found = [name for name in store.names() if name.startswith(incomplete) and name not in taken]
    return [(name, _told(store, name)) for name in found[:MOST]]


def trial_words(context: typer.Context, incomplete: str) -> list[Candidate]:
    """What completes a trial: trials of the newest or the named session; first, sessions too."""
    from kubectl_tune.sessions import addressed

    store = _store(context)
    before, slash, begun = incomplete.rpartition("/")
    words = context.params.get("trials") or context.params.get("words") or []
    name, taken = addressed(store, [before] if slash else words)
    ids = [id for id in store.ids(name) if id.startswith(begun) and (slash or id not in taken)]
    trials = [each.trial for each in store.trials(name, ids=ids[:MOST])] if ids else []
    found = [(f"{before}{slash}{trial.id}", trial.state.value) for trial in trials]
    return found if slash or words else [*session_names(context, incomplete), *found]


def engine_names(incomplete: str) -> list[str]:
    from kubectl_tune import engines

    return [name for name in engines.names() if name.startswith(incomplete)]


def _store(context: typer.Context) -> Store:
    from kubectl_tune.cli.state import open_store_to_read

    remember(Globals(state=context.params.get(f"{PREFIX}state") or ""))
    return open_store_to_read()


def _told(store: Store, name: str) -> str:
    """Say of a session what tells it from others."""
    from kubectl_tune.sessions import standing
    from kubectl_tune.summary import counted

    now = standing(store, name)
    return f"{now.state.value}, {counted(now.summary.info.total, 'trial')}"


MOST = 100  # candidates beyond that help nobody
Session = Annotated[
    str,
    typer.Argument(
        metavar="SESSION",
        click_type=SESSION,
        help="Name of the session; the newest one if not given",
        autocompletion=session_names,
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
