"""
A trial as shell lines that run it once more by hand, on this machine.

One rule: what the shell reads is what the trial was given, to the byte, and yet no character
of it can break a line or drive a terminal.
"""

from __future__ import annotations

import shlex

from kubectl_tune.launch import Launch


def recipe(what: Launch, *, workdir: str, folder: str) -> str:
    """Write the steps: go there, make the config file, run; `folder` is as `launch` got it."""
    env = " ".join(f"{key}={quote(value)}" for key, value in what.env.items())
    return "\n".join([
        f"cd {quote(workdir)}",
        f"mkdir -p {quote(folder)}",
        f"printf %s {quote(what.config)} >{quote(f'{folder}/config.json')}",
        f"env {env} \\",
        f"  {command_line(what.argv)}",
    ])  # fmt: skip


def command_line(argv: tuple[str, ...]) -> str:
    return " ".join(map(quote, argv))


def quote(word: str) -> str:
    """
    Quote a word for the shell; one that a terminal could not bear as bash and zsh read it.

    >>> print(quote("a b"), quote("red \\x1b[31m"))
    'a b' $'red \\033[31m'
    """
    if word.isprintable():
        return shlex.quote(word)
    return "$'" + "".join(map(_escaped, word)) + "'"


def _escaped(char: str) -> str:
    if char in "'\\":
        return f"\\{char}"
    if char.isprintable():
        return char
    if char == "\n":
        return "\\n"
    # Octal, because as many as three digits belong to it, whatever follows.
    return "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))
