"""Run the jobs of a tuning session on a cluster, by old name."""

import sys
from pathlib import Path

if not __package__:  # run by its path: the checkout is not on sys.path then
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kubectl_tune.tuning_session.kubernetes_command import main
from kubectl_tune.tuning_session.kubernetes_result import format_summary

__all__ = ["format_summary", "main"]

if __name__ == "__main__":
    sys.exit(main())
