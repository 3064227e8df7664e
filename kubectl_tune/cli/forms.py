"""
The value of `-o`, read once: the form that something is printed in.

One rule: a template is read before anything is asked of a server, so that one that can't be
read costs nothing. The sentences are kubectl's. Who gives no template waits for no import of
what reads them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from kubectl_tune.cli.errors import unknown_format
from kubectl_tune.errors import UsageError

if TYPE_CHECKING:
    from kubectl_tune.views.customcolumns import CustomColumn
    from kubectl_tune.views.jsonpath import Template

PLAIN = ("table", "wide", "json", "yaml", "name")
TEMPLATES = (
    "jsonpath", "jsonpath-as-json", "jsonpath-file", "custom-columns", "custom-columns-file",
)  # fmt: skip
FORMATS = (*PLAIN, *TEMPLATES)

T = TypeVar("T")


class Form(NamedTuple):
    """`path` is the template of a jsonpath, `columns` are custom ones."""

    name: str
    path: Template | None = None
    columns: Sequence[CustomColumn] = ()

    @property
    def is_table(self) -> bool:
        return self.name in ("table", "wide")

    def found(self, value: object) -> str:
        """Return what the template finds in an object, as text."""
        from kubectl_tune.views.pathsyntax import PathError

        assert self.path is not None
        try:
            as_json = self.name == "jsonpath-as-json"
            return self.path.json(value) if as_json else self.path.text(value)
        except (PathError, RecursionError) as why:  # ranges in ranges in ranges
            source = json.dumps(self.path.source, ensure_ascii=False)
            raise UsageError(
                f"error executing jsonpath {source}: Error executing template: {why}"
            ) from why


def form(asked: str) -> Form:
    """Read the value of `-o`; raise `UsageError` where it makes no sense."""
    name, equals, rest = asked.partition("=")
    if name in PLAIN and equals:
        raise unknown_format(asked, FORMATS)
    if name == "jsonpath-file":
        return Form("jsonpath", _template(_content(rest, "--template")))
    if name.startswith("jsonpath"):
        return Form(name, _template(rest))
    if name.startswith("custom-columns"):
        return Form("custom-columns", columns=_columns(name, rest))
    return Form(name or "table")


def sort_path(asked: str) -> Template | None:
    """Read the value of `--sort-by`, with or without braces and dot; "" is none."""
    if not asked:
        return None
    from kubectl_tune.views.jsonpath import relaxed

    return worded(lambda: relaxed(asked))


def worded(read: Callable[[], T]) -> T:
    """Let what is wrong with a path be the user's to mend."""
    from kubectl_tune.views.pathsyntax import PathError

    try:
        return read()
    except PathError as why:
        raise UsageError(str(why)) from why


def _columns(name: str, rest: str) -> Sequence[CustomColumn]:
    from kubectl_tune.views import customcolumns

    if name == "custom-columns" or not rest:
        return worded(lambda: customcolumns.columns(rest))
    text = _content(rest, "template")
    return worded(lambda: customcolumns.columns_of_file(text))


def _template(source: str) -> Template:
    from kubectl_tune.views.jsonpath import template
    from kubectl_tune.views.pathsyntax import PathError

    if not source:
        raise UsageError("template format specified but no template given")
    try:
        return template(source)
    except PathError as why:
        raise UsageError(f"error parsing jsonpath {source}, {why}") from why


def _content(path: str, what: str) -> str:
    if not path:
        raise UsageError("template format specified but no template given")
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "no text"
        raise UsageError(f"error reading {what} {path}, open {path}: {why}") from error
