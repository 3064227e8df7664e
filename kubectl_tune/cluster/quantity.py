"""
Amounts as Kubernetes writes them, as exact numbers: 500m, 2Gi, 1e3.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from decimal import Decimal

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,2})|([KMGTPE]i|[numkMGTPE]?))")
_SUFFIXES = {
    "": Decimal(1),
    **{letter: Decimal(10) ** (3 * n) for n, letter in enumerate("num", -3)},
    **{letter: Decimal(10) ** (3 * n) for n, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Decimal(1024) ** n for n, letter in enumerate("KMGTPE", 1)},
}


def amount(quantity: object) -> Decimal | None:
    """
    Return what a quantity amounts to, None where it is none.

    >>> float(amount("500m")), int(amount("2Gi")), int(amount("1e3"))
    (0.5, 2147483648, 1000)
    """
    found = _QUANTITY.fullmatch(str(quantity))
    if found is None:
        return None
    number, exponent, suffix = found.groups()
    scale = Decimal(10) ** int(exponent) if exponent else _SUFFIXES[suffix or ""]
    return Decimal(number) * scale
