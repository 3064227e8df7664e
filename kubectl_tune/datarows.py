"""
How many rows of data a file has: CSV, plain or gzip, or Parquet, told apart by content.

Counted as the built-in workload counts: the header and blank lines are no rows, bad rows are.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from importlib import import_module
from typing import Any

from kubectl_tune.errors import PlanError
from kubectl_tune.interpreter import frozen

_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_HINT = "count from where the file is, or give validate: {rows: N}"


def count_rows(path: str) -> int:
    """Count the rows of a file, or say in a sentence why that can't be."""
    try:
        with open(path, "rb") as file:
            start = file.read(4)
        if start.startswith(_PARQUET):
            return _of_parquet(path)
        with (gzip.open if start.startswith(_GZIP) else open)(path, "rb") as plain:
            return _of_csv(plain)
    except FileNotFoundError:
        raise PlanError(f"data_file {path}: no such file", hint=_HINT) from None
    except (OSError, EOFError, zlib.error, ValueError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise PlanError(f"can't count the rows of {path}: {reason}", hint=_HINT) from error


def _of_csv(file: Any) -> int:
    with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        return max(0, sum(map(bool, csv.reader(text))) - 1)


def _of_parquet(path: str) -> int:
    """Read the number that the file's end has; that takes either library that knows it."""
    try:
        return int(import_module("pyarrow.parquet").ParquetFile(path).metadata.num_rows)
    except ImportError:
        pass
    try:
        polars = import_module("polars")
    except ImportError as error:
        install = "pip install 'kubectl-tune[analysis]', or"
        install = "this archive has no extras:" if frozen() else install
        hint = f"{install} give validate: {{rows: N}}"
        raise PlanError(f"counting the rows of {path} needs pyarrow", hint=hint) from error
    try:
        return int(polars.scan_parquet(path).select(polars.len()).collect().item())
    except polars.exceptions.PolarsError as error:
        raise ValueError(str(error).split("\n")[0]) from error
