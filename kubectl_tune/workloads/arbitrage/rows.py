"""
The rows of a table between two bounds, in blocks.

Bounds count the rows of the file from 0, whatever is wrong with one; a blank line is not a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

Block = list[Sequence[Any]]


class Rows:
    """Blank lines come along, so that lines can be counted, too."""

    def __init__(self, rows: Iterator[Sequence[Any]], block: int) -> None:
        self._rows = rows
        self._block = block
        self.count = 0

    def take(self, stop: int | None = None) -> Block:
        """The next of those before number `stop`; none when there are no more."""
        size = self._block if stop is None else min(self._block, max(0, stop - self.count))
        block = list(islice(self._rows, size))
        self.count += sum(map(bool, block))
        return block

    def skip(self, start: int) -> None:
        while self.take(start):
            pass

    def unseen(self, start: int, stop: int | None) -> str:
        """
        What bounds ask for that the file doesn't have, said once all of theirs is taken.

        ValueError where there is nothing at all between them.
        """
        if stop is not None and start < self.count == stop:
            return ""
        while self.take():
            pass
        if self.count <= start:
            raise ValueError(f"row_start {start} leaves no row: the file has {self.count}")
        if stop is not None and stop > self.count:
            return f"row_stop {stop} is beyond the end: the file has {self.count} rows"
        return ""
