"""
The text of a spec, YAML or JSON, as plain values: what a reader sees is what is meant.

YAML 1.1, which PyYAML reads, takes `1e-4` for a text, `on` for true and `1:30` for 90,
and keeps the last of two equal keys. Here the first is a number, the others are named.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kubectl_tune.errors import PlanError
from kubectl_tune.problem import Problem, Severity
from kubectl_tune.strictjson import Path, Places, Reader

if TYPE_CHECKING:
    import yaml

# What YAML 1.2 and every person read as a number, and PyYAML as a text.
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+")
# What YAML 1.2 reads as a number, and YAML 1.1, where a 0 begins an octal one, as a text.
_OCTAL = re.compile(r"[-+]?0[0-9]*[89][0-9]*|0o[0-7]+")

_QUOTE = "quote it to mean a text"
_LARGEST = 10_000_000  # values, those that aliases repeat counted each time


class _Endless(Exception):
    """A value holds itself, which no text without aliases could say."""


class SyntaxProblem(PlanError):
    """The text is no YAML, so there is nothing to say about what it means."""


def read_json(text: str, name: str) -> tuple[Any, list[Problem]]:
    """Return the value and what is wrong with it; null where it can't be read."""
    value, defects = Reader().read(text.strip())
    indent = len(text) - len(text.lstrip())
    return value, [
        Problem(*_line_and_column(text, indent + d.column - 1), d.message, d.hint) for d in defects
    ]


def _line_and_column(text: str, place: int) -> tuple[int, int]:
    before = text[:place]
    return before.count("\n") + 1, place - (before.rfind("\n") + 1) + 1


class JsonPlaces:
    """Tells line and column of the key or item at a path, or of the last that is there."""

    def __init__(self, text: str, data: Any) -> None:
        self._text, self._data = text, data
        self._indent = len(text) - len(text.lstrip())
        self._places = Places(text.strip())

    def __call__(self, path: Path) -> tuple[int, int, str]:
        there = _present(self._data, path)
        inside = self._places.key(there) - 1 if there else 0
        return *_line_and_column(self._text, self._indent + inside), ""


class YamlPlaces:
    """Tells line and column of the key or item at a path, or of the last that is there."""

    def __init__(self, text: str, data: Any) -> None:
        self._text, self._data = text, data

    def __call__(self, path: Path) -> tuple[int, int, str]:
        node = at = self._root
        if node is None or at is None:
            return 1, 1, ""
        for step in _present(self._data, path):
            key, value = _member(node, step)
            if key is None or value is None:  # `<<` merges it from elsewhere
                break
            at, node = key, value
        return at.start_mark.line + 1, at.start_mark.column + 1, ""

    @cached_property
    def _root(self) -> yaml.Node | None:
        import yaml

        # Read a second time, since only what is wrong needs it.
        return yaml.compose(self._text, Loader=yaml.SafeLoader)


def _present(data: Any, path: Path) -> Path:
    """Return as much of a path as leads to something."""
    for length, step in enumerate(path):
        known = step in data if isinstance(data, Mapping) else False
        if not known and not (isinstance(data, list) and step in range(len(data))):
            return path[:length]
        data = data[step]
    return path


def _member(node: yaml.Node, step: str | int) -> tuple[yaml.Node | None, yaml.Node | None]:
    import yaml

    if isinstance(node, yaml.SequenceNode):
        return node.value[step], node.value[step]
    pairs = ((key, value) for key, value in node.value if _is(key.value, step))
    return next(pairs, (None, None))


def _is(written: Any, step: str | int) -> bool:
    """Tell whether a key as it is written has become this one; `on` has become true."""
    if not isinstance(step, bool) or not isinstance(written, str):
        return bool(written == str(step))
    import yaml

    return yaml.SafeLoader.bool_values.get(written.lower()) is step


def read_yaml(text: str, name: str) -> tuple[Any, list[Problem]]:
    """Return the value and what is odd about it; raise `SyntaxProblem` for what is no YAML."""
    import yaml

    problems: list[Problem] = []
    try:
        value = yaml.load(text, _loader(problems))
        if _size(value, {}) > _LARGEST:
            raise SyntaxProblem(f"{name}: aliases make more than {_LARGEST:,} values of it")
        return value, problems
    except _Endless as error:
        raise SyntaxProblem(f"{name}: an alias stands inside its own anchor") from error
    except yaml.MarkedYAMLError as error:
        raise SyntaxProblem(f"{name}: {_said(error)}") from error
    except yaml.reader.ReaderError as error:
        line, column = _line_and_column(text, int(error.position))
        said = f"not YAML: the character U+{ord(text[int(error.position)]):04X}"
        raise SyntaxProblem(f"{name}: line {line}, column {column}: {said}") from error
    except yaml.YAMLError as error:
        raise SyntaxProblem(f"{name}: not YAML: {_first_line(error)}") from error
    except RecursionError as error:
        raise SyntaxProblem(f"{name}: nested too deeply") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # What PyYAML lets through from its own conversions, as of `!!int x` or `0x_`.
        raise SyntaxProblem(f"{name}: not YAML: {_first_line(error)}") from error


def _loader(problems: list[Problem]) -> type[yaml.SafeLoader]:
    import yaml

    class Loader(yaml.SafeLoader):
        """Also says what it does not take literally."""

        def construct_yaml_bool(self, node: yaml.ScalarNode) -> bool:
            value = super().construct_yaml_bool(node)
            if node.value.lower() not in ("true", "false"):
                said = "true" if value else "false"
                _warn(problems, node, f"{node.value} means {said} in YAML", _QUOTE)
            return bool(value)

        def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
            value = int(super().construct_yaml_int(node))
            if re.match(r"[-+]?0[0-7]|.*[:_]", node.value):
                _warn(problems, node, f"{node.value} means {value} in YAML", _QUOTE)
            return value

        def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
            value = float(super().construct_yaml_float(node))
            if ":" in node.value:
                _warn(problems, node, f"{node.value} means {value} in YAML", _QUOTE)
            return value

        def construct_mapping(
            self, node: yaml.MappingNode, deep: bool = False
        ) -> dict[Hashable, Any]:
            _doubles(problems, node)
            return super().construct_mapping(node, deep)

    def plain(loader: Loader, node: yaml.ScalarNode) -> Any:
        return loader.construct_scalar(node)

    def octal(loader: Loader, node: yaml.ScalarNode) -> Any:
        _warn(problems, node, f"{node.value} is a text in YAML", "quote it, or write a number")
        return loader.construct_scalar(node)

    def scientific(loader: Loader, node: yaml.ScalarNode) -> float:
        value = float(node.value)
        hint = f"many readers of YAML take it for a text: write {_with_point(node.value)}"
        _warn(problems, node, f"{node.value} is read as a number", hint)
        return value

    Loader.add_constructor("tag:yaml.org,2002:bool", Loader.construct_yaml_bool)
    Loader.add_constructor("tag:yaml.org,2002:int", Loader.construct_yaml_int)
    Loader.add_constructor("tag:yaml.org,2002:float", Loader.construct_yaml_float)
    Loader.add_constructor("tag:yaml.org,2002:timestamp", plain)  # JSON has no dates
    Loader.add_constructor("!octal", octal)
    Loader.add_implicit_resolver("!octal", _OCTAL, list("-+0"))
    Loader.add_constructor("!scientific", scientific)
    Loader.add_implicit_resolver("!scientific", _NUMBER, list("-+.0123456789"))
    return Loader


def _with_point(text: str) -> str:
    """Write a number as YAML 1.1 wants it: with a point, and a sign in the exponent."""
    digits, exponent = re.split("[eE]", text)
    digits += "" if "." in digits else ".0"
    return f"{digits}e{exponent if exponent[0] in '+-' else '+' + exponent}"


def _size(value: Any, known: dict[int, int | None]) -> int:
    """Count the values inside a value as JSON would write them, each alias once more."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = None  # while it is being counted
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(part, known) for part in parts)
    size = known[id(value)]
    if size is None:
        raise _Endless
    return size


def _doubles(problems: list[Problem], node: yaml.MappingNode) -> None:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key.value, str):
            continue
        if key.value in seen:
            line, column = key.start_mark.line + 1, key.start_mark.column + 1
            hint = f"it stands in line {seen[key.value]} too; only one can count"
            problems.append(Problem(line, column, f"the key {key.value} stands twice", hint))
        seen.setdefault(key.value, key.start_mark.line + 1)


def _warn(problems: list[Problem], node: yaml.Node, message: str, hint: str) -> None:
    mark = node.start_mark
    problems.append(Problem(mark.line + 1, mark.column + 1, message, hint, Severity.WARNING))


def _said(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    if error.problem == "but found another document":
        return f"{where}a second document begins; leave one of them in the file"
    return f"{where}not YAML: {error.problem or error.context or _first_line(error)}"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
