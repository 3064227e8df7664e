"""Kubernetes quantities as numbers: `500m`, `2`, `512Mi`, `1G`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


def asked(pod: Mapping[str, Any], what: str, resource: str) -> Iterator[Decimal]:
    """Yield what each container has for `resource` among its `requests` or `limits`."""
    for container in pod["spec"]["containers"]:
        resources = container.get("resources", {})
        given = resources.get(what, {}).get(resource)
        if given is None and what == "requests":
            given = resources.get("limits", {}).get(resource)
        if given is not None:
            yield number(given)


def total(pod: Mapping[str, Any], what: str, resource: str) -> Decimal:
    return sum(asked(pod, what, resource), Decimal(0))
