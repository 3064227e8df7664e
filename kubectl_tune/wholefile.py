"""Files that are the old one or the whole new one, at every instant, also after a power cut."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from kubectl_tune.errors import ResultError


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Write a file and the folders above it; pipes and devices are written as they are."""
    data = content.encode() if isinstance(content, str) else content
    try:
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not target.is_file() and not target.is_dir():
            target.write_bytes(data)
        else:
            _replace(target, data)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ResultError(f"can't write {path}: {reason}") from error


def _replace(target: Path, data: bytes) -> None:
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".tmp")
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), _mode(target))
        os.replace(draft, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise


def _mode(target: Path) -> int:
    """Return the permissions of the file to replace, else what a new file would get."""
    with suppress(OSError):
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
