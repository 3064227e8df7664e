"""
A list in the form that was asked for: whole, or change by change as it is watched.

One rule: a watch prints what a list prints, with the headers once and a document for each
thing instead of one for all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Protocol, TypeVar

import typer

from kubectl_tune.cli.forms import Form, worded
from kubectl_tune.table import BLANK, Columns, Paint, clean
from kubectl_tune.views.objects import json_text, queried, resource_list
from kubectl_tune.views.yamltext import yaml_text

if TYPE_CHECKING:
    from kubectl_tune.views.jsonpath import Template

T = TypeVar("T")
NoHeaders = Annotated[
    bool,
    typer.Option(
        "--no-headers",
        help="When using the default or custom-column output format, don't print headers",
    ),
]


class Item(NamedTuple):
    """One thing of a list: what programs read of it, and its row in a table."""

    shown: dict[str, Any]
    row: Sequence[object] = ()

    @property
    def line(self) -> str:
        return f"{self.shown['kind'].lower()}/{self.shown['name']}\n"

    @property
    def key(self) -> tuple[str, str]:
        return self.shown.get("namespace") or "", self.shown.get("uid") or self.shown["name"]


class Source(Protocol):
    """Where a list comes from."""

    @property
    def bare(self) -> bool:
        """Whether programs get a bare list, as they were promised, instead of kubectl's List."""

    @property
    def none(self) -> str:
        """What is said when there is nothing."""

    def headers(self, *, wide: bool, namespaces: bool) -> list[str]: ...

    def items(self, *, wide: bool, namespaces: bool) -> list[Item]: ...

    def changes(self) -> Iterator[object]:
        """Yield at once, and then whenever `items` may have changed."""


class Labels(NamedTuple):
    """The labels that have columns of their own, and whether there is one for all of them."""

    keys: Sequence[str] = ()
    every: bool = False

    @property
    def headers(self) -> list[str]:
        names = [key.rpartition("/")[2] for key in self.keys]
        return [*names, *(["labels"] if self.every else [])]

    def cells(self, shown: dict[str, Any]) -> list[object]:
        found = shown.get("metadata", {}).get("labels") or {}
        pairs = ",".join(sorted(f"{key}={value}" for key, value in found.items()))
        cells: list[object] = [found.get(key) or BLANK for key in self.keys]
        return [*cells, *([pairs] if self.every else [])]


class Show(NamedTuple):
    """How a list is to be shown."""

    form: Form
    sort: Template | None = None
    labels: Labels = Labels()
    no_headers: bool = False
    namespaces: bool = False
    watch: bool = False
    silent: bool = False  # where there is nothing
    paint: Paint | None = None


class Printer:
    """Texts of things in one form; `bare` as a source's."""

    def __init__(self, asked: Show, headers: Sequence[str], *, bare: bool = False) -> None:
        self._form, self._labels, self._bare = asked.form, asked.labels, bare
        titles = [header.upper() for header in (*headers, *asked.labels.headers)]
        custom = [each.header for each in asked.form.columns]
        self._columns = Columns(custom or titles, no_headers=asked.no_headers, paint=asked.paint)
        self._between = ""  # documents of YAML, from the second on

    def whole(self, items: Sequence[Item]) -> str:
        objects = [each.shown for each in items]
        match self._form.name:
            case "json" | "yaml":
                document: Any = objects if self._bare else resource_list(objects)
                return (json_text if self._form.name == "json" else yaml_text)(document)
            case "jsonpath" | "jsonpath-as-json":
                return _bearable(self._form.found(resource_list(map(queried, objects))))
        return self._lines(items)

    def each(self, items: Iterable[Item]) -> str:
        """Return things as they are now, while they are watched."""
        match self._form.name:
            case "json":
                return "".join(json_text(each.shown) for each in items)
            case "yaml":
                between, self._between = self._between, "---\n"
                return between + "---\n".join(yaml_text(each.shown) for each in items)
            case "jsonpath" | "jsonpath-as-json":
                found = (self._form.found(queried(each.shown)) for each in items)
                return _bearable("".join(found))
        return self._lines(items)

    def _lines(self, items: Iterable[Item]) -> str:
        if self._form.name == "name":
            return "".join(each.line for each in items)
        if columns := self._form.columns:
            objects = [queried(each.shown) for each in items]
            rows = worded(lambda: [[each.cell(o) for each in columns] for o in objects])
            return self._columns.text(rows)
        return self._columns.text([*each.row, *self._labels.cells(each.shown)] for each in items)


def show(source: Source, asked: Show) -> None:
    shape = {"wide": asked.form.name == "wide", "namespaces": asked.namespaces}
    printer = Printer(asked, source.headers(**shape), bare=source.bare)
    if asked.watch:
        follow(source, printer, asked, shape)
        return
    items = in_sequence(source.items(**shape), asked, _shown)
    if not items and (asked.silent or asked.form.is_table):
        print(
            source.none if not asked.silent else "", end="\n" * (not asked.silent), file=sys.stderr
        )
        return
    put(printer.whole(items))


def follow(source: Source, printer: Printer, asked: Show, shape: dict[str, bool]) -> None:
    """Print all there is, then what has changed, and what is gone as it was last."""
    if asked.sort:
        said = "--watch requested, --sort-by will be ignored for watch events received"
        print(f"warning: {said}", file=sys.stderr)
    seen: dict[tuple[str, str], Item] = {}
    for _ in source.changes():
        items = source.items(**shape)
        there = {each.key: each for each in items}
        news = [each for key, each in there.items() if _is_new(each, seen.get(key))]
        gone = [each for key, each in seen.items() if key not in there]
        if news or gone:
            put(printer.each([*(news if seen else in_sequence(news, asked, _shown)), *gone]))
        seen = there


def _is_new(now: Item, before: Item | None) -> bool:
    return before is None or now.shown != before.shown


def in_sequence(
    things: list[T], asked: Show, object_of: Callable[[T], Mapping[str, Any]]
) -> list[T]:
    """Put things in the order that was asked for, or leave them as they are."""
    path = asked.sort
    if path is None:
        return things
    from kubectl_tune.views.sorting import in_order

    return worded(lambda: in_order(things, path, lambda each: queried(object_of(each))))


def _shown(item: Item) -> Mapping[str, Any]:
    return item.shown


def put(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def _bearable(text: str) -> str:
    """A program gets every byte of what was found, a terminal nothing that moves the cursor."""
    return clean(text, keep="\n\t") if sys.stdout.isatty() else text
