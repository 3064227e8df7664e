"""
The comparison command: what one config earned in the books of both accountings, as JSON.

    python -m kubectl_tune.workloads.arbitrage.compare --config CONFIG

Books of `seed` come first; `two_leg` are the config's own if it asks for them, else the same
decisions accounted anew. Exit 0 with a comparison, 1 where settings or the data file are to blame,
2 for anything else.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from statistics import median
from typing import Any

from . import settings
from .arbitrage_core import BPS
from .arbitrage_tuning import ArbitrageTuningRunner, TuningRun
from .command import run
from .quotes import Quotes
from .result import metrics_block, to_json
from .tuning_config import TuningConfig


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        given = settings.merged(settings.read_config(args.config), {})
        if missing := settings.missing(given):
            raise ValueError(f"the config lacks {', '.join(missing)}")
        configs = {name: _config(asked) for name, asked in accountings(given).items()}
        books = _books(configs["seed"], configs["two_leg"], given.get("accounting") == "two_leg")
    except (ValueError, FileNotFoundError) as error:
        return _failed(error, 1)
    except RuntimeError as error:
        return _failed(error, 2)
    print(to_json(books))
    return 0


def accountings(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings of both: the first engine has no word for options of the other."""
    seed = {name: value for name, value in given.items() if name not in settings.OPTIONS}
    if given.get("gate") == "round_trip":
        del seed["gate"]
    return {"seed": seed, "two_leg": {**given, "accounting": "two_leg"}}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="compare", description="Account one config both ways and print the metrics as JSON."
    )
    parser.add_argument(
        "--config", required=True, metavar="JSON|@FILE", help="settings as for a tuning job"
    )
    return parser


def _config(asked: Mapping[str, Any]) -> TuningConfig:
    return settings.tuning_config(asked, os.environ)


def _books(seed: TuningConfig, two_leg: TuningConfig, honest: bool) -> dict[str, Any]:
    """Both over the rows of an honest job if it is one; else each reads rows as it always does."""
    job = _job(two_leg)
    if honest:
        seed = _at_one_rate(seed, job.quotes)
    first = _job(seed, job.quotes if honest else None)
    return {"seed": _metrics(first, seed), "two_leg": _metrics(job, two_leg)}


def _at_one_rate(seed: TuningConfig, quotes: Quotes) -> TuningConfig:
    """The first engine knows one rate: of a column of them it gets the one in the middle."""
    rates = [rate for rate in quotes.columns.get("rate", ()) if isfinite(rate)]
    return replace(seed, exchange_a_to_b_rate=median(rates)) if rates else seed


def _job(config: TuningConfig, quotes: Quotes | None = None) -> TuningRun:
    try:
        return ArbitrageTuningRunner(config).run_fully(quotes)
    except RuntimeError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise error.__cause__ from None
        raise


def _metrics(job: TuningRun, config: TuningConfig) -> dict[str, Any]:
    return metrics_block(job.metrics, job.extra or _seed_extra(job, config)) | {
        "metrics_extra": job.extra
    }


def _seed_extra(job: TuningRun, config: TuningConfig) -> dict[str, float]:
    """
    What the other accounting has and `seed` implies: costs are those of closed trades, charged
    once; what is open at the end is worth nothing.
    """
    charged = job.metrics.closed_trades * config.max_position_usd / BPS
    return {
        "net_pnl_usd": job.metrics.realized_pnl_usd,
        "fees_usd": charged * (config.taker_fee_a_bps + config.taker_fee_b_bps),
        "slippage_usd": charged * config.slippage_bps,
    }


def _failed(error: Exception, code: int) -> int:
    print(f"error: {error}", file=sys.stderr)
    return code


if __name__ == "__main__":
    run(main)
