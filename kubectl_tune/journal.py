"""
What agents on this machine wrote down, read back: how attempts ended while nobody listened.

Its rule: a journal is read once its agent has ended, and by then nothing of what that agent
ran is alive.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kubectl_tune.errors import EngineError
from kubectl_tune.record import INTERRUPTED, Record, event
from kubectl_tune.trial import Trial, TrialEvent, TrialState

LAST_WORDS = 3.0  # seconds an agent without a driver has, to end its trials


class Harvest:
    """What earlier drivers of a session left in their journals, once their agents are gone."""

    def __init__(
        self, folder: Path, epoch: int, ids: dict[str, str], in_flight: Sequence[Trial]
    ) -> None:
        self._journals = journals(folder, before=epoch)
        self._ids = ids
        self._in_flight = in_flight

    def events(self) -> list[TrialEvent]:
        for journal in self._journals:
            _outlive(journal)
            _end_orphans(journal)
        begun: dict[tuple[str, int], TrialEvent | None] = {
            (trial.id, trial.attempt): None for trial in self._in_flight
        }
        for journal in self._journals:
            for line in _lines(journal):
                begun |= self._seen(line)
        return [end or _cut(*key) for key, end in begun.items()]

    def _seen(self, line: dict[str, Any]) -> dict[tuple[str, int], TrialEvent | None]:
        slug, _, number = line.get("key", "").rpartition(".")
        if slug not in self._ids:  # the agent's own line, or a trial that is no longer there
            return {}
        key = (self._ids[slug], int(number))
        return {key: ended(*key, line) if line["event"] == "ended" else None}


def ended(id: str, attempt: int, line: dict[str, Any]) -> TrialEvent:
    """Turn a line of the journal into the event that ends an attempt."""
    record = Record(
        line["code"], line["why"], line["detail"], line["started"], line["at"], line["result"]
    )
    return event(id, attempt, record, node=socket.gethostname())


def _cut(id: str, attempt: int) -> TrialEvent:
    return TrialEvent(id, attempt, TrialState.LOST, time.time(), reason=INTERRUPTED)


def journals(folder: Path, *, before: int) -> list[Path]:
    """Return the journals of earlier epochs, in their order: `journal.EPOCH.NUMBER.jsonl`."""
    found = [(int(path.name.split(".")[1]), path) for path in folder.glob("journal.*.jsonl")]
    return [path for epoch, path in sorted(found) if epoch < before]


def _lines(journal: Path) -> Iterator[dict[str, Any]]:
    with journal.open("rb") as file:
        yield from map(parsed, file)


def parsed(line: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except ValueError:  # torn: the agent that wrote it was killed
        return {}


def _outlive(journal: Path) -> None:
    """
    Wait until the agent that writes this journal has ended, and make it if it takes too long.

    An agent holds its journal's lock for life, so a held one proves that the last process that
    signed the journal is that agent, and no other process with a recycled number.
    """
    deadline, asked = time.monotonic() + LAST_WORDS, signal.SIGTERM
    owner: dict[str, Any] = {}
    with journal.open("rb") as file:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            owner = owner or _signed(journal)
            if owner.get("host") == socket.gethostname() and not _signal_to(owner["agent"], asked):
                owner = {}  # the lock is a younger agent's, which has not signed yet
            if time.monotonic() > deadline:
                if asked is signal.SIGKILL:
                    where = f"process {owner.get('agent')} on {owner.get('host')}"
                    raise EngineError(f"the agent of an earlier driver does not end: {where}")
                deadline, asked = time.monotonic() + LAST_WORDS, signal.SIGKILL
                if owner.get("host") == socket.gethostname():
                    _end_with_its_trials(owner["agent"], journal)
            time.sleep(0.02)  # flock has no time-out of its own; the deadline above bounds it


def _end_with_its_trials(agent: int, journal: Path) -> None:
    # It has not reaped what it doesn't say has ended, so these numbers are still its trials'.
    running = _running(journal)
    _signal_to(agent, signal.SIGKILL)
    for pid in running.values():
        _end_group(pid)


def _end_orphans(journal: Path) -> None:
    """End what an agent ran that was killed itself, where it can be told by its environment."""
    for key, pid in _running(journal).items():
        own = f"TUNE_RESULT_FILE={journal.parent}/work/{key}/result.json"
        with contextlib.suppress(OSError):
            if os.fsencode(own) in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                _end_group(pid)


def _running(journal: Path) -> dict[str, int]:
    """Return what the last agent of a journal doesn't say has ended: process ids by key."""
    running: dict[str, int] = {}
    for line in _lines(journal):
        if "agent" in line:
            running.clear()
        elif line.get("event") == "running":
            running[line["key"]] = line["pid"]
        else:
            running.pop(line.get("key", ""), None)
    return running


def _end_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _signal_to(pid: int, number: signal.Signals) -> bool:
    """Send a signal; say whether there is such a process."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _signed(journal: Path) -> dict[str, Any]:
    """Return the line of the agent that began to write last."""
    signatures = deque((line for line in _lines(journal) if "agent" in line), maxlen=1)
    return signatures[0] if signatures else {}
