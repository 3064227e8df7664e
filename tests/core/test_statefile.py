"""State files that can't be used give one sentence, and nothing is started."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

import pytest
from core.cli import marks, run_cli, write_plan
from core.conftest import fill, mount, unprivileged
from core.making import info, opened, specs

from kubectl_tune import statefile
from kubectl_tune.errors import SessionNotFound, StoreError, TuneError
from kubectl_tune.ledger import Ledger
from kubectl_tune.store import Store
from kubectl_tune.trial import Failure, TrialEvent, TrialState

V1 = Path(__file__).parent.parent / "data" / "state-v1.db"


def make_state(path: Path, count: int = 3) -> Path:
    """A state file with one session that has run in part."""
    with opened(path) as store:
        store.create(info(metric="m", direction="maximize", total=count), specs(count))
        ledger = Ledger(store.load("demo"), store, store.claim("demo"))
        done = TrialState.SUCCEEDED
        ledger.keep(
            TrialEvent(f"t{i}", 1, done, 9.0, result=f'{{"metrics": {{"m": {i}}}}}')
            for i in range(count - 1)
        )
        ledger.save()
    return path


def read_all(store: Store) -> None:
    for name in store.names():
        store.summary(name)
        store.load(name)
        list(store.trials(name))
        list(store.results(name))
        store.attempts(name, "t1")
        store.folder(name)
        store.outputs(name)
    store.reusable("hash1")


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def newer(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {statefile.VERSION + 1}")
    db.close()


def another_program_s(path: Path) -> None:
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE bookmarks (url TEXT)")
    db.commit()
    db.close()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def half_zeroed(path: Path) -> None:
    size = path.stat().st_size
    overwrite(path, size // 2, bytes(size - size // 2))


BROKEN = {
    "garbage": (lambda path: path.write_bytes(os.urandom(9000)), "not a state file"),
    "text": (lambda path: path.write_text("job_id,config\n" * 99), "not a state file"),
    "one byte": (lambda path: path.write_bytes(b"x"), "not a state file"),
    "header": (lambda path: overwrite(path, 0, b"SQLite format 2\0"), "not a state file"),
    "torn": (lambda path: os.truncate(path, path.stat().st_size // 2), "damaged"),
    "torn in a page": (lambda path: os.truncate(path, 5000), "damaged"),
    "a page": (lambda path: overwrite(path, 4096, os.urandom(4096)), "damaged"),
    "zeros": (half_zeroed, "damaged"),
    "newer": (newer, "a newer kubectl-tune wrote it"),
    "foreign": (another_program_s, "another program"),
    "folder": (a_folder, "Is a directory"),
}


@pytest.fixture(params=BROKEN)
def broken(request, tmp_path):
    """A state file that is no good, and what must be said of it."""
    path = make_state(tmp_path / "state.db")
    breaking, said = BROKEN[request.param]
    breaking(path)
    return path, said


def test_a_broken_state_file_gives_a_sentence(broken):
    """
    The sentence names the file and says what is wrong with it.
    """
    path, said = broken

    with pytest.raises(StoreError) as error:
        Store.open(path)

    assert str(path) in str(error.value) and said in str(error.value)
    assert error.value.hint
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("command", ["run", "submit", "resume", "retry"])
def test_nothing_is_started_on_a_broken_state_file(broken, tmp_path, command):
    """
    Exit code 2, one error, no child, no new file.
    """
    path, said = broken
    plan = write_plan(tmp_path / "plan.jsonl")
    before = sorted(tmp_path.rglob("*"))
    words = [plan, "--engine", "local"] if command in ("run", "submit") else ["demo"]

    code, errors = run_cli(command, *words, "--state", path)

    assert code == 2
    assert errors.startswith("error: ") and said in errors and "Traceback" not in errors
    assert marks(tmp_path) == []
    assert sorted(tmp_path.rglob("*")) == before


def test_any_damage_is_told_or_harmless(tmp_path):
    """
    Whatever bytes go bad, all that is raised are errors for people.
    """
    path = make_state(tmp_path / "state.db", 30)
    whole, dice, told = path.read_bytes(), random.Random(1), 0
    for _ in range(120):
        for old in tmp_path.glob("state.db*"):
            old.unlink()
        data = bytearray(whole)
        for _ in range(dice.choice([1, 3, 20])):
            data[dice.randrange(len(data))] = dice.randrange(256)
        path.write_bytes(data)
        for open_ in (Store.open_to_read, Store.open):
            try:
                store = open_(path)
            except TuneError:
                told += 1
                continue
            try:
                read_all(store)
            except TuneError:
                told += 1
            finally:
                store.close()

    assert told > 20


def test_a_missing_state_file_is_made_to_write_and_only_missed_to_read(tmp_path):
    """
    Readers leave nothing behind.
    """
    path = tmp_path / "a" / "b" / "state.db"

    with pytest.raises(SessionNotFound):
        Store.open_to_read(path)
    assert not path.parent.exists()

    with opened(path) as store:
        assert store.names() == []
    assert path.stat().st_mode & 0o077 == 0


def test_processes_that_make_the_file_at_once_all_succeed(tmp_path):
    """
    Two first runs in two terminals.
    """
    program = (
        "import sys; from pathlib import Path; from core.making import *\n"
        "with opened(Path(sys.argv[1])) as s: s.create(info(sys.argv[2]), specs(2))"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    children = [
        subprocess.Popen([sys.executable, "-c", program, tmp_path / "state.db", f"s{i}"], env=env)
        for i in range(4)
    ]

    assert [child.wait(60) for child in children] == [0, 0, 0, 0]
    with opened(tmp_path / "state.db") as store:
        assert sorted(store.names()) == ["s0", "s1", "s2", "s3"]


def test_a_file_is_opened_while_another_process_makes_it(tmp_path):
    """
    Its journal mode is not changed yet, and SQLite refuses to wait with the change for a writer.
    """
    path = tmp_path / "state.db"
    statefile.connect(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA journal_mode=DELETE")
    other.execute("BEGIN IMMEDIATE")

    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(statefile.connect, path, check=True)
        wait([opening], timeout=0.2)
        other.execute("ROLLBACK")
        db = opening.result(timeout=60)

    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()
    other.close()


@pytest.mark.parametrize(
    ("where", "said"),
    [("file", "Permission denied"), ("folder", "read-only"), ("new", "Permission denied")],
)
def test_a_state_file_without_permission_gives_a_sentence(public, where, said):
    """
    For a user who may not write the file, or the folder that its journal goes to.
    """
    home = public / "state"
    path = make_state(home / "state.db")
    for each in [home, *home.rglob("*")]:
        os.chmod(each, 0o777)
    os.chmod(home / "state.db", 0o444 if where == "file" else 0o666)
    os.chmod(home, 0o555)
    plan = write_plan(public / "plan.jsonl")
    path = home / "new.db" if where == "new" else path

    try:
        act = partial(run_cli, "run", plan, "--engine", "local", "--state", path)
        code, errors = unprivileged(act)
    finally:
        os.chmod(home, 0o777)

    assert code == 2
    assert str(path) in errors and "Traceback" not in errors
    assert said in errors or "can't be opened" in errors
    assert marks(public) == []
    assert [p.name for p in (home / "sessions").iterdir()] == ["demo"]


def test_a_state_file_that_may_be_read_can_be_read(public):
    """
    `status` needs no permission to write.
    """
    path = make_state(public / "state.db")
    os.chmod(path, 0o444)
    os.chmod(public, 0o555)

    def act():
        store = Store.open_to_read(path)
        read_all(store)
        return dict(store.summary("demo").counts)

    try:
        counts = unprivileged(act)
    finally:
        os.chmod(public, 0o777)

    assert counts == {TrialState.SUCCEEDED: 2, TrialState.PENDING: 1}


def test_a_state_file_in_a_folder_that_may_not_be_entered_gives_a_sentence(public):
    """
    To a reader too.
    """
    home = public / "private"
    path = make_state(home / "state.db")
    os.chmod(home, 0o000)

    def act():
        try:
            Store.open_to_read(path)
        except StoreError as error:
            return str(error)

    try:
        assert unprivileged(act) == f"state file {path}: Permission denied"
    finally:
        os.chmod(home, 0o777)


def test_a_read_only_disk_gives_a_sentence(small_disk, tmp_path):
    """
    Nothing is started, and what is there can still be read.
    """
    path = make_state(small_disk / "state.db")
    plan = write_plan(tmp_path / "plan.jsonl")
    mount("-o", "remount,ro", str(small_disk))

    code, errors = run_cli("run", plan, "--engine", "local", "--state", path)

    assert code == 2
    assert "Read-only file system" in errors
    assert marks(tmp_path) == []
    reader = Store.open_to_read(path)
    assert reader.summary("demo").counts[TrialState.SUCCEEDED] == 2
    reader.close()


@pytest.mark.parametrize("leave", [0, 8192, 40960])
@pytest.mark.parametrize("there", [False, True], ids=["new", "existing"])
def test_a_full_disk_gives_a_sentence(small_disk, tmp_path, there, leave):
    """
    A session that can't be written down is not begun, and leaves nothing.
    """
    path = small_disk / "state.db"
    if there:
        make_state(path)
    plan = write_plan(tmp_path / "plan.jsonl", 3000)
    fill(small_disk, leave)

    code, errors = run_cli("run", plan, "--engine", "local", "--state", path)

    assert code == 2
    assert "no space left" in errors or "No space left" in errors
    assert "Traceback" not in errors
    assert marks(tmp_path) == []
    assert list(small_disk.glob("sessions/plan*")) == []
    if there:
        (small_disk / "ballast").unlink()
        with opened(path) as store:
            assert store.names() == ["demo"]
            read_all(store)


def test_a_disk_that_fills_up_while_a_session_runs_ends_it_with_a_sentence(small_disk, tmp_path):
    """
    What was recorded stays; what ran is ended; with room again, resume finishes the rest.
    """
    path = small_disk / "state.db"
    plan = tmp_path / "plan.jsonl"
    greedy = f'["sh", "-c", "test $TUNE_ATTEMPT -gt 1 || yes > {small_disk}/flood; true"]'
    plan.write_text(
        '{"job_id": "a", "config": {}, "command": ["true"]}\n'
        f'{{"job_id": "b", "config": {{}}, "command": {greedy}}}\n'
        + "".join(
            f'{{"job_id": "c{i}", "config": {{}}, "command": ["echo", "{"x" * 90}"]}}\n'
            for i in range(30)
        )
    )

    code, errors = run_cli("run", plan, "--engine", "local", "-j", 1, "--state", path)

    assert code == 2
    assert "no space left" in errors or "No space left" in errors
    assert "Traceback" not in errors
    (small_disk / "flood").unlink()
    code, errors = run_cli("resume", "--state", path, "-q")
    assert (code, errors) == (0, "")
    with opened(path) as store:
        assert store.summary(store.names()[0]).counts == {TrialState.SUCCEEDED: 32}


def test_the_file_of_the_first_version_loads(tmp_path):
    """
    What an earlier version wrote, this one reads: sessions, trials, attempts and results.
    """
    copy = tmp_path / "state.db"
    copy.write_bytes(V1.read_bytes())
    store = Store.open_to_read(copy)

    assert version(copy) == statefile.VERSION
    assert_first(store)
    store.close()


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_the_file_of_the_first_version_loads_where_it_can_not_be_written(public, mode):
    """
    As it is read, it is as this version has it; the file itself stays as it was.
    """
    path = public / "state.db"
    path.write_bytes(V1.read_bytes())
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA journal_mode = {mode}")
    db.close()
    before = path.read_bytes()
    os.chmod(path, 0o644)
    os.chmod(public, 0o555)

    def act():
        store = Store.open_to_read(path)
        assert_first(store)
        return True

    try:
        assert unprivileged(act) is True
    finally:
        os.chmod(public, 0o777)
    assert path.read_bytes() == before


def version(path: Path) -> int:
    db = sqlite3.connect(path)
    try:
        return int(db.execute("PRAGMA user_version").fetchone()[0])
    finally:
        db.close()


def assert_first(store: Store) -> None:
    """Find in a store what `making_v1` put into it."""
    assert store.names() == ["second", "first"]
    first = store.load("first")
    assert first.info.policy.retries == 2 and str(first.info.policy.halt) == "soon,fail=50%"
    assert [(t.id, t.attempt, str(t.state)) for t in first.trials.values()] == [
        ("a", 1, "Succeeded"), ("b é", 3, "Failed"), ("c", 2, "TimedOut"), ("d", 1, "Pending"),
    ]  # fmt: skip
    assert first.trials["b é"].spec.config == {"lr": 0.1, "deep": {"er": [1, None, "x"]}}
    assert [row["state"] for row in store.attempts("first", "b é")] == ["Failed"] * 3
    assert store.result("first", "a") == '{"metrics": {"loss": 0.25}}'
    best = store.summary("first").best
    assert best and (best.job_id, best.metric, best.value) == ("a", "loss", 0.25)
    assert store.summary("second").counts == {TrialState.PENDING: 1}
    assert (first.trials["b é"].failures, first.trials["b é"].tally) == (3, {})
    assert (first.info.policy.retry, first.info.policy.fail_fast) == ({}, False)


def test_the_file_of_the_first_version_can_be_gone_on_with(tmp_path):
    """
    It is lifted to this version and written to.
    """
    (tmp_path / "state.db").write_bytes(V1.read_bytes())

    with opened(tmp_path / "state.db") as store:
        store.create(info("third"), specs(1))
        assert store.names() == ["third", "second", "first"]
        ledger = Ledger(store.load("first"), store, store.claim("first"))
        ledger.keep([TrialEvent("d", 1, TrialState.FAILED, 5.0, failure=Failure.OOM)])
        ledger.save()
        assert store.load("first").trials["d"].tally == {(TrialState.FAILED, Failure.OOM): 1}


def schema(path: Path) -> list[tuple[str, ...]]:
    db = sqlite3.connect(path)
    try:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema ORDER BY name")]
        return [
            (name, *map(str, row))
            for name in tables
            for row in db.execute(
                'SELECT name, type, "notnull", dflt_value FROM pragma_table_info(?)', [name]
            )
        ]
    finally:
        db.close()


def test_a_lifted_file_is_as_a_new_one(tmp_path):
    """
    The same tables with the same columns.
    """
    (tmp_path / "old.db").write_bytes(V1.read_bytes())
    for name in ("old.db", "new.db"):
        with opened(tmp_path / name):
            pass

    assert schema(tmp_path / "old.db") == schema(tmp_path / "new.db")


def test_a_driver_of_the_first_version_goes_on_when_its_file_is_lifted(tmp_path):
    """
    What it writes is not lost, and what it doesn't know stays as it was.
    """
    path = tmp_path / "state.db"
    path.write_bytes(V1.read_bytes())
    older = sqlite3.connect(path, isolation_level=None)
    older.execute("SELECT count(*) FROM trials")

    with opened(path) as store:
        older.execute("UPDATE trials SET state = 'Failed', failures = 1 WHERE job_id = 'd'")

        assert store.load("first").trials["d"].failures == 1
    older.close()
