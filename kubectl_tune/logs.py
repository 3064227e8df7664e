"""
What trials have printed: the lines of an attempt's log, all, the last, or as they come.

One rule: what was printed is not changed here, to the byte. A log that is not there is an
empty one: files are made at the first byte.
"""

from __future__ import annotations

import re
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kubectl_tune.engines.local import log_path
from kubectl_tune.errors import UsageError
from kubectl_tune.log import LogLine, parse
from kubectl_tune.store import Store
from kubectl_tune.trial import Trial, TrialState

# A line is taken to begin no further than this before its end; else the last few lines of a
# stream could be found by reading all of the file only.
BLOCK = 1 << 18


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines: of those since a time that match, the last `tail`; -1 is all."""

    tail: int = -1
    since: float | None = None  # seconds since the epoch
    grep: re.Pattern[bytes] | None = None

    def has(self, line: LogLine) -> bool:
        return self._is_new(line) and (self.grep is None or bool(self.grep.search(line.text)))

    def _is_new(self, line: LogLine) -> bool:
        if self.since is None:
            return True
        with suppress(ValueError):  # a damaged file
            return line.at >= self.since
        return True


def pattern(text: str) -> re.Pattern[bytes] | None:
    """Return what `--grep` looks for; no text is nothing to look for."""
    if not text:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what a later Python may read otherwise
            return re.compile(text.encode("utf-8", "surrogateescape"))
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(
            f"--grep '{text}': not a regular expression: {error}",
            hint="put a backslash before characters that are meant as they are: ( ) [ ] * + ? .",
        ) from error


def file_of(store: Store, name: str, trial: Trial, attempt: int) -> Path:
    """Where the log of this attempt is, or will be."""
    return log_path(store.folder(name), trial._replace(attempt=attempt))


def begun(trial: Trial) -> int | None:
    """Return the trial's latest attempt that has begun, as far as its own row tells."""
    if trial.state is not TrialState.PENDING:
        return trial.attempt
    return trial.attempt - 1 or None


def attempt_of(store: Store, name: str, trial: Trial, number: int | None) -> int:
    """Return the attempt of this number, or for None the one before the latest."""
    there = [int(row["attempt"]) for row in store.attempts(name, trial.id)]
    if number is None and len(there) > 1:
        return there[-2]
    if number is not None and number in there:
        return number
    what = "earlier attempt" if number is None else f"attempt {number}"
    listed = ", ".join(map(str, there))
    raise UsageError(
        f"trial {trial.id} has no {what}", hint=f"it has had: {listed}" if listed else ""
    )


def lines(path: Path, wanted: Wanted) -> Iterator[LogLine]:
    """Yield the wanted lines that are in a log now."""
    with closing(LogFile(path, wanted)) as log:
        yield from log.news(final=True)


class LogFile:
    """A log that may grow, or not be there yet; what was read once is not read again."""

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self._path = path
        self._wanted = wanted
        self._file: BinaryIO | None = None
        self._torn = b""
        self._joiner = _Joiner()
        self._first = True

    def news(self, *, final: bool, whole: bool = True) -> Iterator[LogLine]:
        """
        Yield what is wanted of that which is new.

        `final` brings what has not ended too; `whole` lines wait for their end, else what is
        printed of one comes in parts. The first time, all but the last `tail` is left out.
        """
        first, self._first = self._first, False
        there = self._open(skip=first)
        tail = self._wanted.tail if first and there else -1
        if whole or tail >= 0:
            found = filter(self._wanted.has, self._lines(final=final or not whole))
        else:
            found = filter(self._wanted.has, self._pieces(final=final))
        yield from deque(found, maxlen=tail) if tail >= 0 else found

    def close(self) -> None:
        if self._file:
            self._file.close()

    def _open(self, *, skip: bool) -> bool:
        """Say whether there is a log; `skip` what can't be among the last lines."""
        if self._file is None:
            try:
                self._file = self._path.open("rb")
            except FileNotFoundError:
                return False
            if skip and self._wanted.tail >= 0 and self._wanted.grep is None:
                self._file.seek(_start(self._file, self._wanted.tail))
        return True

    def _lines(self, *, final: bool) -> Iterator[LogLine]:
        yield from filter(None, map(self._joiner.add, self._pieces(final=final)))
        if final:
            yield from self._joiner.rest()

    def _pieces(self, *, final: bool) -> Iterator[LogLine]:
        for line in self._added():
            yield from parse((line,))
        if final and self._torn:  # its writer was killed
            torn, self._torn = self._torn, b""
            yield from parse((torn,))

    def _added(self) -> Iterator[bytes]:
        while self._file and (line := self._file.readline()):
            if not line.endswith(b"\n"):
                self._torn += line
                return
            yield self._torn + line
            self._torn = b""


class _Joiner:
    """Parts of lines become lines, stream by stream."""

    def __init__(self) -> None:
        self._parts: dict[str, list[LogLine]] = {}

    def add(self, piece: LogLine) -> LogLine | None:
        if not piece.ended:
            self._parts.setdefault(piece.stream, []).append(piece)
            return None
        before = self._parts.pop(piece.stream, None)
        return _joined([*before, piece]) if before else piece

    def rest(self) -> Iterator[LogLine]:
        open_lines, self._parts = self._parts, {}
        yield from map(_joined, open_lines.values())


def _joined(parts: Iterable[LogLine]) -> LogLine:
    first, *others = parts
    text = b"".join([first.text, *(part.text for part in others)])
    return LogLine(first.time, first.stream, text, (others or [first])[-1].ended)


def _start(file: BinaryIO, count: int) -> int:
    """Return where to begin reading so that more than `count` lines follow, if there are."""
    size = file.seek(0, 2)
    block = BLOCK
    while True:
        begin = max(0, size - block)
        file.seek(begin)
        data = file.read(size - begin)
        if count == 0:
            return begin + data.rfind(b"\n") + 1
        first = data.find(b"\n") + 1 if begin else 0
        if begin == 0 or sum(map(_ends, data[first:].split(b"\n"))) > count:
            return begin + first
        block *= 4


def _ends(line: bytes) -> bool:
    return line.split(b" ", 3)[2:3] == [b"F"]
