"""
Rows written as a data file: CSV, plain or gzip, or Parquet. Equal rows are equal files.

A file appears whole or not at all; pipes and devices are written as they are.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .parquet import write_parquet

FORMATS = ("csv", "parquet")

Rows = Iterable[Sequence[str]]


def write_rows(header: Sequence[str], rows: Rows, path: Path | None, form: str) -> None:
    """To standard output, where there is no path; a name that ends in .gz is packed."""
    if path is None:
        _write_csv(header, rows, sys.stdout)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with _whole(path) as file:
        if form == "parquet":
            write_parquet(header, rows, file)
        elif path.suffix == ".gz":
            # Without name and time in its header, so that equal rows are equal files.
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                _write_text(header, rows, packed)
        else:
            _write_text(header, rows, file)


def _write_text(header: Sequence[str], rows: Rows, file: IO[bytes] | gzip.GzipFile) -> None:
    text = io.TextIOWrapper(file, "utf-8", newline="")
    _write_csv(header, rows, text)
    text.flush()
    text.detach()


def _write_csv(header: Sequence[str], rows: Rows, file: IO[str]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    target = path.resolve()
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:  # Ctrl-C, too, must leave no draft behind
        draft.unlink(missing_ok=True)
        raise
