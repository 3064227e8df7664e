"""
A ranking as text or bytes: table, wide, json, jsonl, csv, md, parquet; nothing is written here.

One rule: JSON is exact. The other formats are for eyes and spreadsheets, so texts in
them can't break a line, drive a terminal, or run as a formula.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from kubectl_tune.columns import Column, all_columns, chosen_columns, telling_columns
from kubectl_tune.errors import UsageError
from kubectl_tune.ranking import Ranked
from kubectl_tune.result import dumps
from kubectl_tune.resultrow import Row
from kubectl_tune.table import cell, clean, table

FORMATS = ("table", "wide", "json", "jsonl", "csv", "md", "parquet")
BINARY = ("parquet",)  # not for a terminal


class Rendered(NamedTuple):
    body: str | bytes  # for stdout
    notice: str  # for stderr, if not empty


def render(
    ranked: Sequence[Ranked],
    form: str,
    *,
    metric: str | None = None,
    columns: Sequence[str] = (),
    among: Sequence[Row] = (),
    caveat: str = "",
) -> Rendered:
    """
    Return the ranking in one of FORMATS.

    The caveat stands under a table; with the formats for machines it is the notice.
    `columns` says which to show, except in json and jsonl, whose keys are a promise.
    `among` are all the rows of which `ranked` may be the head: they tell which names
    there are, and which config varies.
    """
    if form not in FORMATS:
        raise UsageError(
            f'unable to match a printer suitable for the output format "{form}", '
            f"allowed formats are: {','.join(FORMATS)}"
        )
    if form in ("json", "jsonl"):
        return Rendered(as_json(ranked) if form == "json" else as_jsonl(ranked), caveat)
    if columns:
        chosen = chosen_columns(ranked, columns, among=among)
    elif form in ("csv", "parquet"):
        chosen = all_columns(ranked)
    else:
        chosen = telling_columns(ranked, metric=metric, among=among, wide=form == "wide")
    if form in ("csv", "parquet"):
        return Rendered((as_csv if form == "csv" else as_parquet)(ranked, chosen), caveat)
    return Rendered((as_md if form == "md" else as_table)(ranked, chosen, caveat), "")


def as_json(ranked: Sequence[Ranked]) -> str:
    """
    Write a list of objects, indented by four as kubectl does, with a line for each key.

    Python's own indenting would take five times as long, and a line for each metric.
    """
    objects = [
        ",\n".join(f'        "{key}": {dumps(value)}' for key, value in _entry(place).items())
        for place in ranked
    ]
    inner = ",\n".join(f"    {{\n{lines}\n    }}" for lines in objects)
    return f"[\n{inner}\n]\n" if inner else "[]\n"


def as_jsonl(ranked: Sequence[Ranked]) -> str:
    return "".join(dumps(_entry(place)) + "\n" for place in ranked)


def as_table(ranked: Sequence[Ranked], columns: Sequence[Column], caveat: str = "") -> str:
    if not ranked:
        return ""
    titles = [column.name.replace("_", "-") for column in columns]
    rows = [[_shown(column, place) for column in columns] for place in ranked]
    return table(rows, titles) + (f"\n{caveat}\n" if caveat else "")


def as_md(ranked: Sequence[Ranked], columns: Sequence[Column], caveat: str = "") -> str:
    """Write a GitHub table, numbers to the right."""
    from tabulate import tabulate  # takes a while to import

    values = [[_shown(column, place) for column in columns] for place in ranked]
    sides = ["right" if _numeric(each) else "left" for each in zip(*values, strict=True)]
    text = tabulate(
        [[_md_cell(value) for value in row] for row in values],
        [_md_text(column.name) for column in columns],
        tablefmt="pipe",
        colalign=sides or None,
        disable_numparse=True,
    )
    return f"{text}\n" + (f"\n> {_md_text(caveat)}\n" if caveat else "")


def as_csv(ranked: Sequence[Ranked], columns: Sequence[Column]) -> str:
    """
    Write full precision, one trial a line, and nothing where there is no finite number.

    A text that a spreadsheet would run as a formula is led by an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_csv_text(column.name) for column in columns])
    for place in ranked:
        writer.writerow([_csv_cell(column.value(place)) for column in columns])
    return out.getvalue()


def as_parquet(ranked: Sequence[Ranked], columns: Sequence[Column]) -> bytes:
    from kubectl_tune.parquet import parquet

    return parquet({column.name: [column.value(place) for place in ranked] for column in columns})


def _entry(place: Ranked) -> dict[str, Any]:
    row, group = place.row, place.group
    entry = {
        "rank": place.rank,
        "job_id": row.job_id,
        "metrics": dict(row.metrics),
        "config": dict(row.config),
        "output_json": row.output_json or None,
    }
    if group:
        figures = {"n": group.n, "median": group.median, "mean": group.mean}
        entry["group"] = {"by": dict(group.by), "metric": group.metric, **figures}
    return entry


def _shown(column: Column, place: Ranked) -> Any:
    """Return a value for `cell`: config as it was typed, measurements to be rounded."""
    value = column.value(place)
    if isinstance(value, dict | list):
        return dumps(value)
    return repr(value) if column.exact and isinstance(value, float) else value


def _md_cell(value: Any) -> str:
    return "" if value is None else _md_text(cell(value))


def _md_text(text: str) -> str:
    """Escape what GitHub would read as markup; underscores inside words are no markup."""
    text = re.sub(r"([\\`*|\[\]])", r"\\\1", clean(text))
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _numeric(values: Sequence[Any]) -> bool:
    return all(value is None or isinstance(value, int | float) for value in values)


_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, int | float):
        return value
    return _csv_text(value if isinstance(value, str) else dumps(value))


def _csv_text(text: str) -> str:
    text = clean(text)
    return f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII) is not None
