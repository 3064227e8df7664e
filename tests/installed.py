"""The archive as its users have it: in Krew's store, behind Krew's link."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from krew import installer

NAME = "kubectl-tune"


class Installed:
    def __init__(self, archive: Path, root: Path) -> None:
        self.home, self.root = root / "home", root / "krew"
        self.home.mkdir(parents=True)
        system, machine = archive.name.removesuffix(".tar.gz").split("_")[-2:]
        installer(self.root).install(archive.with_name("tune.yaml"), archive, system, machine)
        self.bin, self.store = self.root / "bin", self.root / "store"
        self.program = self.bin / NAME
        self.before = self.snapshot()

    def snapshot(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.store)): hashlib.sha256(path.read_bytes()).digest()
            for path in self.store.rglob("*")
            if path.is_file()
        }

    def run(
        self,
        *words: object,
        folder: Path | None = None,
        program: Path | None = None,
        timeout: float = 120,
        **env: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run the program with nothing in its environment but a home and what is given."""
        return subprocess.run(
            [program or self.program, *map(str, words)], cwd=folder or self.home, text=True,
            capture_output=True, env={"HOME": str(self.home), **env}, timeout=timeout,
        )  # fmt: skip
