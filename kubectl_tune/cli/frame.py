"""
From the function of a command to a parser for it, and back with the exit code.

Only the module of the command that was asked for is imported. Its function `command`
says by its annotations what it takes, by its docstring what help prints (`Examples:`
begins the examples), and by what it returns the exit code: None is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import click
import typer
from click.shell_completion import CompletionItem
from typer.core import TyperCommand

from kubectl_tune.cli import argv, contexts
from kubectl_tune.cli.commands import module_name
from kubectl_tune.cli.errors import PROGRAM, from_click, no_truth
from kubectl_tune.cli.globals import PREFIX, Flag, Globals, flags, remember
from kubectl_tune.cli.options import TIMEOUT
from kubectl_tune.errors import SessionNotFound

BEHIND = "kubectl_tune.behind"  # in a context's meta: the words behind `--`
FILES = ("PLAN", "SPEC")  # arguments that may be named by -f, too
FILENAME = "filename"


def run(name: str, args: list[str]) -> int:
    """Run a command and return its exit code."""
    return invoke(build(name), f"{PROGRAM} {name}", args)


def invoke(command: click.Command, path: str, args: list[str]) -> int:
    try:
        with command.make_context(path, args) as context:
            return int(command.invoke(context) or 0)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None  # Ctrl-C at a question
    except click.UsageError as error:
        raise from_click(error, path, args) from error


def build(name: str) -> Command:
    return parser(import_module(module_name(name)).command)


def parser(function: Callable[..., Any]) -> Command:
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(cls=Command, context_settings={"help_option_names": list(argv.HELP)})(function)
    command = typer.main.get_command(app)
    assert isinstance(command, Command)
    command.function = function
    command.complete_options()
    return command


class Command(TyperCommand):
    """A command that reads flags as pflag does and shows help as kubectl does."""

    function: Callable[..., Any]

    def complete_options(self) -> None:
        """Add the global options, `-f` for a plan, and to each switch what turns it off."""
        for argument in self._arguments():
            if (named := metavar(argument).strip("[]")) in FILES:
                argument.type = click.Path(allow_dash=True)  # TAB offers files
                self.params.append(_filename(named))
        taken = {spelling for each in self.params for spelling in each.opts + each.secondary_opts}
        self.params += [_global(flag, taken) for flag in flags() if set(flag.spellings) - taken]
        for switch in self._switches():
            if not switch.secondary_opts:
                switch.secondary_opts = [f"--no-{max(switch.opts, key=len).lstrip('-')}"]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        opposites = {
            flag: switch.secondary_opts[0] for switch in self._switches() for flag in switch.opts
        }
        opposites |= {
            flag: switch.opts[0] for switch in self._switches() for flag in switch.secondary_opts
        }
        bare = self.bare()
        valued = {flag for each in self._options() if not each.is_flag for flag in each.opts}
        valued -= set(bare)
        args = argv.apart(args, valued, opposites)
        if any(option.name == FILENAME for option in self._options()):
            args = argv.filename_first(args, valued.difference(argv.FILENAME))
        ctx.meta[BEHIND] = args[args.index("--") + 1 :] if "--" in args else []
        try:
            words = argv.spelled_out(args, valued, opposites, bare)
        except argv.NoTruth as wrong:
            switches = [argv.HELP, *(each.opts for each in self._switches())]
            shown = next((each for each in switches if wrong.flag in each), (wrong.flag,))
            raise no_truth(wrong, argv.named(shown), ctx.command_path) from wrong
        return super().parse_args(ctx, words)

    def invoke(self, ctx: click.Context) -> Any:
        # A command's own option of the same name hides the global one, as in kubectl.
        given = {f.key: ctx.params.pop(PREFIX + f.key, f.default) for f in flags()}
        remember(Globals(**given))
        try:
            return super().invoke(ctx)
        except SessionNotFound:
            from kubectl_tune.cli.clusters import doubt_flags

            doubt_flags()  # none may be found because --context is misspelt
            raise

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from kubectl_tune.cli import help

        arguments = self._arguments()
        entries = [
            help.option(each.opts, () if each.multiple else each.default, each.help or "")
            for each in self._options()
            if not each.hidden
        ]
        words = [ctx.command_path, *map(metavar, arguments), "[options]"]
        usage = " ".join(sorted(words, key=lambda word: word.startswith("[--")))
        said = _said(self.function)
        rows = [(metavar(each).strip("[]"), said.get(each.name or "", "")) for each in arguments]
        described = [row for row in rows if row[1]]
        formatter.write(help.command(self.help or "", usage, described, entries) + "\n")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the flags that help names, the command's own first, then the global ones."""
        if not incomplete.startswith("-"):
            return []
        shown = [e for e in self._options() if not e.hidden or str(e.name).startswith(PREFIX)]
        offered = [(flag, each.help or "") for each in shown for flag in each.opts]
        offered += [(flag, f"help for {ctx.info_name}") for flag in argv.HELP]
        return [CompletionItem(n, help=h) for n, h in offered if n.startswith(incomplete)]

    def takes_value(self, flag: str) -> bool:
        return any(flag in each.opts for each in self._options() if not each.is_flag)

    def bare(self) -> dict[str, str]:
        """Return this command's own flags whose value may be left out, each with one."""
        own = [e for e in self._options() if not (e.is_flag or str(e.name).startswith(PREFIX))]
        known = {flag for each in own for flag in each.opts}
        return {flag: word for flag, word in argv.BARE.items() if flag in known}

    def switch(self, flag: str) -> bool:
        return any(flag in each.opts for each in self._switches())

    def _arguments(self) -> list[click.Argument]:
        return [each for each in self.params if isinstance(each, click.Argument)]

    def _options(self) -> list[click.Option]:
        return [each for each in self.params if isinstance(each, click.Option)]

    def _switches(self) -> list[click.Option]:
        return [each for each in self._options() if each.is_bool_flag]


def metavar(argument: click.Argument) -> str:
    """Show an argument as usage lines do: `PLAN`, `[SESSION]`, `[TRIAL...]`."""
    name = argument.metavar or (argument.name or "").upper()
    many = "..." if argument.nargs == -1 and not name.endswith("...") else ""
    return f"{name}{many}" if argument.required else f"[{name}{many}]"


def _said(function: Callable[..., Any]) -> dict[str, str]:
    """Return what a function says of its arguments: click 8.5 drops what typer 0.24 hands it."""
    from typer.utils import get_params_from_function

    params = get_params_from_function(function)
    return {name: getattr(each.default, "help", "") or "" for name, each in params.items()}


def _filename(metavar: str) -> click.Option:
    """Return the flag that may stand instead of an argument; `argv` has moved its value there."""
    help = f"File that is the {metavar}, named so instead; - reads stdin"
    type = click.Path(allow_dash=True)
    return click.Option(
        [FILENAME, *argv.FILENAME], type=type, default="", help=help, expose_value=False
    )


def _global(flag: Flag, taken: set[str]) -> click.Option:
    names = [spelling for spelling in flag.spellings if spelling not in taken]
    common: dict[str, Any] = {"default": flag.default, "hidden": True, "help": flag.help}
    if not flag.valued:
        common["is_flag"] = True
    elif isinstance(flag.default, tuple):
        common |= {"multiple": True, "default": None}
    elif isinstance(flag.default, float):
        common["type"] = TIMEOUT
    if flag.key in contexts.KINDS:
        common["shell_complete"] = lambda context, _, begun: contexts.candidates(
            flag.key, context, begun
        )
    elif flag.key in contexts.PATHS:
        common["shell_complete"] = lambda *_: [CompletionItem("", contexts.PATHS[flag.key])]
    return click.Option([PREFIX + flag.key, *names], **common)
