"""What a spec comes to, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kubectl_tune.parameter import Parameter
from kubectl_tune.preview import Preview, understood
from kubectl_tune.result import finite
from kubectl_tune.table import cell, clean, duration, table

_VALUES = 8  # of a parameter that are listed


def preview_object(name: str, preview: Preview, estimate: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `-o json` promises."""
    spec = preview.spec
    return {
        "kind": "PlanPreview",
        "spec": name,
        "method": str(spec.method),
        "combinations": spec.combinations,
        "chosen": preview.chosen,
        "repeat": spec.repeat,
        "windows": [
            {**window.config(), "fold": window.fold, "rows": window.rows} for window in spec.windows
        ],
        "trials": preview.trials,
        "parallel": preview.parallel,
        "estimate": dict(estimate),
        "parameters": [_parameter(one) for one in spec.parameters],
        "first": list(preview.first),
        "understood": finite(understood(spec)),
    }


def preview_text(name: str, preview: Preview, estimate: Mapping[str, Any]) -> str:
    spec = preview.spec
    facts = {
        "Spec": clean(name),
        "Method": str(spec.method),
        "Combinations": _combinations(preview),
        "Windows": _windows(preview),
        "Repeats": str(spec.repeat) if spec.repeat > 1 else "",
        "Trials": _trials(preview),
        "Estimate": _estimate(preview, estimate),
    }
    parts = [
        "".join(f"{key + ':':<14}{value}\n" for key, value in facts.items() if value),
        f"Parameters:\n{_parameters(spec.parameters)}" if spec.parameters else "",
        f"First trials:\n{_first(preview)}" if preview.first else "",
        f"Understood as:\n{_indented(_yaml(understood(spec)))}",
    ]
    return "\n".join(filter(None, parts))


def _combinations(preview: Preview) -> str:
    size = preview.spec.combinations
    said = "without end" if size is None else f"{size:,}"
    if preview.chosen is None:
        return f"{said}, too many to count what where keeps"
    return said if preview.chosen == size else f"{said}, {preview.chosen:,} of them chosen"


def _windows(preview: Preview) -> str:
    windows = preview.spec.windows
    if not windows:
        return ""
    shown = [f"{one.part} {one.start}-{one.stop}" for one in windows[:_VALUES]]
    more = ", ..." if len(windows) > _VALUES else ""
    return f"{len(windows)} for each combination: {', '.join(shown)}{more}"


def _trials(preview: Preview) -> str:
    return "not counted" if preview.trials is None else f"{preview.trials:,}"


def _estimate(preview: Preview, estimate: Mapping[str, Any]) -> str:
    if preview.trials is None:
        return "none, as the trials are not counted"
    if estimate["seconds"] is None:
        return "none, as nothing like it has run yet (--trial-seconds says how long a trial takes)"
    each, source = estimate["trial_seconds"], clean(str(estimate["source"]))
    return (
        f"{_about(estimate['seconds'])}, for {each:.3g}s a trial ({source}), "
        f"{preview.parallel} at once"
    )


def _about(seconds: float) -> str:
    return "less than 1s" if seconds < 1 else duration(seconds)


def _parameters(parameters: tuple[Parameter, ...]) -> str:
    rows = [
        [cell(one.name), _range(one), f"{one.count():,}" if one.finite else "any"]
        for one in parameters
    ]
    return _indented(table(rows, ["name", "values", "count"]))


def _range(one: Parameter) -> str:
    if not one.ranged:
        listed = ", ".join(json.dumps(value, ensure_ascii=False) for value in one.choices[:_VALUES])
        return clean(listed + (", ..." if len(one.choices) > _VALUES else ""))
    step = f" by {one.step}" if one.step is not None else ""
    kind = ", whole" if one.whole and one.step is None else ""
    return f"{one.low} to {one.high}{step}{kind}{', by ratio' if one.log else ''}"


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "values": None if one.ranged else list(one.choices),
        "min": one.low if one.ranged else None,
        "max": one.high if one.ranged else None,
        "step": one.step,
        "log": one.log,
        "count": one.count() if one.finite else None,
    }


def _first(preview: Preview) -> str:
    return _indented("\n".join(clean(json.dumps(trial)) for trial in preview.first))


def _yaml(value: Any) -> str:
    import yaml

    text = yaml.safe_dump(value, sort_keys=False, default_flow_style=None, width=100)
    return clean(text, keep="\n")


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.rstrip("\n").split("\n"))
