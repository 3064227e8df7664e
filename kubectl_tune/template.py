"""
Placeholders in a command: `{learning_rate}` becomes the trial's value.

One rule: what stands between braces is replaced if it is a name we have a value for,
once, wherever it stands inside an argument; every other brace is the user's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

RESERVED = ("job_id", "index", "attempt", "config", "output_json")

# `${X}` belongs to the shell, whatever X is.
_BRACED = re.compile(r"(?<!\$)\{([^{}]+)\}")
_IDENTIFIER = re.compile(r"(?<!\$)\{([A-Za-z_][A-Za-z0-9_.-]*)\}")


def render(arguments: Sequence[str], values: Mapping[str, object]) -> tuple[str, ...]:
    """Return the arguments with the placeholders of `values` filled in."""

    def filled(match: re.Match[str]) -> str:
        name = match[1]
        return spelled(values[name]) if name in values else match[0]

    return tuple(_BRACED.sub(filled, argument) for argument in arguments)


def bindings(
    config: Mapping[str, Any],
    *,
    job_id: str,
    index: int,
    attempt: int | str,
    config_file: str,
    output_json: str,
) -> dict[str, object]:
    """
    Return what the placeholders of one attempt stand for.

    The reserved names win over config keys of the same name: a command that says
    `{config}` means the file, in every plan.
    """
    reserved = (job_id, index, attempt, config_file, output_json)
    return {**config, **dict(zip(RESERVED, reserved, strict=True))}


def spelled(value: object) -> str:
    """Spell a value: a text as it is, anything else as compact JSON (true, null, 0.1)."""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def placeholders(arguments: Sequence[str]) -> set[str]:
    """Return the names in braces that look like placeholders, known or not."""
    return {name for argument in arguments for name in _IDENTIFIER.findall(argument)}
