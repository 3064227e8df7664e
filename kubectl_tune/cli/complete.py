"""
What could be typed next, in the protocol that kubectl and our own scripts read.

One candidate a line, `value<TAB>description`, then `:N`: cobra's directive, here 0 (files
may follow), 4 (they may not) or 16 (folders only). A completion never fails, never
writes to stderr, and imports nothing but the command it completes.
https://pkg.go.dev/github.com/spf13/cobra#ShellCompDirective
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from kubectl_tune.cli import argv, contexts
from kubectl_tune.cli.commands import COMMANDS
from kubectl_tune.cli.globals import flags

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

FILES, NO_FILES, FOLDERS = 0, 4, 16
DIRECTIVES = {"file": FILES, "dir": FOLDERS}
# What help shows for a value that is a file or a folder.
FILE_NAMES = ("FILE", "PLAN")
FOLDER_NAMES = ("FOLDER", "DIR")
OTHERS = {
    "help": "Help about any command",
    "options": "Print the list of flags inherited by all commands",
}
RUNNING = ("run", "submit", "plan", "validate")  # behind their `--` is the user's own command

Candidates = tuple[list[tuple[str, str]], int]


def complete(words: list[str]) -> int:
    """Print what may stand where the last of `words` does; without words, what bash's line has."""
    shown: Callable[[str], str] = str
    try:
        if not words:
            words, shown = in_bash(os.environ.get("COMP_LINE", ""))
        found, directive = candidates(words)
    except Exception:  # whatever is wrong, a TAB must not print a traceback
        found, directive = [], NO_FILES
    for value, description in found:
        print(f"{shown(value)}\t{description}" if description else shown(value))
    print(f":{directive}")
    return 0


def in_bash(line: str) -> tuple[list[str], Callable[[str], str]]:
    from kubectl_tune.cli import bashline

    words, quote = bashline.split(line)
    breaks = os.environ.get("COMP_WORDBREAKS", "=:")
    return words, partial(bashline.inserted, begun=words[-1], quote=quote, breaks=breaks)


def candidates(words: list[str]) -> Candidates:
    *before, begun = words
    at = argv.command_at(before)
    if at is None:
        return before_command(before, begun)
    name, others = before[at], [*before[:at], *before[at + 1 :]]
    if name == "help":
        return commands(begun) if not others else ([], NO_FILES)
    if name not in COMMANDS:
        return [], NO_FILES
    if "--" in before and name in RUNNING:
        return [], FILES
    return of_command(name, others, begun)


def before_command(before: list[str], begun: str) -> Candidates:
    if (flag := contexts.valued(before, begun)) is not None:
        if flag.key in contexts.PATHS:
            return [], DIRECTIVES[contexts.PATHS[flag.key]]
        return [(name, "") for name in contexts.before_command(flag, before, begun)], NO_FILES
    return (commands if not begun.startswith("-") else global_flags)(begun)


def commands(begun: str) -> Candidates:
    known = COMMANDS | OTHERS
    return [each for each in known.items() if each[0].startswith(begun)], NO_FILES


def global_flags(begun: str) -> Candidates:
    found = [(spelling, flag.help) for flag in flags() for spelling in flag.spellings]
    return [each for each in sorted(found) if each[0].startswith(begun)], NO_FILES


def of_command(name: str, before: list[str], begun: str) -> Candidates:
    import click
    from click.shell_completion import ShellComplete

    from kubectl_tune.cli.frame import build

    command = build(name)
    before = [command.bare().get(word, word) for word in before]
    flag, equals, value = begun.partition("=")
    if equals and flag.startswith("--") and not command.takes_value(flag):
        truths = ("true", "false") if command.switch(flag) else ()
        return [(each, "") for each in truths if each.startswith(value)], NO_FILES
    for each in command.params:
        if each.metavar in (*FILE_NAMES, *FOLDER_NAMES):
            each.type = click.Path(file_okay=each.metavar in FILE_NAMES)
    items = ShellComplete(command, {}, name, "").get_completions(before, begun)
    kinds = [DIRECTIVES[item.type] for item in items if item.type in DIRECTIVES]
    plain = [_line(item) for item in items if item.type == "plain"]
    return plain, min(kinds, default=NO_FILES)


def _line(item: CompletionItem) -> tuple[str, str]:
    return str(item.value), " ".join((item.help or "").split())
