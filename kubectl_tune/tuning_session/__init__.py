"""
Tuning sessions by their first names: planner, aggregator, runners here and on a cluster.

Each name is loaded when it is asked for, so that planning a session imports no runner.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "AggregatedJobResult": ".aggregate",
    "AggregatedSummary": ".aggregate",
    "K8sClient": ".kubernetes_client",
    "K8sClientInterface": ".kubernetes_client",
    "K8sJobSpecBuilder": ".job_spec_builder",
    "K8sJobStatus": ".kubernetes_client",
    "K8sTuningSessionRunResult": ".kubernetes_result",
    "K8sTuningSessionRunner": ".kubernetes",
    "ParamGrid": ".planner",
    "TuningJobPlan": ".planner",
    "TuningResultsAggregator": ".aggregate",
    "TuningSessionConfig": ".planner",
    "TuningSessionPlanner": ".planner",
    "TuningSessionRunResult": ".local",
    "TuningSessionRunner": ".local",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
