"""
Trials on this machine: child processes of an agent, which is a child of ours.

The agent (`kubectl_tune.agent`) starts, watches and ends the processes; this side gives it
requests and reads its journal. Its rule: the journal is the truth. Whatever becomes of either
process, the next driver finds there what had begun and how it ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from kubectl_tune import agent, interpreter
from kubectl_tune.crew import Crew
from kubectl_tune.errors import EngineError
from kubectl_tune.journal import LAST_WORDS, Harvest, ended, journals, parsed
from kubectl_tune.launch import launch
from kubectl_tune.session import Session
from kubectl_tune.trial import Failure, Trial, TrialEvent, TrialState

GRACE = 5.0  # seconds between SIGTERM and SIGKILL
MOST_AGENTS = 4
AHEAD_SECONDS = 0.2  # of work that the agent has waiting when trials are short,
AHEAD_LIMIT = 256  # and at most so many trials
COALESCE_SECONDS = 0.03  # how long its news may wait meanwhile


def connect(session: Session, folder: Path, epoch: int) -> LocalEngine | Crew:
    """Return the engine for a session whose own folder is `folder`, driven in this `epoch`."""
    if sys.platform == "win32":
        raise EngineError(
            "the local engine does not run on Windows", hint="use a cluster: --engine jobs"
        )
    parallel = session.info.policy.max_parallel or os.cpu_count() or 1
    count = min(parallel, os.cpu_count() or 1, MOST_AGENTS)
    shares = [(parallel + number) // count for number in range(count)]
    engines = [LocalEngine(session, folder, epoch, *each) for each in enumerate(shares)]
    return engines[0] if count == 1 else Crew(engines)


def log_path(folder: Path, trial: Trial) -> Path:
    return folder / f"{_key(trial)}.log"


class LocalEngine:
    """The trials of one agent: of all a session's agents the one with this `number`."""

    def __init__(
        self, session: Session, folder: Path, epoch: int, number: int = 0, parallel: int = 0
    ) -> None:
        self._info = session.info
        self._folder = folder
        self._epoch = epoch
        self._journal = folder / f"journal.{epoch}.{number}.jsonl"
        self._parallel = parallel or session.info.policy.max_parallel or os.cpu_count() or 1
        self._errors = folder / "agent.log"
        self._ids = {trial.spec.slug: trial.id for trial in session.trials.values()}
        self._python = interpreter.python()
        self._held: dict[str, Trial] = {}  # by key: slug and attempt
        self._begun: dict[str, int] = {}  # the latest attempt at each trial
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: BinaryIO | None = None
        self._torn = b""
        self._pids: dict[str, int] = {}
        self._mean = 0.0  # seconds that an attempt took of late; 0 is not known
        self._node = socket.gethostname()
        # What earlier drivers left is for one of us to say.
        self._first = (
            [] if number else Harvest(folder, epoch, self._ids, session.in_flight).events()
        )

    @property
    def slots(self) -> int:
        """
        Room for as many as run at once, and where trials are short for those that come next.

        A short trial would end sooner than we can hand over another one. Where a failure
        is to halt the session, none may wait: it would begin after the failure.
        """
        if not self._mean or self._info.policy.halt:
            return self._parallel
        ahead = int(AHEAD_SECONDS * self._parallel / self._mean)
        return self._parallel + min(ahead, AHEAD_LIMIT)

    @property
    def free(self) -> int:
        return self.slots - len(self._held)

    @property
    def wake(self) -> int | None:
        return self._process.stdout.fileno() if self._process and self._process.stdout else None

    @property
    def unheard(self) -> bool:
        return bool(self._first)

    def submit(self, trials: Sequence[Trial]) -> list[TrialEvent]:
        events = []
        for trial in trials:
            key = _key(trial)
            if trial.attempt <= self._begun.get(trial.id, 0):
                continue
            self._begun[trial.id] = trial.attempt
            self._held[key] = trial
            self._ask(self._request(key, trial))
            events.append(TrialEvent(trial.id, trial.attempt, TrialState.SUBMITTED, time.time()))
        self._flush()
        return events

    def poll(self, timeout: float) -> list[TrialEvent]:
        if self._first:
            events, self._first = self._first, []
            return events
        if self._process is None or self._process.stdout is None:
            # No agent, so nothing can come: only keep a loop that asks again from spinning.
            time.sleep(min(timeout, 0.05) if timeout else 0)
            return []
        wake = self._process.stdout.fileno()
        ready, _, _ = select.select([wake], [], [], timeout)
        if (
            ready
            and self._mean
            and self._mean < COALESCE_SECONDS
            and len(self._held) > self._parallel
        ):
            time.sleep(COALESCE_SECONDS)  # the agent has work meanwhile: take its news in batches
        if ready and not os.read(wake, 65536):
            return [*self._news(), *self._bereaved()]
        return self._news()

    def cancel(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            if _key(trial) in self._held:
                self._ask({"do": "cancel", "key": _key(trial)})
        self._flush()

    def logs(self, trial: Trial, *, follow: bool = False) -> Iterator[bytes]:
        with contextlib.suppress(FileNotFoundError), log_path(self._folder, trial).open("rb") as f:
            yield from f

    def forget(self) -> None:
        if self._reader:
            return  # its journal is still written; those before it are gone since it began
        for journal in journals(self._folder, before=self._epoch):
            journal.unlink(missing_ok=True)
        if self._process is None:
            self._journal.unlink(missing_ok=True)

    def stop(self) -> None:
        if self._process is not None:
            self._ask({"do": "stop", "grace": GRACE})
            self._flush()

    def close(self) -> list[TrialEvent]:
        """End the agent and its trials."""
        if self._process is None:
            self._close_journal()
            return []
        self.stop()
        try:
            self._process.wait(GRACE + LAST_WORDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        events = [*self._news(), *self._bereaved()]
        self._close_journal()
        return events

    def _close_journal(self) -> None:
        if self._reader:
            self._reader.close()
        self._reader = None

    def _request(self, key: str, trial: Trial) -> dict[str, Any]:
        folder = f"{self._folder}/work/{key}"
        what = launch(self._info, trial, folder=folder, python=self._python)
        return {
            "do": "run",
            "key": key,
            "argv": what.argv,
            "env": what.env,
            "timeout": what.timeout,
            "grace": GRACE,
            "folder": folder,
            "config": what.config,
            "log": f"{self._folder}/{key}.log",
        }

    def _ask(self, request: dict[str, Any]) -> None:
        if self._process is None:
            self._process = self._start()
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # `poll` tells what became of the agent
            self._process.stdin.write(json.dumps(request).encode() + b"\n")

    def _flush(self) -> None:
        if self._process and self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.flush()

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            (self._folder / "work").mkdir(exist_ok=True, mode=0o700)
            with self._locked_journal() as journal, self._errors.open("ab") as errors:
                return subprocess.Popen(
                    [*interpreter.alone(agent), str(journal), str(self._parallel)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    cwd=self._info.target.workdir,
                    pass_fds=[journal],
                    start_new_session=True,  # Ctrl-C is for the driver, which tells the agent
                )
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            raise EngineError(f"the local agent can't start: {error.strerror}{where}") from error

    @contextlib.contextmanager
    def _locked_journal(self) -> Iterator[int]:
        journal = os.open(self._journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            # Before there is an agent: from here on the lock tells that one may be alive.
            fcntl.flock(journal, fcntl.LOCK_EX)
            if self._reader is None:
                self._reader = self._journal.open("rb")
            if os.fstat(journal).st_size:  # the agent before may have died in the middle of a line
                os.write(journal, b"\n")
            yield journal
        finally:
            os.close(journal)

    def _news(self) -> list[TrialEvent]:
        """Read what the journal has more of."""
        if self._reader is None:
            return []
        *texts, self._torn = (self._torn + self._reader.read()).split(b"\n")
        lines = [parsed(text) for text in texts]
        over = {line.get("key") for line in lines if line.get("event") == "ended"}
        # That it ran is no news of an attempt that has ended.
        lines = [
            line for line in lines if line.get("event") == "ended" or line.get("key") not in over
        ]
        return [event for line in lines for event in self._told(line)]

    def _told(self, line: dict[str, Any]) -> Iterator[TrialEvent]:
        trial = self._held.get(line.get("key", ""))
        if trial is None:
            return
        if line["event"] == "running":
            self._pids[line["key"]] = line["pid"]
            yield TrialEvent(
                trial.id, trial.attempt, TrialState.RUNNING, line["at"], node=self._node
            )
        else:
            del self._held[line["key"]]
            self._pids.pop(line["key"], None)
            self._note_length(line)
            yield ended(trial.id, trial.attempt, line)

    def _note_length(self, line: dict[str, Any]) -> None:
        if line["started"] is not None:
            seconds = max(1e-3, line["at"] - line["started"])
            self._mean = 0.9 * self._mean + 0.1 * seconds if self._mean else seconds

    def _bereaved(self) -> list[TrialEvent]:
        """The agent is gone: nothing of what it ran may stay, and all of that is lost."""
        for pid in self._pids.values():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        lost = [
            TrialEvent(t.id, t.attempt, TrialState.LOST, time.time(),
                       failure=Failure.NODE_LOST, reason=self._why_gone())
            for t in self._held.values()
        ]  # fmt: skip
        self._held.clear()
        self._pids.clear()
        self._let_go()
        return lost

    def _why_gone(self) -> str:
        with contextlib.suppress(OSError):
            if lines := self._errors.read_text(errors="replace").split("\n")[-2:]:
                return f"the local agent ended: {lines[0]}".rstrip(": ")
        return "the local agent ended"

    def _let_go(self) -> None:
        if process := self._process:
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(BrokenPipeError):
                    if pipe:
                        pipe.close()
            process.wait()
        self._process = None


def _key(trial: Trial) -> str:
    return f"{trial.spec.slug}.{trial.attempt}"
