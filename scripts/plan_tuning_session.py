"""Make the job plans of a tuning session, by old name."""

import sys
from pathlib import Path

if not __package__:  # run by its path: the checkout is not on sys.path then
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kubectl_tune.tuning_session.plan_command import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
