"""
One line of a plan, taken alone: its keys, their types, the trial it makes.

What is wrong is a `Fault` at a path inside the line; `plan` turns paths into columns,
for the few lines that need them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kubectl_tune import duration
from kubectl_tune.errors import UsageError
from kubectl_tune.problem import Severity
from kubectl_tune.strictjson import Path
from kubectl_tune.suggest import near
from kubectl_tune.trial import TrialSpec

KEYS = ("job_id", "config", "output_json", "command", "env", "timeout", "image")

SPEC_HINT = "is it a spec? it becomes a plan with: kubectl tune plan SPEC"

_KNOWN = frozenset([*KEYS, "asked_by"])
_COMMON = frozenset(["job_id", "config", "output_json"])
_OTHER_WORDS = {
    "id": "job_id",
    "name": "job_id",
    "params": "config",
    "parameters": "config",
    "cmd": "command",
    "args": "command",
    "output": "output_json",
    "environment": "env",
    "time_limit": "timeout",
}
_SHARED = 10_000  # sets of keys, and texts, worth keeping one copy of
# What Kubernetes takes as a name of an environment variable in every version.
_ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")


@dataclass(frozen=True, slots=True)
class Fault:
    path: Path
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR
    key: bool = False  # the key at `path` is meant, not its value


def faults(line: dict[str, Any]) -> Iterator[Fault]:
    """Yield what is wrong with a line that nothing but the line is needed to see."""
    if not line.keys() <= _KNOWN:
        yield from _unknown(line)
    for required in ("job_id", "config"):
        if required not in line:
            yield _missing(required, line)
    for key, value in line.items():
        # Programs that write plans write null for what they leave out.
        if key in _CHECKS and not (value is None and key in _OPTIONAL):
            yield from _CHECKS[key](value)


def plain(line: dict[str, Any]) -> bool:
    """Tell at a glance that a line of the common kind has no faults; false where unsure."""
    job_id, output = line.get("job_id"), line.get("output_json")
    return (
        type(job_id) is str
        and type(line.get("config")) is dict
        and line.keys() <= _COMMON
        and job_id.isprintable()
        and job_id == job_id.strip() != ""
        and (
            output is None
            or (type(output) is str and output.isprintable() and output.strip() != "")
        )
    )


class Specs:
    """Makes trials of lines; equal keys and texts of their configs become one object in memory."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._texts: dict[str, str] = {}

    def spec(self, line: dict[str, Any], index: int) -> TrialSpec:
        """Return the trial of a line without faults."""
        timeout = line.get("timeout")
        return TrialSpec(
            line["job_id"],
            index,
            self._shared(line["config"]),
            line.get("output_json") or "",
            tuple(line.get("command") or ()),
            line.get("env") or {},
            None if timeout is None else duration.seconds(timeout),
            line.get("image") or "",
        )

    def _shared(self, config: dict[str, Any]) -> dict[str, Any]:
        keys = tuple(config)
        if len(self._keys) < _SHARED:
            keys = self._keys.setdefault(keys, keys)
        return dict(zip(keys, map(self._one, config.values()), strict=True))

    def _one(self, value: Any) -> Any:
        if type(value) is str and len(self._texts) < _SHARED:
            return self._texts.setdefault(value, value)
        return value


def kind(value: object) -> str:
    """Name the JSON type of a value."""
    return _KINDS.get(type(value), "an object")


_KINDS = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}
_OPTIONAL = frozenset(["output_json", "command", "env", "timeout", "image"])


def _missing(key: str, line: dict[str, Any]) -> Fault:
    if "grids" in line or "data_file" in line:
        return Fault((), f"{key} is missing", SPEC_HINT)
    hint = 'write "config": {} for a trial that needs none' if key == "config" else ""
    return Fault((), f"{key} is missing", hint)


def _unknown(line: dict[str, Any]) -> Iterator[Fault]:
    for key in line.keys() - _KNOWN:
        meant = _OTHER_WORDS.get(key.lower(), "") or near(key, KEYS)
        if meant and meant not in line:
            yield Fault((key,), f"unknown key {shown(key)}", f"did you mean {meant}?", key=True)
        else:
            yield Fault(
                (key,), f"unknown key {shown(key)}", "nothing reads it", Severity.WARNING, key=True
            )


def shown(value: object) -> str:
    """Spell a value for a message, on one line and not too long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _printable(path: Path, name: str, value: str) -> Iterator[Fault]:
    if not value.isprintable():
        odd = next(c for c in value if not c.isprintable())
        yield Fault(path, f"{name} holds a character that does not print (U+{ord(odd):04X})")


def _name(path: Path, value: Any, hint: str = "") -> Iterator[Fault]:
    name = str(path[-1])
    if not isinstance(value, str):
        yield Fault(path, f"{name} must be a text, not {kind(value)}", hint)
    elif not value.strip():
        yield Fault(path, f"{name} is empty")
    else:
        yield from _printable(path, name, value)


def _job_id(value: Any) -> Iterator[Fault]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    yield from _name(("job_id",), value, f'put it in quotes: "{value}"' if number else "")
    if isinstance(value, str) and value != value.strip(" ") != "":
        yield Fault(("job_id",), "job_id begins or ends with a space", "", Severity.WARNING)


def _config(value: Any) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield Fault(("config",), f"config must be an object, not {kind(value)}")


def _output_json(value: Any) -> Iterator[Fault]:
    yield from _name(("output_json",), value)


def _image(value: Any) -> Iterator[Fault]:
    yield from _name(("image",), value)
    if isinstance(value, str) and value.strip() and re.search(r"\s", value):
        yield Fault(("image",), f"image {shown(value)} holds a space")


def _command(value: Any) -> Iterator[Fault]:
    if not isinstance(value, list):
        hint = f"nothing goes through a shell: {json.dumps(value.split())}" if _short(value) else ""
        yield Fault(("command",), f"command must be a list of texts, not {kind(value)}", hint)
    elif not value or value[0] == "":
        yield Fault(("command",), "command names no program")
    else:
        for place, word in enumerate(value):
            yield from _word(("command", place), word, "a word of the command")


def _short(value: Any) -> bool:
    return isinstance(value, str) and len(value) < 60


def _word(path: Path, value: Any, name: str) -> Iterator[Fault]:
    if not isinstance(value, str):
        hint = f'put it in quotes: "{json.dumps(value)}"' if kind(value) != "null" else ""
        plain = hint if isinstance(value, int | float) else ""
        yield Fault(path, f"{name} must be a text, not {kind(value)}", plain)
    elif "\0" in value:
        yield Fault(path, f"{name} holds a NUL, which no program can be given")


def _env(value: Any) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield Fault(("env",), f"env must be an object, not {kind(value)}")
        return
    for name, text in value.items():
        yield from _env_name(name)
        yield from _word(("env", name), text, f"env {shown(name)}")


def _env_name(name: str) -> Iterator[Fault]:
    if not _ENV_NAME.fullmatch(name):
        hint = "use letters, digits, _ - and ., with no digit first"
        yield Fault(("env", name), f"env {shown(name)} is no name of a variable", hint, key=True)
    elif name.startswith("TUNE_"):
        hint = "names that begin with TUNE_ are set by kubectl tune"
        yield Fault(("env", name), f"env {shown(name)} is reserved", hint, key=True)


def _timeout(value: Any) -> Iterator[Fault]:
    try:
        if duration.seconds(value) <= 0:
            yield Fault(("timeout",), "timeout must be more than 0", "leave it out for none")
    except UsageError as error:
        yield Fault(("timeout",), f"timeout: {error}", error.hint)


_CHECKS = {
    "job_id": _job_id,
    "config": _config,
    "output_json": _output_json,
    "command": _command,
    "env": _env,
    "timeout": _timeout,
    "image": _image,
}
