"""
The results of a tuning session in one summary: counted, filtered, ranked by realized PnL.

One rule: the same files give the same summary. Equal PnL stands by job_id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..result import number
from .result_files import ResultFile, read


@dataclass
class AggregatedJobResult:
    job_id: str
    tag: str | None
    config: dict[str, Any]
    metrics: dict[str, Any]
    status: Literal["success", "error"]


@dataclass
class AggregatedSummary:
    """The counts are of all jobs; the filters and the limit concern `top_by_pnl` alone."""

    total_jobs: int
    success_jobs: int
    error_jobs: int
    top_by_pnl: list[AggregatedJobResult]
    filters: dict[str, Any]


class TuningResultsAggregator:
    def __init__(
        self,
        results_dir: str,
        max_results: int = 100,
        max_drawdown_pct: float | None = None,
        min_trades: int | None = None,
    ) -> None:
        self.results_dir = Path(results_dir)
        self.max_results = max_results
        self.max_drawdown_pct = max_drawdown_pct
        self.min_trades = min_trades

    def load_results(self) -> list[AggregatedJobResult]:
        """Read `results_dir` and all folders below; what is no result is an error entry."""
        return [job_result(file) for file in read(self.results_dir)]

    def summarize(self, results: Iterable[AggregatedJobResult] | None = None) -> AggregatedSummary:
        """Summarize `results`, or those of `results_dir`."""
        jobs = self.load_results() if results is None else list(results)
        good = [job for job in jobs if job.status == "success"]
        ranked = sorted(filter(self._passes, good), key=_by_pnl)
        limits = {"max_drawdown_pct": self.max_drawdown_pct, "min_trades": self.min_trades}
        return AggregatedSummary(
            total_jobs=len(jobs),
            success_jobs=len(good),
            error_jobs=len(jobs) - len(good),
            top_by_pnl=ranked[: max(0, self.max_results)],
            filters={name: limit for name, limit in limits.items() if limit is not None},
        )

    def _passes(self, job: AggregatedJobResult) -> bool:
        drawdown = _figure(job, "max_drawdown_pct", 100.0)
        trades = _figure(job, "total_trades", 0)
        return (self.max_drawdown_pct is None or drawdown <= self.max_drawdown_pct) and (
            self.min_trades is None or trades >= self.min_trades
        )


def job_result(file: ResultFile) -> AggregatedJobResult:
    config, metrics = _object(file.data, "config"), _object(file.data, "metrics")
    tag = config.get("tag")
    sound = file.data.get("metrics") is None or isinstance(file.data["metrics"], dict)
    succeeded = file.data.get("status") == "success" and file.result.ok and sound
    return AggregatedJobResult(
        job_id=file.result.job_id or file.path.stem,
        tag=tag if tag is None or isinstance(tag, str) else str(tag),
        config=config,
        metrics=metrics,
        status="success" if succeeded else "error",
    )


def _by_pnl(job: AggregatedJobResult) -> tuple[bool, float, str]:
    """Order by PnL; a missing one is 0, and one that is no number comes last."""
    pnl = number(job.metrics.get("realized_pnl_usd", 0.0))
    return pnl is None, -(pnl or 0.0), job.job_id


def _figure(job: AggregatedJobResult, name: str, missing: float) -> float:
    value = number(job.metrics.get(name))
    return missing if value is None else value


def _object(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}
