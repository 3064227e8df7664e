"""Series of quotes whose figures others have printed, too: bid and ask of A, then of B."""

from __future__ import annotations

import math
from collections.abc import Iterator

Row = tuple[float, ...]

SHORT = [
    (100.00, 100.10, 100.05, 100.15),
    (100.00, 100.10, 100.60, 100.70),
    (100.05, 100.15, 100.70, 100.80),
    (100.40, 100.50, 100.45, 100.55),
    (100.90, 101.00, 100.30, 100.40),
    (100.80, 100.90, 100.20, 100.30),
    (100.30, 100.40, 100.35, 100.45),
    (100.00, 100.05, 100.35, 100.40),
    (100.00, 100.05, 100.50, 100.55),
]


def sine() -> Iterator[Row]:
    """A thousand rows."""
    for i in range(1000):
        common = 100 + 2 * math.sin(i / 37)
        a = common + 0.3 * math.sin(i / 5)
        b = common + 0.3 * math.sin(i / 5 + 1.1) + 0.15 * math.sin(i / 11)
        yield tuple(round(price, 6) for price in (a - 0.01, a + 0.01, b - 0.01, b + 0.01))
