"""Waiting for what must come, and finding the processes of a test."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def until(ask: Callable[[], T], what: str, seconds: float = 60.0) -> T:
    """Return the first answer that is true; fail with `what` when none comes in time."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"waited {seconds:g}s in vain for {what}"
        time.sleep(0.005)
    return answer


def processes(marker: str) -> list[int]:
    """Processes that have the marker in their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                if marker.encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


def gone(marker: str, seconds: float = 60.0) -> None:
    """Wait until no process has the marker."""
    until(lambda: not processes(marker), f"the end of all processes with {marker}", seconds)
