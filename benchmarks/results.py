"""
What reading a large session costs: `results`, `best` and `collect`, by the clock and in memory.

    python benchmarks/results.py [TRIALS]

The session is written straight to a state file of its own; nothing is run.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from multiprocessing import Process
from pathlib import Path

from kubectl_tune.rows import StoredResult
from kubectl_tune.session import SessionInfo, Target
from kubectl_tune.store import Store
from kubectl_tune.trial import Trial, TrialSpec, TrialState

COMMANDS = (
    ("results", "--top", "10"),
    ("results", "--where", "max_drawdown_pct < 5 and total_trades > 30", "--top", "10"),
    ("results", "--group-by", "slippage_bps"),
    ("results", "-o", "json"),
    ("results", "-o", "csv", "--all"),
    ("best",),
    ("collect",),
    ("collect", "--to", "collected"),
)


def main() -> None:
    count = int(sys.argv[1]) if sys.argv[1:] else 100_000
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        # In a process of its own: a child's peak begins at that of the process it comes from.
        writer = Process(target=write_session, args=(Path("state.db"), count))
        writer.start()
        writer.join()
        print(f"{count} trials, state file of {os.stat('state.db').st_size >> 20} MiB")
        for words in COMMANDS:
            measure(words)


def write_session(path: Path, count: int) -> None:
    chance = random.Random(0)
    info = SessionInfo(
        "large", "bcdfg", "plan.jsonl", Target("local", workdir=os.getcwd()),
        command=("true",), metric="realized_pnl_usd", direction="maximize", total=count,
    )  # fmt: skip
    specs = [spec(index) for index in range(count)]
    store = Store.open(path)
    store.create(info, specs)
    with store.owned("large", store.claim("large")):
        trials = [
            Trial(each, state=TrialState.SUCCEEDED, exit_code=0, started=1.0, finished=2.5)
            for each in specs
        ]
        store.save("large", trials, trials, [result(each, chance) for each in specs])
    store.close()


def spec(index: int) -> TrialSpec:
    config = {
        "data_file": "quotes.csv", "min_spread_bps": index % 400 / 4, "taker_fee_a_bps": 5,
        "taker_fee_b_bps": 5, "slippage_bps": index // 400 % 10, "max_position_usd": 1000,
        "max_open_trades": 1, "initial_balance_usd": 10000.0, "tag": "large",
    }  # fmt: skip
    name = f"large_{index:06d}"
    plain = TrialSpec(name, index, config, f"outputs/{name}.json")
    return plain.named(name.replace("_", "-"), name)


def result(spec: TrialSpec, chance: random.Random) -> StoredResult:
    metrics = {
        "total_trades": chance.randrange(60), "closed_trades": 9, "open_trades": 0,
        "final_balance_usd": 10000 + chance.gauss(0, 50), "realized_pnl_usd": chance.gauss(0, 50),
        "max_drawdown_pct": chance.uniform(0, 10), "win_rate": chance.random(),
    }  # fmt: skip
    text = json.dumps({"status": "success", "metrics": metrics, "config": spec.config})
    return StoredResult(spec, 1, text, metrics, metrics["realized_pnl_usd"])


def measure(words: tuple[str, ...]) -> None:
    began = time.perf_counter()
    command = [sys.executable, "-m", "kubectl_tune", "--state=state.db", *words]
    pid = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid
    _, status, used = os.wait4(pid, 0)
    cpu = used.ru_utime + used.ru_stime
    wall = time.perf_counter() - began
    code = os.waitstatus_to_exitcode(status)
    print(
        f"{wall:7.2f} s  {cpu:7.2f} s CPU  {used.ru_maxrss >> 10:5} MiB  exit {code}  "
        f"{' '.join(words)}"
    )


if __name__ == "__main__":
    main()
