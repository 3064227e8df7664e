"""
The planner's command: a session file in, a plan of jobs out.

One rule: flags, texts and exit codes are a contract. 0; 1: the session file is missing or
wrong; 2: all else, a YAML syntax error included.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .. import planfile, planner
from ..errors import PlanError, TuneError
from ..spectext import SyntaxProblem
from ..table import clean


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        return _plan(args.session_file, args.output_jobs_file)
    except SyntaxProblem as error:
        return _failed("FATAL", error, 2)
    except PlanError as error:
        return _failed("ERROR", error, 2 if _unreadable(error) else 1)
    except TuneError as error:
        return _failed("FATAL", error, 2)


def _plan(session_file: str, output_jobs_file: str) -> int:
    spec = planfile.read_spec(session_file)
    for warning in spec.warnings:
        _say(f"WARNING: {warning}")
    count = planfile.write_plan(output_jobs_file, planner.lines(spec))
    _say(f"Generated {count} job plans to: {output_jobs_file}")
    return 0


def _unreadable(error: PlanError) -> bool:
    """Tell whether there is a session file that can't be read."""
    cause = error.__cause__
    return isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError)


def _failed(word: str, error: TuneError, code: int) -> int:
    _say(f"{word}: {error}" + (f"\n{error.hint}" if error.hint else ""))
    return code


def _say(text: str) -> None:
    print(f"[D39_PLAN] {clean(text, keep=chr(10))}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="plan_tuning_session",
        description="Make the job plans of a tuning session: one JSON object a line.",
    )
    parser.add_argument("--session-file", required=True, help="session file: YAML or JSON")
    parser.add_argument("--output-jobs-file", required=True, help="JSONL file to write")
    return parser
