"""
What checking a large plan costs: `kubectl tune validate` beside bare `json.loads` of its lines.

    python benchmarks/validate.py [LINES] [ROUNDS]

Both start a Python of their own and take turns, so that a machine whose speed drifts does not
matter to the ratio. Time is that of the wall, memory the peak of the whole process.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing import Process
from pathlib import Path

from kubectl_tune import planfile, planner

LOADS = """
import json, sys
with open(sys.argv[1], "rb") as file:
    for line in file:
        json.loads(line)
"""
CONTESTANTS = {
    "json.loads": [sys.executable, "-c", LOADS],
    "validate": [sys.executable, "-m", "kubectl_tune", "validate"],
}


def main() -> None:
    lines = int(sys.argv[1]) if sys.argv[1:] else 100_000
    rounds = int(sys.argv[2]) if sys.argv[2:] else 5
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: a child's peak begins at that of the process it comes from.
        plan = Path(folder) / "plan.jsonl"
        writer = Process(target=write_plan, args=(plan, lines))
        writer.start()
        writer.join()
        print(f"{lines} lines, {plan.stat().st_size >> 20} MiB, {rounds} rounds")
        times: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
        peaks: dict[str, int] = {}
        for _ in range(rounds):
            for name, words in CONTESTANTS.items():
                seconds, peaks[name] = measure([*words, str(plan)], folder)
                times[name].append(seconds)
    ratios = [a / b for a, b in zip(times["validate"], times["json.loads"], strict=True)]
    for name, taken in times.items():
        spread = f"{min(taken):.2f} to {max(taken):.2f} s, median {statistics.median(taken):.2f} s"
        print(f"{name:12} {spread}, peak {peaks[name] >> 10} MiB")
    print(f"ratio        {statistics.median(ratios):.2f}")


def write_plan(plan: Path, lines: int) -> None:
    """Make a plan as the planner does, with its data file."""
    (plan.parent / "quotes.csv").touch()
    costs = {"taker_fee_a_bps": 5, "taker_fee_b_bps": 5.0, "max_position_usd": 1000}
    grids = {
        "slippage_bps": [place / 10 for place in range(100)],
        "min_spread_bps": [place / 100 for place in range(-(-lines // 100))],
    }
    spec = {"data_file": "quotes.csv", "tag_prefix": "bench", "fixed": costs, "grids": grids}
    planfile.write_plan(str(plan), planner.lines({**spec, "max_jobs": lines}))


def measure(words: Sequence[str], folder: str) -> tuple[float, int]:
    """Run a command to its end; return its seconds and its peak memory in KiB."""
    begun = time.perf_counter()
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    process = subprocess.Popen(words, cwd=folder, env=path, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}")
    return time.perf_counter() - begun, usage.ru_maxrss


if __name__ == "__main__":
    main()
