"""
A plan whose client is killed at random moments, and what must hold of it afterwards.

Every attempt notes itself in a diary of its own, so that what really happened is known without
asking the product.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from core.waiting import gone, processes

ROOT = Path(__file__).resolve().parents[2]
TRIALS = 60
# Sleeps, and prints noise and a result, in the time of a short trial.
WORK = (
    'echo "$TUNE_TRIAL_ID $TUNE_ATTEMPT" >> "$DIARY"; echo noise; sleep "$1";'
    ' printf \'{"metrics": {"square": %s}, "trial": "%s", "pad": "%04096d"}\''
    ' "$(($TUNE_INDEX * $TUNE_INDEX))" "$TUNE_TRIAL_ID" 0 > "$TUNE_RESULT_FILE"'
)


def expected(index: int) -> dict[str, object]:
    return {"metrics": {"square": index * index}, "trial": f"t{index}", "pad": "0" * 4096}


class Client:
    """The command line as a user has it, with one state file and one marker for its children."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state" / "state.db"
        self.marker = f"TEST_CLIENT={folder}"
        self.diary = folder / "diary"
        self._env = os.environ | {
            "PYTHONPATH": str(ROOT), "KUBECTL_TUNE_STATE": str(self.state),
            "TEST_CLIENT": str(folder), "DIARY": str(self.diary),
        }  # fmt: skip

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "kubectl_tune", *words], cwd=self.folder, env=self._env,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *words: str) -> tuple[int, str]:
        """Return the exit code, and what was said on both streams."""
        child = self.start(*words)
        out, errors = child.communicate(timeout=120)
        return child.returncode, out + errors

    def begun(self) -> Counter[str]:
        """How often each attempt really began, by the words of its line in the diary."""
        return Counter(self.diary.read_text().splitlines()) if self.diary.exists() else Counter()

    def query(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Ask the state file; there may be none yet, or one without tables."""
        if not self.state.exists():
            return []
        with closing(sqlite3.connect(self.state)) as db:
            if not db.execute("SELECT 1 FROM sqlite_schema").fetchall():
                return []
            return db.execute(sql, values).fetchall()


def write_plan(client: Client, name: str, dice: random.Random, seconds: float = 0.1) -> Path:
    plan = client.folder / f"{name}.jsonl"
    lines = (
        {
            "job_id": f"t{i}",
            "config": {"i": i},
            "output_json": f"{name}/t{i}.json",
            "command": ["sh", "-c", WORK, "sh", f"{dice.uniform(0.01, seconds):.3f}"],
        }
        for i in range(TRIALS)
    )
    plan.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return plan


def ordeal(client: Client, kills: int, seed: int) -> Iterator[str]:
    """Kill the client so often, over as many sessions as it takes; yield a line a session."""
    dice, left, number = random.Random(seed), kills, 0
    while left:
        number += 1
        name = f"s{number}"
        plan = write_plan(client, name, dice)
        client.diary.unlink(missing_ok=True)
        suffered = _session(client, name, plan, dice, left)
        left -= suffered
        yield f"{name}: {suffered} kills, {client.begun().total()} attempts at {TRIALS} trials"


def _session(client: Client, name: str, plan: Path, dice: random.Random, kills: int) -> int:
    """Run one plan to its end with at most so many kills; return how many there were."""
    run = ["run", str(plan), "--engine", "local", "-j", "4", "--name", name, "--quiet"]
    resume = ["resume", name, "--quiet"]
    suffered, recorded = 0, dict[str, tuple[object, ...]]()
    while suffered < kills:
        child = client.start(*(resume if _known(client, name) else run))
        try:
            child.communicate(timeout=dice.uniform(0.05, 1.0))
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            suffered += 1
            gone(client.marker, 1.0)
            recorded = _kept(client, name, recorded)
            continue
        assert child.returncode == 0
        break
    code, said = client.run(*(resume if _known(client, name) else run))
    assert code == 0, said
    _kept(client, name, recorded)
    verify(client, name)
    return suffered


def _known(client: Client, name: str) -> bool:
    return bool(client.query("SELECT 1 FROM sessions WHERE name = ?", name))


def _kept(
    client: Client, name: str, before: dict[str, tuple[object, ...]]
) -> dict[str, tuple[object, ...]]:
    """Return the successes that are recorded; none of those before may be gone or another."""
    rows = client.query(
        "SELECT job_id, t.attempt, text FROM trials t JOIN results USING (session, idx)"
        " JOIN sessions s ON s.id = session WHERE name = ? AND state = 'Succeeded'",
        name,
    )
    now = {str(row[0]): row for row in rows}
    assert before.items() <= now.items(), "a recorded result was lost"
    for row in rows:
        assert json.loads(str(row[2])) == expected(int(str(row[0])[1:]))
        assert (client.folder / name / f"{row[0]}.json").read_text() == row[2]
    return now


def verify(client: Client, name: str) -> None:
    """Hold a finished session against what must be true of it, however often it was killed."""
    successes = client.query(
        "SELECT job_id, count(*) FROM attempts JOIN trials USING (session, idx) JOIN sessions s"
        " ON s.id = session WHERE name = ? AND attempts.state = 'Succeeded' GROUP BY job_id",
        name,
    )
    assert dict(successes) == {f"t{i}": 1 for i in range(TRIALS)}, "one success a trial"
    begun = client.begun()
    assert {line.split()[0] for line in begun} == {f"t{i}" for i in range(TRIALS)}
    assert set(begun.values()) == {1}, "no attempt number is used twice"
    known = client.query(
        "SELECT job_id || ' ' || attempts.attempt FROM attempts JOIN trials USING (session, idx)"
        " JOIN sessions s ON s.id = session WHERE name = ?",
        name,
    )
    assert begun.keys() <= {str(row[0]) for row in known}, "every attempt has its row"
    files = sorted(path.name for path in (client.folder / name).iterdir())
    assert files == sorted(f"t{i}.json" for i in range(TRIALS)), "results, and no drafts"
    for i in range(TRIALS):
        assert json.loads((client.folder / name / f"t{i}.json").read_text()) == expected(i)
    ((folder,),) = client.query("SELECT folder FROM sessions WHERE name = ?", name)
    session = client.state.parent / "sessions" / str(folder)
    assert [path for path in (session / "work").iterdir() if path.is_dir()] == []
    assert list(session.glob("journal.*")) == []
    assert processes(client.marker) == []


def main(kills: int, seed: int, folder: Path) -> None:
    began = time.monotonic()
    for line in ordeal(Client(folder), kills, seed):
        print(line, flush=True)
    print(f"{kills} kills survived in {time.monotonic() - began:.0f}s (seed {seed})")
