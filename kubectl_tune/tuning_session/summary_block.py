"""The summary block that the runners' scripts print, to the letter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

RULE = "=" * 70
STATUS = {
    0: "✅ ALL JOBS SUCCEEDED",
    1: "⚠️  SOME JOBS FAILED",
    130: "❌ INTERRUPTED",
    143: "❌ INTERRUPTED",
}


class Counts(Protocol):
    """How many jobs there were and how they went, as every runner's result says it."""

    total_jobs: int
    attempted_jobs: int
    success_jobs: int
    error_jobs: int
    skipped_jobs: int
    exit_code: int


def head(title: str, result: Counts, fatal: str) -> list[str]:
    """The lines of a block down to the exit code; `fatal` is what 2 means."""
    counts = {
        "Total Jobs:": result.total_jobs,
        "Attempted:": result.attempted_jobs,
        "Success:": result.success_jobs,
        "Errors:": result.error_jobs,
        "Skipped:": result.skipped_jobs,
    }
    status = STATUS.get(result.exit_code, fatal)
    return [
        RULE, title, RULE, "",
        *(f"{label:<16}{count}" for label, count in counts.items()),
        "", f"{'Exit Code:':<16}{result.exit_code}  ({status})",
    ]  # fmt: skip


def listed(heading: str, entries: Sequence[str], most: int, more: str) -> list[str]:
    """The lines of a list: `most` of its entries and how many `more` there are."""
    if not entries:
        return []
    lines = ["", heading, *(f"  - {entry}" for entry in entries[:most])]
    if len(entries) > most:
        lines.append(f"  ... and {len(entries) - most} {more}")
    return lines
