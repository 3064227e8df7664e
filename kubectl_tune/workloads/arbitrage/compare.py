"""
The comparison command: the same decisions in the books of both accountings, as one JSON object.

    python -m kubectl_tune.workloads.arbitrage.compare --config CONFIG

Exit 0 with a comparison; 1 where settings or the data file are to blame, with a sentence on stderr.
"""

from __future__ import annotations

from collections.abc import Sequence

from .command import run


def main(argv: Sequence[str] | None = None) -> int:
    raise NotImplementedError


if __name__ == "__main__":
    run(main)
