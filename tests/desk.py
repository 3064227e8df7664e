"""A folder to work in, with a state file of its own, and the command line as its user has it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubectl_tune.cli import main
from kubectl_tune.store import Store

LOCAL = ("--engine", "local")
SCORE = ("sh", "-c", 'echo "{\\"score\\": $1}"', "sh", "{x}")
PASSES_UNLESS_2 = ("sh", "-c", 'test "$1" != 2', "sh", "{x}")


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


class Desk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def plan(self, *lines: dict[str, Any], name: str = "plan.jsonl") -> str:
        (self.folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
        return name

    def numbered(self, count: int, name: str = "plan.jsonl", **more: Any) -> str:
        """A plan of trials t1, t2, ... whose x is their number."""
        lines = [{"job_id": f"t{x}", "config": {"x": x}, **more} for x in range(1, count + 1)]
        return self.plan(*lines, name=name)

    def tune(self, *words: object) -> Done:
        """Run a command in this process."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in (1, 2))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([str(word) for word in words])
        return Done(code, *(each.buffer.getvalue().decode() for each in (out, err)))

    def run(self, plan: str, *words: object, name: str = "s") -> Done:
        """Run a plan on this machine; what follows `--` may be among the words."""
        return self.tune("run", plan, *LOCAL, "--name", name, *words)

    def alone(self, *words: object, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a command in a process of its own."""
        return subprocess.run(
            self.words(*words), capture_output=True, text=True, timeout=60, **more
        )

    @contextlib.contextmanager
    def started(self, *words: object, **more: Any) -> Iterator[subprocess.Popen[str]]:
        """A command that runs, in a session of its own; its group is ended with the test."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
        with subprocess.Popen(
            self.words(*words), text=True, start_new_session=True, **pipes
        ) as process:
            try:
                yield process
            except AssertionError:  # most often one that waited in vain: show why
                _end_group(process)
                with contextlib.suppress(ValueError):  # it has been read to its end
                    print(process.returncode, *process.communicate(timeout=60), sep="\n")
                raise
            finally:
                _end_group(process)

    @staticmethod
    def words(*words: object) -> list[str]:
        return [sys.executable, "-m", "kubectl_tune", *map(str, words)]

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        store = Store.open(self.folder / "state.db")
        try:
            yield store
        finally:
            store.close()

    def names(self) -> list[str]:
        if not (self.folder / "state.db").exists():
            return []
        with self.store() as store:
            return store.names()

    def session(self, name: str = "s") -> dict[str, Any]:
        done = self.tune("status", name, "-o", "json")
        assert done.code == 0, done.err
        return dict(json.loads(done.out))

    def trials(self, name: str = "s") -> dict[str, dict[str, Any]]:
        return {trial["job_id"]: trial for trial in self.session(name)["trials"]}

    def states(self, name: str = "s") -> dict[str, str]:
        return {id: trial["state"] for id, trial in self.trials(name).items()}

    def json(self, path: str) -> Any:
        return json.loads((self.folder / path).read_text())

    def lines(self, path: str) -> list[str]:
        """What trials have written to a file together; none yet is none."""
        file = self.folder / path
        return file.read_text().splitlines() if file.exists() else []


def _end_group(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)
