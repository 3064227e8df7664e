"""The agent as a driver has it: requests in, a journal out."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from core.waiting import until

from kubectl_tune import agent, log


class AgentProcess:
    def __init__(self, folder: Path, parallel: int = 4, **how: Any) -> None:
        self.folder = folder
        (folder / "work").mkdir(exist_ok=True)
        self.journal = folder / "journal.jsonl"
        fd = os.open(self.journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        fcntl.flock(fd, fcntl.LOCK_EX)
        self.errors = folder / "agent.log"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", agent.__file__, str(fd), str(parallel)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, pass_fds=[fd],
                cwd=folder, start_new_session=True, **how,
            )  # fmt: skip
        os.close(fd)

    def ask(self, **request: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()

    def run(self, key: str, *argv: str, **more: Any) -> None:
        folder = str(self.folder / "work" / key)
        env = {
            "TUNE_RESULT_FILE": f"{folder}/result.json",
            "TUNE_CONFIG_FILE": f"{folder}/config.json",
        }
        self.ask(**{
            "do": "run", "key": key, "argv": argv, "env": env | more.pop("env", {}),
            "timeout": None, "grace": 5.0, "folder": folder, "config": "{}",
            "log": str(self.folder / f"{key}.log"), **more,
        })  # fmt: skip

    def sh(self, key: str, script: str, **more: Any) -> None:
        self.run(key, "sh", "-c", script, **more)

    def told(self, key: str, event: str) -> dict[str, Any] | None:
        for line in self.journal.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                told = json.loads(line)
                if told.get("key") == key and told["event"] == event:
                    return told
        return None

    def running(self, key: str) -> dict[str, Any]:
        return until(lambda: self.told(key, "running"), f"{key} to run")

    def ended(self, key: str) -> dict[str, Any]:
        return until(lambda: self.told(key, "ended"), f"the end of {key}")

    def ends(self, key: str, *argv: str, **more: Any) -> dict[str, Any]:
        self.run(key, *argv, **more)
        return self.ended(key)

    def printed(self, key: str) -> list[log.LogLine]:
        path = self.folder / f"{key}.log"
        if not path.exists():
            return []
        with path.open("rb") as file:
            return list(log.parse(file))

    def let_go(self) -> int:
        """Close the requests, as a driver that is killed does."""
        self.close()
        return self.process.wait(60)

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                if pipe:
                    pipe.close()


@contextmanager
def started(folder: Path, parallel: int = 4, **how: Any) -> Iterator[AgentProcess]:
    agent_process = AgentProcess(folder, parallel, **how)
    try:
        yield agent_process
    finally:
        try:
            agent_process.let_go()
        finally:
            agent_process.process.kill()
            agent_process.process.wait()


def python(script: str) -> Sequence[str]:
    return (sys.executable, "-I", "-S", "-c", script)
