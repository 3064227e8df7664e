"""Backtest a file of quotes: `python -m kubectl_tune.workloads.arbitrage.backtest`, by old name."""

import sys
from pathlib import Path

if not __package__:  # run by its path: the checkout is not on sys.path then
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kubectl_tune.workloads.arbitrage.backtest import load_snapshots_from_csv, main
from kubectl_tune.workloads.arbitrage.command import run

__all__ = ["load_snapshots_from_csv", "main"]

if __name__ == "__main__":
    run(main)
