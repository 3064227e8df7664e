"""
The aggregator's command: a folder of results in, a ranked summary out.

One rule: flags, texts and exit codes are a contract. 0; 1: no such folder; 2: all else.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from ..errors import TuneError
from ..result import SEED_ENGINE, dumps, number
from ..table import clean
from ..wholefile import write_whole
from ..workload import ARBITRAGE
from .aggregate import AggregatedJobResult, AggregatedSummary, TuningResultsAggregator, job_result
from .result_files import read

_RULE = "=" * 70


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    if not Path(args.results_dir).is_dir():
        _say(f"ERROR: Results directory not found: {args.results_dir}")
        return 1
    try:
        _aggregate(args)
    except (TuneError, OSError, UnicodeError) as error:
        _say(f"FATAL: {error}")
        return 2
    return 0


def format_summary(summary: AggregatedSummary) -> str:
    return "\n".join(_lines(summary))


def summary_json(summary: AggregatedSummary) -> str:
    order = ("total_jobs", "success_jobs", "error_jobs", "filters", "top_by_pnl")
    values = asdict(summary)
    return dumps({key: values[key] for key in order}, indent=2)


def _aggregate(args: argparse.Namespace) -> None:
    jobs, engines = [], set()
    for file in read(args.results_dir):  # one at a time: a result may hold long series
        jobs.append(job_result(file))
        engines.add(file.result.engine)
    aggregator = TuningResultsAggregator(
        args.results_dir, args.max_results, args.max_drawdown_pct, args.min_trades
    )
    summary = aggregator.summarize(jobs)
    print(format_summary(summary))
    if any(engine.startswith(SEED_ENGINE) for engine in engines):
        _say(f"NOTE: {ARBITRAGE.caveat} --dir {shlex.quote(args.results_dir)}")
    if args.output_json:
        write_whole(args.output_json, summary_json(summary))
        _say(f"Summary written to: {Path(args.output_json)}")


def _lines(summary: AggregatedSummary) -> Iterator[str]:
    yield from (_RULE, "[D39_AGG] TUNING SESSION SUMMARY", _RULE, "")
    yield f"Total Jobs:           {summary.total_jobs}"
    yield f"Success Jobs:         {summary.success_jobs}"
    yield f"Error Jobs:           {summary.error_jobs}"
    yield ""
    if summary.filters:
        yield "Filters:"
        yield from (f"  {name}: {limit}" for name, limit in summary.filters.items())
        yield ""
    yield f"Top {len(summary.top_by_pnl)} by Realized PnL (USD):"
    yield from (_line(place, job) for place, job in enumerate(summary.top_by_pnl, 1))
    yield from ("", _RULE)


def _line(place: int, job: AggregatedJobResult) -> str:
    fields = (
        f"{place}) job_id={job.job_id}",
        f"PnL={_number(job, 'realized_pnl_usd', '${:+,.2f}')}",
        f"DD={_number(job, 'max_drawdown_pct', '{:.2f}%')}",
        f"trades={job.metrics.get('total_trades', 0)}",
        *(f"{key}={job.config.get(key, 'N/A')}" for key in ("min_spread_bps", "slippage_bps")),
    )
    return clean("  " + "  ".join(fields))


def _number(job: AggregatedJobResult, name: str, form: str) -> str:
    value = number(job.metrics.get(name, 0.0))
    return "N/A" if value is None else form.format(value)


def _say(text: str) -> None:
    print(f"[D39_AGG] {clean(text)}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Summarize a folder of tuning results, the best realized PnL first."
    )
    parser.add_argument("--results-dir", required=True, help="folder of result JSON files")
    parser.add_argument(
        "--max-results", type=int, default=10, help="how many results to show (default: 10)"
    )
    parser.add_argument(
        "--max-drawdown-pct",
        type=float,
        help="leave out results with a larger drawdown, in percent",
    )
    parser.add_argument("--min-trades", type=int, help="leave out results with fewer trades")
    parser.add_argument("--output-json", help="also write the summary as JSON to this file")
    return parser
