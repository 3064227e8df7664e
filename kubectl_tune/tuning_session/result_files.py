"""
The result files of a folder, read once each, in the order of their paths.

One rule: a file that is no result never stops the reading. It counts as a failed
trial that says why; summaries and rankings kept beside the results don't count at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ResultError
from ..result import Result, decode, of
from ..resultrow import Row
from ..trial import TrialState


@dataclass(frozen=True, slots=True)
class ResultFile:
    path: Path
    result: Result
    data: Mapping[str, Any] = field(default_factory=dict)  # as it stands there


def read(folder: str | Path) -> Iterator[ResultFile]:
    """Yield every `*.json` below a folder but hidden files; a missing folder has none."""
    for path in sorted(_paths(Path(folder))):
        file = _read(path)
        if file:
            yield file


def rows(folder: str | Path) -> list[Row]:
    """Return the results of a folder for a ranking; a missing folder raises ResultError."""
    if not Path(folder).is_dir():
        raise ResultError(f"no such folder: {folder}", hint="--dir takes a folder of result files")
    return [_row(file, index) for index, file in enumerate(read(folder))]


def _row(file: ResultFile, index: int) -> Row:
    result = file.result
    return Row(
        job_id=result.job_id or file.path.stem,
        metrics=result.metrics,
        config=result.config,
        output_json=str(file.path),
        state=TrialState.SUCCEEDED if result.ok else TrialState.FAILED,
        index=index,
        extra={"engine": result.engine, "error": result.error},
    )


def _paths(folder: Path) -> Iterator[Path]:
    for at, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(at, name)
            if name.endswith(".json") and not name.startswith((".", "~")) and _readable(path):
                yield path


def _readable(path: Path) -> bool:
    # A pipe would block; a link to nowhere is worth an error.
    return path.is_file() or path.is_symlink()


def _read(path: Path) -> ResultFile | None:
    try:
        data = decode(path.read_text(encoding="utf-8-sig"))
        return None if _is_summary(data) else ResultFile(path, of(data), data)
    except (OSError, UnicodeDecodeError, ResultError) as error:
        return ResultFile(path, Result(metrics={}, status="error", error=_reason(error)))


_SUMMARY = {"total_jobs", "success_jobs", "error_jobs", "filters", "top_by_pnl"}
_RANKING = {"rank", "job_id", "metrics", "config", "output_json"}


def _is_summary(data: Any) -> bool:
    """Recognise what the aggregator, `results -o json` and `status -o json` write."""
    if isinstance(data, dict):
        return data.keys() >= _SUMMARY or data.get("kind") == "Session"
    return (
        isinstance(data, list)
        and bool(data)
        and all(isinstance(entry, dict) and entry.keys() >= _RANKING for entry in data)
    )


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
