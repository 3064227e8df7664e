"""
How long a request may take, as kubectl reads it: `90`, `1.5s`, `1m30s`.

Whole seconds, else Go's own spelling of a duration. What is less than nothing is no limit.
https://pkg.go.dev/time#ParseDuration
"""

from __future__ import annotations

import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_UNITS |= {"h": 3600.0}
_PART = r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)"
_LONGEST = 9223372036.0  # seconds that Go can count in nanoseconds


def go_seconds(text: str) -> float | None:
    """Return seconds, 0 for no limit, or None for what kubectl doesn't take for a time-out."""
    if re.fullmatch(r"\+?[0-9]{1,18}|-0+", text):
        return min(float(text), _LONGEST)
    if not re.fullmatch(rf"[-+]?(?:0|(?:{_PART})+)", text):
        return None
    total = sum(float(count) * _UNITS[unit] for count, unit in re.findall(_PART, text))
    if total > _LONGEST:
        return None
    return 0.0 if text.startswith("-") else total
