"""The platforms that have archives, and what their archives are called and hold."""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
NAME = "kubectl-tune"
HOME = "https://github.com/kubectl-tune/kubectl-tune"
# The words of Go, which are Krew's.
MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
SYSTEMS = {"linux": "linux", "darwin": "darwin", "win32": "windows"}


@dataclass(frozen=True, order=True, slots=True)
class Target:
    os: str
    arch: str

    @property
    def suffix(self) -> str:
        return ".zip" if self.os == "windows" else ".tar.gz"

    @property
    def bin(self) -> str:
        """The executable's place in the archive."""
        return f"{NAME}/{NAME}.exe" if self.os == "windows" else f"{NAME}/{NAME}"

    def archive(self, tag: str) -> str:
        return f"{NAME}_{tag}_{self.os}_{self.arch}{self.suffix}"

    def address(self, tag: str) -> str:
        return f"{HOME}/releases/download/{tag}/{self.archive(tag)}"


# In the order in which manifests name them.
RELEASED = (
    Target("linux", "amd64"),
    Target("linux", "arm64"),
    Target("darwin", "amd64"),
    Target("darwin", "arm64"),
)


def here() -> Target:
    return Target(SYSTEMS[sys.platform], MACHINES[platform.machine().lower()])


def parsed(file: str, tag: str) -> Target | None:
    """Return whose archive of this version a file is, by its name."""
    found = re.fullmatch(rf"{NAME}_{re.escape(tag)}_([a-z]+)_([a-z0-9]+)\..*", file)
    target = Target(found[1], found[2]) if found else None
    return target if target and target.archive(tag) == file else None


def tag() -> str:
    """Return what this version is called as a release: v and the number."""
    text = (ROOT / "kubectl_tune" / "__init__.py").read_text()
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    assert found
    return f"v{found[1]}"
