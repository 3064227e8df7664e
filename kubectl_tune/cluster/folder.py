"""
Which files of a folder travel to pods: all but what its .gitignore and .ktignore files leave out.

Its rule: nothing leaves the machine by accident. Links that lead out of the folder and files
that look like secrets are refused, all at once, unless a .ktignore speaks of them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from kubectl_tune.cluster.ignorefile import IgnoreFile, Rule, ignore_file
from kubectl_tune.errors import TuneError

NEVER = (".git", "__pycache__", "*.pyc", ".venv", "node_modules")
SECRETS = (".env", "*.pem", "id_rsa*", "id_ed25519*", "*.key", "kubeconfig")
MOST = 50_000  # files: a home directory has more, and nobody means that
NAMED = 5


def files(folder: str) -> dict[str, str]:
    """Return the paths of what travels by name in `folder`; what may not is a `TuneError`."""
    walk = _Walk(os.path.abspath(folder))
    with _readable(folder):
        walk.visit(walk.folder, "", _above(walk.folder), (), (os.path.realpath(folder),))
    walk.judge(folder)
    return dict(sorted(walk.found.items()))


@dataclass(slots=True)
class _Walk:
    folder: str
    found: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)

    def visit(
        self,
        path: str,
        name: str,
        git: tuple[IgnoreFile, ...],
        own: tuple[IgnoreFile, ...],
        above: tuple[str, ...],
    ) -> None:
        """Take what travels of one folder; `above` are the real paths of it and those around it."""
        git, own = git + _ignore_file(path, ".gitignore"), own + _ignore_file(path, ".ktignore")
        with os.scandir(path) as entries:
            names = sorted(entries, key=lambda entry: entry.name)
        for entry in names:
            below = f"{name}/{entry.name}" if name else entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            rule = _decision(own, entry.path, is_folder) or _decision(git, entry.path, is_folder)
            if _matches(entry.name, NEVER) or (rule and not rule.negated):
                continue
            real = os.path.realpath(entry.path)
            if entry.is_symlink() and not self._is_fine(below, real, above):
                continue
            if os.path.isdir(real):
                self.visit(entry.path, below, git, own, (*above, real))
            elif os.path.isfile(real):
                self._take(below, entry.path, real, _decision(own, entry.path, False))

    def _is_fine(self, name: str, real: str, above: tuple[str, ...]) -> bool:
        top = above[0]
        inside = real.startswith(top.rstrip("/") + "/") and os.path.exists(real)
        if not inside or real in above:
            self.strays.append(f"{name} -> {os.readlink(os.path.join(self.folder, name))}")
            return False
        return not set(os.path.relpath(real, top).split(os.sep)) & {".git"}

    def _take(self, name: str, path: str, real: str, rule: Rule | None) -> None:
        suspect = any(_matches(os.path.basename(each), SECRETS) for each in (path, real))
        if suspect and not (rule and _is_explicit(rule, name)):
            self.secrets.append(name)
        self.found[name] = path
        if len(self.found) > MOST:
            raise TuneError(
                f"--sync {self.folder}: more than {MOST} files are in it",
                hint="name a smaller folder, or leave some out with a .ktignore",
            )

    def judge(self, folder: str) -> None:
        problems, hints = [], []
        if self.secrets:
            problems.append(f"what looks like a secret does not travel: {listed(self.secrets)}")
            hints.append("leave it out with a .ktignore, or have it travel by a line !NAME there")
        if self.strays:
            problems.append(f"links that lead nowhere in it: {listed(self.strays)}")
            hints.append("leave them out with a .ktignore, or copy what they stand for")
        if problems:
            raise TuneError(f"--sync {folder}: {'; '.join(problems)}", hint="; ".join(hints))


def listed(names: Iterable[str]) -> str:
    """Name a few, and count the others."""
    some = list(names)
    more = f" and {len(some) - NAMED} more" if len(some) > NAMED else ""
    return ", ".join(some[:NAMED]) + more


def _decision(levels: tuple[IgnoreFile, ...], path: str, folder: bool) -> Rule | None:
    """Return the rule that decides: that of the file which lies deepest."""
    return next(
        filter(None, (each.decides(path, folder=folder) for each in reversed(levels))), None
    )


def _is_explicit(rule: Rule, name: str) -> bool:
    """Say whether a rule speaks of a file in particular, and not of all that lie with it."""
    another = os.path.join(os.path.dirname(name), "\0")
    return rule.negated and not rule.matches(another, folder=False)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern) for pattern in patterns)


def _above(folder: str) -> tuple[IgnoreFile, ...]:
    """Return the .gitignore files of the repository that a folder lies in, from its top on."""
    path, found = folder, list[tuple[IgnoreFile, ...]]()
    while not os.path.exists(os.path.join(path, ".git")):
        path, before = os.path.dirname(path), path
        if path == before:
            return ()
        found.insert(0, _ignore_file(path, ".gitignore"))
    return tuple(each for level in found for each in level)


def _ignore_file(folder: str, name: str) -> tuple[IgnoreFile, ...]:
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return (ignore_file(folder, file.read()),)
    except (FileNotFoundError, IsADirectoryError):
        return ()


@contextlib.contextmanager
def _readable(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise TuneError(f"--sync {folder}: {where}{error.strerror}") from error
