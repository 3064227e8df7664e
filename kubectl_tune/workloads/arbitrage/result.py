"""
The result of a trial as JSON: strict, deterministic but for run time and place, written whole.

A number that is none (NaN, infinity) is null: such a file loads everywhere.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import ENGINE_VERSION
from .arbitrage_tuning import TuningMetrics, TuningRun
from .series import pnl_series
from .tuning_config import OTHER_KEYS, RESULT_KEYS, TuningConfig, config_block

TWO_LEG_VERSION = "arbitrage/two_leg/1"
"""Like ENGINE_VERSION, of the other books; their name keeps the caveat off a ranking by them."""

# Strings hold no raw newline, so a bracket before one opens a list.
NUMBERS = re.compile(r"\[\n([-+.\deE,\snul]+)\]")

METRICS = (
    "total_trades",
    "closed_trades",
    "open_trades",
    "final_balance_usd",
    "realized_pnl_usd",
    "max_drawdown_pct",
    "win_rate",
    "avg_pnl_per_trade_usd",
    "runtime_seconds",
    "bad_rows",
)


def success(config: TuningConfig, run: TuningRun, argv: Sequence[str]) -> dict[str, Any]:
    result = {
        "status": "success",
        "config": config_block(config),
        "metrics": metrics_block(run.metrics, run.extra),
        "config_summary": run.metrics.config_summary,
        "series": pnl_series(run.events, len(run.quotes)),
        "repro": _repro(config, run, argv),
    }
    if run.extra:
        result["metrics_extra"] = run.extra
    warnings = run.quotes.warnings()
    return result | {"warnings": warnings} if warnings else result


def _repro(config: TuningConfig, run: TuningRun, argv: Sequence[str]) -> dict[str, Any]:
    funding = {"funding_sha256": run.funding_sha256} if run.funding_sha256 else {}
    return {
        "engine_version": TWO_LEG_VERSION if config.options.honest else ENGINE_VERSION,
        "data_sha256": run.quotes.sha256,
        **funding,
        "rows": run.quotes.rows,
        "bad_rows": run.quotes.bad_rows.total,
        "seed": config.seed,
        "argv": list(argv),
    }


NOTHING: Mapping[str, Any] = {}


def metrics_block(metrics: TuningMetrics, more: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
    """
    The metrics of every result, then the numbers of `metrics_extra`.

    Those stand in the result twice because rankings look for metrics here alone.
    """
    block = {name: getattr(metrics, name) for name in METRICS}
    return block | {name: value for name, value in more.items() if _is_number(value)}


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, (int, float))


def failure(settings: Mapping[str, Any], kind: str, message: str) -> dict[str, Any]:
    """What is known of a job that failed; settings that were not given have their default."""
    defaults = {"max_open_trades": 1, "initial_balance_usd": 10_000.0}
    config = {name: settings.get(name, defaults.get(name)) for name in RESULT_KEYS}
    config |= {name: settings[name] for name in OTHER_KEYS if name in settings}
    return {
        "status": "error",
        "config": config,
        "metrics": {},
        "error": {"type": kind, "message": message},
    }


def to_json(result: Mapping[str, Any]) -> str:
    """Indented by two, but lists of numbers on one line each."""
    shaped = json.dumps(_strict(result), indent=2, allow_nan=False)
    return NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", shaped)


def _strict(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    return value


def write(path: Path, text: str) -> None:
    """Readers see the old file or the whole new one. Pipes and devices are written as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    target = path.resolve()
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with open(draft, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, target)
    except BaseException:  # Ctrl-C, too, must leave no draft behind
        draft.unlink(missing_ok=True)
        raise
