"""
Which glibc a Linux program needs: the newest version that one of its symbols asks for.

Read from the ELF file itself (.gnu.version_r), so that no tool of the machine is needed.
https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian: all platforms that have archives
VERSION_NEEDS = 0x6FFFFFFE
_Version = tuple[int, ...]


def needed(tree: Path) -> dict[str, _Version]:
    """Return the glibc that each ELF file in a folder needs, by its path there."""
    needs = {}
    for path in sorted(tree.rglob("*")):
        if path.is_file() and (data := path.read_bytes()).startswith(MAGIC):
            needs[str(path.relative_to(tree))] = newest(data)
    return needs


def newest(elf: bytes) -> _Version:
    return max(versions(elf), default=(0,))


def versions(elf: bytes) -> Iterator[_Version]:
    """Yield the glibc versions that an ELF file asks for."""
    for name in names(elf):
        if found := re.fullmatch(rb"GLIBC_(\d+(?:\.\d+)*)", name):
            yield tuple(map(int, found[1].split(b".")))


def names(elf: bytes) -> Iterator[bytes]:
    headers = [section(elf, number) for number in range(struct.unpack_from("<H", elf, 60)[0])]
    for kind, offset, link, count in headers:
        if kind != VERSION_NEEDS:
            continue
        strings = headers[link][1]
        for at in chain(elf, offset, count, "<HHIII", 4):
            _, many, _, first, _ = struct.unpack_from("<HHIII", elf, at)
            for entry in chain(elf, at + first, many, "<IHHII", 4):
                start = strings + struct.unpack_from("<IHHII", elf, entry)[3]
                yield elf[start : elf.index(b"\0", start)]


def section(elf: bytes, number: int) -> tuple[int, int, int, int]:
    """Return a section's type, place, the section it refers to and how many entries it has."""
    table, size = struct.unpack_from("<Q", elf, 40)[0], struct.unpack_from("<H", elf, 58)[0]
    _, kind, _, _, offset, _, link, count, _, _ = struct.unpack_from(
        "<IIQQQQIIQQ", elf, table + number * size
    )
    return kind, offset, link, count


def chain(elf: bytes, at: int, count: int, layout: str, field: int) -> Iterator[int]:
    """Yield the places of linked entries; `field` of each says how far the next one is."""
    for _ in range(count):
        yield at
        at += struct.unpack_from(layout, elf, at)[field]
