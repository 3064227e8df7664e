"""
Log lines on standard output: to the byte, or in a form that a terminal can bear.

One rule: nothing that a trial has printed can move the cursor, colour what follows, or
look like another trial's line.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

from kubectl_tune.log import LogLine
from kubectl_tune.table import clean

# Colours, and "erase to the end of the line" as progress bars have it.
_DROPPED = re.compile(r"(?:\x1b\[|\x9b)[0-9;:]*[mK]")


class Printer:
    def __init__(
        self, *, prefix: bool, timestamps: bool, paint: Callable[[str], str] | None = None
    ) -> None:
        self._prefix, self._timestamps, self._paint = prefix, timestamps, paint
        self._terminal = sys.stdout.isatty()
        self._open = ""  # the trial whose last line has not ended

    @property
    def by_line(self) -> bool:
        """Whether lines have something in front, so that parts of one can't be printed."""
        return self._prefix or self._timestamps

    def line(self, id: str, line: LogLine) -> None:
        text = bearable(line.text).encode() if self._terminal else line.text
        ended = line.ended or self.by_line
        between = b"\n" if self._open not in ("", id) else b""
        self._open = "" if ended else id
        lead = self._lead(id, line)
        sys.stdout.buffer.write(b"".join([between, lead, text, b"\n" if ended else b""]))

    def say(self, text: str) -> None:
        """Say something that is no line of a log."""
        self.flush()
        if self._open and self._terminal:
            sys.stdout.buffer.write(b"\n")
            self._open = ""
            self.flush()
        print(clean(text), file=sys.stderr)

    def flush(self) -> None:
        sys.stdout.buffer.flush()

    def _lead(self, id: str, line: LogLine) -> bytes:
        lead = f"[trial/{clean(id)}]" if self._prefix else ""
        if lead and self._paint:
            lead = f"{self._paint(id)}{lead}\x1b[0m"
        lead += " " * bool(lead)
        if self._timestamps:
            lead += f"{clean(line.time)} "
        return lead.encode("utf-8", "backslashreplace")


def bearable(text: bytes) -> str:
    """
    Return printed text as a terminal may show it: no colours, of a progress bar its last state.
    """
    plain = _DROPPED.sub("", text.decode("utf-8", "replace"))
    return clean(plain.rstrip("\r").rpartition("\r")[2], keep="\t")
