"""
Overhead of the local engine: a session of `true` beside `xargs -P` and GNU parallel.

    python benchmarks/local.py [--trials 2000] [--rounds 5] [-P 2] [--large 10000]

Each round runs the contestants one after the other; ratios of wall-clock time and of CPU time are
taken within a round, so that a machine whose speed drifts does not matter. `kubectl tune` keeps
a log, a record and a result
for each trial (`--noisy` lets each print a line and a result); xargs keeps nothing.
`--large` then runs one session of that many trials beside xargs, and samples the driver's and its
agent's memory: it should not grow with the number of trials that have ended.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
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
    contestants: dict[str, Callable[[], object]] = {
        "kubectl tune": lambda: tune(folder, trials, parallel, command),
        "xargs": lambda: xargs(trials, parallel, command),
    }
    if shutil.which("parallel"):
        gnu = ["parallel", f"-j{parallel}", "-N0", "-q", *command]
        contestants["GNU parallel"] = lambda: piped(gnu, trials)
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            costs[name].append(cost(run))
    for name, rows in costs.items():
        told = [
            ratio(
                what, [row[at] / base[at] for row, base in zip(rows, costs["xargs"], strict=True)]
            )
            for at, what in enumerate(("wall", "CPU"))
        ]
        each = statistics.median(wall for wall, _ in rows) / trials * 1e3
        print(f"{name:<14} {each:6.2f} ms a trial   {'   '.join(told)}")


def ratio(what: str, ratios: list[float]) -> str:
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    return f"{what} {statistics.median(ratios):.2f} x xargs ({spread})"


def cost(run: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that something takes, by the wall and of CPU, children included."""
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return time.perf_counter() - began, cpu


def tune(folder: Path, trials: int, parallel: int, command: list[str]) -> None:
    shutil.rmtree(folder / "state", ignore_errors=True)
    run = session(folder, trials, parallel, command)
    subprocess.run(run, check=True, cwd=folder, stdout=subprocess.DEVNULL)


def xargs(trials: int, parallel: int, command: list[str]) -> None:
    piped(["xargs", f"-P{parallel}", "-I{}", *command], trials)


def piped(command: list[str], trials: int) -> None:
    lines = "".join(f"{n}\n" for n in range(trials)).encode()
    subprocess.run(command, input=lines, stdout=subprocess.DEVNULL, check=True)


def session(folder: Path, trials: int, parallel: int, command: list[str]) -> list[str]:
    plan = folder / "plan.jsonl"
    lines = (json.dumps({"job_id": f"t{n}", "config": {"x": n}}) for n in range(trials))
    plan.write_text("\n".join(lines))
    state = f"--state={folder}/state/state.db"
    run = ["run", str(plan), "--engine", "local", "-q", f"-j{parallel}"]
    return [sys.executable, "-m", "kubectl_tune", state, *run, "--", *command]


def memory(folder: Path, trials: int, parallel: int, command: list[str]) -> None:
    shutil.rmtree(folder / "state", ignore_errors=True)
    samples: list[int] = []
    theirs = cost(lambda: xargs(trials, parallel, command))
    ours = cost(lambda: watched(session(folder, trials, parallel, command), folder, samples))
    whole = [kilobytes for kilobytes in samples if kilobytes]
    third = len(whole) // 3
    print(
        f"{trials} trials: wall {ours[0] / theirs[0]:.2f}, CPU {ours[1] / theirs[1]:.2f} x xargs;"
        f" memory of driver and agent {whole[third] / 1024:.0f} MiB after a third,"
        f" {max(whole[third:]) / 1024:.0f} MiB at most after that"
    )


def watched(command: list[str], folder: Path, samples: list[int]) -> None:
    """Run a session, and note its memory five times a second."""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            samples.append(resident(process.pid))
            time.sleep(0.2)  # between two samples


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
