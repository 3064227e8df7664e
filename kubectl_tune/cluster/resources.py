"""
What a trial asks of a node: cpu, memory and GPUs, as requests and limits.

Its rule: a default gives way to what was said, so that no request is above its limit because
of a number that nobody wrote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from kubectl_tune.cluster.quantity import amount
from kubectl_tune.cluster.syntax import Fault
from kubectl_tune.podoptions import PodOptions

DEFAULTS = {
    "requests": {"cpu": "500m", "memory": "512Mi"},
    "limits": {"cpu": "2000m", "memory": "2Gi"},
}
GPU = "nvidia.com/gpu"

_LONGEST = 100
_LEAST_MEMORY = 1 << 20  # with less no container starts
_UNITS = {unit.lower(): unit for unit in ("k", *"MGTPE", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")}


def asked(options: PodOptions) -> dict[str, dict[str, str]]:
    """Return what the options say, and nothing else."""
    requests = {"cpu": options.cpu, "memory": options.memory}
    limits = {"memory": options.memory, GPU: str(options.gpus or "")}
    return {
        "requests": {name: value for name, value in requests.items() if value},
        "limits": {name: value for name, value in limits.items() if value},
    }


def settled(resources: Mapping[str, Any], said: object, options: PodOptions) -> dict[str, Any]:
    """
    Return `resources` with no request above its limit, as far as that is up to us.

    What a template said is `said`; it stays unless an option says otherwise.
    """
    requests, limits = dict(_part(resources, "requests")), dict(_part(resources, "limits"))
    for name in DEFAULTS["limits"]:
        request, limit = amount(requests.get(name)), amount(limits.get(name))
        if request is None or limit is None or request <= limit:
            continue
        if name in asked(options)["requests"] or name not in _part(said, "limits"):
            limits[name] = requests[name]
        elif name not in _part(said, "requests"):
            requests[name] = limits[name]
    both = {"requests": requests, "limits": limits}
    return {**resources, **{name: values for name, values in both.items() if values}}


def cpu(text: str) -> str:
    """Check an amount of cpu, in cores."""
    if quantity(text) < 0:
        raise Fault("less than nothing", "write how many cores: 2, or 500m for half a one")
    return text


def memory(text: str) -> str:
    """Check an amount of memory, in bytes."""
    size = quantity(text)
    if size < _LEAST_MEMORY:
        number = re.match(r"[0-9.]+", text)
        shown = f"{size:g} byte{'' if size == 1 else 's'}"
        hint = f"did you mean {number[0]}Mi?" if number and size > 0 else "write one such as 2Gi"
        raise Fault(f"{shown} of memory, in which nothing runs", hint)
    return text


def quantity(text: str) -> Decimal:
    number = amount(text) if len(text) <= _LONGEST and text.isascii() else None
    if number is None:
        raise Fault("not a quantity", _meant(text) or "write a number, or one such as 500m or 2Gi")
    return number


def _meant(text: str) -> str:
    """Guess: `2gb` of other tools is 2G here, `4K` is 4k."""
    found = re.fullmatch(r"([0-9.]+) ?([a-zA-Z]+)", text)
    word = found[2].lower().removesuffix("b") if found else ""
    return f"did you mean {found[1]}{_UNITS[word]}?" if found and word in _UNITS else ""


def _part(resources: object, name: str) -> Mapping[str, Any]:
    part = resources.get(name) if isinstance(resources, Mapping) else None
    return part if isinstance(part, Mapping) else {}
