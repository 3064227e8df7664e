"""Parquet, where pyarrow or polars is installed: the columns a backtest needs, as rows of text."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import IO, Any

MAGIC = b"PAR1"
BLOCK = 100_000  # rows written at once

Rows = tuple[Sequence[str], Sequence[str], Iterator[Sequence[Any]]]


def read_parquet(data: bytes, wanted: Collection[str]) -> Rows:
    """
    The names of all columns, then the header and the rows of the wanted ones.

    Timestamps come as text: ISO 8601, or the number that they are.
    """
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
        all_names = file.schema_arrow.names
        names = [name for name in all_names if name in wanted]
        table = file.read(columns=names)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"damaged Parquet file: {error}") from error
    columns = [
        table[name].cast(pyarrow.string()).fill_null("") if name == "timestamp" else table[name]
        for name in names
    ]
    return all_names, names, zip(*(column.to_pylist() for column in columns), strict=True)


def _with_polars(data: bytes, wanted: Collection[str]) -> Rows:
    import polars

    try:
        frame = polars.read_parquet(io.BytesIO(data))
    except polars.exceptions.PolarsError as error:
        raise ValueError(f"damaged Parquet file: {error}") from error
    all_names = frame.columns
    frame = frame.select([name for name in frame.columns if name in wanted])
    if "timestamp" in frame.columns:
        stamp = polars.col("timestamp")
        temporal = frame.schema["timestamp"].is_temporal()
        text = stamp.dt.to_string("iso:strict") if temporal else stamp.cast(polars.String)
        frame = frame.with_columns(text.fill_null(""))
    return all_names, frame.columns, frame.iter_rows()


def write_parquet(header: Sequence[str], rows: Iterable[Sequence[str]], file: IO[bytes]) -> None:
    """The first column as text, the others as numbers; an empty cell is null."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ValueError(
            "writing Parquet takes pyarrow, which is not installed (pip install pyarrow)"
        ) from None
    stamp, *numbers = header
    fields = [(stamp, pyarrow.string()), *((name, pyarrow.float64()) for name in numbers)]
    schema = pyarrow.schema(fields)
    with parquet.ParquetWriter(file, schema) as writer:
        rest = iter(rows)
        while block := list(islice(rest, BLOCK)):
            stamps, *columns = zip(*block, strict=True)
            values = [stamps, *([_number(cell) for cell in column] for column in columns)]
            writer.write_table(pyarrow.table(dict(zip(header, values, strict=True)), schema))


def _number(cell: str) -> float | None:
    return float(cell) if cell else None
