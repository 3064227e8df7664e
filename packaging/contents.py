"""
What an archive is made of: Python, the distributions and the libraries in it, and their licenses.

Its rule: every file's origin is known, and everything that isn't ours has a license whose text
is at hand; else there is no archive.
"""

from __future__ import annotations

import json
import platform
import re
import ssl
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePath
from typing import Any

ROOT = Path(__file__).parent.parent
TEXTS = Path(__file__).parent / "licenses"
LEGAL = re.compile(r"(licen[cs]e|copying|notice)", re.IGNORECASE)


@dataclass(frozen=True, order=True, slots=True)
class Component:
    name: str
    version: str  # empty where nobody can tell
    license: str  # an SPDX expression
    purl: str
    text: str


@dataclass(frozen=True, slots=True)
class Library:
    """A C library that Python, or a module in C, stands on: linked into it or beside it."""

    license: str
    purl: str
    modules: tuple[str, ...]  # the modules that hold or load it
    files: tuple[str, ...] = ()  # how the names of its files begin


LIBRARIES = {
    "OpenSSL": Library("Apache-2.0", "pkg:generic/openssl", ("_ssl",), ("libssl", "libcrypto")),
    "SQLite": Library("blessing", "pkg:generic/sqlite", ("_sqlite3",), ("libsqlite3",)),
    "bzip2": Library("bzip2-1.0.6", "pkg:generic/bzip2", ("_bz2",), ("libbz2",)),
    "expat": Library("MIT", "pkg:generic/expat", ("pyexpat",), ("libexpat",)),
    "libedit": Library("BSD-3-Clause", "pkg:generic/libedit", ("readline",), ("libedit",)),
    "libffi": Library("MIT", "pkg:generic/libffi", ("_ctypes",), ("libffi",)),
    "libuuid": Library("BSD-3-Clause", "pkg:generic/libuuid", ("_uuid",), ("libuuid",)),
    "libyaml": Library("MIT", "pkg:generic/libyaml", ("_yaml",), ("libyaml",)),
    "mpdecimal": Library("BSD-2-Clause", "pkg:generic/mpdecimal", ("_decimal",), ("libmpdec",)),
    "ncurses": Library(
        "X11-distribute-modifications-variant", "pkg:generic/ncurses", ("_curses",), ("libncurses",)
    ),
    "xz": Library("0BSD", "pkg:generic/xz", ("_lzma",), ("liblzma",)),
    "zlib": Library("Zlib", "pkg:generic/zlib", ("zlib",), ("libz",)),
    "zstd": Library("BSD-3-Clause", "pkg:generic/zstd", ("_zstd",), ("libzstd",)),  # 3.14 and later
}
# What metadata says in words, or leaves to the license's text.
SPDX = {
    "Apache 2.0": "Apache-2.0",
    "GPLv2-or-later with a special exception which allows to use PyInstaller to build and "
    "distribute non-free programs (including commercial ones)": (
        "GPL-2.0-or-later WITH Bootloader-exception"
    ),
    "ISC License": "ISC",
}
SPOKEN = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")


class Unlicensed(Exception):
    """Something whose license is not known."""


def components(contents: Mapping[str, str]) -> list[Component]:
    """Return what the files and modules of a tree, each with where it comes from, belong to."""
    owners = {owner(name, Path(source)) for name, source in contents.items()} - {""}
    libraries = {name for name in owners if name in LIBRARIES} | set(built_in(contents))
    distributions = owners - set(LIBRARIES) - {"Python"}
    return sorted(
        [
            python(),
            *map(distribution, distributions),
            *(library(name) for name in libraries),
        ]
    )


def owner(name: str, source: Path) -> str:
    """Return the distribution or the library that a file comes from, "" where it is our own."""
    for place in places(source):
        if place.is_relative_to(ROOT / "kubectl_tune"):
            return ""
        if found := installed().get(str(place)):
            return found
        if place.is_relative_to(sysconfig.get_path("stdlib")):
            return "Python"
    file = Path(name).name
    if file.startswith(("libpython", "Python")):
        return "Python"
    for each, about in LIBRARIES.items():
        if re.match(rf"({'|'.join(about.files)})[.\d-]", file):
            return each
    raise Unlicensed(f"{name}, from {source}: say in packaging/contents.py what it is")


def places(source: Path) -> Iterator[Path]:
    yield source
    yield source.resolve()


_installed: dict[str, str] = {}


def installed() -> dict[str, str]:
    """Return the distribution of every installed file."""
    if not _installed:
        for each in metadata.distributions():
            name = each.metadata["Name"]  # read anew each time
            for file in each.files or ():
                _installed[str(Path(str(each.locate_file(file))))] = name
    return _installed


def built_in(names: Iterable[str]) -> Iterator[str]:
    """Yield the libraries that are inside of Python or of a module of its own."""
    there = {Path(name).name.partition(".")[0] for name in names} | set(sys.builtin_module_names)
    if "readline" in there and not by_libedit():
        raise Unlicensed("this Python has GNU readline inside, whose license is not for us")
    return (name for name, about in LIBRARIES.items() if there & set(about.modules))


def by_libedit() -> bool:
    import readline

    return "libedit" in (readline.__doc__ or "")


def python() -> Component:
    version = platform.python_version()
    text = (Path(sysconfig.get_path("stdlib")) / "LICENSE.txt").read_text("utf-8")
    text += "\n\n" + (TEXTS / "Python.txt").read_text("utf-8")
    return Component("Python", version, "PSF-2.0", f"pkg:generic/python@{version}", text)


def distribution(name: str) -> Component:
    found = metadata.distribution(name)
    texts = [
        file.read_text("utf-8").strip()
        for file in sorted(found.files or (), key=str)
        if ".dist-info/" in str(file) and LEGAL.match(file.name)
    ]
    if not texts:
        raise Unlicensed(f"{name} comes without the text of its license")
    texts += [inside(file.read_text("utf-8")) for file in found.files or () if is_bill(file)]
    purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{found.version}"
    return Component(name, found.version, said(found), purl, "\n\n".join(texts) + "\n")


def is_bill(file: PurePath) -> bool:
    """Return whether a file is a bill of materials of a wheel: https://peps.python.org/pep-0770/"""
    return file.parent.name == "sboms" and file.name.endswith(".cyclonedx.json")


def inside(bill: str) -> str:
    """Name what a wheel says is compiled into it, and under which license."""
    lines = [
        f"  {each['name']} {each['version']}: {licenses(each)}"
        for each in json.loads(bill)["components"]
    ]
    return "\n".join(["Compiled into it, by its own bill of materials:", *sorted(lines)])


def licenses(part: Mapping[str, Any]) -> str:
    """Return the licenses of a part of a CycloneDX bill."""
    given = [each.get("expression") or each["license"].get("id") for each in part["licenses"]]
    return " AND ".join(given)


def said(found: metadata.Distribution) -> str:
    about = found.metadata
    given = about.get("License-Expression") or about.get("License") or ""
    spoken = SPDX.get(given, given)
    if not SPOKEN.fullmatch(spoken):
        raise Unlicensed(
            f"{about['Name']} is under {given!r}: say in packaging/contents.py what it is"
        )
    return spoken


def library(name: str) -> Component:
    about = LIBRARIES[name]
    version = version_of(name)
    purl = f"{about.purl}@{version}" if version else about.purl
    return Component(name, version, about.license, purl, (TEXTS / f"{name}.txt").read_text())


def version_of(name: str) -> str:
    """Return what the library itself says, where Python passes it on."""
    match name:
        case "OpenSSL":
            return ssl.OPENSSL_VERSION.split()[1]
        case "SQLite":
            import sqlite3

            return sqlite3.sqlite_version
        case "zlib":
            import zlib

            return zlib.ZLIB_RUNTIME_VERSION
        case "expat":
            import pyexpat

            return ".".join(map(str, pyexpat.version_info))
        case "libyaml":
            from yaml import _yaml

            return str(_yaml.get_version_string())
        case "mpdecimal":
            import decimal

            return str(getattr(decimal, "__libmpdec_version__", ""))
        case _:
            return ""
