"""When to give up on a whole session, in GNU parallel's words: `soon,fail=3`, `now,fail=10%`."""

from __future__ import annotations

import re
from typing import NamedTuple

from kubectl_tune.errors import UsageError

_FORM = r"(now|soon),(fail|success|done)=(\d+)(%?)"


class Halt(NamedTuple):
    """`now` ends what runs, `soon` only starts nothing more (man parallel, --halt)."""

    when: str
    why: str
    value: int
    percent: bool = False

    @classmethod
    def parse(cls, text: str) -> Halt | None:
        """Read `never` or `WHEN,WHY=N[%]`; raise `UsageError` for anything else."""
        if text == "never":
            return None
        form = re.fullmatch(_FORM, text)
        if form is None or not int(form[3]) or (form[4] and int(form[3]) > 100):
            raise UsageError(
                f"--halt {text}: expected never, or WHEN,WHY=N with WHEN now or soon,"
                " WHY fail, success or done, and N a number from 1 or a percentage",
                hint="for example: --halt soon,fail=3 or --halt now,fail=10%",
            )
        return cls(form[1], form[2], int(form[3]), bool(form[4]))

    def __str__(self) -> str:
        return f"{self.when},{self.why}={self.value}{'%' if self.percent else ''}"

    def count(self, total: int) -> int:
        """Return how many trials of `total` make it due; 0 is never."""
        return -(-self.value * total // 100) if self.percent else self.value

    def due(self, *, failed: int, succeeded: int, done: int, total: int) -> bool:
        """Say whether counts of trials that have ended for good call for a halt."""
        count = {"fail": failed, "success": succeeded, "done": done}[self.why]
        if self.percent:
            return bool(count) and count * 100 >= self.value * total
        return count >= self.value
