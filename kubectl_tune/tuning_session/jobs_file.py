"""
The jobs file of the runners: its lines, and what is wrong with each.

One rule: a file that can't be read is one error, a job that can't be run is that job's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Job = Mapping[str, Any]


def read(jobs_file: str) -> list[dict[str, Any]]:
    """
    Read the jobs, blank lines aside.

    Raises FileNotFoundError, and ValueError for a line that is not a JSON object.
    """
    path = Path(jobs_file)
    if not path.exists():
        raise FileNotFoundError(f"Jobs file not found: {jobs_file}")
    with path.open(encoding="utf-8-sig") as file:
        return [_job(number, line) for number, line in enumerate(file, 1) if line.strip()]


def faults(jobs: Sequence[Job], fault_of: Callable[[Job], str | None]) -> list[str | None]:
    """What is wrong with each job; one name can't stand for two results."""
    seen: set[str] = set()
    found = []
    for job in jobs:
        fault = fault_of(job)
        if fault is None and str(job["job_id"]) in seen:
            fault = "Duplicate job_id"
        seen.add(str(job.get("job_id")))
        found.append(fault)
    return found


def _job(number: int, line: str) -> dict[str, Any]:
    try:
        job = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Invalid JSON at line {number}: {error}") from error
    if not isinstance(job, dict):
        raise ValueError(f"Invalid JSON at line {number}: not an object")
    return job
