"""
How long `kubectl tune status` takes, as a whole process, on a session of 100,000 trials.

    python benchmarks/status.py [--trials 100000] [--rounds 10] [--limit 0.3]

The store is made, not run: most trials have succeeded, each with a result, some have failed and
some are left. Beside `status` stand what it can't go below, `version`, and the other readers.
With `--limit`, a median of `status` beyond so many seconds is a failure.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kubectl_tune.rows import StoredResult
from kubectl_tune.session import SessionInfo, Target
from kubectl_tune.store import Store
from kubectl_tune.trial import Failure, Trial, TrialSpec, TrialState

QUICK = [
    ["version", "--client"],
    ["status"],
    ["list"],
    ["logs", "trial-000007"],
    ["show", "trial-000007"],
]
SLOW = [["status", "-o", "json"], ["status", "-o", "wide"]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--limit", type=float, default=0.0, metavar="SECONDS")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder, "state.db")
        make(state, args.trials)
        print(f"{args.trials} trials, state file of {state.stat().st_size >> 20} MiB")
        medians = {words[0]: measure(state, words, args.rounds) for words in QUICK}
        for words in SLOW:
            measure(state, words, max(1, args.rounds // 5))
    return int(0 < args.limit < medians["status"])


def measure(state: Path, words: list[str], rounds: int) -> float:
    """Run a command several times, print how long it took, and return the median."""
    command = [sys.executable, "-m", "kubectl_tune", "--state", str(state), *words]
    walls, before = [], os.times()
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        walls.append(time.perf_counter() - began)
    after = os.times()
    spent = after.children_user + after.children_system
    spent -= before.children_user + before.children_system
    median = statistics.median(walls)
    print(
        f"{' '.join(words):20} median {median:6.3f} s, best {min(walls):6.3f} s,"
        f" CPU {spent / rounds:6.3f} s"
    )
    return median


def make(state: Path, count: int) -> None:
    """Write a session as a driver leaves it that was ended after nine tenths."""
    store, began = Store.open(state), time.time() - 4000
    info = SessionInfo(
        "big", "bcdfg", "big.jsonl", Target("local", workdir="/"), command=("true",),
        metric="score", direction="maximize", created=began, total=count,
    )  # fmt: skip
    specs = [
        TrialSpec(f"trial-{i:06}", i, {"x": i}, f"out/{i}.json").named(f"trial-{i:06}", f"{i:064x}")
        for i in range(count)
    ]
    store.create(info, specs)
    ended = [trial(spec, began) for spec in specs[: count * 9 // 10]]
    with store.owned("big", store.claim("big")):
        store.save("big", ended, ended, [result(each) for each in ended if not each.failure])
    store.close()


def trial(spec: TrialSpec, began: float) -> Trial:
    failed = spec.index % 100 == 7
    started = began + spec.index / 100
    return Trial(
        spec, 1, TrialState.FAILED if failed else TrialState.SUCCEEDED, node="host",
        failure=Failure.EXIT if failed else None, reason="exit code 3" if failed else "",
        exit_code=3 if failed else 0, started=started, finished=started + 1,
    )  # fmt: skip


def result(ended: Trial) -> StoredResult:
    score = ended.spec.index % 977
    return StoredResult(ended.spec, 1, f'{{"score": {score}}}', {"score": score}, float(score))


if __name__ == "__main__":
    sys.exit(main())
