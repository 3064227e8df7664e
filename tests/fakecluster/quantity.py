"""Kubernetes quantities as numbers: `500m`, `2`, `512Mi`, `1G`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_UNITS = {
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGT", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGT", 1)},
}


def number(quantity: str | int | float) -> Decimal:
    text = str(quantity)
    unit = text.lstrip("0123456789.")
    return Decimal(text.removesuffix(unit)) * _UNITS.get(unit, Decimal(1))


def asked(container: Mapping[str, Any], what: str, resource: str) -> Decimal | None:
    """Return what a container has for `resource` among its `requests` or `limits`."""
    resources = container.get("resources", {})
    given = resources.get(what, {}).get(resource)
    if given is None and what == "requests":  # a limit alone is a request, too
        given = resources.get("limits", {}).get(resource)
    return None if given is None else number(given)


def text(value: Decimal) -> str:
    """Write a number as the API server does: whole, in binary units, or in thousandths."""
    if value != int(value):
        return f"{int(value * 1000)}m"
    for unit in ("Ti", "Gi", "Mi", "Ki"):
        if value and not value % _UNITS[unit]:
            return f"{int(value / _UNITS[unit])}{unit}"
    return str(int(value))


def total(pod: Mapping[str, Any], what: str, resource: str) -> Decimal:
    given = (asked(each, what, resource) for each in pod["spec"]["containers"])
    return sum(filter(None, given), Decimal(0))
