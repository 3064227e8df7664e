"""
Code and data on their way to pods: a tar.gz in parts that ConfigMaps hold.

Its rule: the same files give the same bytes, so that what is there already need not be sent, and
a name tells what it holds. Where the agent puts them: `code/` where the trial starts, `lib/` on
Python's path, `abs/` at their own absolute place.
"""

from __future__ import annotations

import hashlib
import io
import os
import posixpath
import stat
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import BinaryIO

from kubectl_tune.cluster.folder import files, listed
from kubectl_tune.errors import TuneError

PART = 900 << 10  # bytes: a ConfigMap holds 1 MiB
MOST = 4 << 20  # bytes packed, in all: every pod's node fetches every part
LARGEST = 5
SYSTEM = (
    "/", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/opt", "/proc", "/root",
    "/run", "/sbin", "/bin", "/sys", "/tmp", "/usr", "/var",
)  # fmt: skip
# What else lies in these is the image's own, or ours.
WHOLLY = (
    "/bin", "/boot", "/dev", "/etc", "/kt", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin",
    "/sys", "/usr", "/var/run",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bundle:
    """
    What travels, packed; without anything to send there are no parts.

    The command starts in `cwd`, counted from where `code/` goes; `absolute_folders` are to be
    writable in the pod.
    """

    parts: tuple[bytes, ...] = ()
    sha: str = ""
    cwd: str = ""
    absolute_folders: tuple[str, ...] = ()
    listing: tuple[str, ...] = ()


def bundle(workdir: str, sync: str, data_files: Sequence[str], library: bool) -> Bundle:
    """
    Pack the folder `sync`, the files that configs name, and the built-in workload's own code.

    Files that are not there are left out. `TuneError` says what can't travel, and why.
    """
    load = _Load(workdir)
    here = [path for path in dict.fromkeys(data_files) if os.path.isfile(_at(workdir, path))]
    cwd = load.leave_room([path for path in here if not os.path.isabs(path)])
    if sync:
        for name, path in files(sync).items():
            load.members[posixpath.join("code", cwd, name.replace(os.sep, "/"))] = path
    for path in here:
        load.take(path)
    load.check()
    if library:
        load.members |= _library()
    if not load.members:
        return Bundle()
    data = load.packed()
    parts = tuple(data[at : at + PART] for at in range(0, len(data), PART))
    sha = hashlib.sha256(data).hexdigest()
    return Bundle(parts, sha, cwd, load.absolute_folders, tuple(sorted(load.members)))


@dataclass(slots=True)
class _Load:
    """What is to be packed: paths and contents by member; None is a folder."""

    workdir: str
    cwd: str = ""
    members: dict[str, str | bytes | None] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)

    def leave_room(self, paths: Sequence[str]) -> str:
        """Return the working directory below a root that none of the relative paths leaves."""
        up = max(map(_climb, paths), default=0)
        names = [name for name in self.workdir.replace(os.sep, "/").split("/") if name]
        if up > len(names):
            path = max(paths, key=_climb)
            raise TuneError(
                f"data file {path} has more .. than {self.workdir} has folders",
                hint="name it by its absolute path",
            )
        self.cwd = "/".join(names[len(names) - up :])
        return self.cwd

    def take(self, path: str) -> None:
        """Add a data file at a place where a pod finds it under the same name."""
        if os.path.isabs(path):
            self.members["abs" + self._absolute(path)] = path
            return
        place = posixpath.join("code", self.cwd)
        for name in path.replace(os.sep, "/").split("/"):
            if name == "..":  # what is left again has to be there all the same
                self.members.setdefault(place)
            place = posixpath.normpath(posixpath.join(place, name))
        self.members[place] = _at(self.workdir, path)

    def _absolute(self, path: str) -> str:
        place = "/" + posixpath.normpath(path.replace(os.sep, "/")).lstrip("/")
        holder = posixpath.dirname(place)
        if ".." in path.split("/"):
            self.refused.append(f"{path} (it has a .. in it)")
        elif ":" in holder:
            self.refused.append(f"{path} (it has a : in it)")
        elif holder in SYSTEM or any(f"{holder}/".startswith(f"{each}/") for each in WHOLLY):
            self.refused.append(f"{path} ({holder} is the image's own)")
        self.folders.add(holder)
        return place

    def check(self) -> None:
        if self.refused:
            raise TuneError(
                f"data files that can't be at the same place in a pod: {listed(self.refused)}",
                hint="have configs name them by relative paths, or by paths on a --volume",
            )

    @property
    def absolute_folders(self) -> tuple[str, ...]:
        """The folders of absolute files; one that lies in another needs no mention."""
        kept: list[str] = []
        for each in sorted(self.folders):
            if not any(each.startswith(f"{other}/") for other in kept):
                kept.append(each)
        return tuple(kept)

    def packed(self) -> bytes:
        sink = _Sink()
        try:
            with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                for name in sorted(self.members):
                    _add(tar, name, self.members[name])
            return sink.whole()
        except _TooLarge:
            raise self._too_large() from None
        except OSError as error:
            raise TuneError(
                f"{error.filename or 'a file'} can't be sent: {error.strerror or error}"
            ) from error

    def _too_large(self) -> TuneError:
        sizes = sorted(((_size(what), name) for name, what in self.members.items()), reverse=True)
        named = ", ".join(
            f"{name.partition('/')[2]} ({size / (1 << 20):.1f} MiB)"
            for size, name in sizes[:LARGEST]
        )
        return TuneError(
            f"code and data come to more than {MOST >> 20} MiB packed; the largest files: {named}",
            hint="have them in an image (--image) or on a volume (--volume pvc:/path),"
            " or leave some out with a .ktignore",
        )


class _TooLarge(Exception):
    pass


class _Sink(io.RawIOBase):
    """Packs what is written to it, as long as that is not too much."""

    def __init__(self) -> None:
        self._packing = zlib.compressobj(9, zlib.DEFLATED, 31)  # gzip, without a time or a name
        self._data = bytearray()

    # tarfile writes bytes; the class below would take any buffer, which we need not.
    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._keep(self._packing.compress(data))
        return len(data)

    def whole(self) -> bytes:
        self._keep(self._packing.flush())
        return bytes(self._data)

    def _keep(self, packed: bytes) -> None:
        self._data += packed
        if len(self._data) > MOST:
            raise _TooLarge


def _add(tar: tarfile.TarFile, name: str, what: str | bytes | None) -> None:
    member = tarfile.TarInfo(name)
    member.mode = 0o644
    if what is None:
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(member)
    elif isinstance(what, bytes):
        member.size = len(what)
        tar.addfile(member, io.BytesIO(what))
    else:
        with open(what, "rb") as file:
            _describe(member, file)
            tar.addfile(member, file)


def _describe(member: tarfile.TarInfo, file: BinaryIO) -> None:
    about = os.fstat(file.fileno())
    member.size = about.st_size
    if about.st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH):
        member.mode = 0o755


def _size(what: str | bytes | None) -> int:
    if isinstance(what, str):
        return os.path.getsize(what)
    return len(what or b"")


def _at(workdir: str, path: str) -> str:
    return os.path.join(workdir, path)


def _climb(path: str) -> int:
    """Return how many folders a relative path goes up at most, on its way."""
    depth = lowest = 0
    for name in path.replace(os.sep, "/").split("/"):
        if name not in ("", "."):
            depth += -1 if name == ".." else 1
        lowest = min(lowest, depth)
    return -lowest


def _library() -> dict[str, bytes]:
    """Return the built-in workloads, as they are installed here."""
    package = resources.files("kubectl_tune")
    found = {"lib/kubectl_tune/__init__.py": package.joinpath("__init__.py").read_bytes()}
    return found | dict(_modules(package.joinpath("workloads"), "lib/kubectl_tune/workloads"))


def _modules(place: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for each in place.iterdir():
        if each.is_dir() and each.name not in ("__pycache__", "tests"):
            yield from _modules(each, f"{name}/{each.name}")
        elif each.name.endswith(".py"):
            yield f"{name}/{each.name}", each.read_bytes()
