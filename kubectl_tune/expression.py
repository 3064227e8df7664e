"""
Conditions on a trial: `max_drawdown_pct < 5 and total_trades > 30`.

The syntax is Python's, of which only names, numbers, texts, arithmetic, comparisons and
`and or not in` are taken; Python never evaluates any of it. What is missing decides
nothing: a comparison with a value that is absent, null or NaN is false, except with the
word null itself.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from kubectl_tune import arithmetic
from kubectl_tune.errors import UsageError

Values = Mapping[str, object]
Step = Callable[[Values], Any]

_LONGEST = 2000
_DEEPEST = 100
_WORDS = {"true": True, "false": False, "null": None}


class Expression:
    """A condition, ready to be tested against any number of trials."""

    def __init__(self, text: str, names: frozenset[str], run: Step) -> None:
        self.text = text
        self.names = names
        self._run = run

    def value(self, values: Values) -> object:
        """Return what it comes to; None where something that it needs is missing."""
        return self._run(values)

    def test(self, values: Values) -> bool:
        return arithmetic.truth(self._run(values))

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


def parse(text: str) -> Expression:
    """Read a condition, or say at which column it can't be read."""
    if not text.strip():
        raise UsageError("the condition is empty", hint="write one such as: total_trades > 30")
    if len(text) > _LONGEST:
        raise UsageError(f"the condition is longer than {_LONGEST} characters")
    _refuse_other_languages(text)
    compiler = _Compiler(text)
    run = compiler.step(_tree(text), 0)
    return Expression(text, frozenset(compiler.names), run)


class _Compiler:
    """Turns a syntax tree into functions, and refuses what it has no function for."""

    def __init__(self, text: str) -> None:
        self.names: set[str] = set()
        self._text = text

    def step(self, node: ast.expr, depth: int) -> Step:
        if depth > _DEEPEST:
            raise self._wrong(node, "nested too deeply")
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                return lambda values: value
            case ast.Name() | ast.Attribute():
                return self._name(node)
            case ast.UnaryOp(op=ast.Not()):
                inner = self.step(node.operand, depth + 1)
                return lambda values: not arithmetic.truth(inner(values))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign):
                return self._arithmetic(sign, depth, node.operand)
            case ast.BinOp() if type(node.op) in arithmetic.OPERATIONS:
                return self._arithmetic(node.op, depth, node.left, node.right)
            case ast.BoolOp():
                return self._junction(node, depth)
            case ast.Compare():
                return self._comparison(node, depth)
        raise self._wrong(node, *_refusal(node))

    def _name(self, node: ast.expr) -> Step:
        parts: list[str] = []
        inner = node
        while isinstance(inner, ast.Attribute):
            parts.insert(0, inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name):
            raise self._wrong(inner, "a dot follows something that is no name")
        if not parts and inner.id in _WORDS:
            word = _WORDS[inner.id]
            return lambda values: word
        path = [inner.id, *parts]
        name = ".".join(path)
        self.names.add(name)
        return lambda values: arithmetic.present(_found(values, name, path))

    def _arithmetic(self, operator: ast.AST, depth: int, *operands: ast.expr) -> Step:
        steps = [self.step(operand, depth + 1) for operand in operands]
        operation = arithmetic.OPERATIONS[type(operator)]
        return lambda values: arithmetic.number(operation, *[step(values) for step in steps])

    def _junction(self, node: ast.BoolOp, depth: int) -> Step:
        steps = [self.step(part, depth + 1) for part in node.values]
        decide = all if isinstance(node.op, ast.And) else any
        return lambda values: decide(arithmetic.truth(step(values)) for step in steps)

    def _comparison(self, node: ast.Compare, depth: int) -> Step:
        links: list[Step] = []
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            links.append(self._link(left, operator, right, depth + 1))
            left = right
        return lambda values: all(link(values) for link in links)

    def _link(self, left: ast.expr, operator: ast.cmpop, right: ast.expr, depth: int) -> Step:
        first = self.step(left, depth)
        if isinstance(operator, ast.In | ast.NotIn):
            return self._membership(first, isinstance(operator, ast.In), right, depth)
        second, compare = self.step(right, depth), arithmetic.COMPARISONS[type(operator)]
        if _is_null(left) or _is_null(right):
            compare = arithmetic.NULL_COMPARISONS.get(type(operator), compare)
        return lambda values: compare(first(values), second(values))

    def _membership(self, first: Step, wanted: bool, right: ast.expr, depth: int) -> Step:
        if not isinstance(right, ast.Tuple | ast.List):
            raise self._wrong(right, "after in stands a list", "as in: side in ('a', 'b')")
        steps = [self.step(item, depth + 1) for item in right.elts]
        nulls = any(_is_null(item) for item in right.elts)

        def test(values: Values) -> bool:
            value = first(values)
            if value is None:
                return wanted and nulls
            return wanted is any(arithmetic.same(value, step(values)) for step in steps)

        return test

    def _wrong(self, node: ast.expr, what: str, hint: str = "") -> UsageError:
        # Python counts bytes here.
        before = _body(self._text).encode()[: node.col_offset].decode(errors="ignore")
        return _wrong(self._text, _indent(self._text) + len(before) + 1, what, hint)


def _found(values: Values, name: str, path: list[str]) -> object:
    """Look a dotted name up as it stands, else step by step."""
    if name in values or len(path) == 1:
        return values.get(name)
    inner: object = values
    for part in path:
        if not isinstance(inner, Mapping):
            return None
        inner = inner.get(part)
    return inner


def _is_null(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=None) | ast.Name(id="null"):
            return True
    return False


def _refusal(node: ast.expr) -> tuple[str, str]:
    match node:
        case ast.Call():
            return "there are no functions", ""
        case ast.Subscript():
            return "there are no indexes", "write metrics.x for the x of the metrics"
        case ast.Tuple() | ast.List():
            return "a list stands only after in", "as in: side in ('a', 'b')"
        case ast.IfExp():
            return "there is no if", "use and, or"
    return "this means nothing here", "use names, numbers, texts, + - * / // % **, < and the like"


# What other languages write, found outside of texts before Python's parser stumbles on it.
_TEXT = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_SIGN = r"&&|\|\||<>|={1,3}|![^=]?|[&|^~@;`$?{}#\\]|\b(?:AND|OR|NOT|IN|IS|is)\b"
_FOREIGN = re.compile(rf"{_TEXT}|[<>=!]=(?!=)|(?P<sign>{_SIGN})")
_MEANT = {
    "&&": "and",
    "&": "and",
    "AND": "and",
    "||": "or",
    "|": "or",
    "OR": "or",
    "!": "not",
    "NOT": "not",
    "=": "==",
    "===": "==",
    "IS": "==",
    "is": "==",
    "<>": "!=",
    "^": "**",
    "IN": "in",
}


def _refuse_other_languages(text: str) -> None:
    for match in _FOREIGN.finditer(text):
        if found := match["sign"]:
            sign = "!" if found.startswith("!") else found
            hint = f"write {_MEANT[sign]}" if sign in _MEANT else ""
            raise _wrong(text, match.start() + 1, f"{sign} means nothing here", hint)


def _tree(text: str) -> ast.expr:
    # Space in front would be an indent to Python.
    body, indent = _body(text), _indent(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(body, mode="eval").body
    except SyntaxError as error:
        # Where the text ends too soon, Python says 0.
        column = min((error.offset or len(body) + 1) + indent, len(text) + 1)
        raise _wrong(text, column, "this can't be read") from error
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise _wrong(text, 1, "this can't be read") from error


def _body(text: str) -> str:
    """Return what Python reads, on one line."""
    return re.sub(r"[\r\n\f\v]", " ", text).strip()


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _wrong(text: str, column: int, what: str, hint: str = "") -> UsageError:
    shown = repr(text) if len(text) <= 100 else f"{text[:97]!r}..."
    return UsageError(f"{shown}, column {column}: {what}", hint=hint)
