"""Crashes at every step: an act is done again and again, each time cut off one call later."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

CUT = 99


def steps(act: Callable[[], None]) -> int:
    """Count the calls of C functions, such as those that write, that an act consists of."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        counted = _counting(act, sys.maxsize)
        os.write(writer, str(counted).encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as file:
        count = int(file.read())
    os.waitpid(child, 0)
    return count


def cut(act: Callable[[], None], step: int) -> bool:
    """Do it in a process that dies at the given call; say whether it died."""
    child = os.fork()
    if not child:
        _counting(act, step)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, CUT)
    return os.waitstatus_to_exitcode(status) == CUT


def _counting(act: Callable[[], None], limit: int) -> int:
    calls = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        if event == "c_call":
            calls += 1
            if calls == limit:
                os._exit(CUT)

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return calls
