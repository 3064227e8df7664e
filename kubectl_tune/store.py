"""
The store: what is known of every session, kept in the state file.

Its rule: a driver writes only while the session is still its own. Every write of a driver is
one transaction that begins by comparing the owner epoch, and result files are written inside
of it, so that a driver that slept through a takeover writes nothing.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubectl_tune import statefile
from kubectl_tune.errors import SessionNotFound, StoreError, TakenOver
from kubectl_tune.rows import (
    TRIAL_COLUMNS,
    Best,
    StoredResult,
    StoredTrial,
    Summary,
    misses,
    output_path,
    place,
    plan_line,
    session_info,
    session_row,
    stored_trial,
)
from kubectl_tune.session import Session, SessionInfo
from kubectl_tune.trial import Trial, TrialSpec, TrialState


class Store:
    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self._db = db

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open for writing: whole and writable, or a `StoreError`."""
        return cls(path, statefile.connect(path, check=True))

    @classmethod
    def open_to_read(cls, path: Path) -> Store:
        """Open what is there; `SessionNotFound` when there is nothing yet."""
        db = statefile.connect_to_read(path)
        if db is None:
            raise SessionNotFound(
                f"no sessions yet in {path}", hint="start one with: kubectl tune run PLAN"
            )
        return cls(path, db)

    def close(self) -> None:
        with statefile.explained(self.path):
            self._db.close()

    @property
    def version(self) -> int:
        """A number that differs once another process has written; reading it costs nothing."""
        ((version,),) = self._rows("PRAGMA data_version")
        return int(version)

    @contextmanager
    def moment(self) -> Iterator[None]:
        """All that is read inside is of one moment, however fast a driver writes."""
        with statefile.explained(self.path):
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.execute("ROLLBACK") if self._db.in_transaction else None

    # Sessions

    def create(self, info: SessionInfo, specs: Sequence[TrialSpec]) -> None:
        """Write down a new session; `StoreError` when its name is taken."""
        folder = self._new_folder(info)
        try:
            with self._transaction():
                self._insert_session(info, folder.name)
                session = self._db.execute("SELECT last_insert_rowid()").fetchone()[0]
                self._insert_trials(session, specs, info)
        except BaseException:  # Ctrl-C, too, must leave no folder without a session
            folder.rmdir()
            raise

    def add_trials(self, name: str, specs: Sequence[TrialSpec]) -> None:
        """Write down trials that an edited plan has added."""
        info = self.info(name)
        with self._transaction():
            self._insert_trials(self._id(name), specs, info)
            self._db.execute(
                "UPDATE sessions SET total = (SELECT count(*) FROM trials WHERE session = id)"
                " WHERE name = ?",
                (name,),
            )

    def replace_specs(self, name: str, specs: Sequence[TrialSpec]) -> None:
        """Put edited lines in the place of those that the session has."""
        info, session = self.info(name), self._id(name)
        with self._transaction():
            self._db.executemany(
                "UPDATE specs SET line = ? WHERE session = ? AND idx = ?",
                [(plan_line(spec), session, spec.index) for spec in specs],
            )
            self._db.executemany(
                "UPDATE trials SET hash = ?, output = ? WHERE session = ? AND idx = ?",
                [(spec.hash, output_path(spec, info), session, spec.index) for spec in specs],
            )

    def remove_trials(self, name: str, indexes: Collection[int]) -> None:
        """Forget trials that an edited plan no longer has and that have no result."""
        session = self._id(name)
        with self._transaction():
            for table in ("trials", "specs", "results", "attempts"):
                self._db.executemany(
                    f"DELETE FROM {table} WHERE session = ? AND idx = ?",
                    [(session, index) for index in indexes],
                )
            self._db.execute(
                "UPDATE sessions SET total = (SELECT count(*) FROM trials WHERE session = id)"
                " WHERE id = ?",
                (session,),
            )

    def names(self) -> list[str]:
        """Return the names of all sessions, newest first."""
        return [name for (name,) in self._rows("SELECT name FROM sessions ORDER BY id DESC")]

    def info(self, name: str) -> SessionInfo:
        rows = self._rows("SELECT * FROM sessions WHERE name = ?", (name,), named=True)
        with statefile.legible(self.path):
            for row in rows:
                return session_info(row)
        raise SessionNotFound(f"no session named {name}", hint="kubectl tune list shows them all")

    def folder(self, name: str) -> Path:
        """The session's own folder, beside the state file: its lock, its logs, its journal."""
        for (folder,) in self._rows("SELECT folder FROM sessions WHERE name = ?", (name,)):
            return self.path.absolute().parent / "sessions" / str(folder)
        raise SessionNotFound(f"no session named {name}", hint="kubectl tune list shows them all")

    def load(self, name: str) -> Session:
        """Return the session with all its trials, as a driver needs it."""
        return Session(self.info(name), (row.trial for row in self.trials(name, specs=True)))

    def summary(self, name: str) -> Summary:
        info = self.info(name)
        session = self._id(name)
        rows = self._rows(
            "SELECT state, count(*) FROM trials WHERE session = ? GROUP BY state", (session,)
        )
        with statefile.legible(self.path):
            counts = Counter({TrialState(state): count for state, count in rows})
        ((attempts,),) = self._rows("SELECT count(*) FROM attempts WHERE session = ?", (session,))
        ((finished, ended),) = self._rows(
            "SELECT finished, ended FROM sessions WHERE id = ?", (session,)
        )
        return Summary(info, counts, attempts, finished, ended, self._best(session, info))

    def delete(self, name: str) -> None:
        """Forget a session; its folder is the caller's to remove, afterwards."""
        session = self._id(name)
        with self._transaction():
            for table in ("trials", "specs", "results", "attempts", "requests"):
                self._db.execute(f"DELETE FROM {table} WHERE session = ?", (session,))
            self._db.execute("DELETE FROM sessions WHERE id = ?", (session,))

    # Trials and results

    def trials(
        self,
        name: str,
        *,
        states: Iterable[TrialState] = (),
        ids: Iterable[str] = (),
        specs: bool = False,
        limit: int = -1,
    ) -> Iterator[StoredTrial]:
        """Yield trials in plan order; `specs` brings their plan lines too (slower)."""
        words, names = list(states), list(ids)
        line, join = ("line", " JOIN specs USING (session, idx)") if specs else ("NULL", "")
        where = "session = ?"
        where += f" AND state IN ({_marks(words)})" if words else ""
        where += f" AND job_id IN ({_marks(names)})" if names else ""
        sql = f"SELECT {TRIAL_COLUMNS}, {line} FROM trials{join} WHERE {where} ORDER BY idx LIMIT ?"
        rows = self._rows(sql, (self._id(name), *words, *names, limit))
        with statefile.legible(self.path):
            yield from map(stored_trial, rows)

    def ids(self, name: str) -> list[str]:
        """Return the job_ids of all trials, in plan order."""
        sql = "SELECT job_id FROM trials WHERE session = ? ORDER BY idx"
        return [job_id for (job_id,) in self._rows(sql, (self._id(name),))]

    def attempts(self, name: str, job_id: str) -> list[Mapping[str, Any]]:
        """Return the history of one trial: a row an attempt, the first one first."""
        sql = (
            "SELECT a.attempt, a.state, a.job, a.pod, a.node, a.class, a.reason, a.exit_code,"
            " a.started, a.finished FROM attempts a JOIN trials t USING (session, idx)"
            " WHERE session = ? AND t.job_id = ? ORDER BY a.attempt"
        )
        return [dict(row) for row in self._rows(sql, (self._id(name), job_id), named=True)]

    def result(self, name: str, job_id: str) -> str | None:
        """Return the text of a trial's result, as it was written."""
        sql = (
            "SELECT text FROM results JOIN trials USING (session, idx, attempt)"
            " WHERE session = ? AND job_id = ?"
        )
        return next((text for (text,) in self._rows(sql, (self._id(name), job_id))), None)

    def results(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield (job_id, text) of every result, in plan order."""
        sql = (
            "SELECT job_id, text FROM results JOIN trials USING (session, idx, attempt)"
            " WHERE session = ? ORDER BY idx"
        )
        yield from self._rows(sql, (self._id(name),))

    def reusable(self, hash: str) -> tuple[Trial, str | None] | None:
        """Return the newest success of an equal spec hash in any session, with its result."""
        sql = (
            f"SELECT {TRIAL_COLUMNS}, NULL, text FROM trials"
            " LEFT JOIN results USING (session, idx, attempt)"
            " WHERE hash = ? AND state = 'Succeeded' ORDER BY session DESC LIMIT 1"
        )
        with statefile.legible(self.path):
            for *row, text in self._rows(sql, (hash,)):
                return stored_trial(row).trial, text
        return None

    def outputs(self, name: str) -> set[str]:
        """Return the absolute paths of all files that a session writes its results to."""
        sql = "SELECT output FROM trials WHERE session = ? AND output != ''"
        return {output for (output,) in self._rows(sql, (self._id(name),))}

    # Requests to a driver

    def ask(self, name: str, verb: str, job_ids: Iterable[str | None], at: float) -> None:
        """Leave a request for the session's driver; a job_id of None means all of it."""
        session = self._id(name)
        with self._transaction():
            self._db.executemany(
                "INSERT INTO requests (session, verb, job_id, at) VALUES (?, ?, ?, ?)",
                [(session, verb, job_id, at) for job_id in job_ids],
            )

    def asked(self, name: str, after: int) -> list[tuple[int, str, str | None]]:
        """Return requests younger than number `after`: (number, verb, job_id)."""
        sql = "SELECT id, verb, job_id FROM requests WHERE session = ? AND id > ? ORDER BY id"
        return list(self._rows(sql, (self._id(name), after)))

    # A driver's writes

    def claim(self, name: str) -> int:
        """Make the caller the session's owner; return the epoch that says so from now on."""
        with self._transaction():
            session = self._id(name)
            self._db.execute("UPDATE sessions SET epoch = epoch + 1 WHERE id = ?", (session,))
            self._db.execute("DELETE FROM requests WHERE session = ?", (session,))
            row = self._db.execute("SELECT epoch FROM sessions WHERE id = ?", (session,)).fetchone()
        return int(row[0])

    @contextmanager
    def owned(self, name: str, epoch: int) -> Iterator[None]:
        """One transaction of a session's owner; `TakenOver` when the caller no longer is it."""
        with self._transaction():
            self.confirm(name, epoch)
            yield

    def confirm(self, name: str, epoch: int) -> None:
        """Raise `TakenOver` unless the session belongs to the owner of this epoch."""
        rows = self._rows("SELECT epoch FROM sessions WHERE name = ?", (name,))
        if next(rows, None) != (epoch,):
            raise TakenOver(
                f"session {name} was taken over by another driver, or deleted,"
                " while this one slept; nothing more is written",
                hint=f"see how it stands with: kubectl tune status {name}",
            )

    def save(
        self,
        name: str,
        trials: Iterable[Trial],
        attempts: Iterable[Trial],
        results: Iterable[StoredResult],
    ) -> None:
        """Write down how trials stand, which opens a finished session; only inside `owned`."""
        session = self._id(name)
        self._db.execute(
            "UPDATE sessions SET finished = NULL, ended = '' WHERE id = ? AND ended != ''",
            (session,),
        )
        kept = list(results)
        self._db.executemany(
            "INSERT OR REPLACE INTO results (session, idx, attempt, text) VALUES (?, ?, ?, ?)",
            [(session, r.trial.index, r.attempt, r.text) for r in kept],
        )
        self._db.executemany(
            "UPDATE trials SET state = ?, attempt = ?, job = ?, pod = ?, node = ?, class = ?,"
            " reason = ?, exit_code = ?, started = ?, finished = ?, failures = ?, losses = ?,"
            " tally = ?, objective = NULL, metrics = NULL WHERE session = ? AND idx = ?",
            [(t.state, t.attempt, *place(t), *misses(t), session, t.spec.index) for t in trials],
        )
        self._db.executemany(
            "UPDATE trials SET objective = ?, metrics = ? WHERE session = ? AND idx = ?",
            [(r.objective, json.dumps(r.metrics), session, r.trial.index) for r in kept],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO attempts (session, idx, attempt, state, job, pod, node, class,"
            " reason, exit_code, started, finished) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(session, t.spec.index, t.attempt, t.state, *place(t)) for t in attempts],
        )

    def finish(self, name: str, ended: str, at: float) -> None:
        """Write down that the session is over, and how; only inside `owned`."""
        self._db.execute(
            "UPDATE sessions SET ended = ?, finished = ? WHERE name = ?", (ended, at, name)
        )

    # How it is done

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing; inside of another one, part of that."""
        if self._db.in_transaction:
            yield
            return
        with statefile.explained(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:  # Ctrl-C, too, must leave no transaction open
                self._undo()
                raise

    def _undo(self) -> None:
        if self._db.in_transaction:  # SQLite undoes some of them itself, as on a full disk
            self._db.execute("ROLLBACK")

    def _rows(self, sql: str, values: Sequence[Any] = (), *, named: bool = False) -> Iterator[Any]:
        with statefile.explained(self.path):
            cursor = self._db.cursor()
            if named:
                cursor.row_factory = sqlite3.Row
            yield from cursor.execute(sql, values)

    def _id(self, name: str) -> int:
        with statefile.legible(self.path):
            for (id,) in self._rows("SELECT id FROM sessions WHERE name = ?", (name,)):
                return int(id)
        raise SessionNotFound(f"no session named {name}", hint="kubectl tune list shows them all")

    def _best(self, session: int, info: SessionInfo) -> Best | None:
        if not info.metric or not info.direction:
            return None
        order = "DESC" if info.direction == "maximize" else "ASC"
        sql = (
            "SELECT job_id, objective FROM trials WHERE session = ? AND state = 'Succeeded'"
            f" AND objective IS NOT NULL ORDER BY objective {order}, job_id LIMIT 1"
        )
        for job_id, value in self._rows(sql, (session,)):
            return Best(job_id, info.metric, value)
        return None

    def _new_folder(self, info: SessionInfo) -> Path:
        """Make the session's folder; another state file beside this one may have the name."""
        sessions = self.path.absolute().parent / "sessions"
        for name in (info.name, f"{info.name}.{info.uid}"):
            try:
                os.makedirs(sessions / name, mode=0o700)
                return sessions / name
            except FileExistsError:
                continue
            except OSError as error:
                raise StoreError(f"{sessions / name}: {error.strerror}") from error
        raise StoreError(f"{sessions / info.name} is in the way", hint="choose another --name")

    def _insert_session(self, info: SessionInfo, folder: str) -> None:
        row = session_row(info, folder)
        try:
            self._db.execute(
                f"INSERT INTO sessions ({', '.join(row)}) VALUES ({_marks(row)})",
                list(row.values()),
            )
        except sqlite3.IntegrityError as error:
            raise StoreError(
                f"there is a session named {info.name} already",
                hint=f"go on with it: kubectl tune resume {info.name}, or choose another --name",
            ) from error

    def _insert_trials(self, session: int, specs: Sequence[TrialSpec], info: SessionInfo) -> None:
        self._db.executemany(
            "INSERT INTO trials (session, idx, job_id, slug, hash, output, state, attempt, job,"
            " pod, node, reason, failures, losses)"
            " VALUES (?, ?, ?, ?, ?, ?, 'Pending', 1, '', '', '', '', 0, 0)",
            [(session, s.index, s.id, s.slug, s.hash, output_path(s, info)) for s in specs],
        )
        self._db.executemany(
            "INSERT INTO specs (session, idx, line) VALUES (?, ?, ?)",
            [(session, s.index, plan_line(s)) for s in specs],
        )


def _marks(values: Iterable[Any]) -> str:
    return ", ".join("?" for _ in values)
