"""Files that are the old one or the whole new one, at every instant, also after a power cut."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress

from kubectl_tune.errors import ResultError


def write_whole(
    path: str | os.PathLike[str], content: str | bytes | Iterable[bytes], *, draft: str = ""
) -> None:
    """
    Write a file and the folders above it; links, pipes and devices stay what they are.

    The draft beside it has a name that no `*.json` finds: one of its own, or `draft`, which
    leaves no litter where a killed writer's work is done again. Who needs the rename itself
    to survive a power cut syncs the folder afterwards.
    """
    try:
        whole = content.encode() if isinstance(content, str) else content
        parts = [whole] if isinstance(whole, bytes) else whole
        target = os.path.realpath(path)
        mode = _mode(target)
        if mode is None or stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            _replace(target, parts, mode, draft)
        else:
            with open(target, "wb") as file:
                file.writelines(parts)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ResultError(f"can't write {path!s}: {reason}") from error


def _replace(target: str, parts: Iterable[bytes], mode: int | None, name: str) -> None:
    draft = os.path.join(os.path.dirname(target), name or f".{secrets.token_hex(8)}.tmp")
    try:
        with open(_create(draft), "wb") as file:
            file.writelines(parts)
            file.flush()
            if mode is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(mode))
            os.fsync(file.fileno())
        os.replace(draft, target)
    except BaseException:  # Ctrl-C, too, must leave no draft behind
        with suppress(OSError):
            os.unlink(draft)
        raise


def _create(path: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        return os.open(path, flags, 0o666)
    except FileExistsError:
        os.unlink(path)
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return os.open(path, flags, 0o666)


def _mode(path: str) -> int | None:
    """Return the mode of what is there, or None where nothing is."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None
