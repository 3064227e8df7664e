"""Single values of a spec: what may stand in a plan, and numbers that count something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubectl_tune.parameter import number
from kubectl_tune.planconfig import unfit
from kubectl_tune.planline import shown
from kubectl_tune.problem import Findings
from kubectl_tune.strictjson import Path
from kubectl_tune.workload import Workload

_DEEPEST = 20
# Keys of the first planner, which took any number for them. A result lists most of them, too, by a
# contract of its own: the workload imports nothing from above it.
FIXED = (
    "min_spread_bps",
    "taker_fee_a_bps",
    "taker_fee_b_bps",
    "slippage_bps",
    "max_position_usd",
    "max_open_trades",
    "initial_balance_usd",
    "stop_on_drawdown_pct",
)


def whole(
    data: Mapping[str, Any],
    key: str,
    default: Any,
    findings: Findings,
    *,
    least: int,
    inside: Path = (),
) -> Any:
    """Return a whole number of a table, or the default where there is none or a wrong one."""
    value = data.get(key)
    name, at = ".".join(map(str, (*inside, key))), (*inside, key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        findings.error(f"{name} must be a whole number, not {shown(value)}", at=at)
    elif value < least:
        findings.error(f"{name} must be at least {least}, not {value}", at=at)
    else:
        return value
    return default


def config_value(
    where: str, key: str, value: Any, findings: Findings, workload: Workload | None, at: Path
) -> Any:
    """Return a config value as it goes into the plan."""
    if problem := unwritable(value):
        findings.error(f"{where}: {problem}", at=at)
    elif workload and key in workload.number_keys:
        plain = number(value)
        if plain is None:
            findings.error(f"{where} must be a number, not {shown(value)}", at=at)
            return value
        if isinstance(value, str):
            findings.warning(f"{where}: {shown(value)} is read as a number", "drop the quotes", at)
            value = plain
        fits(where, key, value, findings, workload, at)
    elif value is not None:
        fits(where, key, value, findings, workload, at)
    return value


def fits(
    where: str, key: str, value: Any, findings: Findings, workload: Workload | None, at: Path
) -> bool:
    """Tell whether a workload's job takes a value, and say what it must be if not."""
    setting = workload.settings.get(key) if workload else None
    if setting is None or not (said := unfit(setting, value)):
        return True
    if key in FIXED:
        findings.warning(f"{where} {said[0]}", "its trials fail", at)
    else:
        findings.error(f"{where} {said[0]}", said[1], at)
    return False


def unwritable(value: Any, depth: int = 0) -> str:
    """Say why a value can't stand in a plan, or nothing."""
    if depth > _DEEPEST:
        return "nested too deeply"
    if isinstance(value, float) and not abs(value) < float("inf"):
        return f"{value} is not a number that JSON has"
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        return "it holds half of a character"
    if isinstance(value, list):
        return next(filter(None, (unwritable(part, depth + 1) for part in value)), "")
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            return "a key is no text"
        return next(filter(None, (unwritable(part, depth + 1) for part in value.values())), "")
    known = value is None or isinstance(value, str | int | float)
    return "" if known else f"{type(value).__name__} can't be written as JSON"
