"""One driver a session: an exclusive flock on `<session folder>/lock`, held for life."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from kubectl_tune.errors import SessionBusy, StoreError

PATIENCE = 1.0  # seconds: a reader that looks whether the lock is held holds it for a moment


class Driver(NamedTuple):
    """Who drives a session; all there is to name it by."""

    pid: int
    host: str
    since: float  # seconds since the epoch

    def __str__(self) -> str:
        clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"process {self.pid} on {self.host}, since {clock}"


class DriverLock:
    """Held until `release`, or until this process ends, however it ends."""

    def __init__(self, folder: Path, name: str) -> None:
        """Take the lock of session `name`; raise `SessionBusy` that names its driver."""
        self._path = folder / "lock"
        with self._explained():
            os.makedirs(folder, mode=0o700, exist_ok=True)  # somebody may have removed it
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + PATIENCE
        while not _flocked(self._fd, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                driver = _read(self._fd)
                os.close(self._fd)
                raise SessionBusy(
                    f"session {name} already has a driver: {driver or 'one that just started'}",
                    hint=f"follow it with: kubectl tune watch {name}",
                )
            time.sleep(0.02)  # flock has no time-out of its own; PATIENCE bounds it
        self.driver = Driver(os.getpid(), os.uname().nodename, time.time())
        try:
            with self._explained():
                _write(self._fd, self.driver)
        except StoreError:
            self.release()
            raise

    def release(self) -> None:
        os.close(self._fd)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from error


def current_driver(folder: Path) -> Driver | None:
    """Return who drives the session of this folder now, if anybody does."""
    try:
        fd = os.open(folder / "lock", os.O_RDONLY)
    except OSError:
        return None
    try:
        return None if _flocked(fd, fcntl.LOCK_SH) else _read(fd)
    finally:
        os.close(fd)


def _flocked(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(fd: int, driver: Driver) -> None:
    text = json.dumps({"pid": driver.pid, "host": driver.host, "since": driver.since})
    os.ftruncate(fd, 0)
    os.pwrite(fd, text.encode(), 0)


def _read(fd: int) -> Driver | None:
    try:
        return Driver(**json.loads(os.pread(fd, 4096, 0)))
    except (ValueError, TypeError):  # locked, and not yet signed
        return None
