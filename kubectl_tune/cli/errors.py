"""
What went wrong on the command line, in kubectl's words, and the one place that says it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from kubectl_tune.cli.argv import NoTruth, named
from kubectl_tune.cli.globals import globals_
from kubectl_tune.errors import ClusterError, TuneError, UsageError

TYPE_CHECKING = False  # typing's own would have to be imported
if TYPE_CHECKING:
    import click

PROGRAM = "kubectl tune"
QUOTES = "'\""  # that the parser puts around some values, and not around others
_GO = {"a valid integer": "ParseInt", "a valid float": "ParseFloat"}  # and what says so there
WORDED = ("Error ", "The connection ", "Unable to connect ")


class FlagError(UsageError):
    """The arguments don't fit the command; its help says which do."""

    def __init__(self, message: str, *, usage: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.usage = usage


def program() -> str:
    """How this program is called again on the same state file."""
    import shlex

    given = globals_().state
    return f"{PROGRAM} --state {shlex.quote(given)}" if given else PROGRAM


def say(error: TuneError) -> int:
    """Print an error as kubectl would, and return the exit code."""
    # What kubectl words itself, it prints without a prefix (its CheckErr).
    worded = isinstance(error, ClusterError) and _is_worded(str(error))
    lines = [str(error) if worded else f"error: {error}"]
    if error.hint:
        lines.append(f"hint: {error.hint.replace(PROGRAM, program())}")
    if isinstance(error, FlagError):
        lines.append(f"See '{error.usage} --help' for usage.")
    from kubectl_tune.table import clean

    print(clean("\n".join(lines), keep="\n\t"), file=sys.stderr)
    return error.exit_code


def _is_worded(message: str) -> bool:
    return message.startswith(WORDED) or (message.startswith("The ") and " is invalid" in message)


def unknown_command(name: str, known: dict[str, str]) -> UsageError:
    from kubectl_tune.suggest import near

    meant = near(name, known)
    question = f"\n\nDid you mean this?\n\t{meant}" if meant else ""
    return UsageError(f'unknown command "{name}" for "{PROGRAM}"{question}')


def unknown_flag(flag: str, usage: str, hint: str = "") -> FlagError:
    if flag.startswith(("---", "--=")):
        return FlagError(f"bad flag syntax: {flag}", usage=usage)
    if flag.startswith("--"):
        return FlagError(f"unknown flag: {flag.partition('=')[0]}", usage=usage, hint=hint)
    return FlagError(f"unknown shorthand flag: '{flag[1:2]}' in {flag}", usage=usage)


def no_truth(wrong: NoTruth, flag: str, usage: str) -> FlagError:
    message = _of_go("ParseBool", wrong.value, flag)
    hint = f"write {wrong.flag}=true or {wrong.flag}=false"
    return FlagError(message, usage=usage, hint=hint)


def _of_go(parser: str, value: str, flag: str) -> str:
    why = f'strconv.{parser}: parsing "{value}": invalid syntax'
    return f'invalid argument "{value}" for "{flag}" flag: {why}'


def missing_value(flag: str, usage: str) -> FlagError:
    return FlagError(needs_value(flag), usage=usage)


def needs_value(flag: str) -> str:
    return f"flag needs an argument: {flag if flag[:2] == '--' else f'{flag[1:]!r} in {flag}'}"


def unknown_format(name: str, allowed: tuple[str, ...]) -> UsageError:
    if allowed == ("json", "yaml"):  # what kubectl says of its own `version`
        return UsageError("--output must be 'yaml' or 'json'")
    return UsageError(
        f'unable to match a printer suitable for the output format "{name}",'
        f" allowed formats are: {','.join(sorted(allowed))}"
    )


def from_click(error: click.UsageError, usage: str, args: Sequence[str]) -> FlagError:
    """Say in kubectl's words what the parser found wrong."""
    import click

    match error:
        case click.NoSuchOption():
            near = ", ".join(name for name in error.possibilities or () if _close(name, error))
            hint = f"did you mean {near}?" if near else ""
            return unknown_flag(_whole(error.option_name, args), usage, hint)
        case click.BadOptionUsage():
            return FlagError(_misused(error), usage=usage)
        case click.MissingParameter() if error.param is not None:
            return FlagError(_missing(error.param), usage=usage)
        case click.BadParameter() if isinstance(error.param, click.Option):
            return FlagError(_invalid(error, named(error.param.opts)), usage=usage)
        case _:
            return FlagError(_extra(_sentence(error)), usage=usage)


def _whole(flag: str, args: Sequence[str]) -> str:
    """Return an unknown flag with all that is written with it: the parser names it alone."""
    if flag.startswith("--"):
        return next((word for word in args if word.partition("=")[0] == flag), flag)
    clusters = (word for word in args if word[:1] == "-" != word[1:2] and flag[1:] in word)
    return next((f"-{word[word.index(flag[1:]) :]}" for word in clusters), flag)


def _close(name: str, error: click.NoSuchOption) -> bool:
    from kubectl_tune.suggest import near

    return bool(near(error.option_name, [name]))


def _misused(error: click.BadOptionUsage) -> str:
    flag = error.option_name
    if "requires an argument" not in error.message:
        return f"flag takes no argument: {flag}"
    return needs_value(flag)


def _invalid(error: click.BadParameter, flag: str) -> str:
    """Say which value of a flag is wrong: in front, as pflag does, where the parser names it."""
    value, verb, why = (sentence := _sentence(error)).rpartition(" is not ")
    if why in _GO:
        return _of_go(_GO[why], value.strip(QUOTES), flag)
    if not verb:
        return f'invalid argument for "{flag}" flag: {sentence}'
    return f'invalid argument "{value.strip(QUOTES)}" for "{flag}" flag: not {why}'


def _extra(sentence: str) -> str:
    lead, _, words = sentence.partition(" (")
    extra = lead.startswith("got unexpected extra argument")
    return f"unexpected arguments: [{words[:-1]}]" if extra else sentence


def _missing(param: click.Parameter) -> str:
    if param.param_type_name == "option":
        return f'required flag(s) "{max(param.opts, key=len)}" not set'
    name = (getattr(param, "metavar", None) or param.name or "").upper()
    return f"required argument {name} not given"


def _sentence(error: click.UsageError) -> str:
    message = error.message.removesuffix(".").removesuffix(" range")  # "a valid integer range"
    return message[:1].lower() + message[1:]
