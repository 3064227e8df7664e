"""
Data files as tables: a header and rows of text, whatever the format on disk.

The checksum is that of the file as it lies there, taken of the very bytes that were read.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .parquet import MAGIC as PARQUET
from .parquet import read_parquet

COLUMNS = ("timestamp", "best_bid_a", "best_ask_a", "best_bid_b", "best_ask_b")
GZIP = b"\x1f\x8b"


@dataclass
class Table:
    kind: str
    header: Sequence[str]
    rows: Iterator[Sequence[Any]]
    names: Sequence[str]
    """All that the file has; the header may lack some that nobody wants."""
    line: Callable[[int], int]
    """Where the last of so many rows ends; Parquet counts as if it had come as CSV."""
    sha256: Callable[[], str]


@contextmanager
def open_table(path: str | Path, more: Collection[str] = ()) -> Iterator[Table]:
    """
    The five columns and, where there are such, `more`.

    What is wrong with the file, now or while its rows are read, is said with its name.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            yield _table(_Hashed(file), {*COLUMNS, *more})
    except FileNotFoundError:
        raise FileNotFoundError(f"Data file not found: {path}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}") from error
    except csv.Error as error:
        raise ValueError(f"{path} is not CSV: {error}") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is a damaged gzip file: {error}") from error
    except OSError as error:
        raise OSError(f"Cannot read data file {path}: {error.strerror or error}") from error


class _Hashed(io.RawIOBase):
    """Passes bytes on and remembers their checksum."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer)) or b""
        self._digest.update(data)
        buffer[: len(data)] = data
        return len(data)

    def sha256(self) -> str:
        while self.read(1 << 20):
            pass
        return self._digest.hexdigest()


def _table(raw: _Hashed, wanted: Collection[str]) -> Table:
    file = io.BufferedReader(raw, 1 << 18)
    if file.peek(4).startswith(PARQUET):
        names, header, rows = read_parquet(file.read(), wanted)
        return Table("Parquet", header, rows, names, lambda count: 1 + count, raw.sha256)
    reader = csv.reader(_text(gzip.GzipFile(fileobj=file) if _packed(file) else file))
    header = next(filter(None, reader), [])
    if not header:
        raise ValueError("CSV file is empty")
    return Table("CSV", header, reader, header, lambda _: reader.line_num, raw.sha256)


def _packed(file: io.BufferedReader[Any]) -> bool:
    return file.peek(2).startswith(GZIP)


def _text(file: io.BufferedReader[Any] | gzip.GzipFile) -> io.TextIOWrapper:
    if file.peek(3).startswith(BOM_UTF8):  # utf-8-sig would do it, at half the speed
        file.read(3)
    return io.TextIOWrapper(file, encoding="utf-8", newline="")
