"""
The plan: one JSON object a line, one trial each, checked before anything starts.

One reader serves both uses: `check` says everything that is wrong while it reads,
`parse` returns the trials or says it all at once. Neither touches a file: what they
must know of the disk comes with the rules.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from kubectl_tune import planline
from kubectl_tune.names import normalise
from kubectl_tune.planlayouts import KnownKeys, Layouts, shell_words
from kubectl_tune.planline import Fault, kind, shown
from kubectl_tune.planpaths import Paths
from kubectl_tune.problem import PlanProblems, Problem, Severity
from kubectl_tune.strictjson import Reader, key_column, value_column
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
    reading, digest, trials = _Reading(rules), sha256(), []
    for number, raw in enumerate(lines, 1):
        digest.update(raw)
        if trial := reading.read(number, raw):
            trials.append(trial)
    problems = sorted([*reading.problems, *reading.rest()], key=lambda p: (p.line, p.column))
    if errors := [p for p in problems if p.severity is Severity.ERROR]:
        raise PlanProblems(name, errors)
    return Plan(tuple(trials), tuple(problems), digest.hexdigest())


class _Reading:
    """What has been seen of a plan so far."""

    def __init__(self, rules: Rules) -> None:
        self.problems: list[Problem] = []
        self._rules = rules
        self._json = Reader()
        self._ids: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._known = KnownKeys(rules.workload)
        self._layouts = Layouts()
        self._paths = Paths(
            rules.workdir,
            exists=rules.exists,
            realpath=rules.realpath,
            confined=rules.confined,
            needs_data=rules.needs_data,
        )
        self._count = 0
        self._stopped = False

    def read(self, number: int, raw: bytes) -> TrialSpec | None:
        """Return the trial of a line; None for a blank line and for a wrong one."""
        text = self._text(number, raw)
        if not text or text.isspace() or self._stopped:
            return None
        self._count += 1
        line, defects = self._json.read(text)
        for defect in defects:
            self._say(number, defect.column, defect.message, defect.hint)
        if not isinstance(line, dict):
            if not defects:
                self._no_object(number, text, line)
            return None
        faults = [*planline.faults(line), *self._together(number, line, text)]
        for fault in faults:
            self.problems.append(_placed(fault, number, text))
        if defects or any(fault.severity is Severity.ERROR for fault in faults):
            return None
        return planline.spec(line, self._count - 1)

    def rest(self) -> Iterator[Problem]:
        """Yield what only the whole plan can show."""
        for place, name in shell_words(self._rules.command):
            message = f"word {place + 1} of the command is shell text with {{{name}}} in it"
            yield Problem(0, 0, message, _SHELL_HINT, Severity.WARNING)
        yield from self._layouts.problems()
        if not self._count and not self._stopped:
            yield Problem(1, 1, "the plan is empty", "a plan has one JSON object a line")

    def _say(self, line: int, column: int, message: str, hint: str = "") -> None:
        self.problems.append(Problem(line, column, message, hint))

    def _text(self, number: int, raw: bytes) -> str:
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
            if foreign := next((said for start, said in _FOREIGN if raw.startswith(start)), ""):
                self._stopped = True
                self._say(1, 1, foreign)
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            self._count += 1
            column = len(raw[: error.start].decode()) + 1
            self._say(number, column, f"not UTF-8: the byte 0x{raw[error.start]:02x}")
            return ""

    def _no_object(self, number: int, text: str, line: object) -> None:
        hint = "write one trial a line, without the brackets" if isinstance(line, list) else ""
        column = len(text) - len(text.lstrip()) + 1
        self._say(number, column, f"a line must be an object, not {kind(line)}", hint)

    def _together(self, number: int, line: dict[str, Any], text: str) -> Iterator[Fault]:
        """Yield what is wrong with a line among the others."""
        job_id, config, output = line.get("job_id"), line.get("config"), line.get("output_json")
        if isinstance(job_id, str) and job_id:
            yield from self._identity(job_id, number)
        if isinstance(output, str) and output:
            yield from self._paths.output(output, number)
        command = line.get("command") or self._rules.command
        if not isinstance(config, dict):
            return
        if not command:
            yield from self._workload(config, number)
        elif all(isinstance(word, str) for word in command):
            self._layouts.add(tuple(command), tuple(config), number, text)
            if "command" in line:
                yield from _shell_faults(command)

    def _identity(self, job_id: str, number: int) -> Iterator[Fault]:
        if (first := self._ids.setdefault(job_id, number)) != number:
            yield Fault(("job_id",), f"job_id {shown(job_id)} stands in line {first} too")
            return
        other = self._names.setdefault(normalise(job_id), job_id)
        if other is not job_id:
            yield Fault(
                ("job_id",),
                f"job_id {shown(job_id)} and {shown(other)} (line {self._ids[other]}) are both "
                f"{normalise(job_id)} in Kubernetes",
                "a hash in their Jobs' names tells them apart",
                Severity.WARNING,
            )

    def _workload(self, config: dict[str, Any], number: int) -> Iterator[Fault]:
        workload = self._rules.workload
        yield from self._known.faults(tuple(config))
        for key in workload.number_keys:
            if key in config:
                value = config[key]
                if type(value) not in (int, float):
                    yield from _no_number(key, value, key in workload.required_keys)
                elif key in workload.whole_keys and value % 1:
                    yield Fault(("config", key), f"{key} must be a whole number, not {value}")
        for key in workload.file_keys:
            if key in config:
                yield from self._file(key, config[key], number)

    def _file(self, key: str, value: Any, number: int) -> Iterator[Fault]:
        if isinstance(value, str) and value and "\0" not in value:
            yield from self._paths.data(key, value, number)
        else:
            said = "an empty text" if value == "" else kind(value)
            yield Fault(("config", key), f"{key} must be the name of a file, not {said}")


_SHELL_HINT = "pass it as an argument of its own, as in: sh -c 'echo \"$1\"' sh {value}"
_FOREIGN = (
    (b"\xff\xfe", "this is UTF-16; save it as UTF-8"),
    (b"\xfe\xff", "this is UTF-16; save it as UTF-8"),
    (b"\x1f\x8b", "this is compressed; unpack it first"),
)


def _placed(fault: Fault, number: int, text: str) -> Problem:
    column = (key_column if fault.key else value_column)(text, fault.path)
    return Problem(number, column, fault.message, fault.hint, fault.severity)


def _no_number(key: str, value: Any, required: bool) -> Iterator[Fault]:
    if value is None and not required:
        return
    hint = "leave out the quotes" if isinstance(value, str) else ""
    yield Fault(("config", key), f"{key} must be a number, not {kind(value)}", hint)


def _shell_faults(command: Sequence[str]) -> Iterator[Fault]:
    for place, name in shell_words(command):
        message = f"this is shell text with {{{name}}} in it"
        yield Fault(("command", place), message, _SHELL_HINT, Severity.WARNING)
