"""
The state file: opening it, its tables, its versions, and what can be wrong with it.

One SQLite database for all sessions. Its rule: nobody above sees an error of SQLite's, and a
file that can't be used in full is refused before anything is started.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kubectl_tune.errors import StoreError, UsageError

APPLICATION = 0x6B74756E  # "ktun", in the file's header
VERSION = 2
WAIT = 30.0  # seconds, for what another process holds
SHARED_MEMORY = 65536  # bytes beside the file that SQLite needs to open it at all

SCHEMA = """
CREATE TABLE sessions (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, uid TEXT NOT NULL, folder TEXT NOT NULL,
  plan TEXT NOT NULL, engine TEXT NOT NULL, context TEXT NOT NULL, server TEXT NOT NULL,
  namespace TEXT NOT NULL, workdir TEXT NOT NULL, command TEXT NOT NULL, policy TEXT NOT NULL,
  workload TEXT NOT NULL, metric TEXT NOT NULL, direction TEXT NOT NULL, caveat TEXT NOT NULL,
  extra TEXT NOT NULL, created REAL NOT NULL, total INTEGER NOT NULL,
  finished REAL, ended TEXT NOT NULL DEFAULT '', epoch INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE trials (
  session INTEGER NOT NULL, idx INTEGER NOT NULL, job_id TEXT NOT NULL, slug TEXT NOT NULL,
  hash TEXT NOT NULL, output TEXT NOT NULL,
  state TEXT NOT NULL, attempt INTEGER NOT NULL, job TEXT NOT NULL, pod TEXT NOT NULL,
  node TEXT NOT NULL, class TEXT, reason TEXT NOT NULL, exit_code INTEGER,
  started REAL, finished REAL, failures INTEGER NOT NULL, losses INTEGER NOT NULL,
  objective REAL, metrics TEXT, tally TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (session, idx)
) WITHOUT ROWID;
CREATE UNIQUE INDEX trials_by_id ON trials (session, job_id);
CREATE INDEX trials_by_state ON trials (session, state, objective);
CREATE INDEX trials_by_hash ON trials (hash) WHERE state = 'Succeeded';
CREATE TABLE specs (
  session INTEGER NOT NULL, idx INTEGER NOT NULL, line TEXT NOT NULL, PRIMARY KEY (session, idx)
) WITHOUT ROWID;
CREATE TABLE results (
  session INTEGER NOT NULL, idx INTEGER NOT NULL, attempt INTEGER NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY (session, idx)
);
CREATE TABLE attempts (
  session INTEGER NOT NULL, idx INTEGER NOT NULL, attempt INTEGER NOT NULL,
  state TEXT NOT NULL, job TEXT NOT NULL, pod TEXT NOT NULL, node TEXT NOT NULL, class TEXT,
  reason TEXT NOT NULL, exit_code INTEGER, started REAL, finished REAL,
  PRIMARY KEY (session, idx, attempt)
) WITHOUT ROWID;
CREATE TABLE requests (
  id INTEGER PRIMARY KEY AUTOINCREMENT, session INTEGER NOT NULL, verb TEXT NOT NULL,
  job_id TEXT, at REAL NOT NULL
);
"""

# What brings a file of an older version to the next one. Nothing is taken away: a driver of the
# older version, which has the file open, goes on.
LIFTS = {1: ("ALTER TABLE trials ADD COLUMN tally TEXT NOT NULL DEFAULT ''",)}

DAMAGED = (
    "it is damaged",
    "move it away and start anew; results already written to output_json are whole",
)
_SAID = {
    "SQLITE_FULL": ("there is no space left for it", "free some space, then go on"),
    "SQLITE_READONLY": ("it is read-only", "give write permission, or name another with --state"),
    "SQLITE_CANTOPEN": ("it can't be opened", "check its folder's permissions, or use --state"),
    "SQLITE_PERM": ("permission denied", "give permission, or name another with --state"),
    "SQLITE_AUTH": ("permission denied", "give permission, or name another with --state"),
    "SQLITE_BUSY": ("another program has held it for too long", "try again in a moment"),
    "SQLITE_LOCKED": ("another program has held it for too long", "try again in a moment"),
    "SQLITE_NOTADB": ("it is not a state file", "name another one with --state"),
    "SQLITE_CORRUPT": DAMAGED,
    "SQLITE_IOERR": ("it can't be read or written", "check the disk that it is on"),
}


def default_path(environment: dict[str, str] | os._Environ[str]) -> Path:
    """The state file when `--state` names none: $KUBECTL_TUNE_STATE, else XDG's place for it."""
    if named := environment.get("KUBECTL_TUNE_STATE"):
        return Path(named)
    home = environment.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(home, "kubectl-tune", "state.db")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as ours, with the state file's name and what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        what, hint = _said(error, path)
        raise StoreError(f"state file {path}: {what}", hint=hint) from error
    except UnicodeDecodeError as error:
        raise damaged(path) from error
    except UnicodeEncodeError as error:
        raise StoreError(
            f"state file {path}: it can't keep {error.object!r}, which is not UTF-8"
        ) from error


def _said(error: sqlite3.DatabaseError, path: Path) -> tuple[str, str]:
    name = getattr(error, "sqlite_errorname", None) or ""
    if name.startswith("SQLITE_IOERR") and shutil.disk_usage(path.parent).free < SHARED_MEMORY:
        name = "SQLITE_FULL"
    if str(error).startswith(
        ("no such ", "cannot join ", "Could not decode ")
    ):  # what we wrote is not there
        return DAMAGED
    return next((text for code, text in _SAID.items() if name.startswith(code)), (str(error), ""))


def damaged(path: Path, detail: str = "") -> StoreError:
    what, hint = DAMAGED
    return StoreError(f"state file {path}: {what}{f' ({detail})' if detail else ''}", hint=hint)


@contextmanager
def legible(path: Path) -> Iterator[None]:
    """Say of a row that makes no sense that the state file is damaged."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, UsageError) as error:
        raise damaged(path) from error


def connect(path: Path, *, check: bool = False) -> sqlite3.Connection:
    """
    Open the state file at `path`, making it if there is none.

    `check` reads all of it first, so that a damaged file is found before it is relied on.
    """
    made = not os.path.lexists(path)
    try:
        _make(path)
    except OSError as error:
        raise StoreError(
            f"state file {path}: {error.strerror}", hint="name another one with --state"
        ) from error
    try:
        with explained(path):
            return _open(path, check=check)
    except StoreError:
        if made and not path.stat().st_size:  # there was no room for more than its name
            path.unlink()
        raise


def _make(path: Path) -> None:
    """
    Make the file if there is none; OSError says why it can't be used.

    One that is there must not be opened here: closing it would drop the locks that other
    connections of this process hold on it. https://sqlite.org/howtocorrupt.html 2.2
    """
    if path.is_file() and os.access(path, os.R_OK | os.W_OK):
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Plans may carry secrets in env.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def connect_to_read(path: Path) -> sqlite3.Connection | None:
    """Open an existing state file without ever writing to it; None when there is none."""
    try:
        if not path.stat().st_size:
            return None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(f"state file {path}: {error.strerror}") from error
    with explained(path):
        if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
            return _open(path)
        db = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)
        with _closed_unless_good(db):
            return _lifted_copy(db) if _check_version(db, path) < VERSION else db


def _open(path: Path, *, check: bool = False) -> sqlite3.Connection:
    _refuse_fragment(path)
    db = sqlite3.connect(path, timeout=WAIT, isolation_level=None, check_same_thread=False)
    with _closed_unless_good(db):
        if _check_version(db, path) < VERSION:
            _lift(db)
        _log_ahead(db)
        db.execute("PRAGMA synchronous=FULL")  # a batch that is committed survives a power cut
        if check:
            _examine(db, path)
    return db


def _log_ahead(db: sqlite3.Connection) -> None:
    """
    Set the journal mode that lets others read while one writes; the file remembers it.

    SQLite refuses the change at once, whatever the time-out, while another process writes, as
    one does that makes the file: it reads by then, and a reader that waits for a writer may
    wait for ever. https://sqlite.org/c3ref/busy_handler.html
    """
    from random import uniform  # of no use to nearly all commands, and slow to import

    deadline = time.monotonic() + WAIT
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorname.startswith("SQLITE_BUSY")
            if not busy or time.monotonic() > deadline:
                raise
        time.sleep(uniform(0.005, 0.02))  # a lock can only be asked for again; WAIT bounds it


def _lifted_copy(db: sqlite3.Connection) -> sqlite3.Connection:
    """Return this version of an older file that can't be written to, in memory."""
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    db.backup(copy)
    db.close()
    _lift(copy)
    return copy


def _refuse_fragment(path: Path) -> None:
    # SQLite takes what is shorter than its header for an empty file, and would overwrite it.
    if path.is_file() and 0 < path.stat().st_size < 100:
        what, hint = _SAID["SQLITE_NOTADB"]
        raise StoreError(f"state file {path}: {what}", hint=hint)


@contextmanager
def _closed_unless_good(db: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:  # Ctrl-C, too, must leave no connection open
        db.close()
        raise


def _check_version(db: sqlite3.Connection, path: Path) -> int:
    application, version, tables = _header(db)
    if tables and application != APPLICATION:
        raise StoreError(
            f"state file {path}: it is a database of another program",
            hint="name another one with --state",
        )
    if version > VERSION:
        raise StoreError(
            f"state file {path}: a newer kubectl-tune wrote it"
            f" (format {version}, this one reads up to {VERSION})",
            hint="upgrade with: kubectl krew upgrade tune",
        )
    return int(version)


def _header(db: sqlite3.Connection) -> tuple[int, int, int]:
    """Return whose file it is, its version and its number of tables, all of one moment."""
    asked = ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_schema")
    db.execute("BEGIN")  # else another process might make the tables in between
    try:
        application, version, tables = (db.execute(sql).fetchone()[0] for sql in asked)
    finally:
        db.execute("ROLLBACK") if db.in_transaction else None
    return application, version, tables


def _lift(db: sqlite3.Connection) -> None:
    """Bring an older file, or an empty one, to this version, in one transaction."""
    db.execute("BEGIN IMMEDIATE")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version < VERSION:  # else another process was faster
        for statement in _steps(version):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")


def _steps(version: int) -> list[str]:
    if not version:
        return SCHEMA.split(";\n")
    return [statement for older in range(version, VERSION) for statement in LIFTS[older]]


def _examine(db: sqlite3.Connection, path: Path) -> None:
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise damaged(path, verdict.splitlines()[-1])
    db.execute("BEGIN IMMEDIATE")  # writable, by writing
    db.execute("UPDATE sessions SET epoch = epoch WHERE 0")
    db.execute("ROLLBACK")
