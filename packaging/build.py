"""
Build this platform's archive from the checkout: dist/kubectl-tune_vVERSION_OS_ARCH.tar.gz, with
its bill of materials, SHA256SUMS and tune.yaml, the manifest for Krew, beside it.

Its rule: one commit, one machine and one Python give the same bytes. `scripts/package` runs it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import glibc
from archive import EARLIEST, Unpackable, pack
from contents import Component, Unlicensed, components
from notices import FILE as NOTICES
from notices import notices
from publish import MANIFEST, SUMS, Unpublishable, publish, replace, sha256
from sbom import SUFFIX, sbom
from targets import NAME, ROOT, here, tag

SPEC = ROOT / "packaging" / f"{NAME}.spec"
# What the archive is made of. A change of anything else is no new archive.
PARTS = ("kubectl_tune", "packaging", "requirements/package.txt", "LICENSE")


class Unbuildable(Exception):
    """Why there is no archive."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="where the files go")
    parser.add_argument("--glibc", help="the newest glibc that may be needed, as in 2.28")
    parser.add_argument("--manifest", type=Path, help="write the manifest here as well")
    given = parser.parse_args()
    try:
        build(given.dist.resolve(), limit(given.glibc), given.manifest)
    except (Unbuildable, Unlicensed, Unpackable, Unpublishable) as error:
        sys.exit(f"error: {error}")


def build(dist: Path, newest: tuple[int, ...], manifest: Path | None) -> None:
    of, target, at = tag(), here(), moment(os.environ)
    dist.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kubectl-tune-package-") as work:
        tree, parts = frozen(Path(work), at)
        needs = needed(tree, newest)
        tried(tree / Path(target.bin).name, of)
        archive = dist / target.archive(of)
        pack(tree, archive, at)
    bom = sbom(of, target, sha256(archive), at, parts)
    replace(archive.with_name(archive.name + SUFFIX), bom)
    made = publish(dist, of)
    if manifest:
        replace(manifest, made.read_text("utf-8"))
    print(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB{needs}")
    print(f"beside it: {archive.name}{SUFFIX}, {SUMS}, {MANIFEST}")


def moment(environ: Mapping[str, str]) -> int:
    """Return when the archive counts as made: $SOURCE_DATE_EPOCH, else its parts' last commit."""
    if given := environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    if git("status", "--porcelain", "--", *PARTS):
        print("warning: this is not what is committed", file=sys.stderr)
    return int(git("log", "-1", "--format=%ct", "--", *PARTS) or EARLIEST)


def git(*words: str) -> str:
    """Return what git says, nothing where this is no repository."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def frozen(work: Path, at: int) -> tuple[Path, list[Component]]:
    """Return the folder that PyInstaller makes, with its legal texts, and what is in it."""
    environ = os.environ | {
        "SOURCE_DATE_EPOCH": str(at),
        "PYTHONHASHSEED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYINSTALLER_CONFIG_DIR": str(work / "config"),
        # The archive is packed as a whole; to unpack modules at each start took a tenth of it.
        "PYINSTALLER_ZLIB_COMPRESSION_LEVEL": "0",
    }
    words = ["--noconfirm", "--log-level", "ERROR", "--distpath", str(work / "dist")]
    words += ["--workpath", str(work / "made"), str(SPEC)]
    done = subprocess.run(
        [sys.executable, "-m", "PyInstaller", *words], env=environ, cwd=work, check=False
    )
    if done.returncode:
        raise Unbuildable("PyInstaller failed; its words stand above")
    contents = json.loads((work / "made" / NAME / "contents.json").read_text())
    tree, parts = work / "dist" / NAME, components(contents)
    (tree / NOTICES).write_text(notices(parts), "utf-8")
    shutil.copy(ROOT / "LICENSE", tree)
    return tree, parts


def needed(tree: Path, newest: tuple[int, ...]) -> str:
    """Return the glibc that a tree needs, in words; refuse one that needs a newer one than this."""
    needs = glibc.needed(tree)
    if not needs:
        return ""
    most = max(needs.values())
    if newest and most > newest:
        files = sorted(name for name, each in needs.items() if each > newest)
        raise Unbuildable(f"a newer glibc than {dotted(newest)} is needed by {', '.join(files)}")
    return f", needs glibc {dotted(most)}"


def tried(program: Path, of: str) -> None:
    """See that the program begins, and finds its libraries, with nothing but its own folder."""
    alone = {"PATH": ""}
    said = output([program, "version", "--client"], alone)
    said += output([program, "__python", "-c", "import kubernetes.client, sqlite3, ssl"], alone)
    if said != f"Client Version: {of}\n":
        raise Unbuildable(f"the program doesn't run: {said}")


def output(words: list[str | Path], environ: Mapping[str, str]) -> str:
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def limit(text: str | None) -> tuple[int, ...]:
    return tuple(map(int, text.split("."))) if text else ()


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


if __name__ == "__main__":
    main()
