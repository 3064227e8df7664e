"""
The same trials in the books of each accounting, computed anew by the workload's own command.

One rule: nothing here knows a workload's formulas. Its command gets the config as the session
has it, in the folder where the session was started, and what it prints is believed.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import isclose
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kubectl_tune import interpreter, ranking
from kubectl_tune.direction import Direction
from kubectl_tune.errors import ResultError
from kubectl_tune.result import decode, dig, last_object, number
from kubectl_tune.resultrow import Row, value_of
from kubectl_tune.table import duration
from kubectl_tune.template import render
from kubectl_tune.workload import Workload

PARALLEL = 4
LIMIT = 600.0  # seconds for one trial
_NAMED = 3

Metrics = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Compared:
    """A trial, and what each accounting makes of it, by the accounting's name."""

    row: Row
    books: Mapping[str, Metrics]


@dataclass(frozen=True, slots=True)
class Failed:
    job_id: str
    why: str


def compare(
    rows: Sequence[Row], workload: Workload, folder: str, *, limit: float = LIMIT
) -> list[Compared]:
    """Compute all rows anew, a few at once; where some can't be, one error says so of all."""
    _check_files(rows, workload, folder)
    with TemporaryDirectory(prefix="kubectl-tune-") as private:
        one = partial(_compared, workload=workload, folder=folder, private=private, limit=limit)
        found = _at_once(one, rows)
    if failures := [each for each in found if isinstance(each, Failed)]:
        raise _failure(failures)
    return [each for each in found if isinstance(each, Compared)]


def ranks(
    compared: Iterable[Compared], accounting: str, metric: str, direction: Direction | None
) -> list[int | None]:
    """Return the place that an accounting gives each of these, all None if it lacks the metric."""
    rows = [
        Row(each.row.job_id, each.books.get(accounting, {}), index=index)
        for index, each in enumerate(compared)
    ]
    if all(value_of(row, metric) is None for row in rows):
        return [None] * len(rows)
    places = ranking.rank(rows, metric=metric, direction=direction)
    return [place.rank for place in sorted(places, key=lambda place: place.row.index)]


def moved(compared: Iterable[Compared], workload: Workload) -> list[str]:
    """Return the trials that have another value on record than what is computed now."""
    metrics = (workload.metric, workload.honest_metric)
    return [
        each.row.job_id
        for each in compared
        if any(_differ(each.row.metrics, _own_books(each, workload), one) for one in metrics)
    ]


def _own_books(compared: Compared, workload: Workload) -> Metrics:
    """Those of the accounting that the trial ran with: the flattering ones come first."""
    books = list(compared.books.values())
    return books[0 if workload.flatters(compared.row.config) else -1] if books else {}


def _differ(recorded: Metrics, computed: Metrics, metric: str) -> bool:
    old, new = number(dig(recorded, metric)), number(dig(computed, metric))
    return None not in (old, new) and not isclose(old or 0, new or 0, rel_tol=1e-9, abs_tol=1e-9)


def _check_files(rows: Sequence[Row], workload: Workload, folder: str) -> None:
    named = [
        os.path.normpath(os.path.join(folder, value))
        for row in rows
        for key in workload.file_keys
        if isinstance(value := row.config.get(key), str)
    ]
    missing = [path for path in dict.fromkeys(named) if not os.path.isfile(path)]
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        what = "a data file that isn't" if len(missing) == 1 else "data files that aren't"
        raise ResultError(
            f"the comparison needs {what} here: {', '.join(missing[:_NAMED])}{more}",
            hint="trials are computed anew for it, on this machine: "
            "put the file there, or compare where it is",
        )


def _at_once(
    one: Callable[[Row], Compared | Failed], rows: Sequence[Row]
) -> list[Compared | Failed]:
    pool = ThreadPoolExecutor(min(PARALLEL, os.cpu_count() or 1))
    try:
        return list(pool.map(one, rows))
    finally:  # after Ctrl-C, don't begin those that wait
        pool.shutdown(cancel_futures=True)


def _compared(
    row: Row, *, workload: Workload, folder: str, private: str, limit: float
) -> Compared | Failed:
    config = Path(private, f"{row.index}.json")
    config.write_text(json.dumps(dict(row.config)), encoding="utf-8")
    words = render(workload.comparison, {"config": str(config)})
    python = interpreter.python() if words[0] == "python" else words[:1]
    try:
        done = subprocess.run(
            [*python, *words[1:]], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
            encoding="utf-8", errors="replace", timeout=limit, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Failed(row.job_id, f"it took longer than {duration(limit)}")
    except OSError as error:
        return Failed(row.job_id, f"{error.strerror}: {error.filename}")
    books = _books(done.stdout) if done.returncode == 0 else {}
    return Compared(row, books) if books else Failed(row.job_id, _last_words(done))


def _books(text: str) -> dict[str, Metrics]:
    """Read the last object printed; what is no books of an accounting is not taken."""
    found = last_object(reversed(text.splitlines())) or text
    try:
        data = decode(found)
    except ResultError:
        return {}
    named = data.items() if isinstance(data, dict) else ()
    return {name: books for name, books in named if isinstance(books, dict)}


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    said = lines[-1].removeprefix("error: ") if lines else "it printed no comparison"
    return said if done.returncode in (0, 1) else f"{said} (exit code {done.returncode})"


def _failure(failures: Sequence[Failed]) -> ResultError:
    """Say each reason once, with the trials that it holds for."""
    reasons: dict[str, list[str]] = {}
    for each in failures:
        reasons.setdefault(each.why, []).append(each.job_id)
    said = (f"{', '.join(ids[:_NAMED])}{', ...' if ids[_NAMED:] else ''}: {why}"
            for why, ids in reasons.items())  # fmt: skip
    return ResultError(f"can't compare {'; '.join(said)}")
