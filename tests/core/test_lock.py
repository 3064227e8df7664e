"""One driver a session: the second is refused and told who the first is."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import threading

import pytest
from core.conftest import unprivileged
from core.waiting import until

from kubectl_tune.errors import SessionBusy, StoreError
from kubectl_tune.lock import DriverLock, current_driver

HOLD = """
import sys, time
from pathlib import Path
from kubectl_tune.lock import DriverLock
DriverLock(Path(sys.argv[1]), "demo")
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that drives the session of this folder."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout and child.stdout.readline() == "held\n"
    yield child
    child.kill()
    child.wait()
    child.stdout.close()


def test_a_second_driver_is_refused_and_told_of_the_first(tmp_path, holder):
    """
    With process and host, and the command to follow it.
    """
    with pytest.raises(SessionBusy) as error:
        DriverLock(tmp_path, "demo")

    assert f"process {holder.pid} on {socket.gethostname()}, since 20" in str(error.value)
    assert "session demo already has a driver" in str(error.value)
    assert "watch demo" in error.value.hint
    assert error.value.exit_code == 2


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_a_session_is_free_as_soon_as_its_driver_has_died(tmp_path, holder, end):
    """
    However it died; no file has to be removed.
    """
    getattr(holder, end)()
    holder.wait()

    assert current_driver(tmp_path) is None
    DriverLock(tmp_path, "demo").release()


def test_who_drives_can_be_seen(tmp_path, holder):
    """
    By any reader, and by nobody's leave.
    """
    driver = current_driver(tmp_path)

    assert driver and (driver.pid, driver.host) == (holder.pid, socket.gethostname())


def test_nobody_drives_a_session_that_was_let_go(tmp_path):
    """
    Nor one that was never driven.
    """
    assert current_driver(tmp_path) is None
    lock = DriverLock(tmp_path, "demo")
    assert current_driver(tmp_path) == lock.driver

    lock.release()

    assert current_driver(tmp_path) is None
    DriverLock(tmp_path, "demo").release()


def test_looking_who_drives_never_keeps_a_driver_out(tmp_path):
    """
    Readers hold the lock for moments only, and a driver waits those out.
    """
    DriverLock(tmp_path, "demo").release()
    stop = threading.Event()

    def look():
        while not stop.is_set():
            current_driver(tmp_path)

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(50):
            DriverLock(tmp_path, "demo").release()
    finally:
        stop.set()
        for reader in readers:
            reader.join()


def test_a_driver_waits_for_a_reader_that_looks(tmp_path):
    """
    A shared lock that goes away in time is no other driver.
    """
    (tmp_path / "lock").touch()
    fd = os.open(tmp_path / "lock", os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_SH)
    threading.Timer(0.1, os.close, [fd]).start()

    DriverLock(tmp_path, "demo").release()


def test_a_torn_lock_file_names_nobody(tmp_path):
    """
    A driver that has just started has not signed yet.
    """
    (tmp_path / "lock").write_text('{"pid": 1')
    fd = os.open(tmp_path / "lock", os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        with pytest.raises(SessionBusy, match="one that just started"):
            DriverLock(tmp_path, "demo")
    finally:
        os.close(fd)


def test_a_folder_that_was_removed_is_made_again(tmp_path):
    """
    Logs are lost with it; the session isn't.
    """
    DriverLock(tmp_path / "sessions" / "demo", "demo").release()

    assert (tmp_path / "sessions" / "demo").is_dir()


def test_a_lock_that_can_not_be_made_gives_a_sentence(public):
    """
    With the file's name and the system's reason.
    """
    os.chmod(public, 0o555)

    def take():
        try:
            DriverLock(public, "demo")
        except StoreError as error:
            return str(error)

    assert unprivileged(take) == f"{public}/lock: Permission denied"


def test_the_lock_is_not_inherited(tmp_path):
    """
    A child that outlives its driver keeps nobody out.
    """
    lock = DriverLock(tmp_path, "demo")
    child = subprocess.Popen(["sleep", "600"])
    try:
        lock.release()
        until(lambda: current_driver(tmp_path) is None, "the lock to be free")
        DriverLock(tmp_path, "demo").release()
    finally:
        child.kill()
        child.wait()
