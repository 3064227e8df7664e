"""
Overhead of the local engine: a session of `true` beside `xargs -P` and GNU parallel.

    python benchmarks/local.py [--trials 2000] [--rounds 5] [-P 2] [--large 10000]

Each round runs the contestants one after the other; ratios are taken within a round, so that a
machine whose speed drifts does not matter. `kubectl tune` keeps a log, a record and a result
for each trial (`--noisy` lets each print a line and a result); xargs keeps nothing.
`--large` then runs one session of that many trials and samples the driver's and its agent's
memory: it should not grow with the number of trials that have ended.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

NOISY = ["sh", "-c", 'echo working; echo "{\\"loss\\": 0.5}"']


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("-P", "--parallel", type=int, default=2)
    parser.add_argument("--large", type=int, default=10_000)
    parser.add_argument("--noisy", action="store_true")
    args = parser.parse_args()
    command = NOISY if args.noisy else ["true"]
    with tempfile.TemporaryDirectory() as folder:
        contest(Path(folder), args.trials, args.rounds, args.parallel, command)
        if args.large:
            memory(Path(folder), args.large, args.parallel, command)


def contest(folder: Path, trials: int, rounds: int, parallel: int, command: list[str]) -> None:
    contestants: dict[str, Callable[[], float]] = {
        "kubectl tune": lambda: tune(folder, trials, parallel, command),
        "xargs": lambda: piped(["xargs", f"-P{parallel}", "-I{}", *command], trials),
    }
    if shutil.which("parallel"):
        gnu = ["parallel", f"-j{parallel}", "-N0", "-q", *command]
        contestants["GNU parallel"] = lambda: piped(gnu, trials)
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            times[name].append(run())
    for name, seconds in times.items():
        ratios = [a / b for a, b in zip(seconds, times["xargs"], strict=True)]
        print(
            f"{name:<14} {statistics.median(seconds) / trials * 1e3:6.2f} ms a trial"
            f"   {statistics.median(ratios):5.2f} x xargs"
            f"   ({min(ratios):.2f} to {max(ratios):.2f} in {rounds} rounds)"
        )


def tune(folder: Path, trials: int, parallel: int, command: list[str]) -> float:
    shutil.rmtree(folder / "state", ignore_errors=True)
    began = time.perf_counter()
    subprocess.run(session(folder, trials, parallel, command), check=True, cwd=folder)
    return time.perf_counter() - began


def piped(command: list[str], trials: int) -> float:
    lines = "".join(f"{n}\n" for n in range(trials)).encode()
    began = time.perf_counter()
    subprocess.run(command, input=lines, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def session(folder: Path, trials: int, parallel: int, command: list[str]) -> list[str]:
    plan = folder / "plan.jsonl"
    lines = (json.dumps({"job_id": f"t{n}", "config": {"x": n}}) for n in range(trials))
    plan.write_text("\n".join(lines))
    state = f"--state={folder}/state/state.db"
    run = ["run", str(plan), "--engine", "local", "-q", f"-j{parallel}"]
    return [sys.executable, "-m", "kubectl_tune", state, *run, "--", *command]


def memory(folder: Path, trials: int, parallel: int, command: list[str]) -> None:
    shutil.rmtree(folder / "state", ignore_errors=True)
    process = subprocess.Popen(
        session(folder, trials, parallel, command), cwd=folder, stdout=subprocess.DEVNULL
    )
    samples: list[tuple[float, int]] = []
    ended = threading.Event()

    def sample() -> None:
        began = time.perf_counter()
        while not ended.wait(0.2):
            samples.append((time.perf_counter() - began, resident(process.pid)))

    watcher = threading.Thread(target=sample)
    watcher.start()
    process.wait()
    ended.set()
    watcher.join()
    whole = [kilobytes for _, kilobytes in samples if kilobytes]
    third = len(whole) // 3
    print(
        f"{trials} trials: {samples[-1][0] / trials * 1e3:.2f} ms a trial; memory of driver and"
        f" agent {whole[third] / 1024:.0f} MiB after a third, {max(whole[third:]) / 1024:.0f} MiB"
        " at most after that"
    )


def resident(pid: int) -> int:
    """Return the resident kilobytes of a process and of its children that are Python."""
    total = 0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text()
            parent = int(stat.rpartition(")")[2].split()[1])
            if int(entry.name) == pid or (parent == pid and "python" in stat):
                pages = int((entry / "statm").read_text().split()[1])
                total += pages * os.sysconf("SC_PAGE_SIZE") // 1024
        except (OSError, ValueError):
            continue
    return total


if __name__ == "__main__":
    main()
