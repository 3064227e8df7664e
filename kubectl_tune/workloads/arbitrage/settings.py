"""
The settings of a tuning job, from a config and from flags: flags win.

A key that is not ours is left alone; one that looks like a misspelt one of ours is named. Values
are converted the way the flags are, so both ways give the same result.
"""

from __future__ import annotations

import difflib
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from .accounting import Options
from .tuning_config import TuningConfig

REQUIRED = (
    "data_file",
    "min_spread_bps",
    "taker_fee_a_bps",
    "taker_fee_b_bps",
    "slippage_bps",
    "max_position_usd",
)


def number(value: Any) -> float:
    """A number, or text that is one."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("must be a number")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise ValueError("must be a number") from None


def whole_number(value: Any) -> int:
    """2, and what is equal to it: 2.0, "2"."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    whole = number(value)
    if not whole.is_integer():
        raise ValueError("must be a whole number")
    return int(whole)


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


def label(value: Any) -> str:
    """Text, or a number that serves as a name."""
    if isinstance(value, (bool, list, dict)):
        raise ValueError("must be text")
    return str(value)


def yes_or_no(value: Any) -> bool:
    words = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.lower() not in words:
        raise ValueError("must be true or false")
    return words[value.lower()]


def balances(value: Any) -> dict[str, float]:
    """{"a": 5000, "b": 5000}, or text as in a=5000,b=5000."""
    try:
        given = value if isinstance(value, Mapping) else _pairs(text(value))
        usd = {venue: number(given[venue]) for venue in ("a", "b")}
    except (KeyError, ValueError):
        usd = {}
    if not usd or len(given) > 2 or any(not 0 <= each < math.inf for each in usd.values()):
        raise ValueError('must be {"a": USD, "b": USD}, or a=USD,b=USD, with no amount below zero')
    return usd


def _pairs(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if len({venue.strip() for venue, _, _ in pairs}) < len(pairs):
        raise ValueError("names a venue twice")
    return {venue.strip(): usd for venue, _, usd in pairs}


CONVERT: dict[str, Callable[[Any], Any]] = {
    "data_file": text,
    "min_spread_bps": number,
    "taker_fee_a_bps": number,
    "taker_fee_b_bps": number,
    "slippage_bps": number,
    "max_position_usd": number,
    "max_open_trades": whole_number,
    "initial_balance_usd": number,
    "stop_on_drawdown_pct": number,
    "tag": label,
    "exchange_a_to_b_rate": number,
    "gate": text,
    "bad_rows": text,
    "job_id": label,
    "seed": whole_number,
    "accounting": text,
    "exit_bps": number,
    "take_profit_bps": number,
    "stop_loss_bps": number,
    "max_hold_seconds": number,
    "equity": text,
    "close_at_end": yes_or_no,
    "latency_ms_a": number,
    "latency_ms_b": number,
    "fill": text,
    "funding": text,
    "rate_column": text,
    "balances": balances,
    "max_quote_age_ms": number,
    "order": text,
    "row_start": whole_number,
    "row_stop": whole_number,
    "fold": whole_number,
    "part": label,
}
OPTIONS = tuple(option.name for option in fields(Options))


def read_config(argument: str) -> dict[str, Any]:
    """A config as JSON, as @FILE, or as the name of a file that exists."""
    text = _file_text(argument)
    if text is None and not argument.lstrip().startswith(("{", "[")):
        raise ValueError(f"--config {_short(argument)} is neither a JSON object nor a file")
    try:
        config = json.loads(argument if text is None else text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"--config {_short(argument)} is not valid JSON: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"--config must be a JSON object, not {_short(json.dumps(config))}")
    return config


def _file_text(argument: str) -> str | None:
    """What the file holds that the argument names, or None where it isn't the name of one."""
    named = argument.startswith("@")
    path = argument[named:]
    try:
        if named or (not argument.lstrip().startswith("{") and os.path.isfile(path)):
            return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"--config: {path} is not UTF-8 text: {error}") from error
    except OSError as error:
        raise ValueError(f"--config: cannot read {path}: {error.strerror}") from error
    return None


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def merged(config: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    """Our settings as given, unconverted; null means not given."""
    given = {**config, **{name: value for name, value in flags.items() if value is not None}}
    return {name: given[name] for name in CONVERT if given.get(name) is not None}


def missing(settings: Mapping[str, Any]) -> list[str]:
    return [name for name in REQUIRED if name not in settings]


def tuning_config(settings: Mapping[str, Any], environment: Mapping[str, str]) -> TuningConfig:
    """Raises one ValueError for all that is wrong with the values, each by itself and together."""
    values: dict[str, Any] = {}
    problems = []
    for name, value in settings.items():
        try:
            values[name] = CONVERT[name](value)
        except ValueError as error:
            problems.append(f"{name} {error}, not {_short(json.dumps(value))}")
            if name in HARMLESS:
                values[name] = HARMLESS[name]
    values.setdefault("job_id", job_id(environment))
    options = Options(**{name: values.pop(name) for name in OPTIONS if name in values})
    try:
        config = TuningConfig(**values, options=options)
    except ValueError as error:
        problems.append(str(error))
    if problems:
        raise ValueError("; ".join(problems))
    return config


def problems(settings: Mapping[str, Any]) -> str:
    """All that is wrong with the values, in one line; nothing where nothing is."""
    try:
        tuning_config(settings, {})
    except ValueError as error:
        return str(error)
    return ""


# What stands for a value that can't be read while the rest is looked at.
HARMLESS: dict[str, Any] = {**dict.fromkeys(REQUIRED, 1.0), "accounting": "two_leg"}


def job_id(environment: Mapping[str, str] = os.environ) -> str | None:
    """The name of the trial that this process runs, where its runner says so."""
    return environment.get("TUNE_TRIAL_ID") or environment.get("JOB_ID") or None


def misspelt(config: Mapping[str, Any]) -> list[str]:
    """Sentences about keys that are close to one of ours."""
    sentences = []
    for key in config:
        near = difflib.get_close_matches(key.replace("-", "_"), CONVERT, n=1, cutoff=0.8)
        if key not in CONVERT and near:
            sentences.append(f"config key {key!r} is not known; did you mean {near[0]!r}?")
    return sentences
