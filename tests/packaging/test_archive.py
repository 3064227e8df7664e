"""Archives: the same files give the same bytes, and nothing in them that Krew refuses."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path
from time import gmtime

import pytest
from archive import Unpackable, pack

AT = 1_700_000_001  # odd: zip counts in steps of two seconds


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with a program, a link to a file and one to a folder."""
    made = tmp_path / "tool"
    (made / "lib" / "deep").mkdir(parents=True)
    (made / "tool").write_bytes(b"\x7fELF")
    (made / "tool").chmod(0o700)
    (made / "lib" / "libz.so.1.2").write_text("z")
    (made / "lib" / "libz.so").symlink_to("libz.so.1.2")
    (made / "lib" / "deep" / "data").write_text("d")
    (made / "alias").symlink_to("lib/deep")
    os.link(made / "lib" / "libz.so.1.2", made / "twin")
    return made


def packed(tree: Path, suffix: str = ".tar.gz", at: int = AT) -> Path:
    archive = tree.parent / f"tool{suffix}"
    pack(tree, archive, at)
    return archive


def test_an_archive_holds_files_and_folders_only(tree: Path):
    """
    Krew gives up at a link of any kind, so what links lead to is packed in their place.
    """
    with tarfile.open(packed(tree)) as tar:
        members = {each.name: each for each in tar}
        links = [tar.extractfile(f"tool/{each}").read() for each in ("lib/libz.so", "twin")]

    assert {each.type for each in members.values()} == {tarfile.REGTYPE, tarfile.DIRTYPE}
    assert links == [b"z", b"z"]
    assert "tool/alias/data" in members
    assert not any(each.startswith("/") or ".." in each for each in members)


def test_an_archive_says_nothing_of_who_packed_it(tree: Path):
    """
    Modes are those of a program, a file and a folder; owner and time are nobody's and given.
    """
    with tarfile.open(packed(tree)) as tar:
        members = {each.name: each for each in tar}

    assert {name: oct(each.mode) for name, each in members.items()} == {
        name: oct(0o755 if each.isdir() or name == "tool/tool" else 0o644)
        for name, each in members.items()
    }
    assert {(each.uid, each.gid, each.uname, each.gname, each.mtime) for each in members.values()}\
        == {(0, 0, "", "", AT)}  # fmt: skip


@pytest.mark.parametrize("suffix", [".tar.gz", ".zip"])
def test_the_same_files_give_the_same_bytes(suffix: str, tree: Path):
    """
    Neither times, nor links, nor the packer's umask get into an archive.
    """
    first = packed(tree, suffix).read_bytes()
    again = tree.parent / "elsewhere" / "tool"
    shutil.copytree(tree, again)
    for path in again.rglob("*"):
        if path.is_file():
            path.chmod(path.stat().st_mode & 0o700 | 0o066)
        os.utime(path, (1, 1))

    assert packed(again, suffix).read_bytes() == first


def test_zip_is_for_windows_and_keeps_modes(tree: Path):
    """
    The zip holds the same files, as files.
    """
    with zipfile.ZipFile(packed(tree, ".zip")) as file:
        names = set(file.namelist())
        modes = {each.filename: each.external_attr >> 16 for each in file.infolist()}

    assert {"tool/", "tool/tool", "tool/lib/libz.so", "tool/alias/data"} <= names
    assert modes["tool/tool"] == stat.S_IFREG | 0o755
    assert not any(stat.S_ISLNK(mode) for mode in modes.values())


def test_what_krew_refuses_is_not_packed(tree: Path):
    """
    A name with two dots, or something that is no file, is found here and not by a user.
    """
    for spoil, undo in [
        (lambda: (tree / "foo..bar").write_text(""), (tree / "foo..bar").unlink),
        (lambda: os.mkfifo(tree / "pipe"), (tree / "pipe").unlink),
        (lambda: (tree / "loop").symlink_to("."), (tree / "loop").unlink),
    ]:
        spoil()
        with pytest.raises(Unpackable):
            packed(tree)
        undo()

    assert not (tree.parent / "tool.tar.gz").exists()
    assert not list(tree.parent.glob("*.part"))


@pytest.mark.parametrize(("at", "year"), [(0, 1980), (946_684_800, 2000), (4_102_444_800, 2100)])
def test_any_moment_can_be_asked_for(tree: Path, at: int, year: int):
    """
    Files are of that time; before zip's calendar begins they are of its beginning.
    """
    with zipfile.ZipFile(packed(tree, ".zip", at)) as made:
        zipped = {each.date_time[0] for each in made.infolist()}
    with tarfile.open(packed(tree, at=at)) as tar:
        tarred = {gmtime(each.mtime).tm_year for each in tar}

    assert zipped == tarred == {year}
