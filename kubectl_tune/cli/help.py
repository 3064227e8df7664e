"""
Help laid out as kubectl's: what it does, examples, options, usage; 80 columns at most.

Only text is made here, from values; nothing is parsed and nothing imported that is heavy.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from kubectl_tune.cli.argv import named
from kubectl_tune.cli.commands import GROUPS
from kubectl_tune.cli.errors import PROGRAM
from kubectl_tune.cli.globals import flags

WIDTH = 80
_TAB = 8

_ROOT = f"""\
{PROGRAM} runs tuning sessions on Kubernetes, or on this machine.

Every line of a plan is a trial: a command with its parameters, which writes a result.
A session runs them all, survives the end of this program, and ranks what came out.

Examples:
  # Run a plan on the cluster of the current context, eight trials at a time
  {PROGRAM} run plan.jsonl -j 8

  # Run it on this machine
  {PROGRAM} run plan.jsonl --engine local

  # See how it stands, and the ten best trials so far
  {PROGRAM} status
  {PROGRAM} results --top 10
"""
_MORE = f'Use "{PROGRAM} <command> --help" for more information about a given command.'
_GLOBAL = (
    f'Use "{PROGRAM} options" for a list of global command-line options (applies to all commands).'
)


def root() -> str:
    about, _, examples = _ROOT.partition("Examples:\n")
    parts = [prose(about), f"Examples:\n{examples.rstrip()}"]
    parts += [section(f"{title}:", group.items()) for title, group in GROUPS.items()]
    parts += [
        f"Usage:\n  {PROGRAM} [command] [options]",
        f"{_MORE}\n{_filled(_GLOBAL)}",
    ]
    return "\n\n".join(parts)


def options() -> str:
    """What `kubectl tune options` prints."""
    entries = sorted(
        (option(flag.spellings, flag.default, flag.help) for flag in flags()), key=_name
    )
    return "The following options can be passed to any command:\n\n" + "\n\n".join(entries)


def command(
    about: str, usage: str, arguments: Iterable[tuple[str, str]], entries: Iterable[str]
) -> str:
    """Lay out one command; `about` is its docstring, `entries` are its options."""
    text, _, examples = about.partition("Examples:\n")
    parts = [prose(text)]
    if examples:
        parts.append("Examples:\n" + textwrap.indent(textwrap.dedent(examples).rstrip(), "  "))
    if rows := list(arguments):
        parts.append(section("Arguments:", rows))
    if listed := sorted(entries, key=_name):
        parts.append("Options:\n" + "\n\n".join(listed))
    parts += [f"Usage:\n  {usage}", _filled(_GLOBAL)]
    return "\n\n".join(parts)


def prose(text: str) -> str:
    """Fill paragraphs; one with an indented line keeps its lines."""
    paragraphs = textwrap.dedent(text).strip().split("\n\n")
    return "\n\n".join(p if "\n " in p else _filled(p) for p in paragraphs)


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_on_hyphens=False)


def section(title: str, rows: Iterable[tuple[str, str]]) -> str:
    rows = list(rows)
    column = max(len(name) for name, _ in rows) + 3
    hang = " " * (column + 2)
    lines = [
        textwrap.fill(
            help,
            WIDTH,
            initial_indent=f"  {name:<{column}}",
            subsequent_indent=hang,
            break_on_hyphens=False,
        )
        for name, help in rows
    ]
    return "\n".join([title, *lines])


def option(spellings: Iterable[str], default: object, help: str) -> str:
    """
    Describe one option as kubectl does, with its default as kubectl writes it.

    >>> print(option(["-f", "--filename"], "", "Name of the file"))
        -f, --filename='':
        Name of the file
    """
    lines = textwrap.wrap(help, WIDTH - _TAB, break_on_hyphens=False)
    return "\n".join(
        [f"    {named(spellings)}={shown(default)}:", *(f"\t{line}" for line in lines)]
    )


def shown(default: object) -> str:
    match default:
        case bool():
            return str(default).lower()
        case int():
            return str(default)
        case float():
            from kubectl_tune.table import duration

            return duration(default) if default else "'0'"
        case tuple() | list():
            return f"[{','.join(map(str, default))}]"
        case _:
            return f"'{'' if default is None else default}'"


def _name(entry: str) -> str:
    return entry.partition("=")[0].lstrip(" -").rpartition("--")[2]
