"""
The link by which kubectl completes this plugin: `kubectl_complete-tune`, beside `kubectl-tune`.

kubectl 1.26 and later run a program of that name at every TAB; Krew can't install one. The
link goes to the name that is on PATH, not to what that leads to, so that it outlives
upgrades. Nothing that isn't such a link of ours is ever replaced or removed. What is asked of
files is asked by `os.path`, which says no where `pathlib` may raise: PATH can name anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kubectl_tune.errors import TuneError, UsageError

NAME = "kubectl_complete-tune"
PROGRAM = "kubectl-tune"


def install(path: str, folder: str = "") -> tuple[Path, bool]:
    """
    Make the link, in `folder` or beside the program; return it, and whether it is new.

    `path` is $PATH. Raises `TuneError` where there is no program to link to, or the place is
    taken.
    """
    program = next(found(PROGRAM, path), None)
    if program is None:
        raise TuneError(
            f"there is no {PROGRAM} on PATH to make a link to",
            hint="put its folder on PATH first; kubectl finds the plugin that way, too",
        )
    link = Path(folder or program.parent, NAME).absolute()
    if points_to(link, program):
        return link, False
    if os.path.lexists(link) and not ours(link):
        raise UsageError(
            f"{link} is there already, and is no link to {PROGRAM}",
            hint="remove it, or name another folder of PATH with --dir",
        )
    _replace(link, program)
    return link, True


def uninstall(path: str, folder: str = "") -> list[Path]:
    """Remove the links in a folder, or in all folders of $PATH; return those that were there."""
    folders = [Path(folder)] if folder else _folders(path)
    links = [link for each in folders if ours(link := each.absolute() / NAME)]
    for link in links:
        with _explained(link):
            link.unlink()
    return links


def dangling(path: str) -> list[Path]:
    """Return the links on $PATH that lead nowhere; kubectl finds none of them."""
    links = [each / NAME for each in _folders(path)]
    return [link for link in links if os.path.islink(link) and not os.path.exists(link)]


def found(name: str, path: str) -> Iterator[Path]:
    """Yield the programs of a name on $PATH, first come first."""
    for folder in _folders(path):
        program = folder / name
        if os.path.isfile(program) and os.access(program, os.X_OK):
            yield program.absolute()


def ours(link: Path) -> bool:
    return os.path.islink(link) and Path(os.readlink(link)).name == PROGRAM


def points_to(link: Path, program: Path) -> bool:
    return os.path.islink(link) and Path(link.parent, os.readlink(link)) == program


def _folders(path: str) -> list[Path]:
    return [Path(each) for each in dict.fromkeys(path.split(os.pathsep)) if each]


def _replace(link: Path, program: Path) -> None:
    partial = link.with_name(f".{NAME}.{os.getpid()}")
    with _explained(link):
        with suppress(FileNotFoundError):
            partial.unlink()
        partial.symlink_to(program)
        partial.replace(link)


@contextmanager
def _explained(link: Path) -> Iterator[None]:
    """Say which link could not be changed, and why."""
    try:
        yield
    except OSError as error:
        raise TuneError(
            f"{link} can't be changed: {error.strerror}",
            hint="name a folder of PATH that you may write to with --dir",
        ) from error
