"""
A container as a local process: a command, a pipe for what it prints, and an end that leaves
nothing behind, whatever session its children have gone to.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .podlog import PodLog


class Container:
    """Unlike the first process of a real one, this one dies of a SIGTERM that it doesn't handle."""

    def __init__(self, root: Path, log: PodLog, on_end: Callable[[int], None]) -> None:
        self._root = root
        self._log = log
        self._on_end = on_end
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
        """Start the command; an OSError says why it can't be."""
        self._process = subprocess.Popen(
            argv,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            bufsize=0,
        )
        reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        reader.start()
        waiter = threading.Thread(target=self._wait, args=(self._process, reader), daemon=True)
        waiter.start()

    def signal(self, number: int) -> None:
        """Signal the first process, as a runtime does, or with SIGKILL all of them."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        if number == signal.SIGKILL:
            end_all(self._root)

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout
        with process.stdout as pipe:
            while data := pipe.read(65536):
                self._log.feed(data)

    def _wait(self, process: subprocess.Popen[bytes], reader: threading.Thread) -> None:
        code = process.wait()
        end_all(self._root)  # a container ends with its first process
        reader.join()
        self._log.end()
        self._on_end(128 - code if code < 0 else code)


def end_all(root: Path) -> None:
    """Kill all processes whose environment names a pod's folder, until there is none."""
    marker = os.fsencode(root)
    while found := [pid for pid in _processes() if marker in _environment(pid)]:
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _processes() -> list[int]:
    # Without /proc (macOS) children in sessions of their own are left to end by themselves.
    return [int(name) for name in os.listdir("/proc") if name.isdigit()] if _HAS_PROC else []


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


_HAS_PROC = Path("/proc/self/environ").exists()
