"""The archive as a file: what is in it, what stands beside it, and that it comes out the same."""

from __future__ import annotations

import json
import os
import re
import sys
import tarfile
from pathlib import Path

import built
import glibc
import manifest
import pytest
import yaml
from installed import Installed
from publish import MANIFEST, SUMS, sha256
from sbom import SUFFIX
from targets import NAME, here, parsed, tag

LIMIT = 25_000_000  # bytes that a user waits for


def test_krew_can_unpack_it(archive: Path):
    """
    Files and folders only, no odd names, the program executable, its license inside.
    """
    with tarfile.open(archive) as tar:
        members = {each.name: each for each in tar}

    assert {each.type for each in members.values()} == {tarfile.REGTYPE, tarfile.DIRTYPE}
    assert [name for name in members if ".." in name or name.startswith(("/", "\\"))] == []
    assert members[here().bin].mode == 0o755
    assert {f"{NAME}/LICENSE", f"{NAME}/THIRD-PARTY-NOTICES.txt"} <= set(members)
    assert archive.stat().st_size <= LIMIT


def test_what_stands_beside_it_fits_it(archive: Path):
    """
    Sums, manifest and bill of materials are of this very archive.
    """
    target = parsed(archive.name, tag())
    assert target
    digest = sha256(archive)
    text = archive.with_name(MANIFEST).read_text()
    platforms = yaml.safe_load(text)["spec"]["platforms"]
    bill = json.loads(archive.with_name(archive.name + SUFFIX).read_text())

    assert f"{digest}  {archive.name}\n" in archive.with_name(SUMS).read_text()
    assert digest in [each["sha256"] for each in platforms]
    assert manifest.problems(text) == []
    assert bill["metadata"]["component"]["hashes"][0]["content"] == digest
    assert {"Python", "kubernetes", "OpenSSL"} <= {each["name"] for each in bill["components"]}


def test_two_builds_of_the_same_files_are_the_same(archive: Path):
    """
    Who builds a release again can compare sums.
    """
    assert sha256(built.again()) == sha256(archive)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is Linux's")
def test_it_needs_no_newer_glibc_than_the_pages_say(installed: Installed):
    """
    The pages name the newest glibc that is needed, for releases and for what is built elsewhere;
    and what is built on a system needs no newer one than its own.
    """
    pages = "".join((built.ROOT / name).read_text() for name in ("README.md", "docs/install.md"))
    promised = max(map(version, re.findall(r"glibc (\d+\.\d+)", pages)))
    own = version((os.confstr("CS_GNU_LIBC_VERSION") or "").removeprefix("glibc "))

    needs = glibc.needed(installed.store)

    assert len(needs) > 10
    assert {name: each for name, each in needs.items() if each > min(own, promised)} == {}


def version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def test_nothing_of_a_foreign_license_got_in(installed: Installed):
    """
    Every library that is packed stands in the notices; readline and gdbm are nowhere.
    """
    names = {path.name for path in installed.store.rglob("*.so*")}

    assert [each for each in names if re.match(r"(lib)?(readline|_?gdbm|_?dbm|libdb)", each)] == []
