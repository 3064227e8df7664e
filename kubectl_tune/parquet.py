"""
Columns as a Parquet file, by pyarrow or polars, whichever is installed.

One rule: a column has one type, the narrowest that holds all its values, and null
where there is no value or no finite number.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from kubectl_tune.errors import TuneError
from kubectl_tune.result import dumps


def parquet(columns: Mapping[str, Sequence[Any]]) -> bytes:
    typed = {_text(name): typed_column(values) for name, values in columns.items()}
    for library, write in (("pyarrow", _by_pyarrow), ("polars", _by_polars)):
        try:
            import_module(library)
        except ImportError:
            continue
        return write(typed)
    raise TuneError(
        "writing Parquet needs pyarrow or polars, and neither is installed",
        hint="pip install 'kubectl-tune[analysis]'",
    )


def typed_column(values: Sequence[Any]) -> tuple[str, list[Any]]:
    """Return `bool`, `int`, `float` or `text`, and the values of that type."""
    values = [_finite(value) for value in values]
    present = [value for value in values if value is not None]
    kinds = {type(value) for value in present}
    if kinds == {bool}:
        return "bool", values
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in present):
        return "int", values
    if kinds and kinds <= {int, float} and all(abs(value) < 2**1023 for value in present):
        return "float", [None if value is None else float(value) for value in values]
    return "text", [None if value is None else _text(value) for value in values]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else dumps(value)
    return text.encode("utf-8", "backslashreplace").decode()  # half a character can't be stored


def _by_pyarrow(columns: Mapping[str, tuple[str, list[Any]]]) -> bytes:
    arrow, writer = import_module("pyarrow"), import_module("pyarrow.parquet")
    types = {
        "bool": arrow.bool_(),
        "int": arrow.int64(),
        "float": arrow.float64(),
        "text": arrow.string(),
    }
    arrays = [arrow.array(values, types[kind]) for kind, values in columns.values()]
    out = io.BytesIO()
    writer.write_table(arrow.Table.from_arrays(arrays, names=list(columns)), out)
    return out.getvalue()


def _by_polars(columns: Mapping[str, tuple[str, list[Any]]]) -> bytes:
    polars = import_module("polars")
    types = {
        "bool": polars.Boolean,
        "int": polars.Int64,
        "float": polars.Float64,
        "text": polars.String,
    }
    series = [polars.Series(name, values, types[kind]) for name, (kind, values) in columns.items()]
    out = io.BytesIO()
    polars.DataFrame(series).write_parquet(out)
    return out.getvalue()
