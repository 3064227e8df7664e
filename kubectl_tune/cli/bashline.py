"""
A line of bash up to its cursor: into words, and a candidate into what bash puts there.

bash's own words are still quoted and broken at `=`, `:` and `@`, and it puts a candidate in
place of the last piece as it is: with its spaces, and with its `$(`.
"""

from __future__ import annotations

import re
import shlex
from contextlib import suppress

CURSOR = "\0"  # which no line holds


def split(line: str) -> tuple[list[str], str]:
    """Return the words behind the program's name, and the quote that is still open."""
    for quote in ("", '"', "'"):
        with suppress(ValueError):
            *before, begun = shlex.split(f"{line}{CURSOR}{quote}")
            return [*before[1:], begun.removesuffix(CURSOR)], quote
    return [""], ""


def inserted(value: str, begun: str, quote: str, breaks: str) -> str:
    """Return what bash has to put where it sees the begun word: behind the last of `breaks`."""
    if quote == "'":
        return value.replace("'", r"'\''")
    if quote:
        return re.sub(r'(["$`\\])', r"\\\1", value)
    flag, equals, _ = begun.partition("=")
    whole = f"{flag}={value}" if equals and flag.startswith("-") else value
    kept = max((begun.rfind(each) for each in "=:@" if each in breaks), default=-1) + 1
    return re.sub(r"([^\w%+=:,./@-])", r"\\\1", whole[kept:])
