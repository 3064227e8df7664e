"""Krew installs the archive on every platform that has one, and takes it away again."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

import krew
import pytest
import yaml
from archive import pack
from installed import Installed
from krew import Krew, Refused, StandIn
from publish import publish
from targets import HOME, RELEASED, Target, here, tag

installers = pytest.mark.parametrize(
    "kind",
    [
        pytest.param(Krew, marks=pytest.mark.skipif(not krew.KREW, reason=krew.ABSENT)),
        StandIn,
    ],
)
WINDOWS = Target("windows", "amd64")
CHECKS = (
    "structural validation OK",
    "all spec.platform[] items are used",
    "no overlapping spec.platform[].selector",
)


@pytest.fixture(scope="module")
def release(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an archive for each platform that has one, copies of this one."""
    folder = tmp_path_factory.mktemp("release")
    for target in RELEASED:
        shutil.copy(archive, folder / target.archive(tag()))
    publish(folder, tag())
    return folder


@pytest.fixture
def address(release: Path) -> Iterator[str]:
    """Where the release can be downloaded from."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(release))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@installers
@pytest.mark.parametrize("target", RELEASED, ids=lambda each: f"{each.os}-{each.arch}")
def test_it_is_installed_and_taken_away(
    kind: type[Krew] | type[StandIn], target: Target, release: Path, tmp_path: Path
):
    """
    One link that leads to the program, its license in the store; afterwards nothing.
    """
    place = kind(tmp_path / "krew")
    link = place.root / "bin" / "kubectl-tune"

    said = place.install(
        release / "tune.yaml", release / target.archive(tag()), target.os, target.arch
    )

    store = place.root / "store" / "tune" / tag()
    assert "Installed plugin: tune" in said
    assert link.resolve() == (store / target.bin).resolve()
    assert os.access(link, os.X_OK)
    assert (store / "kubectl-tune" / "LICENSE").is_file()
    place.uninstall("tune")
    assert [path for path in place.root.rglob("*") if not path.is_dir() or path.is_symlink()] == []


@installers
def test_an_archive_for_windows_is_a_zip_with_an_exe(
    kind: type[Krew] | type[StandIn], tmp_path: Path
):
    """
    None is released, but the builders could make one: Krew links the .exe.
    """
    packed = tiny(WINDOWS, tmp_path)
    place = kind(tmp_path / "krew")

    place.install(packed.with_name("tune.yaml"), packed, "windows", "amd64")

    link = place.root / "bin" / "kubectl-tune.exe"
    assert link.read_bytes() == b"MZ"
    assert (link.resolve().parent / "_internal" / "ffi.dll").read_text() == "Apache"
    assert not (link.resolve().parent / "_internal" / "ffi.dll").is_symlink()


def test_what_is_tried_is_the_archive_of_any_platform(tmp_path: Path):
    """
    The release is made, and tried, on each platform by itself: its manifest names that one alone.
    """
    packed = tiny(Target("darwin", "arm64"), tmp_path)

    assert Installed(packed, tmp_path / "there").program.read_bytes() == b"MZ"


def tiny(target: Target, folder: Path) -> Path:
    """Pack a program and a link for a platform, with the manifest beside them."""
    tree = folder / "kubectl-tune"
    (tree / "_internal").mkdir(parents=True)
    program = folder / target.bin
    program.write_bytes(b"MZ")
    program.chmod(0o755)
    (tree / "LICENSE").write_text("Apache")
    (tree / "_internal" / "ffi.dll").symlink_to("../LICENSE")
    packed = folder / "release" / target.archive(tag())
    packed.parent.mkdir()
    pack(tree, packed, 0)
    publish(packed.parent, tag())
    return packed


@installers
@pytest.mark.parametrize("spoiled", ["sum", "link", "hard link", "dots", "root", "xz"])
def test_what_krew_refuses_the_stand_in_refuses(
    kind: type[Krew] | type[StandIn], spoiled: str, tmp_path: Path
):
    """
    Where Krew is missing, an archive that it would not take is found out all the same.
    """
    data = BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz" if spoiled == "xz" else "w:gz") as tar:
        entry = tarfile.TarInfo("kubectl-tune/kubectl-tune")
        entry.mode = 0o755
        tar.addfile(entry, BytesIO())
        odd = tarfile.TarInfo({"dots": "a..b", "root": "/a"}.get(spoiled, "a"))
        odd.type = {"link": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE}.get(spoiled, odd.type)
        odd.linkname = entry.name if odd.type != tarfile.REGTYPE else ""
        tar.addfile(odd)
    file = tmp_path / here().archive(tag())
    file.write_bytes(data.getvalue())
    made = publish(tmp_path, tag())
    if spoiled == "sum":
        file.write_bytes(data.getvalue() + b"\0")

    with pytest.raises(Refused):
        kind(tmp_path / "krew").install(made, file, here().os, here().arch)


@pytest.mark.skipif(not krew.VALIDATOR, reason=krew.ABSENT)
@pytest.mark.parametrize("installing", [False, True], ids=["rules", "installing"])
def test_the_index_would_take_the_manifest(
    installing: bool, release: Path, address: str, tmp_path: Path
):
    """
    The check of Krew's index passes: its rules on what is published, and, from a server of our
    own, a download and an install for each platform.
    """
    assert krew.KREW
    made = tmp_path / "tune.yaml"
    made.write_text((release / "tune.yaml").read_text())
    if installing:
        made.write_text(made.read_text().replace(f"{HOME}/releases/download/{tag()}", address))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kubectl-krew").symlink_to(krew.KREW)

    done = subprocess.run(
        [krew.VALIDATOR, "-manifest", made, *([] if installing else ["-skip-install"])],
        env={"PATH": f"{tmp_path}/bin:{krew.ENVIRONMENT['PATH']}", "HOME": str(tmp_path)},
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert [each for each in CHECKS if each not in done.stderr] == []
    assert len(yaml.safe_load(made.read_text())["spec"]["platforms"]) == len(RELEASED)
