"""
A parameter to tune: some choices, or a range; and how others write them.

The same space means the same here whether it is written as a grid of ours, as W&B or as
Katib has it. Numbers come out as a reader would write them: 0.1 and two steps of 0.1 make
0.3, whole numbers stay whole, on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

from kubectl_tune.planline import kind, shown
from kubectl_tune.suggest import did_you_mean

Number = int | float

_LARGEST = 1e300
MOST = 1_000_000  # values of one parameter
_DIGITS = 12  # of a drawn float: enough for any use, and short enough to read
# Decimal's logarithms are rounded correctly; those of a machine's C library need not be.
_EXACT = Context(prec=30)


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    choices: tuple[Any, ...] = ()
    low: Number = 0
    high: Number = 0
    step: Number | None = None
    log: bool = False
    ranged: bool = False

    @property
    def whole(self) -> bool:
        return all(isinstance(part, int) for part in (self.low, self.high, self.step or 0))

    def values(self) -> Sequence[Any]:
        """Return all values, in their order; a range has them by its step."""
        if not self.ranged:
            return self.choices
        return [self._nth(place) for place in range(self.count())]

    def at(self, share: float) -> Any:
        """Return the value at a share of the way through them, from 0 to just below 1."""
        if not self.ranged:
            return self.choices[int(share * len(self.choices))]
        if self.log:
            return self._between(self._by_ratio(share))
        if self.step or self.whole:
            return self._nth(int(share * self.count()))
        low, high = Fraction(self.low), Fraction(self.high)
        return self._between(float(low + Fraction(share) * (high - low)))

    def count(self) -> int:
        """Return how many values there are; those of a range without step are the whole ones."""
        if not self.ranged:
            return len(self.choices)
        return count(self.low, self.high, self.step or 1)

    def _nth(self, place: int) -> Number:
        if self.whole:
            return int(self.low) + place * int(self.step or 1)
        return float(_exact(self.low) + place * _exact(self.step or 1))

    def _by_ratio(self, share: float) -> float:
        low, high = (_EXACT.ln(Decimal(end)) for end in (self.low, self.high))
        way = _EXACT.multiply(Decimal(share), _EXACT.subtract(high, low))
        return float(_EXACT.exp(_EXACT.add(low, way)))

    def _between(self, value: float) -> Number:
        rounded = round(value) if self.whole else float(f"{value:.{_DIGITS}g}")
        return min(max(rounded, self.low), self.high)


def count(low: Number, high: Number, step: Number) -> int:
    """Return how many values a range has, both ends counted where the step meets them."""
    return math.floor((_exact(high) - _exact(low)) / _exact(step)) + 1


def _exact(value: Number) -> Fraction:
    """Return the number as it is written: 0.1 is a tenth here."""
    return Fraction(repr(value))


@dataclass(slots=True)
class Reading:
    """What became of an entry: a parameter, or a value that is fixed, or errors."""

    parameter: Parameter | None = None
    fixed: dict[str, Any] = field(default_factory=dict)
    errors: list[tuple[str, str]] = field(default_factory=list)  # message, hint
    warnings: list[tuple[str, str]] = field(default_factory=list)


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
_LOG = ("log_uniform_values", "loguniform", "logUniform")
_PLAIN = ("uniform", "int_uniform", "quniform", "q_uniform", "int", "categorical", "constant")


def read(entry: Mapping[str, Any]) -> Reading:
    """Read an entry of a space; its name stands inside."""
    reading = Reading()
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip():
        said = "lacks a name" if name is None else f"its name is {kind(name)}"
        reading.errors.append((said, "write {name: ..., values: [...]}"))
        return reading
    plain = {_SAME.get(key, key): value for key, value in _flat(entry, reading).items()}
    _unknown(plain, reading)
    if "values" in plain:
        _choices(name, plain, entry.get("parameterType"), reading)
    elif "value" in plain:
        reading.fixed[name] = plain["value"]
    elif "min" in plain or "max" in plain:
        _range(name, plain, reading)
    else:
        reading.errors.append(("has neither values nor a range", "give values, or min and max"))
    return reading


def _flat(entry: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    """Return the entry with Katib's inner table laid out."""
    space = entry.get("feasibleSpace", {})
    if not isinstance(space, Mapping):
        reading.errors.append((f"feasibleSpace must be an object, not {kind(space)}", ""))
        space = {}
    outer = {str(key): value for key, value in entry.items() if key not in _KATIB}
    return {**outer, **{str(key): value for key, value in space.items()}}


def _unknown(plain: Mapping[str, Any], reading: Reading) -> None:
    for key in plain:
        if key not in _KEYS:
            message = f"unknown key {shown(key)}"
            if meant := did_you_mean(key, [*_KEYS, *_SAME]):
                reading.errors.append((message, meant))
            else:
                reading.warnings.append((message, "nothing reads it"))
    for key in ("min", "max", "step", "log", "value"):
        if "values" in plain and key in plain:
            reading.errors.append((f"has both values and {key}", "keep one of them"))


def _choices(name: str, plain: Mapping[str, Any], katib: Any, reading: Reading) -> None:
    values = plain["values"]
    if not isinstance(values, list | tuple):
        reading.errors.append((f"values must be a list, not {kind(values)}", ""))
        return
    if len(values) > MOST:
        reading.errors.append((f"has {len(values)} values, more than {MOST}", ""))
        return
    if katib in ("int", "double", "discrete"):
        values = [value if (n := number(value)) is None else n for value in values]
    reading.parameter = Parameter(name, tuple(values))


def _range(name: str, plain: Mapping[str, Any], reading: Reading) -> None:
    low, high = (_end(plain, key, reading) for key in ("min", "max"))
    step = _end(plain, "step", reading) if plain.get("step") is not None else None
    log = _log(plain, reading)
    if low is None or high is None or reading.errors:
        return
    if low >= high:
        reading.errors.append((f"min {low} is not below max {high}", ""))
    elif step is not None and step <= 0:
        reading.errors.append((f"step must be more than 0, not {step}", ""))
    elif log and low <= 0:
        reading.errors.append((f"log needs a min above 0, not {low}", ""))
    elif log and step is not None:
        reading.errors.append(("has both log and step", "keep one of them"))
    elif step is not None and count(low, high, step) > MOST:
        reading.errors.append((f"has more than {MOST} values", "take a larger step"))
    else:
        reading.parameter = Parameter(name, (), low, high, step, log, ranged=True)
        _step_that_misses(reading.parameter, reading)


def _step_that_misses(parameter: Parameter, reading: Reading) -> None:
    if parameter.step is None:
        return
    last = parameter.values()[-1]
    if last != parameter.high:
        message = f"steps of {parameter.step} from {parameter.low} miss {parameter.high}"
        reading.warnings.append((message, f"the last value is {last}"))


def _end(plain: Mapping[str, Any], key: str, reading: Reading) -> Number | None:
    if key not in plain:
        reading.errors.append((f"lacks {key}", "a range has min and max"))
        return None
    if (value := number(plain[key])) is None:
        reading.errors.append((f"{key} must be a number, not {shown(plain[key])}", ""))
    return value


def _log(plain: Mapping[str, Any], reading: Reading) -> bool:
    log, distribution = plain.get("log", False), plain.get("distribution", "uniform")
    if not isinstance(log, bool):
        reading.errors.append((f"log must be true or false, not {shown(log)}", ""))
    if distribution == "log_uniform":
        hint = "write log: true, with min and max as values and not as exponents"
        reading.errors.append(("log_uniform has two meanings", hint))
    elif not isinstance(distribution, str) or distribution not in (*_LOG, *_PLAIN):
        message = f"unknown distribution {shown(distribution)}"
        reading.errors.append((message, "there are uniform and log_uniform_values"))
    return log is True or distribution in _LOG


def number(value: Any) -> Number | None:
    """Return a number that a float can hold, also one in quotes; None for anything else."""
    if isinstance(value, str):
        value = _spelled(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -_LARGEST <= value <= _LARGEST else None


def _spelled(text: str) -> Number | None:
    for read_as in (int, float):
        try:
            return read_as(text)
        except ValueError:
            continue
    return None
