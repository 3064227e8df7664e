"""
Shapes of documents: what may stand where, as plain values that look like the document.

Its rule: what fits is made complete, what doesn't is told by its place, and all of it at once.

A shape is a type (`bytes` for base64), `[shape]` for a list, a dict for an object with these
keys, and below for the others. What it doesn't name is left out.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from functools import partial
from typing import Any

_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a string"}
_KINDS |= {list: "a list", dict: "an object"}


@dataclass(frozen=True)
class Maybe:
    """An object that may be missing, which is something else than empty."""

    shape: Any


@dataclass(frozen=True)
class Each:
    """An object with keys of any name."""

    shape: Any


def shaped(value: Any, shape: Any, where: str, faults: list[str]) -> Any:
    """Return a value with all that its shape has; of what doesn't fit, say where it stands."""
    within = partial(shaped, faults=faults)
    match shape:
        case dict() if value is None or isinstance(value, dict):
            return {
                key: within((value or {}).get(key), inner, where=f"{where}.{key}".lstrip("."))
                for key, inner in shape.items()
            }
        case [inner] if value is None or isinstance(value, list):
            return [within(v, inner, where=f"{where}[{n}]") for n, v in enumerate(value or ())]
        case Each(inner) if value is None or isinstance(value, dict):
            return {
                str(key): within(each, inner, where=f"{where}.{key}")
                for key, each in (value or {}).items()
            }
        case Maybe(inner):
            return None if value is None else within(value, inner, where=where)
        case type():
            return _scalar(value, shape, where, faults)
    wanted = "a list" if isinstance(shape, list) else "an object"
    faults.append(f"{where or 'the file'}: expected {wanted}, not {_kind(value)}")
    return shaped(None, shape, where, faults)


def _scalar(value: Any, wanted: type, where: str, faults: list[str]) -> Any:
    if wanted is object:
        return value
    if value is None:
        return wanted()
    if wanted is bytes and isinstance(value, str):
        return _decoded(value, where, faults)
    whole = wanted is float and type(value) is int  # JSON has one kind of number
    if not isinstance(value, wanted) and not whole:
        faults.append(f"{where}: expected {_KINDS.get(wanted, 'a string')}, not {_kind(value)}")
        return wanted()
    return value


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "what JSON has no word for")


def _decoded(text: str, where: str, faults: list[str]) -> bytes:
    try:
        return base64.b64decode(re.sub(r"[\r\n]", "", text), validate=True)
    except (binascii.Error, ValueError):
        faults.append(f"{where}: illegal base64 data")
        return b""
