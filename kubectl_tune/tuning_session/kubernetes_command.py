"""The command line of the script for a cluster: its flags, texts and exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from kubectl_tune.table import clean
from kubectl_tune.tuning_session.kubernetes import K8sTuningSessionRunner
from kubectl_tune.tuning_session.kubernetes_result import (
    SESSION_TIMEOUT,
    K8sTuningSessionRunResult,
    format_summary,
)

FATAL = 2  # above are signals


def main(argv: Sequence[str] | None = None) -> int:
    """Run a jobs file; 0, 1 when a job failed, 2 for all else."""
    args = _parser().parse_args(argv)
    if not Path(args.jobs_file).exists():
        _say(f"ERROR: Jobs file not found: {args.jobs_file}")
        return FATAL
    runner = K8sTuningSessionRunner(
        jobs_file=args.jobs_file,
        namespace=args.namespace,
        max_parallel=args.max_parallel,
        timeout_per_job=args.timeout_per_job,
        timeout_session=args.timeout_session,
        retry_failed=args.retry_failed,
        wait=not args.no_wait,
    )
    result = runner.dry_run() if args.dry_run else runner.run()
    print(clean(format_summary(result), keep="\n"))
    if args.dry_run:
        _say("Dry run: nothing was sent to a cluster")
    for sentence in _next(runner, result):
        _say(sentence)
    return result.exit_code


def _next(runner: K8sTuningSessionRunner, result: K8sTuningSessionRunResult) -> Iterator[str]:
    """Say how to go on with a session that the state file has."""
    if not runner.session:
        return
    if result.exit_code >= FATAL or SESSION_TIMEOUT in result.errors:
        yield f"Go on with: kubectl tune resume {runner.session}"
    elif not runner.wait:
        yield f"Wait for its results with: kubectl tune wait {runner.session}"
    elif result.error_jobs:
        yield f"What they printed: kubectl tune logs {runner.session} --failed"


def _say(text: str) -> None:
    print(f"[D41_K8S_SESSION] {clean(text)}", file=sys.stderr)


def _seconds(text: str) -> int:
    with suppress(ValueError):
        if (seconds := int(text)) > 0:
            return seconds
    raise argparse.ArgumentTypeError(f"expected a number of seconds from 1, not {text}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run_tuning_session_k8s",
        description="Run the jobs of a tuning session as Jobs on the kubeconfig's cluster.",
    )
    parser.add_argument("--jobs-file", required=True, help="JSONL file of job plans")
    parser.add_argument("--namespace", "-n", default="", help="default: that of the context")
    parser.add_argument("--max-parallel", type=int, default=4, help="Jobs at once (default: 4)")
    parser.add_argument(
        "--timeout-per-job", type=_seconds, default=300, metavar="SECONDS", help="default: 300"
    )
    parser.add_argument(
        "--timeout-session", type=_seconds, default=3600, metavar="SECONDS", help="default: 3600"
    )
    parser.add_argument("--retry-failed", action="store_true", help="try failed jobs once more")
    parser.add_argument(
        "--no-wait", action="store_true", help="return once the cluster has all of it"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="ask no cluster, and show what would be"
    )
    return parser
