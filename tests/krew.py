"""
Krew, where there is one: in the folder that KUBECTL_TUNE_TEST_KREW names, or on PATH. And an
installer by the same rules, so that what is installed can be tried where there is none.

The rules are those of Krew's internal/download/downloader.go and internal/installation/install.go.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

# Of the caller, before any test is given a home of its own.
ENVIRONMENT = dict(os.environ)
WHERE = ENVIRONMENT.get("KUBECTL_TUNE_TEST_KREW") or ENVIRONMENT.get("PATH")
KREW = shutil.which("krew", path=WHERE)
VALIDATOR = shutil.which("validate-krew-manifest", path=WHERE)
ABSENT = "there is no krew here: set KUBECTL_TUNE_TEST_KREW to the folder of krew's programs"


class Refused(Exception):
    """What Krew would not install."""


@dataclass(frozen=True)
class Krew:
    """Krew itself, with a root of its own."""

    root: Path

    def install(self, manifest: Path, archive: Path, os: str, arch: str) -> str:
        return self.act("install", f"--manifest={manifest}", f"--archive={archive}",
                        KREW_OS=os, KREW_ARCH=arch)  # fmt: skip

    def uninstall(self, name: str) -> str:
        # It wants some index, though none is asked.
        subprocess.run(["git", "init", "-q", self.root / "index" / "default"], check=True)
        said = self.act("uninstall", name)
        shutil.rmtree(self.root / "index")
        return said

    def act(self, *words: str, **env: str) -> str:
        assert KREW
        env |= {"HOME": str(self.root), "KREW_ROOT": str(self.root), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [KREW, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, env=env
        )
        if done.returncode:
            raise Refused(done.stderr)
        return done.stderr


@dataclass(frozen=True)
class StandIn:
    """The same without Krew."""

    root: Path

    def install(self, manifest: Path, archive: Path, os: str, arch: str) -> str:
        made = yaml.safe_load(manifest.read_text())
        name, version = made["metadata"]["name"], made["spec"]["version"]
        wanted = {"os": os, "arch": arch}
        (platform,) = [
            each for each in made["spec"]["platforms"]
            if each["selector"]["matchLabels"].items() <= wanted.items()
        ]  # fmt: skip
        data = archive.read_bytes()
        if hashlib.sha256(data).hexdigest() != platform["sha256"]:
            raise Refused(f"checksum does not match, want: {platform['sha256']}")
        store = self.root / "store" / name / version
        extract(data, store)
        program = store / platform["bin"]
        if not program.is_file():
            raise Refused(f"{platform['bin']} is not in the archive")
        self.link(name, os).parent.mkdir(parents=True, exist_ok=True)
        self.link(name, os).symlink_to(program.resolve())
        receipts = self.root / "receipts"
        receipts.mkdir(exist_ok=True)
        shutil.copy(manifest, receipts / f"{name}.yaml")
        return f"Installed plugin: {name}\n"

    def uninstall(self, name: str) -> str:
        for link in (self.root / "bin").glob(f"kubectl-{name}*"):
            link.unlink()
        shutil.rmtree(self.root / "store" / name)
        (self.root / "receipts" / f"{name}.yaml").unlink()
        return f"Uninstalled plugin: {name}\n"

    def link(self, name: str, os: str) -> Path:
        end = ".exe" if os == "windows" else ""
        return self.root / "bin" / f"kubectl-{name.replace('-', '_')}{end}"


def installer(root: Path) -> Krew | StandIn:
    return Krew(root) if KREW else StandIn(root)


def extract(data: bytes, to: Path) -> None:
    """Unpack what Krew unpacks: tar.gz or zip by their first bytes, files and folders."""
    if data.startswith(b"\x1f\x8b\x08"):
        entries = tar_entries(data)
    elif data.startswith(b"PK\x03\x04"):
        entries = zip_entries(data)
    else:
        raise Refused("neither gzip nor zip")
    for name, mode, content in entries:
        if ".." in name or name.startswith(("/", "\\")):
            raise Refused(f"{name!r} is no name in an archive")
        path = to / name
        if content is None:
            path.mkdir(mode, parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)


def tar_entries(data: bytes) -> Iterator[tuple[str, int, bytes | None]]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        for each in tar:
            if each.type not in (tarfile.REGTYPE, tarfile.DIRTYPE):
                raise Refused(f"unable to handle file type {ord(each.type)} for {each.name!r}")
            content = tar.extractfile(each)
            yield each.name, each.mode, content.read() if content else None


def zip_entries(data: bytes) -> Iterator[tuple[str, int, bytes | None]]:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        for each in packed.infolist():
            # A link is a file here, with its target in it.
            content = None if each.is_dir() else packed.read(each)
            yield each.filename, each.external_attr >> 16 & 0o777, content
