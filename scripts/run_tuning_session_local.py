"""Run the jobs of a tuning session on this machine, by old name."""

import os
import sys
from pathlib import Path

if not __package__:  # run by its path: the checkout is on no path then, nor on the jobs' own
    root = str(Path(__file__).resolve().parent.parent)
    sys.path.insert(0, root)
    os.environ["PYTHONPATH"] = os.pathsep.join([root, *filter(None, [os.getenv("PYTHONPATH")])])

from kubectl_tune.tuning_session.local_command import format_summary, main

__all__ = ["format_summary", "main"]

if __name__ == "__main__":
    sys.exit(main())
