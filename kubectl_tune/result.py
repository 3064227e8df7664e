"""
A result is any JSON object that a trial wrote; its metrics are what it can be ranked by.

One rule: a number that JSON does not have (NaN, Infinity) is accepted when read, and
is null wherever we write.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from kubectl_tune.errors import ResultError
from kubectl_tune.trial import EMPTY

SUCCESS = "success"
SEED_ENGINE = "arbitrage/seed"  # how the engine versions begin whose trades can't lose

MISSING: Any = object()  # where None is a value

_DEEPEST = 100  # levels of nesting: Python's own limit depends on who asks


@dataclass(frozen=True, slots=True)
class Result:
    metrics: Mapping[str, Any]
    config: Mapping[str, Any] = field(default_factory=dict)
    status: str = SUCCESS
    error: str = ""  # why, where the status is another one
    job_id: str = ""  # the name it gives itself, if any
    engine: str = ""  # what computed it, as in "arbitrage/seed/1"
    extra: Mapping[str, Any] = field(
        default_factory=dict
    )  # everything else: series, trades, repro, ...

    @property
    def ok(self) -> bool:
        return self.status == SUCCESS


def parse(text: str) -> Result:
    """
    Read what a trial wrote.

    The metrics are the object `metrics` as it stands, or without one the numbers and
    booleans at the top.
    """
    return of(decode(text))


def decode(text: str) -> Any:
    """Return the value in `text`, whatever it is; what is no JSON raises ResultError."""
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except RecursionError:
        raise ResultError("the result is nested too deeply") from None
    except ValueError as error:  # also a whole number of more digits than Python reads
        raise ResultError(f"the result is not JSON: {error}") from None


def of(data: Any) -> Result:
    """Make sense of a decoded value; one that is no object raises ResultError."""
    if not isinstance(data, dict):
        raise ResultError(f"the result is {_kind(data)}, not a JSON object")
    metrics, config = _metrics(data), _object(data, "config")
    if _deeper([metrics, config], _DEEPEST):
        raise ResultError(f"the result is nested more than {_DEEPEST} levels deep")
    status = data.get("status", SUCCESS)
    return Result(
        metrics=metrics,
        config=config,
        status=status if isinstance(status, str) else json.dumps(status),
        error="" if status == SUCCESS else _error(data, status),
        job_id=_job_id(data),
        engine=_engine(data),
        extra={key: value for key, value in data.items() if key not in _OWN},
    )


_OWN = ("metrics", "config", "status", "error")


def dig(values: Mapping[str, Any], name: str, default: Any = None) -> Any:
    """Return the value at `name`, whose dots may be its own or lead into nested objects."""
    if name in values or "." not in name:
        return values.get(name, default)
    for at, char in enumerate(name):
        inner = values.get(name[:at]) if char == "." else None
        if isinstance(inner, Mapping):
            value = dig(inner, name[at + 1 :], MISSING)
            if value is not MISSING:
                return value
    return default


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Join the keys of nested objects with dots; a key that has the dots itself wins."""
    if not any(map(_nested, values.values())):
        return dict(values)
    return {**dict(_leaves(values)), **{k: v for k, v in values.items() if not _nested(v)}}


def number(value: object) -> int | float | None:
    """Return `value` if it can be ranked and averaged: a finite number, or a boolean."""
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:  # a whole number beyond the floats
        return None


def finite(value: Any) -> Any:
    """Return `value` as every JSON reader takes it, with null for NaN and Infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return value


def dumps(value: Any, *, indent: int | None = None) -> str:
    """
    Write JSON that any reader takes and that is safe on a terminal.

    Escaping all but ASCII also keeps control characters, bidirectional overrides and
    lone surrogates out of the text.
    """
    try:
        text = json.dumps(value, indent=indent, allow_nan=False)
    except (ValueError, TypeError):
        text = json.dumps(finite(value), indent=indent, allow_nan=False, default=str)
    return text.replace("\x7f", "\\u007f")


def _metrics(data: Mapping[str, Any]) -> dict[str, Any]:
    named = data.get("metrics")
    if isinstance(named, dict):
        return named
    return {name: value for name, value in data.items() if isinstance(value, int | float)}


def _leaves(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    waiting = list(values.items())[::-1]
    while waiting:
        name, value = waiting.pop()
        if _nested(value):
            waiting += [(f"{name}.{inner}", value[inner]) for inner in list(value)[::-1]]
        else:
            yield name, value


def _nested(value: object) -> bool:
    return isinstance(value, dict) and bool(value)


def _deeper(value: Any, levels: int) -> bool:
    inner: Any = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list):
        return False
    return levels == 0 or any(_deeper(part, levels - 1) for part in inner)


def _error(data: Mapping[str, Any], status: object) -> str:
    told = data.get("error")
    if isinstance(told, dict):
        told = ": ".join(str(told[key]) for key in ("type", "message") if told.get(key))
    return told if isinstance(told, str) and told else f"its status is {json.dumps(status)}"


def _job_id(data: Mapping[str, Any]) -> str:
    named = _object(data, "config_summary").get("job_id")
    return str(named) if isinstance(named, str | int) and not isinstance(named, bool) else ""


def _engine(data: Mapping[str, Any]) -> str:
    version = _object(data, "repro").get("engine_version")
    version = version if isinstance(version, str) else ""
    # An engine that says which one it is, is believed. Results that only have this
    # summary were computed by the one that there was at first.
    summary = _object(data, "config_summary")
    shaped = {"min_spread_bps", "snapshots_count"} <= summary.keys()
    return SEED_ENGINE if shaped and "/" not in version else version


def _object(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else EMPTY


def _kind(value: object) -> str:
    return {list: "a list", str: "a string", bool: "a boolean", type(None): "null"}.get(
        type(value), "a number"
    )


def last_object(lines: Iterable[str]) -> str | None:
    """Return the first of lines, given from the last one back, that is a JSON object."""
    for line in map(str.strip, lines):
        if line.startswith("{") and line.endswith("}"):
            with suppress(ValueError, RecursionError):
                if isinstance(json.loads(line), dict):
                    return line
    return None
