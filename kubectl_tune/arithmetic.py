"""
Arithmetic and comparisons that always have an answer: what has none is missing, None.

Values come from files that others wrote, and expressions from a command line; neither may
raise here, nor make a number so large that it takes noticeable time.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

_BITS = 4096  # of a whole-number power; beyond it powers are floats


def present(value: object) -> object:
    """Return the value, or None for NaN: a result that is not there in other words."""
    return None if isinstance(value, float) and math.isnan(value) else value


def truth(value: object) -> bool:
    return bool(value)


def number(operation: Callable[..., Any], *operands: object) -> int | float | None:
    """Return what the operation makes of numbers; None for other operands and without a result."""
    if not all(isinstance(operand, int | float) for operand in operands):
        return None
    try:
        result = operation(*operands)
    except (ArithmeticError, ValueError):
        return None
    # A root of a negative number is complex.
    return result if isinstance(result, int | float) and result == result else None


def same(left: object, right: object) -> bool:
    return left is not None and right is not None and left == right


def _differs(left: object, right: object) -> bool:
    return left is not None and right is not None and left != right


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[object, object], bool]:
    """Compare numbers with numbers and texts with texts; anything else has no order."""

    def test(left: object, right: object) -> bool:
        for kinds in ((int, float), (str,)):
            if isinstance(left, kinds) and isinstance(right, kinds):
                return compare(left, right)
        return False

    return test


def _power(base: Any, exponent: Any) -> Any:
    whole = isinstance(base, int) and isinstance(exponent, int)
    if whole and abs(exponent) * base.bit_length() > _BITS:
        return float(base) ** exponent
    return base**exponent


OPERATIONS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
COMPARISONS: dict[type[ast.AST], Callable[[object, object], bool]] = {
    ast.Eq: same,
    ast.NotEq: _differs,
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
}
# With the word null on one side, being missing is what is asked for.
NULL_COMPARISONS: dict[type[ast.AST], Callable[[object, object], bool]] = {
    ast.Eq: lambda left, right: left is None and right is None,
    ast.NotEq: lambda left, right: (left is None) != (right is None),
}
