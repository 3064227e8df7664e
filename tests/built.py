"""
The archive for Krew that tests install: the one that is named, or one built from this checkout.

KUBECTL_TUNE_TEST_ARCHIVE=FILE names one that `scripts/package` has made, with what it put beside
it; KUBECTL_TUNE_TEST_ARCHIVE=build has it made here, and so does KUBECTL_TUNE_TEST_CLUSTER=up. A
build is kept in the user's cache for as long as nothing changes of what it is made of.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Of the caller, before any test is given a home of its own.
ENVIRONMENT = dict(os.environ)
PARTS = ("kubectl_tune", "packaging", "requirements/package.txt", "LICENSE", "scripts/package")
SHELF = Path(ENVIRONMENT.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kubectl-tune-archive"
MOMENT = "1700000000"  # of what is in it, so that a commit alone makes no other archive
SECONDS = 1200  # the first one also downloads
KEPT = 3


@cache
def archive() -> Path:
    """Return the archive, whose manifest, sums and bill of materials stand beside it."""
    given = ENVIRONMENT.get("KUBECTL_TUNE_TEST_ARCHIVE", "")
    if given not in ("", "build"):
        return Path(given).resolve()
    if not given and ENVIRONMENT.get("KUBECTL_TUNE_TEST_CLUSTER") != "up":
        pytest.skip("needs an archive: set KUBECTL_TUNE_TEST_ARCHIVE=build, which takes a minute")
    return of(kept("first"))


@cache
def again() -> Path:
    """Return an archive of the same files as the first, built once more."""
    if ENVIRONMENT.get("KUBECTL_TUNE_TEST_ARCHIVE", "build") != "build":
        pytest.skip("an archive that was built elsewhere has no second")
    return of(kept("second"))


def of(folder: Path) -> Path:
    (found,) = [*folder.glob("*.tar.gz"), *folder.glob("*.zip")]
    return found


def kept(which: str) -> Path:
    """Return the folder of a build; build it unless these very files were built before."""
    SHELF.mkdir(parents=True, exist_ok=True)
    with (SHELF / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # builds share a virtual environment
        before = contents()
        folder = SHELF / f"{before}-{which}"
        if not folder.exists():
            partial = SHELF / "partial"
            shutil.rmtree(partial, ignore_errors=True)
            build(partial)
            assert contents() == before, "files changed while the archive was built of them"
            partial.rename(folder)
        os.utime(folder)
        tidy()
    return folder


def build(dist: Path) -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "package", "--dist", dist], cwd=ROOT, text=True, timeout=SECONDS,
        env=ENVIRONMENT | {"SOURCE_DATE_EPOCH": MOMENT},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def contents() -> str:
    """Return a name for what an archive is made of, the interpreter included."""
    python = ENVIRONMENT.get("PYTHON") or shutil.which("python3", path=ENVIRONMENT.get("PATH"))
    found = hashlib.sha256(f"{python} {sys.version}".encode())
    for file in files():
        found.update(f"\0{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return found.hexdigest()[:16]


def files() -> Iterator[Path]:
    for part in PARTS:
        path = ROOT / part
        for each in [path] if path.is_file() else sorted(path.rglob("*")):
            if each.is_file() and not {"__pycache__", ".mypy_cache"} & {*each.parts}:
                yield each


def tidy() -> None:
    folders = sorted(SHELF.glob("*-*"), key=lambda each: each.stat().st_mtime, reverse=True)
    for folder in folders[2 * KEPT :]:
        shutil.rmtree(folder, ignore_errors=True)
