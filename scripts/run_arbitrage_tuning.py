"""Run a single tuning job: `python -m kubectl_tune.workloads.arbitrage.tune` under its old name."""

import sys
from pathlib import Path

if not __package__:  # run by its path: the checkout is not on sys.path then
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kubectl_tune.workloads.arbitrage.command import run
from kubectl_tune.workloads.arbitrage.tune import main

if __name__ == "__main__":
    run(main)
