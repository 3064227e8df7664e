"""Files written whole or not at all: a temporary name, fsync, rename."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from kubectl_tune.errors import ResultError


def write_whole(path: str | os.PathLike[str], data: bytes, *, mode: int = 0o644) -> None:
    """
    Write `data` to `path`, making its folder; raise `ResultError` when that can't be done.

    The temporary file stands beside the final one, with a name that no `*.json` pattern finds.
    A caller that needs the rename itself to survive a power cut syncs the folder afterwards.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise ResultError(f"can't write {path}: {error.strerror}") from error


def sync_folders(paths: Iterable[str]) -> None:
    """Make renames in the folders of `paths` durable."""
    for folder in {os.path.dirname(path) or "." for path in paths}:
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
