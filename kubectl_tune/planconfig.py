"""
The configs of a workload that says what it reads: keys, values, and values side by side.

What the workload's job would refuse at its start is an error here, in the job's words and with
the value as it was written. No key is blamed for what is wrong with another one.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, TypeGuard

from kubectl_tune.planline import Fault, shown
from kubectl_tune.problem import Severity
from kubectl_tune.suggest import did_you_mean, near
from kubectl_tune.workload import Setting, Workload

_MOST = 1000  # sets of keys worth remembering
_LARGEST = sys.float_info.max


class KnownConfigs:
    """Judges many configs; sets of keys that were right once are not looked at again."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._known = workload.known_keys
        self._settings = workload.settings
        self._plain: set[tuple[str, ...]] = set()
        self._warned: set[str] = set()

    def faults(self, config: Mapping[str, Any]) -> Sequence[Fault]:
        keys = tuple(config)
        meant: dict[str, str] = {}
        found: list[Fault] = []
        if keys not in self._plain:
            meant = {key: near(key, self._known) for key in keys if key not in self._known}
            found += self._keys(config, meant)
            if not found and len(self._plain) < _MOST:
                self._plain.add(keys)
        wrong = {*meant.values()}
        for key, value in config.items():
            if said := self._value(key, value):
                found.append(Fault(("config", key), f"{key} {said[0]}", said[1]))
                wrong.add(key)
        return [*found, *clashes(self._workload, config, wrong)]

    def _keys(self, config: Mapping[str, Any], meant: Mapping[str, str]) -> Iterator[Fault]:
        for key in meant:
            yield from self._unknown(key, meant[key])
        there = {*config, *meant.values()}
        if lacking := [key for key in self._workload.required_keys if key not in there]:
            message = f"config lacks {', '.join(lacking)}"
            hint = f"the {self._workload.name} workload needs them; other commands follow --"
            yield Fault(("config",), message, hint)

    def _unknown(self, key: str, meant: str) -> Iterator[Fault]:
        path, message = ("config", key), f"unknown config key {shown(key)}"
        if meant:
            yield Fault(path, message, f"did you mean {meant}?", key=True)
        elif key not in self._warned:
            self._warned.add(key)
            hint = f"the {self._workload.name} workload does not read it"
            yield Fault(path, message, hint, Severity.WARNING, key=True)

    def _value(self, key: str, value: Any) -> tuple[str, str] | None:
        setting = self._settings.get(key)
        if setting is None or (value is None and key not in self._workload.required_keys):
            return None
        return unfit(setting, value)


def unfit(setting: Setting, value: Any) -> tuple[str, str] | None:
    """Say what a setting must be that this value is not, and what to do; None for a good value."""
    must = _must(setting, value)
    if not must:
        return None
    hint = did_you_mean(value, setting.choices) if isinstance(value, str) else ""
    if isinstance(value, str) and setting.kind in ("number", "whole", "switch"):
        hint = "leave out the quotes" if _unquoted(setting, value) else ""
    return f"must be {must}, not {shown(value)}", hint


def named(value: Any) -> TypeGuard[str]:
    """Tell whether a value can be the name of a file."""
    return isinstance(value, str) and value != "" and "\0" not in value


def clashes(
    workload: Workload, config: Mapping[str, Any], wrong: Set[str] = frozenset()
) -> Iterator[Fault]:
    """Yield keys that don't go with others, but for those that are wrong already."""
    if workload.honest[0] not in wrong and workload.flatters(config):
        yield from _unheard(workload, config, wrong)
    for key, other, harmless in workload.apart:
        both = config.get(key) is not None and config.get(other) not in (None, harmless)
        if both and wrong.isdisjoint((key, other)):
            yield Fault(("config", key), f"{key} and {other} exclude each other", key=True)
    for key, other in workload.rising:
        if config.get(other) is not None and wrong.isdisjoint((key, other)):
            first, last = config.get(key) or 0, config[other]
            if last <= first:
                message = f"{other} must be greater than {key}, which is {first}, not {last}"
                yield Fault(("config", other), message)


def _unheard(workload: Workload, config: Mapping[str, Any], wrong: Set[str]) -> Iterator[Fault]:
    """Yield what means nothing in the books that this config has."""
    name, honest = workload.honest
    hint = f"add {shown(name)}: {shown(honest)} to the config"
    for key, value in config.items():
        setting = workload.settings.get(key)
        if setting is None or setting.free is None or value is None or key in wrong:
            continue
        if value not in setting.free:
            what = f"{key}: {value}" if setting.kind == "choice" else key
            yield Fault(("config", key), f"{what} needs {name}: {honest}", hint, key=True)


def _must(setting: Setting, value: Any) -> str:
    """Say what a value of the wrong kind, or beyond the ends, must be; nothing for a good one."""
    match setting.kind:
        case "number" | "whole":
            return _must_number(setting, value)
        case "choice":
            return "" if value in setting.choices else f"one of {', '.join(setting.choices)}"
        case "switch":
            return "" if isinstance(value, bool) else "true or false"
        case "file":
            return "" if named(value) else "the name of a file"
        case "amounts":
            return "" if _amounts(setting.choices, value) else _spelt_amounts(setting.choices)
        case "text":
            return "" if isinstance(value, str) and value else "a text that is not empty"
        case "label":
            return "a text" if isinstance(value, bool | list | dict) else ""


def _must_number(setting: Setting, value: Any) -> str:
    whole = setting.kind == "whole"
    if type(value) not in (int, float) or (whole and value % 1 != 0):
        return "a whole number" if whole else "a number"
    if not whole and not -_LARGEST <= value <= _LARGEST:
        return "a finite number"
    if setting.least is not None and value < setting.least:
        return f"at least {setting.least:g}" if setting.least else "non-negative"
    if setting.above is not None and value <= setting.above:
        return "positive" if setting.above == 0 else f"more than {setting.above:g}"
    return ""


def _unquoted(setting: Setting, text: str) -> bool:
    """Tell whether a text would do as a number, or as true or false, without its quotes."""
    try:
        return not _must(setting, json.loads(text))
    except ValueError:
        return False


def _amounts(names: Sequence[str], value: Any) -> bool:
    """Tell whether a value, or a text such as a=1,b=2, has an amount for each name."""
    pairs = value.items() if isinstance(value, Mapping) else _pairs(value)
    given = [(name, usd) for name, usd in pairs]
    return sorted(name for name, _ in given) == sorted(names) and all(
        _payable(usd) for _, usd in given
    )


def _pairs(value: Any) -> Iterator[tuple[str, str]]:
    for part in value.split(",") if isinstance(value, str) else ():
        name, _, amount = part.partition("=")
        yield name.strip(), amount


def _payable(usd: Any) -> bool:
    try:
        return type(usd) in (int, float, str) and 0 <= float(usd) < math.inf
    except (ValueError, OverflowError):
        return False


def _spelt_amounts(names: Sequence[str]) -> str:
    table = ", ".join(f'"{name}": USD' for name in names)
    text = ",".join(f"{name}=USD" for name in names)
    return f"{{{table}}}, or {text}, with no amount below zero"
