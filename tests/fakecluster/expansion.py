"""`$(NAME)` and `$$` in commands, arguments and environment values, as the kubelet reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping

# From the left: an escaped dollar, a reference, or a dollar that means nothing.
_TOKEN = re.compile(r"\$(\$|\(([^)]*)\))")


def expand(text: str, known: Mapping[str, str]) -> str:
    """Replace references to what is known; others stay, and `$$` is always one dollar."""

    def value(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return known.get(match[2], match[0])

    return _TOKEN.sub(value, text)
