"""
The tuning command: one trial from the command line, its result as JSON.

    python -m kubectl_tune.workloads.arbitrage.tune --config CONFIG --output-json RESULT

Exit 0 with a result; 1 where settings or the data file are to blame; 2 for anything else. With
`--output-json` a failure leaves a result, too, of status "error".
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from . import result, settings, usage
from .arbitrage_tuning import ArbitrageTuningRunner, TuningConfig, TuningRun
from .command import run
from .flags import add_accounting_flags, add_data_flags, add_strategy_flags


class Failure(Exception):
    """Ends the command: what to say, and with which exit code."""

    def __init__(self, message: str, *, label: str, code: int, kind: str) -> None:
        super().__init__(message)
        self.label = label
        self.code = code
        self.kind = kind


class Parser(usage.Parser):
    def fail(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        raise Failure(message, label=f"{self.prog}: error", code=2, kind="UsageError")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else list(argv)
    output_json = _output_json(arguments)
    given: dict[str, Any] = {}
    try:
        args = parser().parse_args(arguments)
        given.update(_settings(args))
        outcome = _outcome(given, arguments)
    except Failure as failure:
        _say(failure)
        if output_json:
            _leave_failure(result.failure(given, failure.kind, str(failure)), output_json)
        return failure.code
    return _deliver(outcome, output_json)


def parser() -> Parser:
    parser = Parser(
        prog="run_arbitrage_tuning",
        description="Run a single arbitrage tuning job and export its metrics as JSON.",
        epilog="The settings come from flags, from --config, or from both; flags win.",
    )
    add_strategy_flags(parser, required=False)
    parser.add_argument("--tag", help="a label that the result carries")
    parser.add_argument(
        "--config", metavar="JSON|@FILE", help="settings as a JSON object, or a file that has one"
    )
    parser.add_argument("--output-json", metavar="FILE", help="where to write (default: stdout)")
    add_data_flags(parser)
    add_accounting_flags(parser)
    return parser


def _output_json(arguments: Sequence[str]) -> Path | None:
    """Where a result goes, known even where the other arguments are wrong."""
    finder = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    finder.add_argument("--output-json", default="")
    try:
        found = finder.parse_known_args(arguments)[0].output_json
    except argparse.ArgumentError:
        return None
    return Path(found) if found else None


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    try:
        config = settings.read_config(args.config) if args.config is not None else {}
    except ValueError as error:
        raise _error(error) from error
    for sentence in settings.misspelt(config):
        _warn(sentence)
    return settings.merged(config, vars(args))


def _outcome(given: dict[str, Any], arguments: Sequence[str]) -> dict[str, Any]:
    missing = settings.missing(given)
    if missing:
        flags = ", ".join("--" + name.replace("_", "-") for name in missing)
        others = settings.problems({**dict.fromkeys(missing, "1"), **given})
        required = f"the following arguments are required: {flags}"
        parser().error("; ".join(filter(None, (required, others))))
    try:
        config = settings.tuning_config(given, os.environ)
    except ValueError as error:
        raise _error(error) from error
    run = _run(config)
    for sentence in run.quotes.warnings():
        _warn(sentence)
    return result.success(config, run, arguments)


def _run(config: TuningConfig) -> TuningRun:
    try:
        return ArbitrageTuningRunner(config).run_fully()
    except RuntimeError as error:
        cause = error.__cause__ or error
        if isinstance(cause, FileNotFoundError):
            raise _error(cause) from error
        raise _fatal(str(error), type(cause).__name__) from error


def _deliver(outcome: dict[str, Any], output_json: Path | None) -> int:
    text = result.to_json(outcome)
    if output_json is None:
        print(text)
        return 0
    try:
        result.write(output_json, text + "\n")
    except (OSError, ValueError) as error:
        _say(_fatal(_unwritten(output_json, error), "OSError"))
        return 2
    print(f"[D38_TUNING] Result written to: {output_json}")
    return 0


def _leave_failure(outcome: dict[str, Any], output_json: Path) -> None:
    try:
        result.write(output_json, result.to_json(outcome) + "\n")
    except (OSError, ValueError) as error:
        _warn(_unwritten(output_json, error))


def _unwritten(path: Path, error: Exception) -> str:
    return f"cannot write {path}: {getattr(error, 'strerror', None) or error}"


def _say(failure: Failure) -> None:
    print(f"{failure.label}: {failure}", file=sys.stderr)


def _error(error: BaseException) -> Failure:
    return Failure(str(error), label="[D38_TUNING] ERROR", code=1, kind=type(error).__name__)


def _fatal(message: str, kind: str) -> Failure:
    return Failure(message, label="[D38_TUNING] FATAL", code=2, kind=kind)


def _warn(sentence: str) -> None:
    print(f"[D38_TUNING] WARNING: {sentence}", file=sys.stderr)


if __name__ == "__main__":
    run(main)
