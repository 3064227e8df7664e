"""What the measures of backtests share: quotes in a file, and turns against csv.reader."""

from __future__ import annotations

import argparse
import csv
import gzip
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kubectl_tune.workloads.arbitrage import simulate

BASE = "csv.reader"


def arguments(about: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=about.partition("\n\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--data", type=Path, help="quotes to use instead of simulated ones")
    return parser.parse_args()


def simulated(folder: Path, rows: int) -> Path:
    path = folder / "quotes.csv"
    simulate.main(["--rows", str(rows), "--seed", "7", "--out", str(path)])
    return path


def take_turns(
    path: Path, acts: Mapping[str, Callable[[], object]], runs: int
) -> dict[str, list[float]]:
    """Return the CPU seconds of each turn; reading the file alone is one of them."""
    measured = {BASE: lambda: _read(path), **acts}
    seconds: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(runs):
        for name, act in measured.items():
            started = time.process_time()
            act()
            seconds[name].append(time.process_time() - started)
    return seconds


def report(seconds: Mapping[str, list[float]], notes: Mapping[str, str] | None = None) -> None:
    for name, times in seconds.items():
        ratio = median(a / b for a, b in zip(times, seconds[BASE], strict=True))
        note = (notes or {}).get(name, "")
        print(f"{name:<22} {median(times):6.2f} s  {ratio:5.1f} x {BASE}  {note}".rstrip())


def _read(path: Path) -> None:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        for _ in csv.reader(file):
            pass
