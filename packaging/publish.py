"""
What stands beside the archives of a version: their sums and the manifest, from those at hand.

    python packaging/publish.py [--dist DIR] [--to krew-manifest.yaml]

Its rule: what is written fits the archives in the folder, or nothing is written.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import manifest
from sbom import SUFFIX
from targets import ROOT, Target, parsed, tag

SUMS = "SHA256SUMS"
MANIFEST = "tune.yaml"  # the validator wants the file named as the plugin


class Unpublishable(Exception):
    """What is at hand makes no release."""


def publish(dist: Path, of: str) -> Path:
    """Write sums and manifest for the archives of version `of` in `dist`; return the manifest."""
    archives = at_hand(dist, of)
    sums = {target: sha256(file) for target, file in archives.items()}
    text = manifest.render(of, sums)
    if found := manifest.problems(text):
        raise Unpublishable("; ".join(found))
    boms = [file.with_name(file.name + SUFFIX) for file in archives.values()]
    listed = [*archives.values(), *(bom for bom in boms if bom.exists())]
    lines = [f"{sha256(file)}  {file.name}\n" for file in sorted(listed)]
    replace(dist / SUMS, "".join(lines))
    replace(dist / MANIFEST, text)
    return dist / MANIFEST


def at_hand(dist: Path, of: str) -> dict[Target, Path]:
    found = {parsed(file.name, of): file for file in sorted(dist.iterdir()) if file.is_file()}
    archives = {target: file for target, file in found.items() if target}
    if not archives:
        raise Unpublishable(f"{dist} holds no archive of version {of}")
    return archives


def sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, "utf-8")
    partial.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dist", type=Path, default=ROOT / "dist")
    parser.add_argument("--to", type=Path, help="write the manifest here as well")
    given = parser.parse_args()
    try:
        made = publish(given.dist, tag())
    except Unpublishable as error:
        sys.exit(f"error: {error}")
    if given.to:
        replace(given.to, made.read_text("utf-8"))


if __name__ == "__main__":
    main()
