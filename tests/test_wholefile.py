"""Files that are the old one or the new one."""

from __future__ import annotations

import os

import pytest

from kubectl_tune.errors import ResultError
from kubectl_tune.wholefile import write_whole


def test_a_file_is_written_with_its_folders(tmp_path):
    """
    Folders on the way are made, and text is UTF-8.
    """
    write_whole(tmp_path / "a" / "b" / "c.json", "é")

    assert (tmp_path / "a" / "b" / "c.json").read_bytes() == "é".encode()


def test_a_file_is_replaced_whole_and_keeps_its_permissions(tmp_path):
    """
    A reader that has the old file open goes on reading the old one.
    """
    path = tmp_path / "x"
    path.write_text("old")
    path.chmod(0o640)
    with path.open() as reader:
        write_whole(path, b"new")

        assert reader.read() == "old"

    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["x"]


def test_a_link_stays_a_link(tmp_path):
    """
    The new text goes to the file behind it, which the link still leads to.
    """
    (tmp_path / "link").symlink_to(tmp_path / "target")

    write_whole(tmp_path / "link", "new")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_a_pipe_is_written_as_it_is(tmp_path):
    """
    It is never replaced by a file, which its reader would not see.
    """
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(tmp_path / "pipe", "new")

        assert os.read(reader, 10) == b"new"
    finally:
        os.close(reader)


def test_what_can_t_be_written_is_said_and_leaves_nothing_behind(tmp_path):
    """
    A folder, a name that none can have, a file taken for a folder: one error, and no draft.
    """
    (tmp_path / "folder").mkdir()

    for path in (tmp_path / "folder", tmp_path / "folder\0x", "/dev/null/x"):
        with pytest.raises(ResultError, match="can't write"):
            write_whole(path, "x")

    assert os.listdir(tmp_path) == ["folder"]
