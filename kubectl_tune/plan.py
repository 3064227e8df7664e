"""
The plan: one JSON object a line, one trial each, checked before anything starts.

One reader serves both uses: `check` says everything that is wrong while it reads,
`parse` returns the trials or says it all at once. Neither touches a file: what they
must know of the disk comes with the rules.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from kubectl_tune import planline
from kubectl_tune.names import normalise
from kubectl_tune.planconfig import KnownConfigs, named
from kubectl_tune.planlayouts import Layouts, shell_words
from kubectl_tune.planline import Fault, kind, shown
from kubectl_tune.planpaths import Paths
from kubectl_tune.problem import PlanProblems, Problem, Severity
from kubectl_tune.strictjson import Places, Reader
from kubectl_tune.trial import TrialSpec
from kubectl_tune.workload import ARBITRAGE, Workload

__all__ = ["Plan", "PlanProblems", "Problem", "Rules", "Severity", "check", "parse"]


def _nothing_missing(path: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Rules:
    """What a plan is checked against; the two functions are all it learns of the disk."""

    workdir: str = "/"
    command: tuple[str, ...] = ()  # what follows `--`; empty means the workload's
    workload: Workload = ARBITRAGE
    needs_data: bool = True  # data files are read from this disk
    exists: Callable[[str], bool] = _nothing_missing
    realpath: Callable[[str], str] = posixpath.normpath
    confined: bool = True  # results stay below workdir


@dataclass(frozen=True, slots=True)
class Plan:
    trials: tuple[TrialSpec, ...]
    warnings: tuple[Problem, ...]
    sha256: str


def check(lines: Iterable[bytes], rules: Rules) -> Iterator[Problem]:
    """Yield every problem of a plan, those of a line as it is read, the others at the end."""
    reading = _Reading(rules)
    for number, raw in enumerate(lines, 1):
        reading.read(number, raw)
        if reading.problems:
            yield from reading.problems
            reading.problems = []
    yield from reading.rest()


def parse(lines: Iterable[bytes], rules: Rules, *, name: str = "plan") -> Plan:
    """Return the plan, or raise `PlanProblems` with everything that is wrong with it."""
    reading, digest = _Reading(rules), sha256()
    trials: list[TrialSpec] = []
    spec = planline.Specs().spec
    for number, raw in enumerate(lines, 1):
        digest.update(raw)
        if line := reading.read(number, raw):
            trials.append(spec(line, len(trials)))
    problems = sorted([*reading.problems, *reading.rest()], key=lambda p: (p.line, p.column))
    if errors := [p for p in problems if p.severity is Severity.ERROR]:
        raise PlanProblems(name, errors)
    return Plan(tuple(trials), tuple(problems), digest.hexdigest())


class _Reading:
    """What has been seen of a plan so far."""

    def __init__(self, rules: Rules) -> None:
        self.problems: list[Problem] = []
        self._command = rules.command
        self._files = rules.workload.file_keys
        self._json = Reader()
        self._ids: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._known = KnownConfigs(rules.workload)
        self._layouts = Layouts()
        self._paths = Paths(
            rules.workdir,
            exists=rules.exists,
            realpath=rules.realpath,
            confined=rules.confined,
            needs_data=rules.needs_data,
        )
        self._empty = True
        self._foreign = False

    def read(self, number: int, raw: bytes) -> dict[str, Any] | None:
        """Return a line without errors; None for a blank one and for a wrong one."""
        text = self._text(number, raw)
        if not text:
            return None
        self._empty = False
        line, defects = self._json.read(text)
        for defect in defects:
            spec = number == 1 and _SPEC.match(text)
            hint = planline.SPEC_HINT if spec else defect.hint
            self._say(number, defect.column, defect.message, hint)
        if not isinstance(line, dict):
            if not defects:
                self._no_object(number, text, line)
            return None
        faults = [] if planline.plain(line) else [*planline.faults(line)]
        self._together(number, line, text, faults)
        if not faults and not defects:
            return line
        places = Places(text)
        told = {defect.column for defect in defects}  # NaN is read as another number
        placed = [_placed(fault, number, places) for fault in faults]
        self.problems.extend(one for one in placed if one.column not in told)
        wrong = defects or any(fault.severity is Severity.ERROR for fault in faults)
        return None if wrong else line

    def rest(self) -> Iterator[Problem]:
        """Yield what only the whole plan can show."""
        for place, name in shell_words(self._command):
            message = f"word {place + 1} of the command is shell text with {{{name}}} in it"
            yield Problem(0, 0, message, _SHELL_HINT, Severity.WARNING)
        yield from self._layouts.problems()
        if self._empty:
            yield Problem(1, 1, "the plan is empty", "a plan has one JSON object a line")

    def _say(self, line: int, column: int, message: str, hint: str = "") -> None:
        self.problems.append(Problem(line, column, message, hint))

    def _text(self, number: int, raw: bytes) -> str:
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
            self._foreign = self._other_format(raw)
        if self._foreign:
            return ""
        try:
            return raw.decode().rstrip(" \t\r\n")
        except UnicodeDecodeError as error:
            self._empty = False
            column = len(raw[: error.start].decode()) + 1
            self._say(number, column, f"not UTF-8: the byte 0x{raw[error.start]:02x}")
            return ""

    def _other_format(self, raw: bytes) -> bool:
        said = next((said for start, said in _FOREIGN.items() if raw.startswith(start)), "")
        if said:
            self._empty = False
            self._say(1, 1, said)
        return bool(said)

    def _no_object(self, number: int, text: str, line: object) -> None:
        hint = "write one trial a line, without the brackets" if isinstance(line, list) else ""
        column = len(text) - len(text.lstrip()) + 1
        self._say(number, column, f"a line must be an object, not {kind(line)}", hint)

    def _together(self, number: int, line: dict[str, Any], text: str, faults: list[Fault]) -> None:
        """Add what is wrong with a line among the others."""
        job_id, config, output = line.get("job_id"), line.get("config"), line.get("output_json")
        if type(job_id) is str and job_id:
            faults.extend(self._identity(job_id, number))
        if type(output) is str and output:
            faults.extend(self._paths.output(output, number))
        if type(config) is dict:
            self._configured(number, config, line.get("command"), text, faults)

    def _configured(
        self, number: int, config: dict[str, Any], command: Any, text: str, faults: list[Fault]
    ) -> None:
        """Add what is wrong with a config, seen from the command that is to read it."""
        if command:
            if type(command) is list and all(type(word) is str for word in command):
                self._layouts.add(tuple(command), tuple(config), number, text)
                faults.extend(_shell_faults(command))
        elif self._command:
            self._layouts.add(self._command, tuple(config), number, text)
        else:
            faults.extend(self._known.faults(config))
            for key in self._files:
                if named(value := config.get(key)):
                    faults.extend(self._paths.data(key, value, number))

    def _identity(self, job_id: str, number: int) -> Iterable[Fault]:
        if (first := self._ids.setdefault(job_id, number)) != number:
            return (Fault(("job_id",), f"job_id {shown(job_id)} stands in line {first} too"),)
        name = normalise(job_id)
        other = self._names.setdefault(name, job_id)
        return () if other is job_id else (_collision(job_id, other, self._ids[other], name),)


_SHELL_HINT = "pass it as an argument of its own, as in: sh -c 'echo \"$1\"' sh {value}"
_SPEC = re.compile(r"[{\[]$|[A-Za-z_]+:|---|#")  # how YAML and indented JSON begin
_FOREIGN = {
    b"\xff\xfe": "this is UTF-16; save it as UTF-8",
    b"\xfe\xff": "this is UTF-16; save it as UTF-8",
    b"\x1f\x8b": "this is compressed; unpack it first",
}


def _collision(job_id: str, other: str, line: int, name: str) -> Fault:
    return Fault(
        ("job_id",),
        f"job_id {shown(job_id)} and {shown(other)} (line {line}) are both {name} in Kubernetes",
        "a hash in their Jobs' names tells them apart",
        Severity.WARNING,
    )


def _placed(fault: Fault, number: int, places: Places) -> Problem:
    column = (places.key if fault.key else places.value)(fault.path)
    return Problem(number, column, fault.message, fault.hint, fault.severity)


def _shell_faults(command: Sequence[str]) -> Iterator[Fault]:
    for place, name in shell_words(command):
        message = f"this is shell text with {{{name}}} in it"
        yield Fault(("command", place), message, _SHELL_HINT, Severity.WARNING)
