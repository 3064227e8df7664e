"""
What becomes of rows that came late: whose time is before that of a row above them.

`check` tells of them and leaves the rest to the policy for bad rows, `sort` puts rows in the order
of their times, `file` takes them as they stand. Rows of one time always keep their order.

Source: nautilus_trader, whose backtests want data in the order of time, or sorted once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .clock import times

Order = Literal["check", "sort", "file"]
ORDERS: tuple[Order, ...] = ("check", "sort", "file")


@dataclass
class LateRows:
    count: int = 0
    first_line: int = 0

    def add(self, line: int) -> None:
        self.count += 1
        self.first_line = self.first_line or line

    def sentence(self, order: Order, *, left_out: bool) -> str:
        """What to tell the user; nothing where no row was late."""
        if not self.count or order == "file":
            return ""
        rows = f"{self.count} row{'s' if self.count > 1 else ''}"
        where = f"time goes back at {rows}, first at line {self.first_line}"
        if order == "sort":
            return f"{where}: sorted by time"
        done = "left out" if left_out else "used in the order of the file"
        return f"{where}: {done} (order sort puts rows in the order of their times)"


def in_order(timestamps: Sequence[str]) -> list[int]:
    """Places of the rows, earliest first; ValueError for a timestamp that is no time."""
    moments = times(timestamps)
    return sorted(range(len(moments)), key=moments.__getitem__)
