"""
Command lines as kubectl's users write them, made into what the parser reads.

Nothing behind `--` is touched: it belongs to the user's command.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice

from kubectl_tune.cli.globals import flags
from kubectl_tune.errors import UsageError

HELP = ("-h", "--help")
FILENAME = ("-f", "--filename")
# What a command's own flag means that is written without its value; pflag's NoOptDefVal.
BARE = {"--dry-run": "--dry-run=client", "--cluster": "--cluster=true"}

TRUTH = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


class NoTruth(Exception):
    """A switch was given a value that is neither true nor false."""

    def __init__(self, flag: str, value: str) -> None:
        super().__init__(flag, value)
        self.flag, self.value = flag, value


def command_at(argv: Sequence[str]) -> int | None:
    """
    Return where the command's name stands.

    It is the first word that is neither a flag nor the value of one. Whether another
    flag than the global ones takes a value shows only when the command is known; as in
    kubectl, it is taken to.
    """
    switches = {*HELP, "--version"} | {
        name for flag in flags() if not flag.valued for name in flag.spellings
    }
    position = 0
    while position < len(argv) and argv[position] != "--":
        word = argv[position]
        if not word.startswith("-") or word == "-":
            return position
        clustered = len(word) > 2 and not word.startswith("--")  # `-n5` has its value
        alone = "=" in word or word in switches or clustered
        position += 1 if alone else 2
    return None


def apart(args: Sequence[str], valued: Collection[str], switches: Collection[str]) -> list[str]:
    """Write switches of one word as words of their own: `-qf plan` as `-q -f plan`."""
    words, plain = deque(args), list[str]()
    while words:
        word = words.popleft()
        if word == "--":
            return [*plain, word, *words]
        while len(word) > 2 and word[:2] in switches and word[2] not in "=-":
            plain.append(word[:2])
            word = f"-{word[2:]}"
        plain.append(word)
        if word in valued and words:
            plain.append(words.popleft())
    return plain


def spelled_out(
    args: Sequence[str],
    valued: Collection[str],
    opposites: Mapping[str, str],
    bare: Mapping[str, str],
) -> list[str]:
    """
    Return `args` without the spellings that only pflag understands.

    `valued` are the flags that take a value, `bare` of those what they mean without it,
    `opposites` the switches, each with the flag that turns it off.
    """
    words, plain = iter(args), list[str]()
    for word in words:
        flag, equals, value = word.partition("=")
        if word == "--":
            return [*plain, word, *words]
        if word in bare:
            plain.append(bare[word])
        elif word in valued:
            plain += [word, *islice(words, 1)]
        elif equals and flag in HELP:
            plain += [flag] * _truth(flag, value)
        elif equals and flag in opposites:
            plain.append(flag if _truth(flag, value) else opposites[flag])
        elif equals and flag in valued and not flag.startswith("--"):
            plain += [flag, value]  # click would read `-n=x` as `=x`
        else:
            plain.append(word)
    return plain


def filename_first(args: Sequence[str], valued: Collection[str]) -> list[str]:
    """
    Put the value of `-f` or `--filename` where an argument stands: before all else.

    `valued` are the other flags that take a value; whatever that is, it is theirs.
    """
    words, found, rest = iter(args), list[str](), list[str]()
    for word in words:
        flag, equals, value = word.partition("=")
        if word == "--":
            rest += [word, *words]
        elif word in valued:
            rest += [word, *islice(words, 1)]
        elif word in FILENAME:
            named_so = list(islice(words, 1))
            rest += [] if named_so else [word]  # the parser says that it needs a value
            found += named_so
        elif equals and flag in FILENAME:
            found.append(value)
        elif word.startswith("-f") and len(word) > 2:
            found.append(word[2:])
        else:
            rest.append(word)
    if len(found) > 1:
        raise UsageError(
            f"-f is given {len(found)} times: {', '.join(found)}",
            hint="a session has one plan; put the files together first",
        )
    return [*found, *rest]


def named(spellings: Iterable[str]) -> str:
    """Write a flag as help and errors name it: `-n, --namespace`, without further names."""
    flags = list(spellings)
    short = [flag for flag in flags if not flag.startswith("--")][:1]
    return ", ".join(short + [flag for flag in flags if flag.startswith("--")][:1])


def _truth(flag: str, value: str) -> bool:
    if value not in TRUTH:
        raise NoTruth(flag, value)
    return TRUTH[value]
