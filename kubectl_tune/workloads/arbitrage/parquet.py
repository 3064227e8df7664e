"""Parquet, where pyarrow or polars is installed: the columns a backtest needs, as rows of text."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

MAGIC = b"PAR1"

Rows = tuple[Sequence[str], Iterator[Sequence[Any]]]


def read_parquet(data: bytes, wanted: Collection[str]) -> Rows:
    """Header and rows. Timestamps come as text: ISO 8601, or the number that they are."""
    try:
        return _with_pyarrow(data, wanted)
    except ImportError:
        pass
    try:
        return _with_polars(data, wanted)
    except ImportError:
        raise ValueError(
            "reading Parquet takes pyarrow or polars, and neither is installed;"
            " install one (pip install pyarrow) or convert the file to CSV"
        ) from None


def _with_pyarrow(data: bytes, wanted: Collection[str]) -> Rows:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(io.BytesIO(data))
        names = [name for name in file.schema_arrow.names if name in wanted]
        table = file.read(columns=names)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"damaged Parquet file: {error}") from error
    columns = [
        table[name].cast(pyarrow.string()).fill_null("") if name == "timestamp" else table[name]
        for name in names
    ]
    return names, zip(*(column.to_pylist() for column in columns), strict=True)


def _with_polars(data: bytes, wanted: Collection[str]) -> Rows:
    import polars

    try:
        frame = polars.read_parquet(io.BytesIO(data))
    except polars.exceptions.PolarsError as error:
        raise ValueError(f"damaged Parquet file: {error}") from error
    frame = frame.select([name for name in frame.columns if name in wanted])
    if "timestamp" in frame.columns:
        stamp = polars.col("timestamp")
        temporal = frame.schema["timestamp"].is_temporal()
        text = stamp.dt.to_string("iso:strict") if temporal else stamp.cast(polars.String)
        frame = frame.with_columns(text.fill_null(""))
    return frame.columns, frame.iter_rows()


def write_parquet(header: Sequence[str], rows: Iterable[Sequence[str]], path: Path) -> None:
    """The first column as text, the others as numbers."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ValueError(
            "writing Parquet takes pyarrow, which is not installed (pip install pyarrow)"
        ) from None
    stamps, *prices = zip(*rows, strict=True)
    columns = [stamps, *([float(price) for price in column] for column in prices)]
    table = pyarrow.table(dict(zip(header, columns, strict=True)))
    parquet.write_table(table, path)
