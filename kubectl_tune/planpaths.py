"""
The files that a plan names: results must not meet, leave the folder, or hit the data.

Two spellings of one file are one file: paths are compared after links and `..` are
resolved, once per folder, since a plan has many files and few folders.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator

from kubectl_tune.planline import Fault, shown
from kubectl_tune.problem import Severity

_RESULT = ("output_json",)


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
        self._root = realpath(workdir)
        self._exists = exists
        self._realpath = realpath
        self._confined = confined
        self._needs_data = needs_data
        self._folders: dict[str, str] = {}  # as written -> as it is
        self._parents: dict[str, int] = {}  # folder of a result -> first line
        self._outputs: dict[str, int] = {}  # result -> line
        self._inputs: dict[str, int] = {}  # data file -> first line

    def output(self, text: str, line: int) -> Iterator[Fault]:
        """Yield what is wrong with a line's `output_json`."""
        folder, name = posixpath.split(text)
        if name in ("", ".", ".."):
            yield Fault(_RESULT, f"output_json {shown(text)} names a folder, not a file")
            return
        place = self._place(folder, name, line)
        if self._confined and not self._inside(place):
            yield self._escape(text, folder)
        elif text.startswith("~"):
            yield Fault(_RESULT, "~ is not expanded", f"it means {place}", Severity.WARNING)
        if place in self._inputs:
            hint = f"line {self._inputs[place]} reads it"
            yield Fault(_RESULT, f"output_json {shown(text)} would overwrite a data file", hint)
        yield from self._taken(text, place, line)

    def _taken(self, text: str, place: str, line: int) -> Iterator[Fault]:
        first = self._outputs.setdefault(place, line)
        if first != line:
            hint = f"line {first} writes it too; give each trial a file of its own"
            yield Fault(_RESULT, f"output_json {shown(text)} is taken", hint)
        elif place in self._parents:
            hint = f"line {self._parents[place]} writes into a folder of that name"
            yield Fault(_RESULT, f"output_json {shown(text)} is a folder, too", hint)
        elif blocked := self._blocked(place, line):
            hint = f"line {blocked} writes a file of that name"
            yield Fault(_RESULT, f"a folder of output_json {shown(text)} is a file, too", hint)

    def data(self, key: str, text: str, line: int) -> Iterator[Fault]:
        """Yield what is wrong with an input file; a missing one once, however many lines name it."""
        folder, name = posixpath.split(text)
        place = f"{self._folder(folder)}/{name}"
        if place not in self._inputs:
            self._inputs[place] = line
            if not self._exists(posixpath.join(self._workdir, text)):
                yield self._missing(key, text)
        if place in self._outputs:
            hint = f"line {self._outputs[place]} writes its result there"
            yield Fault(("config", key), f"{key} {shown(text)} would be overwritten", hint)

    def _missing(self, key: str, text: str) -> Fault:
        if self._needs_data:
            hint, severity = f"paths count from {self._workdir}", Severity.ERROR
        else:
            hint, severity = "it must be there where the trial runs", Severity.WARNING
        return Fault(("config", key), f"{key} {shown(text)} does not exist", hint, severity)

    def _place(self, folder: str, name: str, line: int) -> str:
        real = self._folder(folder)
        if real not in self._parents:
            for parent in _upwards(real, self._root):
                self._parents.setdefault(parent, line)
        return f"{real}/{name}"

    def _folder(self, folder: str) -> str:
        real = self._folders.get(folder)
        if real is None:
            real = self._realpath(posixpath.join(self._workdir, folder)).rstrip("/")
            self._folders[folder] = real
        return real

    def _blocked(self, place: str, line: int) -> int:
        folder = posixpath.dirname(place)
        if self._parents.get(folder) != line:  # only a new folder can be news
            return 0
        return next((self._outputs.get(up, 0) for up in _upwards(folder, self._root)), 0)

    def _inside(self, place: str) -> bool:
        return place.startswith(f"{self._root.rstrip('/')}/")

    def _escape(self, text: str, folder: str) -> Fault:
        plain = posixpath.normpath(posixpath.join(self._workdir, text))
        linked = plain.startswith(f"{self._workdir.rstrip('/')}/")
        why = f"through a link: {shown(folder)} is {self._folder(folder)}" if linked else ""
        return Fault(
            _RESULT,
            f"output_json {shown(text)} leaves the working directory",
            why or f"results are written below {self._workdir}",
        )


def _upwards(folder: str, root: str) -> Iterator[str]:
    """Yield the folder and those above it, up to the root."""
    while len(folder) > len(root):
        yield folder
        folder = posixpath.dirname(folder)
