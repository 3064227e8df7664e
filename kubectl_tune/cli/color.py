"""
Whether to colour, and what: states, sparingly, and what tells logs apart.

One rule: colours are for somebody who looks. They go to a terminal that knows them, and
nowhere else unless `--color=always` asks for them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Annotated, TextIO
from zlib import crc32

import click
import typer

from kubectl_tune.session import SessionState
from kubectl_tune.table import Paint
from kubectl_tune.trial import TrialState

CHOICES = ("auto", "always", "never")
Color = Annotated[
    str,
    typer.Option(
        "--color",
        click_type=click.Choice(CHOICES),
        help=f"When to colour. One of: ({', '.join(CHOICES)}). 'auto' does so on a"
        " terminal, unless NO_COLOR is set",
    ),
]

_RED, _GREEN, _YELLOW, _CYAN = (f"\x1b[{code}m" for code in (31, 32, 33, 36))
_CODES: dict[str, str] = {
    SessionState.RUNNING: _CYAN,
    SessionState.DETACHED: _YELLOW,
    SessionState.CANCELLED: _YELLOW,
    TrialState.SUCCEEDED: _GREEN,
    TrialState.FAILED: _RED,
    TrialState.TIMED_OUT: _RED,
    TrialState.LOST: _RED,
}


_LOGS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)  # never red, which is for what is wrong


def coloured(
    choice: str, stream: TextIO | None = None, environment: Mapping[str, str] | None = None
) -> bool:
    """Say whether what goes to a stream, by default stdout, is coloured."""
    given = os.environ if environment is None else environment
    if choice != "auto":
        return choice == "always"
    if "NO_COLOR" in given or given.get("TERM") == "dumb":  # even an empty NO_COLOR: kubectl's way
        return False
    if sys.platform == "win32" and "WT_SESSION" not in given:
        return False
    return (stream or sys.stdout).isatty()


def paint(choice: str) -> Paint | None:
    """Return what colours states in tables, or None where there are to be no colours."""
    return state_colour if coloured(choice) else None


def log_colour(id: str) -> str:
    """Return what colours the prefix of a trial's lines: the same at each look."""
    return f"\x1b[{_LOGS[crc32(id.encode('utf-8', 'backslashreplace')) % len(_LOGS)]}m"


def state_colour(header: str, text: str) -> str:
    return _CODES.get(text, "") if header.upper() == "STATE" else ""
