"""
A sweep of Weights & Biases as a spec.

Its words are taken as its documentation has them, and where a default of W&B would surprise,
it is said: a metric without a goal is minimized there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kubectl_tune.planline import kind, shown
from kubectl_tune.problem import Findings
from kubectl_tune.spec.joined import Converted, hidden
from kubectl_tune.suggest import near

_KEYS = (
    "program",
    "command",
    "method",
    "metric",
    "parameters",
    "run_cap",
    "early_terminate",
    "name",
)
# What a sweep has for the service that runs it.
_ELSEWHERE = (
    "description",
    "project",
    "entity",
    "controller",
    "imports",
    "resume",
    "job",
    "image_uri",
)
_COMMAND = ("${env}", "${interpreter}", "${program}", "${args}")
_WHOLE = (*_COMMAND, "${args_no_hyphens}", "${args_json_file}")
_MACRO = re.compile(r"^\$\{.*\}$|\$\{(?:env|interpreter|program|args\w*|envvar:[^{}]*)\}")


def convert(sweep: Any, findings: Findings) -> Converted:
    """Return the sweep as a spec; what can't be one is among the findings."""
    made = Converted()
    if not isinstance(sweep, Mapping):
        findings.error(f"a sweep must be a table of keys, not {kind(sweep)}")
        return made
    for key in sweep:
        if key not in _KEYS and key not in _ELSEWHERE:
            meant = near(key, _KEYS) if isinstance(key, str) else ""
            findings.unknown(f"key {shown(key)} of a sweep", meant, at=(key,))
    if sweep.get("method") is None:
        hint = "write method: grid or method: random"
        made.error(("search", "method"), "the sweep lacks a method", hint, ())
    for key, path in _SAME.items():
        if sweep.get(key) is not None:
            made.put(path, sweep[key], (key,))
    if sweep.get("metric") is not None:
        _metric(sweep["metric"], made)
    if sweep.get("program") is not None or sweep.get("command") is not None:
        _command(sweep, made)
    return made


_SAME = {
    "method": ("search", "method"),
    "run_cap": ("search", "run_cap"),
    "parameters": ("search", "parameters"),
    "early_terminate": ("early_stop",),
    "name": ("tag_prefix",),
}


def _metric(metric: Any, made: Converted) -> None:
    if not isinstance(metric, Mapping):
        said = f"metric must be a table of keys, not {kind(metric)}"
        made.error(("objective",), said, "write metric: {name: ..., goal: maximize}", ("metric",))
        return
    goal = metric.get("goal")
    if goal is None:
        said = f"metric {metric.get('name')} has no goal, and W&B minimizes then"
        hint = "write goal: maximize, or goal: minimize"
        made.warning(("objective",), said, hint, ("metric",))
    made.put(("objective",), {**metric, "goal": goal or "minimize"}, ("metric",))


def _command(sweep: Mapping[Any, Any], made: Converted) -> None:
    """Put W&B's macros in words of a plan; a text is one word, as there."""
    origin = "command" if sweep.get("command") is not None else "program"
    given = sweep.get("command")
    words = [given] if isinstance(given, str) else given if given is not None else _COMMAND
    if not isinstance(words, list | tuple):
        made.put(("command",), words, (origin,))  # and the spec says what it must be
        return
    names = list(_names(sweep.get("parameters")))
    command: list[Any] = []
    for word in words:
        command += _words(word, sweep.get("program"), names, made)
    made.put(("command",), command, (origin,))
    if any(word in ("${args}", "${args_no_hyphens}") for word in words):
        for name in names:
            hidden(name, made, ("parameters", name))
        _otherwise(sweep.get("parameters"), made)


def _otherwise(parameters: Any, made: Converted) -> None:
    """Say which words of the command W&B writes in another way: it has Python's texts there."""
    entries = parameters if isinstance(parameters, Mapping) else {}
    for name, entry in entries.items():
        table = entry if isinstance(entry, Mapping) else {}
        values = table.get("values")
        given = [*(values if isinstance(values, list) else ()), table.get("value", 0)]
        said = ""
        if isinstance(table.get("parameters"), Mapping):
            said = f"what is inside of {name} comes as words of its own, and in W&B as one word"
        elif any(value is None or isinstance(value, bool | list | Mapping) for value in given):
            said = f"{name} comes as JSON, as true, null or [1,2], and in W&B as Python writes it"
        if said:
            hint = "the program must read it so, or read the file {config}"
            made.warning(("command",), said, hint, ("parameters", name))


def _words(word: Any, program: Any, names: list[str], made: Converted) -> list[Any]:
    match word:
        case "${env}":
            return []  # /usr/bin/env finds the program in PATH, as happens anyway
        case "${interpreter}":
            return ["python"]
        case "${program}":
            if not isinstance(program, str):
                said = "the command names ${program}, and there is none"
                made.error(("command",), said, "write program: train.py", ("command",))
                return [word]
            return [program]
        case "${args}":
            return [f"--{name}={{{name}}}" for name in names]
        case "${args_no_hyphens}":
            return [f"{name}={{{name}}}" for name in names]
        case "${args_json_file}":
            return ["{config}"]
        case str() if found := _MACRO.search(word):
            said = f"the command's {found[0]} has no meaning here"
            if found[0] in _WHOLE:
                said = f"the command's {found[0]} must be a word of its own"
            hint = "{config} is a file with the whole config as JSON"
            made.error(("command",), said, hint, ("command",))
    return [word]


def _names(parameters: Any, above: str = "") -> Iterator[str]:
    """Yield the names of all parameters, nested ones with dots."""
    if not isinstance(parameters, Mapping):
        return
    for name, entry in parameters.items():
        if isinstance(entry, Mapping) and isinstance(entry.get("parameters"), Mapping):
            yield from _names(entry["parameters"], f"{above}{name}.")
        else:
            yield f"{above}{name}"
