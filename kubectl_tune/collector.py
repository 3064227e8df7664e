"""
A session as a folder of plain files: results, logs, a summary, the plan, and how it stands.

One rule: a folder that others have filled is left alone, and of ours nothing stays that the
session no longer has. What was written is in a file of the folder's own, and said there
before it is done, so that a collection cut short can be made again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kubectl_tune import logs, sessions
from kubectl_tune.engines.local import log_path
from kubectl_tune.errors import ResultError
from kubectl_tune.filenames import file_names
from kubectl_tune.result import dumps
from kubectl_tune.rows import StoredTrial, plan_line
from kubectl_tune.session import SessionInfo
from kubectl_tune.store import Store
from kubectl_tune.trial import Trial, TrialState
from kubectl_tune.trialsummary import summary_csv
from kubectl_tune.views import objects
from kubectl_tune.wholefile import write_whole

RESULTS, FAILED, LOGS = "results", "failed", "logs"
MARK = ".kubectl-tune.json"


@dataclass(frozen=True, slots=True)
class Collected:
    results: int  # of trials that succeeded
    failed: int  # results that others have left
    logs: int


def collect(store: Store, name: str, folder: Path, *, force: bool = False) -> Collected:
    """Write all there is of a session into a folder; `force` writes into any."""
    info = store.info(name)
    before = _claimed(folder, info, force=force)
    with store.moment():
        trials = list(store.trials(name, specs=True))
        names = file_names(stored.trial.spec for stored in trials)
        files = _Files(folder, before, info)
        files.announce(names.values())
        for path, content in _contents(store, name, trials, names):
            files.put(path, content)
    files.settle()
    return Collected(*(files.count(kind) for kind in (RESULTS, FAILED, LOGS)))


def _contents(
    store: Store, name: str, trials: list[StoredTrial], names: dict[str, str]
) -> Iterator[tuple[str, bytes]]:
    """Yield the path and content of every file."""
    states = {stored.trial.id: stored.trial.state for stored in trials}
    for id, text in store.results(name):
        kind = RESULTS if states[id] is TrialState.SUCCEEDED else FAILED
        yield f"{kind}/{names[id]}.json", text.encode("utf-8", "replace")
    for id, log in _logs(store.folder(name), (stored.trial for stored in trials)):
        yield f"{LOGS}/{names[id]}.log", log
    yield "summary.csv", summary_csv(store.info(name), trials).encode()
    yield "plan.jsonl", "".join(f"{plan_line(s.trial.spec)}\n" for s in trials).encode()
    status = objects.json_status(sessions.standing(store, name), trials)
    yield "session.json", "".join(status).encode()


def _logs(folder: Path, trials: Iterable[Trial]) -> Iterator[tuple[str, bytes]]:
    """Yield what each trial printed in all of its attempts, one below the other."""
    there = set(os.listdir(folder)) if folder.is_dir() else set()
    for trial in trials:
        attempts = [trial._replace(attempt=number) for number in range(1, trial.attempt + 1)]
        found = [(each.attempt, log_path(folder, each)) for each in attempts]
        if printed := [(n, plain(path)) for n, path in found if path.name in there]:
            yield trial.id, _joined(printed, several=trial.attempt > 1)


def plain(path: Path) -> bytes:
    """Return a log as it was printed, to the byte."""
    try:
        lines = list(logs.lines(path, logs.Wanted()))
    except OSError as error:
        raise ResultError(f"can't read {path}: {error.strerror}") from error
    return b"".join(line.text + (b"\n" if line.ended else b"") for line in lines)


def _joined(printed: list[tuple[int, bytes]], *, several: bool) -> bytes:
    if not several:
        return printed[0][1]
    parts = [b"=== attempt %d ===\n%b" % attempt for attempt in printed]
    return b"".join(part if part.endswith(b"\n") else part + b"\n" for part in parts)


class _Files:
    """The files of a collection, as they are written."""

    def __init__(self, folder: Path, before: Iterable[str], info: SessionInfo) -> None:
        self._folder = folder
        self._before = list(before)
        self._info = info
        self._written: list[str] = []

    def announce(self, names: Iterable[str]) -> None:
        """Say which files may come, so that those of a collection cut short are known later."""
        kinds = ((RESULTS, "json"), (FAILED, "json"), (LOGS, "log"))
        coming = [f"{kind}/{name}.{end}" for name in names for kind, end in kinds]
        self._mark(sorted({*self._before, *coming}))

    def put(self, path: str, content: bytes) -> None:
        """Write a file whole, unless it is there already."""
        target = self._folder / path
        if target.is_symlink():  # it may lead anywhere
            target.unlink()
        if not _has(target, content):
            write_whole(target, content)
        self._written.append(path)

    def settle(self) -> None:
        """Remove what an earlier collection has left and this one has not."""
        for path in set(self._before).difference(self._written):
            with suppress(OSError):
                (self._folder / path).unlink()
        self._mark(self._written)

    def count(self, kind: str) -> int:
        return sum(path.startswith(f"{kind}/") for path in self._written)

    def _mark(self, files: list[str]) -> None:
        mark = {"kind": "Collection", "session": self._info.name, "uid": self._info.uid}
        write_whole(self._folder / MARK, dumps({**mark, "files": files}) + "\n")


def _claimed(folder: Path, info: SessionInfo, *, force: bool) -> list[str]:
    """Return the files of an earlier collection in a folder that may be written to."""
    if folder.exists() and not folder.is_dir():
        raise ResultError(f"{folder} is not a folder", hint="--to takes a folder to write to")
    _refuse_links(folder)
    session, uid, files = _marked(folder)
    if force or uid == info.uid or not _filled(folder):
        return files
    what = f"holds what was collected of session {session}" if session else "is not empty"
    raise ResultError(f"{folder} {what}", hint="name another folder, or write into it with --force")


def _refuse_links(folder: Path) -> None:
    for kind in (RESULTS, FAILED, LOGS, MARK):
        if (folder / kind).is_symlink():
            raise ResultError(f"{folder / kind} is a link", hint="name another folder")


def _filled(folder: Path) -> bool:
    try:
        return folder.is_dir() and any(folder.iterdir())
    except OSError as error:
        raise ResultError(f"can't read {folder}: {error.strerror}") from error


def _marked(folder: Path) -> tuple[str, str, list[str]]:
    """Return whose collection a folder is, and its files; nothing where it is none."""
    try:
        mark = json.loads((folder / MARK).read_bytes())
        return str(mark["session"]), str(mark["uid"]), [f for f in mark["files"] if _inner(f)]
    except (OSError, ValueError, KeyError, TypeError):
        return "", "", []


def _inner(path: object) -> bool:
    """Tell whether this can be a file of a collection; somebody may have written the mark."""
    parts = PurePosixPath(path).parts if isinstance(path, str) else ()
    return len(parts) == 1 or (len(parts) == 2 and parts[0] in (RESULTS, FAILED, LOGS))


def _has(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False
