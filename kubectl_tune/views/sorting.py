"""`--sort-by=PATH`: the order of a list, as kubectl sorts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from kubectl_tune.views.jsonpath import Template
from kubectl_tune.views.pathsyntax import PathError

T = TypeVar("T")

_DIGITS = re.compile(r"(\d+)")


def in_order(things: Iterable[T], path: Template, object_of: Callable[[T], object]) -> list[T]:
    """
    Sort by what a path finds in the object of each; what has nothing there comes first.

    `t2` comes before `t10`. A path that nothing has raises `PathError`.
    """
    found = [(_first(path, object_of(each)), each) for each in things]
    if found and all(value is None for value, _ in found):
        raise PathError(
            f"couldn't find any field with path {json.dumps(path.source)} in the list of objects"
        )
    return [each for _, each in sorted(found, key=lambda pair: _key(pair[0]))]


def _first(path: Template, value: object) -> Any:
    return next((each for part in path.results(value) for each in part[:1]), None)


def _key(value: Any) -> tuple[int, Any]:
    match value:
        case None:
            return 0, 0
        case bool() | int() | float():
            return 1, value
        case str():
            return 2, [int(p) if p.isdecimal() else p for p in _DIGITS.split(value)]
    raise PathError(f"can't sort by {'maps' if isinstance(value, dict) else 'lists'}")
