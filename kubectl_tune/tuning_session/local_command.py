"""The command line of the local script: its flags, texts and exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kubectl_tune.table import clean
from kubectl_tune.tuning_session.local import TuningSessionRunner, format_summary

FATAL = 2  # above are signals


def main(argv: Sequence[str] | None = None) -> int:
    """Run a jobs file; 0, 1 when a job failed or there is no such file, 2 for all else."""
    args = _parser().parse_args(argv)
    if not Path(args.jobs_file).exists():
        _say(f"ERROR: Jobs file not found: {args.jobs_file}")
        return 1
    runner = TuningSessionRunner(
        args.jobs_file, args.python_executable, args.max_jobs, args.stop_on_error
    )
    result = runner.run()
    print(clean(format_summary(result), keep="\n"))
    if result.exit_code > FATAL:
        _say(f"Go on with: kubectl tune resume {runner.session}")
    elif result.attempted_jobs > result.success_jobs:
        _say(f"What they printed: kubectl tune logs {runner.session} --failed")
    return result.exit_code


def _say(text: str) -> None:
    print(f"[D40_SESSION] {clean(text)}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run_tuning_session_local",
        description="Run the jobs of a tuning session on this machine, one after the other.",
    )
    parser.add_argument("--jobs-file", required=True, help="JSONL file of job plans")
    parser.add_argument("--python-executable", default="python", help="default: this Python")
    parser.add_argument("--max-jobs", type=int, help="run at most this many jobs")
    parser.add_argument("--stop-on-error", action="store_true", help="stop at the first failure")
    return parser
