"""
What could be typed next, in the protocol that kubectl and our own scripts read.

One candidate a line, `value<TAB>description`, then `:N`: cobra's directive, here 0 (files
may follow), 4 (they may not) or 16 (folders only). A completion never fails, never
writes to stderr, and imports nothing but the command it completes.
https://pkg.go.dev/github.com/spf13/cobra#ShellCompDirective
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_tune.cli import argv, contexts
from kubectl_tune.cli.commands import COMMANDS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

FILES, NO_FILES, FOLDERS = 0, 4, 16


def complete(words: list[str]) -> int:
    """Print what may stand where the last of `words` does; it may have been begun."""
    try:
        found, directive = candidates(words or [""])
    except Exception:  # whatever is wrong, a TAB must not print a traceback
        found, directive = [], NO_FILES
    for value, description in found:
        print(f"{value}\t{description}" if description else value)
    print(f":{directive}")
    return 0


def candidates(words: list[str]) -> tuple[list[tuple[str, str]], int]:
    *before, begun = words
    at = argv.command_at(before)
    if "--" in before:
        return [], FILES
    if at is None:
        if (found := contexts.before_command(before, begun)) is not None:
            return [(name, "") for name in found], NO_FILES
        return [each for each in COMMANDS.items() if each[0].startswith(begun)], NO_FILES
    if before[at] not in COMMANDS:
        return [], NO_FILES
    return of_command(before[at], [*before[:at], *before[at + 1 :]], begun)


def of_command(name: str, before: list[str], begun: str) -> tuple[list[tuple[str, str]], int]:
    from click.shell_completion import ShellComplete

    from kubectl_tune.cli.frame import build

    items = ShellComplete(build(name), {}, name, "").get_completions(before, begun)
    kinds = {item.type for item in items}
    directive = FILES if "file" in kinds else FOLDERS if "dir" in kinds else NO_FILES
    return [_line(item) for item in items if item.type == "plain"], directive


def _line(item: CompletionItem) -> tuple[str, str]:
    return str(item.value), " ".join((item.help or "").split())
