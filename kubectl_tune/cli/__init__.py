"""
The command line: arguments to one service, its outcome to one view.

`main` finds the command and is the one place where errors end: what a user can act on is
said in two lines, anything else is a bug and keeps its traceback. No name here is that of
a command, since its module takes the name when it is imported. Here and in `help`
nothing is imported that takes time; the parser is, once a command is known.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from kubectl_tune.cli import argv
from kubectl_tune.cli.commands import COMMANDS
from kubectl_tune.cli.errors import PROGRAM, missing_value, say, unknown_command, unknown_flag
from kubectl_tune.cli.globals import flags
from kubectl_tune.errors import TuneError

INTERRUPTED = 130


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    return explained(lambda: dispatch(sys.argv[1:] if args is None else args))


def explained(act: Callable[[], int]) -> int:
    """Act; say what went wrong if that is the user's to mend."""
    try:
        return act()
    except TuneError as error:
        return say(error)
    except KeyboardInterrupt:
        return INTERRUPTED


def dispatch(args: Sequence[str]) -> int:
    at = argv.command_at(args)
    if at is None:
        return without_command(args)
    # Flags before the command are the command's, as in kubectl.
    return perform(args[at], [*args[:at], *args[at + 1 :]])


def perform(name: str, args: list[str]) -> int:
    match name:
        case "help" if args and not args[0].startswith("-"):
            return perform(args[0], ["--help"])
        case "help":
            return overview()
        case "options":
            from kubectl_tune.cli import help

            check_flags(args)
            return printed(help.options())
        case "__complete":
            from kubectl_tune.cli.complete import complete

            return complete(args)
        case _ if name not in COMMANDS:
            raise unknown_command(name, COMMANDS)
    from kubectl_tune.cli import frame

    return frame.run(name, args)


def without_command(args: Sequence[str]) -> int:
    """Show the overview, unless the flags make no sense."""
    if "--version" in args:
        return perform("version", ["--client"])
    check_flags(args)
    return overview()


def check_flags(args: Sequence[str]) -> None:
    """Refuse flags that make no sense where there is no command to ask."""
    known = {name for flag in flags() for name in flag.spellings} | set(argv.HELP)
    for word in args if not set(argv.HELP) & set(args) else ():
        if word.startswith("--") and word != "--" and word.partition("=")[0] not in known:
            raise unknown_flag(word, PROGRAM)
        if word[:1] == "-" and word[1:2] not in ("", "-") and word[:2] not in known:
            raise unknown_flag(word, PROGRAM)
    if args and args[-1] in {name for flag in flags() if flag.valued for name in flag.spellings}:
        raise missing_value(args[-1], PROGRAM)


def overview() -> int:
    from kubectl_tune.cli import help

    return printed(help.root())


def printed(text: str) -> int:
    print(text)
    return 0
