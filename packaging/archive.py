"""
A folder as an archive that Krew can unpack.

Its rule: the same files give the same bytes, whoever packs them, where and when. Links are
followed: Krew unpacks folders and regular files only (internal/download/downloader.go).
"""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

FOLDER, PROGRAM, FILE = 0o755, 0o755, 0o644
EARLIEST = 315_532_800  # 1980: where zip's calendar begins


class Unpackable(Exception):
    """What Krew would refuse."""


def pack(tree: Path, archive: Path, at: int) -> None:
    """Write `tree`, under its own name, to a .tar.gz or a .zip; every file is of the time `at`."""
    write = write_zip if archive.suffix == ".zip" else write_tar
    partial = archive.with_name(archive.name + ".part")
    try:
        with partial.open("wb") as file:
            write(members(tree), file, max(at, EARLIEST))
            os.fsync(file.fileno())
        partial.replace(archive)
    finally:
        partial.unlink(missing_ok=True)


def members(tree: Path) -> list[tuple[str, Path]]:
    """Return what is to be packed by its name in the archive, folders before what is in them."""
    return sorted(found(tree, tree.name, ()))


def found(path: Path, name: str, above: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
    if ".." in name or "\\" in name or not name.isascii():
        raise Unpackable(f"Krew refuses archives with a name like {name}")
    kind = path.stat().st_mode  # of what a link leads to
    if not stat.S_ISDIR(kind) and not stat.S_ISREG(kind):
        raise Unpackable(f"{name} is neither a file nor a folder")
    yield name, path
    if stat.S_ISDIR(kind):
        here = path.resolve()
        if here in above:
            raise Unpackable(f"{name} is a link to a folder that it is in")
        for each in path.iterdir():
            yield from found(each, f"{name}/{each.name}", (*above, here))


def mode(path: Path) -> int:
    if path.is_dir():
        return FOLDER
    return PROGRAM if path.stat().st_mode & stat.S_IXUSR else FILE


def write_tar(given: list[tuple[str, Path]], file: BinaryIO, at: int) -> None:
    with (
        gzip.GzipFile("", "wb", 9, file, mtime=at) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for name, path in given:
            entry = tarfile.TarInfo(name)
            entry.mtime, entry.mode = at, mode(path)
            if path.is_dir():
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
                continue
            entry.size = path.stat().st_size
            with path.open("rb") as content:
                tar.addfile(entry, content)


def write_zip(given: list[tuple[str, Path]], file: BinaryIO, at: int) -> None:
    moment = time.gmtime(at)[:6]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, path in given:
            folder = path.is_dir()
            entry = zipfile.ZipInfo(f"{name}/" if folder else name, moment)
            entry.create_system = 3  # Unix, or else there are no modes
            kind = stat.S_IFDIR if folder else stat.S_IFREG
            entry.external_attr = (kind | mode(path)) << 16
            entry.compress_type = zipfile.ZIP_STORED if folder else zipfile.ZIP_DEFLATED
            packed.writestr(entry, b"" if folder else path.read_bytes())
