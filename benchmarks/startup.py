"""
How long the program takes to begin, beside kubectl, as whole processes in one run.

    python benchmarks/startup.py [--program kubectl-tune]... [--rounds 21] [--namespace NAMESPACE]

Without a namespace only what needs no server is measured. With one, of the kubeconfig's current
context, a session of 50 trials runs there meanwhile, for `status` beside `kubectl get jobs`; and of
new sessions it is told when their first Job was there. Ratios are medians of paired runs: they
carry over to other machines, seconds don't.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

TRIALS = 50
PATIENCE = 120.0  # seconds for the session's first Jobs
Environ = dict[str, str] | None
SLEEP = ["sleep", "3600"]


def main() -> int:
    args = _arguments()
    programs = args.program or ["kubectl-tune"]
    version = ["kubectl", "version", "--client"]
    for program in programs:
        print(program)
        compare(version, [program, "version", "--client"], args.rounds)
        compare(version, [program, "--help"], args.rounds)
        if args.namespace:
            with tempfile.TemporaryDirectory() as folder:
                on_a_cluster(program, args.namespace, Path(folder), args.rounds)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--program", action="append", help="what to start (kubectl-tune)")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--namespace", default="", help="one where sessions may run")
    return parser.parse_args()


def compare(theirs: Sequence[str], ours: Sequence[str], rounds: int, env: Environ = None) -> None:
    """Run two commands in turn, and print the median of their times' ratios."""
    for command in (theirs, ours):
        timed(command, env)  # what they read is in memory then
    pairs = [(timed(theirs, env), timed(ours, env)) for _ in range(rounds)]
    ratio = median(our / their for their, our in pairs)
    walls = [median(column) * 1000 for column in zip(*pairs, strict=True)]
    words = " ".join(ours[1:])
    print(f"  {words:40} {ratio:5.2f} x {' '.join(theirs)}  ({walls[1]:.0f} and {walls[0]:.0f} ms)")


def timed(command: Sequence[str], env: Environ = None) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=env)
    return time.perf_counter() - began


def on_a_cluster(program: str, namespace: str, folder: Path, rounds: int) -> None:
    environ = os.environ | {"KUBECTL_TUNE_STATE": str(folder / "state.db")}
    plan = folder / "plan.jsonl"
    lines = [{"job_id": f"t{n}", "config": {}, "command": SLEEP} for n in range(TRIALS)]
    plan.write_text("".join(json.dumps(line) + "\n" for line in lines))
    words = [program, "-n", namespace]
    run = [*words, "run", str(plan), "--cpu", "1m", "-v=6"]
    seconds = [first_job(words, [*run, "--name", f"first-{n}"], environ) for n in range(5)]
    print(f"  first Job of run after {median(seconds):.2f} s (of {len(seconds)}: {shown(seconds)})")
    with driven(words, [*run, "--name", "startup"], environ):
        theirs = ["kubectl", "get", "jobs", "-n", namespace]
        compare(theirs, [program, "status", "startup"], rounds, env=environ)


def shown(seconds: Sequence[float]) -> str:
    return " ".join(f"{each:.2f}" for each in sorted(seconds))


def first_job(words: Sequence[str], run: Sequence[str], environ: dict[str, str]) -> float:
    """Return the seconds from the start of a command to the answer that a Job was created."""
    began = time.perf_counter()
    with driven(words, run, environ):
        return time.perf_counter() - began


@contextmanager
def driven(words: Sequence[str], run: Sequence[str], environ: dict[str, str]) -> Iterator[None]:
    """A session that runs from its first Job on, with its driver; all of it is gone at the end."""
    name = run[-1]
    with subprocess.Popen(run, stderr=subprocess.PIPE, text=True, env=environ) as driver:
        try:
            _await_job(driver)
            yield
        finally:
            driver.terminate()
            driver.communicate()
            subprocess.run(
                [*words, "delete", name, "-y"], env=environ, capture_output=True, check=True
            )
            gone = ["kubectl", *words[1:], "wait", "--for=delete", "pods", "--all"]
            subprocess.run([*gone, f"--timeout={PATIENCE:g}s"], capture_output=True, check=True)


def _await_job(driver: subprocess.Popen[str]) -> None:
    assert driver.stderr
    deadline = time.monotonic() + PATIENCE
    for line in driver.stderr:
        if "POST" in line and "/jobs" in line and "dryRun" not in line and " 201 " in line:
            return
        if time.monotonic() > deadline:
            break
    raise SystemExit("no Job was created")


if __name__ == "__main__":
    sys.exit(main())
