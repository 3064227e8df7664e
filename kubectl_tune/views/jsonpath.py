"""
`-o jsonpath=TEMPLATE`: what a template of kubectl's dialect finds in an object, as text.

One rule: what kubectl prints for the same template and object. It is told apart in two
places, where kubectl fails: whole numbers compare with others, and null counts as missing in
a comparison, because our objects have null where something does not apply.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from kubectl_tune.views.pathsyntax import (
    Every,
    Field,
    Filter,
    Literal,
    PathError,
    Slice,
    Step,
    Steps,
    Union,
    Word,
    parse,
)

_RELAXED = re.compile(r"\{\.?([^{}]+)\}|\.?([^{}]+)")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_EQUAL = ("==", "!=")
_GO = {dict: "map[string]interface {}", list: "[]interface {}", str: "string", bool: "bool"}
_UNSAFE = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


@dataclass(frozen=True)
class Template:
    """A template that has been read; `source` is as it was typed."""

    source: str
    parts: Sequence[str | Steps]

    def results(self, value: object) -> Iterator[list[Any]]:
        """Return what each part finds, part by part and as often as its range comes by."""
        return _block(iter(self.parts), value)

    def text(self, value: object) -> str:
        return "".join(" ".join(map(printed, found)) for found in self.results(value))

    def json(self, value: object) -> str:
        """What `-o jsonpath-as-json` prints: each part's findings as an array."""
        return "".join(
            json.dumps(found, indent=4, sort_keys=True, ensure_ascii=True) + "\n"
            for found in self.results(value)
        )


def template(source: str) -> Template:
    """Read a template, or raise `PathError`."""
    return Template(source, parse(source))


def relaxed(path: str) -> Template:
    """Read a path as `--sort-by` and custom columns have it: its braces and dot may be missing."""
    if not path:
        return template("")  # which finds nothing, as in kubectl
    match = _RELAXED.fullmatch(path)
    if not match:
        raise PathError(
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or"
            " '{name1.name2}' or '{.name1.name2}'"
        )
    return template(f"{{.{match[1] or match[2]}}}")


def printed(value: Any) -> str:
    """Write a finding as kubectl does: text as it is, maps and lists as JSON on one line."""
    if isinstance(value, dict | list):
        return _compact(value).translate(_UNSAFE)
    return "null" if value is None else plain(value)


def plain(value: Any) -> str:
    """Write a value as Go's `%v` does: `map[a:1 b:[x y]]`, `1e-05`, `true`."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return str(value).lower()
        case float():
            return decimal(value)
        case dict():
            return f"map[{' '.join(f'{key}:{plain(value[key])}' for key in sorted(value))}]"
        case list():
            return f"[{' '.join(map(plain, value))}]"
    return str(value)


def decimal(value: float, least: float = 1e-4, most: float = 1e6) -> str:
    """Write a number with the fewest digits, without an exponent from `least` to `most`."""
    from decimal import Decimal

    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"
    digits = Decimal(repr(value)).normalize()
    if not value or least <= abs(value) < most:
        return f"{digits:f}"
    mantissa, _, exponent = f"{digits:e}".partition("e")
    return f"{mantissa}e{int(exponent):+03d}"


def _compact(value: Any) -> str:
    """Write JSON as Go does, which is particular about numbers."""
    match value:
        case dict():
            pairs = (f"{json.dumps(key, ensure_ascii=False)}:{_compact(value[key])}"
                     for key in sorted(value))  # fmt: skip
            return f"{{{','.join(pairs)}}}"
        case list():
            return f"[{','.join(map(_compact, value))}]"
        case float() if math.isfinite(value):
            return decimal(value, 1e-6, 1e21).replace("e-0", "e-")
    return json.dumps(value, ensure_ascii=False)


def _block(body: Iterator[str | Steps], value: object) -> Iterator[list[Any]]:
    for part in body:
        if isinstance(part, str):
            yield [part]
            continue
        first = part[0] if part else None
        match first:
            case Word("end"):
                raise PathError("not in range, nothing to end")
            case Word("range"):
                inner = list(_inside(body))
                for each in _walk([value], part[1:]):
                    yield from _block(iter(inner), each)
            case _:
                yield _walk([value], part)


def _inside(body: Iterator[str | Steps]) -> Iterator[str | Steps]:
    """Take the parts up to the `end` of a range, or all there are."""
    depth = 1
    for part in body:
        first = None if isinstance(part, str) or not part else part[0]
        depth += (first == Word("range")) - (first == Word("end"))
        if not depth:
            return
        yield part


def _walk(values: list[Any], steps: Iterable[Step]) -> list[Any]:
    for step in steps:
        values = _step(values, step)
    return values


def _step(values: list[Any], step: Step) -> list[Any]:
    match step:
        case Field(name):
            return [each[name] for each in values if isinstance(each, dict) and name in each]
        case Every(deep):
            return [found for each in values for found in (_below(each) if deep else held(each))]
        case Slice():
            return [found for each in values if each is not None for found in _sliced(each, step)]
        case Filter():
            return [found for each in values if each is not None for found in _kept(each, step)]
        case Union(paths):
            return [found for path in paths for found in _walk(values, path)]
        case Literal(value):
            return [value] if isinstance(value, str) else [value for _ in values]
        case Word(name):
            raise PathError(f"unrecognized identifier {name}")


def held(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _below(value: Any) -> Iterator[Any]:
    """Whatever holds something, from the outside in; to kubectl texts do, too."""
    if isinstance(value, str) and value:
        yield value
    if inner := list(held(value)):
        yield value
        for each in inner:
            yield from _below(each)


def _sliced(value: Any, at: Slice) -> Iterable[Any]:
    if not isinstance(value, list):
        raise PathError(f"{_go_type(value)} is not array or slice")
    length = len(value)
    start = at.start or 0
    start += length if start < 0 else 0
    stop = start + 1 if at.single else length if at.stop is None else at.stop
    stop += length if stop < 0 and not at.single else 0
    if start == stop:
        return ()
    for index, least, most in ((start, 0, length - 1), (stop - 1, -1, length - 1)):
        if not least <= index <= most:
            raise PathError(f"array index out of bounds: index {index}, length {length}")
    if start > stop:
        raise PathError(f"starting index {start} is greater than ending index {stop}")
    if at.step is not None and at.step <= 0:
        raise PathError("step must be > 0")
    return islice(value, start, stop, at.step)


def _kept(value: Any, filter: Filter) -> Iterator[Any]:
    if not isinstance(value, list):
        raise PathError(f"{plain(value)} is not array or slice and cannot be filtered")
    for each in value:
        if _passes(each, filter):
            yield each


def _passes(value: Any, filter: Filter) -> bool:
    left = _walk([value], filter.left)
    if not filter.operator:
        return bool(left)
    right = _walk([value], filter.right) if left else []
    if len(left) > 1 or len(right) > 1:
        raise PathError("can only compare one element at a time")
    if not left or not right or left == [None] or right == [None]:
        return False
    compare = _COMPARE.get(filter.operator)
    if compare is None:
        raise PathError(f"unrecognized filter operator {filter.operator}")
    kinds = {_kind(left[0]), _kind(right[0])}
    if "" in kinds or (kinds == {"bool"} and filter.operator not in _EQUAL):
        raise PathError("invalid type for comparison")
    if len(kinds) > 1:
        raise PathError("incompatible types for comparison")
    return compare(left[0], right[0])


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
    return ""


def _go_type(value: Any) -> str:
    return _GO.get(type(value)) or ("float64" if isinstance(value, float) else "int64")
