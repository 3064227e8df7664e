"""The best trial: which, how good, by which config, and how to have it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubectl_tune.result import dumps, finite
from kubectl_tune.resultrow import Row, value_of
from kubectl_tune.table import cell, clean


@dataclass(frozen=True, slots=True)
class Best:
    session: str
    row: Row
    metric: str
    direction: str
    among: int  # trials with a rank
    result: str  # the file that has it, if any
    gone: bool  # it has been removed
    command: str
    caveat: str

    @property
    def value(self) -> Any:
        return value_of(self.row, self.metric)


def best_object(best: Best) -> dict[str, Any]:
    """Return what `-o json` promises; `result` is absolute, `output_json` as the plan has it."""
    return {
        "kind": "Best",
        "session": best.session,
        "job_id": best.row.job_id,
        "metric": best.metric,
        "direction": best.direction,
        "value": finite(best.value),
        "among": best.among,
        "metrics": finite(best.row.metrics),
        "config": best.row.config,
        "output_json": best.row.output_json or None,
        "result": best.result or None,
        "command": best.command,
        "caveat": best.caveat or None,
    }


def best_text(best: Best) -> str:
    head = {
        "Trial": cell(best.row.job_id),
        "Session": best.session,
        clean(best.metric): f"{cell(best.value)}   ({best.direction}, best of {best.among})",
        "Result": _where(best),
    }
    others = {key: value for key, value in best.row.metrics.items() if key != best.metric}
    parts = [
        _facts(head),
        _section("Other metrics", {key: _shown(value) for key, value in others.items()}),
        _section("Config", {key: dumps(value) for key, value in best.row.config.items()}),
        f"Reproduce it with:\n{_indented(best.command)}",
        f"note: {best.caveat}\n" if best.caveat else "",
    ]
    return "\n".join(filter(None, parts))


def _where(best: Best) -> str:
    if not best.result:
        return "in the state file"
    path = clean(best.result)
    return f"{path} (gone: kubectl tune collect {best.session})" if best.gone else path


def _shown(value: Any) -> str:
    return dumps(value) if isinstance(value, dict | list) else cell(value)


def _section(title: str, facts: Mapping[str, str]) -> str:
    return f"{title}:\n{_facts(facts, '  ')}" if facts else ""


def _facts(facts: Mapping[str, str], indent: str = "") -> str:
    named = {f"{clean(name)}:": value for name, value in facts.items()}
    width = max(map(len, named)) + 2
    return "".join(f"{indent}{name:<{width}}{value}\n" for name, value in named.items())


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.split("\n"))
