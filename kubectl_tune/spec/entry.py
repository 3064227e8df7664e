"""
One entry of a space: what becomes of a name and its values or range, whoever's words they are.

The same space means the same whether it is written as a grid of ours, as W&B, as Katib or as
Optuna has it. Words that mean two things, or another thing elsewhere, are refused with what
to write.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubectl_tune.parameter import MOST, Number, Parameter, count, number
from kubectl_tune.planline import kind, shown
from kubectl_tune.problem import Findings
from kubectl_tune.spec.foreignwords import (
    DISTRIBUTIONS,
    EXCLUSIVE,
    EXPONENTS,
    IGNORED,
    KINDS,
    LOG,
    QUANTIZED,
    REAL,
    WHOLE,
    takes,
    unlike,
)
from kubectl_tune.strictjson import Path
from kubectl_tune.suggest import did_you_mean, near

_SAME = {
    "list": "values",
    "choices": "values",
    "grid_search": "values",
    "low": "min",
    "high": "max",
    "q": "step",
}
_KEYS = ("name", "values", "value", "min", "max", "step", "log", "distribution")
_KATIB = ("parameterType", "feasibleSpace")


@dataclass(frozen=True, slots=True)
class Fixed:
    """A value that stands where a parameter might."""

    name: str
    value: Any


def read(
    entry: Mapping[Any, Any], where: str, at: Path, findings: Findings
) -> Parameter | Fixed | None:
    """Return what an entry that has its name inside says, or None after saying what is wrong."""
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip():
        said = "lacks a name" if name is None else f"its name is {kind(name)}"
        said = "its name is empty" if isinstance(name, str) else said
        findings.error(f"{where} {said}", "write {name: ..., values: [...]}", at)
        return None
    return _Reader(name, entry, where, at, findings).read()


class _Reader:
    def __init__(
        self, name: str, entry: Mapping[Any, Any], where: str, at: Path, findings: Findings
    ) -> None:
        self._name, self._where, self._at, self._findings = name, where, at, findings
        self._errors = 0
        self._katib = entry.get("parameterType")
        self._paths: dict[str, Path] = {}
        self._plain: dict[str, Any] = {}
        self._lay_out(entry)

    def read(self) -> Parameter | Fixed | None:
        self._unknown()
        plain = self._plain
        if "values" in plain:
            return self._choices(plain["values"])
        if "value" in plain:
            return Fixed(self._name, plain["value"])
        if "min" in plain or "max" in plain:
            return self._range()
        if self._distribution_known() and self._sound():
            self._error("", "has neither values nor a range", "give values, or min and max")
        return None

    def _lay_out(self, entry: Mapping[Any, Any]) -> None:
        """Take the entry's keys by our names, those of Katib's inner table among them."""
        space = entry.get("feasibleSpace", {})
        if not isinstance(space, Mapping):
            self._error("feasibleSpace", f"feasibleSpace must be an object, not {kind(space)}")
            space = {}
        if self._katib is not None and self._katib not in KINDS:
            hint = f"there are {', '.join(KINDS)}"
            self._error("parameterType", f"unknown parameterType {shown(self._katib)}", hint)
        for inner, table in (((), entry), (("feasibleSpace",), space)):
            for key, value in table.items():
                if inner or key not in _KATIB:
                    self._take((*inner, key), value)

    def _take(self, path: Path, value: Any) -> None:
        key = str(path[-1])
        plain = _SAME.get(key, key)
        other = self._paths.get(plain)
        self._paths[plain], self._plain[plain] = path, value
        if other:
            self._error(plain, f"has both {other[-1]} and {key}", "keep one of them")

    def _sound(self) -> bool:
        return not self._errors

    def _error(self, key: str, message: str, hint: str = "") -> None:
        self._errors += 1
        self._findings.error(f"{self._where} {message}", hint, self._place(key))

    def _warning(self, key: str, message: str, hint: str = "") -> None:
        self._findings.warning(f"{self._where} {message}", hint, self._place(key))

    def _place(self, key: str) -> Path:
        return (*self._at, *self._paths.get(key, (key,)))

    def _unknown(self) -> None:
        for key in self._plain:
            if key in _KEYS:
                continue
            if said := unlike(key, self._plain[key]):
                self._error(key, *said)
            elif key in IGNORED:
                self._warning(key, f"{key} is not used", IGNORED[key])
            elif meant := did_you_mean(key, [*_KEYS, *_SAME]):
                self._error(key, f"unknown key {shown(key)}", meant)
            else:
                self._warning(key, f"unknown key {shown(key)}", "nothing reads it")
        self._one_form()

    def _one_form(self) -> None:
        """Say what there is beside values, or beside a value: only one of them could count."""
        form = next((key for key in ("values", "value") if key in self._plain), "")
        for key in ("min", "max", "step", "log", "value"):
            if form and key != form and key in self._plain:
                self._error(key, f"has both {form} and {key}", "keep one of them")
        for key in ("parameterType", "distribution"):
            word = self._katib if key == "parameterType" else self._plain.get("distribution")
            needs = takes(word)
            if needs and needs != (form or "min and max"):
                self._error(
                    key, f"{shown(word)} does not go with {form or 'a range'}", f"it takes {needs}"
                )

    def _choices(self, values: Any) -> Parameter | None:
        self._distribution_known()
        if not isinstance(values, list | tuple):
            self._error("values", f"values must be a list, not {kind(values)}", _listed(values))
            return None
        if len(values) > MOST:
            self._error("values", f"has {len(values)} values, more than {MOST}")
            return None
        if self._katib in ("int", "double", "discrete"):
            values = [self._number_of(value) for value in values]
        return Parameter(self._name, tuple(values))

    def _number_of(self, value: Any) -> Any:
        plain = number(value)
        if plain is None:
            self._error("values", f"values of type {self._katib} are numbers, not {shown(value)}")
        elif self._katib == "int":
            return self._whole("values", plain)
        return plain

    def _range(self) -> Parameter | None:
        low, high = self._end("min"), self._end("max")
        step = self._end("step") if self._plain.get("step") is not None else None
        log = self._log()
        if low is None or high is None or not self._sound():
            return None
        low, high, step = self._typed(low, high, step)
        if self._sound() and not self._impossible(low, high, step, log):
            one = Parameter(self._name, (), low, high, step, log, ranged=True)
            self._step_that_misses(one)
            return one
        return None

    def _impossible(self, low: Number, high: Number, step: Number | None, log: bool) -> bool:
        before = self._errors
        if low >= high:
            hint = f"for one value write value: {low}" if low == high else "swap them"
            self._error("min", f"min {low} is not below max {high}", hint)
        elif step is not None and step <= 0:
            self._error("step", f"step must be more than 0, not {step}")
        elif log and low <= 0:
            hint = "there is no logarithm of 0 or less: begin above 0, or leave log out"
            self._error("min", f"log needs a min above 0, not {low}", hint)
        elif log and step is not None:
            self._error("step", "has both log and step", "keep one of them")
        elif step is not None and count(low, high, step) > MOST:
            self._error("step", f"has more than {MOST} values", "take a larger step")
        return self._errors > before

    def _typed(
        self, low: Number, high: Number, step: Number | None
    ) -> tuple[Number, Number, Number | None]:
        """Return the ends as whole numbers or floats, where a type or distribution says which."""
        distribution = self._plain.get("distribution")
        if distribution == "q_uniform" and step is None:
            step = 1
        if self._katib == "int" or distribution in WHOLE:
            step = None if step is None else self._whole("step", step)
            return self._whole("min", low), self._whole("max", high), step
        if self._katib == "double" or (self._katib is None and distribution in REAL):
            return float(low), float(high), step
        return low, high, step

    def _whole(self, key: str, value: Number) -> Number:
        if value != math.floor(value):
            self._error(key, f"{key} must be a whole number, not {value}")
        return int(value)

    def _step_that_misses(self, one: Parameter) -> None:
        if self._plain.get("distribution") in QUANTIZED and one.off_by_a_part:
            said = f"steps begin at {one.low}; elsewhere they are multiples of {one.step}"
            self._warning("step", said, f"begin with a multiple of {one.step} to have those")
        if one.step is None or (last := one.values()[-1]) == one.high:
            return
        message = f"steps of {one.step} from {one.low} miss {one.high}"
        self._warning("step", message, f"the last value is {last}")

    def _end(self, key: str) -> Number | None:
        if key not in self._plain:
            self._error("", f"lacks {key}", "a range has min and max")
            return None
        given = self._plain[key]
        if (value := number(given)) is None:
            self._error(key, f"{key} must be a number, not {shown(given)}")
        elif isinstance(given, str) and self._katib is None:
            self._warning(key, f"{key}: {shown(given)} is read as a number", "drop the quotes")
        return value

    def _log(self) -> bool:
        log = self._plain.get("log", False)
        if not isinstance(log, bool):
            self._error("log", f"log must be true or false, not {shown(log)}")
        return self._distribution_known() and (
            log is True or self._plain.get("distribution") in LOG
        )

    def _distribution_known(self) -> bool:
        """Tell whether the distribution means one thing here; say so where it does not."""
        word = self._plain.get("distribution")
        if word is None or (isinstance(word, str) and word in DISTRIBUTIONS):
            return True
        if isinstance(word, str) and word.lower().replace("-", "_") in EXPONENTS:
            self._error("distribution", f"{word} has two meanings", self._exponents())
        elif isinstance(word, str) and word in EXCLUSIVE:
            hint = self._below()
            self._error("distribution", f"{word} leaves out its upper end elsewhere", hint)
        else:
            meant = near(word, DISTRIBUTIONS) if isinstance(word, str) else ""
            hint = f"did you mean {meant}?" if meant else _THERE
            self._error("distribution", f"unknown distribution {shown(word)}", hint)
        return False

    def _exponents(self) -> str:
        """Say what to write for values, and for the exponents that W&B takes."""
        hint = "write log: true, with min and max as values and not as exponents"
        ends = [number(self._plain.get(key)) for key in ("min", "max")]
        low, high = ends
        if low is None or high is None or max(map(abs, (low, high))) > 600:
            return hint
        return f"{hint}; as exponents of e they are {math.exp(low):.6g} and {math.exp(high):.6g}"

    def _below(self) -> str:
        high = number(self._plain.get("max"))
        last = f" and max: {high - 1}" if isinstance(high, int) else ""
        return f"both ends count here: write whole numbers for min{last}"


_CALL = re.compile(r"\s*[A-Za-z_][\w.]*\(.*\)\s*$")
_THERE = "there are uniform, int_uniform, q_uniform, log_uniform_values, categorical and constant"


def _listed(value: Any) -> str:
    if isinstance(value, str) and _CALL.match(value):
        whose = ", of Ray Tune" if "tune." in value else ""
        return f"that is Python{whose}: write values: [...], or min: and max: with both ends"
    return "" if isinstance(value, Mapping) else f"for one value write value: {shown(value)}"
