"""
The files that a plan names: results must not meet, leave the folder, or hit the data.

Two spellings of one file are one file: paths are compared after links and `..` are
resolved, once per folder, since a plan has many files and few folders.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from kubectl_tune.planline import Fault, shown
from kubectl_tune.problem import Severity

_RESULT = ("output_json",)


@dataclass(slots=True)
class _Folder:
    """A folder as it is on the disk, and the lines that use the names in it."""

    path: str
    inside: bool  # below the working directory
    results: dict[str, int] = field(default_factory=dict)
    data: dict[str, int] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)


class Paths:
    def __init__(
        self,
        workdir: str,
        *,
        exists: Callable[[str], bool],
        realpath: Callable[[str], str],
        confined: bool,
        needs_data: bool,
    ) -> None:
        self._workdir = workdir
        self._root = realpath(workdir).rstrip("/")
        self._exists = exists
        self._realpath = realpath
        self._confined = confined
        self._needs_data = needs_data
        self._written: dict[str, _Folder] = {}  # by how a line writes it
        self._real: dict[str, _Folder] = {}
        self._data: set[str] = set()

    def output(self, text: str, line: int) -> Iterable[Fault]:
        """Return what is wrong with a line's `output_json`."""
        cut = text.rfind("/") + 1
        name = text[cut:]
        if name in ("", ".", ".."):
            return (Fault(_RESULT, f"output_json {shown(text)} names a folder, not a file"),)
        known = self._written.get(text[:cut])
        folder = known or self._folder(text[:cut])
        first = folder.results.setdefault(name, line)
        odd = first != line or not folder.inside or name in folder.data or name in folder.folders
        if known and not odd:
            return ()
        return self._result(text, folder, name, line)

    def _result(self, text: str, folder: _Folder, name: str, line: int) -> Iterator[Fault]:
        said = f"output_json {shown(text)}"
        if self._confined and not folder.inside:
            yield Fault(_RESULT, f"{said} leaves the working directory", self._why(text, folder))
        elif text.startswith("~"):
            hint = f"it means {folder.path}/{name}"
            yield Fault(_RESULT, "~ is not expanded", hint, Severity.WARNING)
        if name in folder.data:
            hint = f"line {folder.data[name]} reads it"
            yield Fault(_RESULT, f"{said} would overwrite a data file", hint)
        if (first := folder.results[name]) != line:
            hint = f"line {first} writes it too; give each trial a file of its own"
            yield Fault(_RESULT, f"{said} is taken", hint)
        if name in folder.folders:
            hint = f"line {folder.folders[name]} writes into a folder of that name"
            yield Fault(_RESULT, f"{said} is a folder, too", hint)
        if blocked := self._enter(folder.path, line):
            hint = f"line {blocked} writes a file of that name"
            yield Fault(_RESULT, f"{said} lies in a folder that is a file, too", hint)

    def data(self, key: str, text: str, line: int) -> Iterable[Fault]:
        """Return what is wrong with an input file: once, however many lines name it."""
        if text in self._data:
            return ()
        self._data.add(text)
        return self._input(key, text, line)

    def _input(self, key: str, text: str, line: int) -> Iterator[Fault]:
        cut = text.rfind("/") + 1
        folder, name = self._folder(text[:cut]), text[cut:]
        folder.data.setdefault(name, line)
        if not self._exists(posixpath.join(self._workdir, text)):
            yield self._missing(key, text)
        if name in folder.results:
            hint = f"line {folder.results[name]} writes its result there"
            yield Fault(("config", key), f"{key} {shown(text)} would be overwritten", hint)

    def _missing(self, key: str, text: str) -> Fault:
        if self._needs_data:
            hint, severity = f"paths count from {self._workdir}", Severity.ERROR
        else:
            hint, severity = "it must be there where the trial runs", Severity.WARNING
        return Fault(("config", key), f"{key} {shown(text)} does not exist", hint, severity)

    def _folder(self, written: str) -> _Folder:
        if written not in self._written:
            real = self._realpath(posixpath.join(self._workdir, written)).rstrip("/")
            self._written[written] = self._at(real)
        return self._written[written]

    def _at(self, real: str) -> _Folder:
        inside = f"{real}/".startswith(f"{self._root}/")
        return self._real.setdefault(real, _Folder(real, inside))

    def _enter(self, path: str, line: int) -> int:
        """Note that a line's result needs this folder; return the line that has a file there."""
        while len(path) > len(self._root):
            path, _, name = path.rpartition("/")
            above = self._at(path)
            above.folders.setdefault(name, line)
            if name in above.results:
                return above.results[name]
        return 0

    def _why(self, text: str, folder: _Folder) -> str:
        plain = posixpath.normpath(posixpath.join(self._workdir, text))
        if plain.startswith(f"{self._workdir.rstrip('/')}/"):
            return f"its folder is a link to {folder.path}"
        return f"results are written below {self._workdir}"
