"""
Made tests/data/state-v1.db: `python tests/core/making_v1.py`, with the version that wrote it.

Later versions must load that file; it is never made again.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from core.making import info, opened  # noqa: E402

from kubectl_tune.halt import Halt  # noqa: E402
from kubectl_tune.ledger import Ledger  # noqa: E402
from kubectl_tune.session import Policy  # noqa: E402
from kubectl_tune.trial import Failure, TrialEvent, TrialSpec, TrialState  # noqa: E402

SPECS = [
    TrialSpec("a", 0, {"lr": 0.5}, "results/a.json").named("a", "1" * 64),
    TrialSpec(
        "b é", 1, {"lr": 0.1, "deep": {"er": [1, None, "x"]}}, command=("false",), env={"K": "v"}
    ).named("b-0123abcd", "2" * 64),
    TrialSpec("c", 2, {}, timeout=1.5, image="python:3.11").named("c", "3" * 64),
    TrialSpec("d", 3, {}).named("d", "4" * 64),
]
POLICY = Policy(2, 60.0, 3600.0, 2, Halt("soon", "fail", 50, True), True, False)


def events() -> list[TrialEvent]:
    failed = [
        TrialEvent("b é", n, TrialState.FAILED, 20.0 + n, node="here", failure=Failure.EXIT,
                   reason="exit code 1", exit_code=1, started=20.0)
        for n in (1, 2, 3)
    ]  # fmt: skip
    return [
        TrialEvent("a", 1, TrialState.RUNNING, 10.0, node="here"),
        TrialEvent("a", 1, TrialState.SUCCEEDED, 12.5, exit_code=0, started=10.0,
                   result='{"metrics": {"loss": 0.25}}'),
        *failed,
        TrialEvent("c", 1, TrialState.LOST, 30.0, failure=Failure.PREEMPTED, job="c-1", pod="p"),
        TrialEvent("c", 2, TrialState.TIMED_OUT, 40.0, failure=Failure.TIMEOUT, exit_code=143),
    ]  # fmt: skip


def make(path: Path) -> None:
    path.unlink(missing_ok=True)
    more = {"metric": "loss", "direction": "minimize", "caveat": "mind this"}
    with opened(path) as store:
        store.create(info("first", policy=POLICY, total=4, extra={"k": [1]}, **more), SPECS)
        ledger = Ledger(store.load("first"), store, store.claim("first"))
        for event in events():
            ledger.keep([event])
        ledger._write_outputs = lambda: None  # type: ignore[method-assign]
        ledger.save(ended="done")
        store.create(info("second", total=1, uid="xyzbc"), SPECS[3:])
    db = sqlite3.connect(path)  # one small file, without a write-ahead log beside it
    db.execute("PRAGMA journal_mode = DELETE")
    db.execute("VACUUM")
    db.close()


if __name__ == "__main__":
    make(HERE.parent / "data" / "state-v1.db")
