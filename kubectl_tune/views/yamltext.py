"""
YAML as kubectl writes it.

Its rule: what any reader could take for something else than the text it is stands in double
quotes. Go's reads `1e3`, `0o17` and `08` as numbers, PyYAML's as texts.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

_TEXT = "tag:yaml.org,2002:str"
# What yaml.v2 of Go takes for a number or a truth besides what PyYAML does.
_NUMBER = re.compile(
    r"[-+]?(?:\.\d[\d_]*|\d[\d_]*(?:\.[\d_]*)?)(?:[eE][-+]?\d+)?$"
    r"|[-+]?0(?:[xX][\da-fA-F_]+|[oO][0-7_]+|[bB][01_]+)$",
    re.ASCII,
)
_TRUTH = re.compile("[yYnN]$")


def yaml_text(value: object, *, sort_keys: bool = False) -> str:
    import yaml

    return str(yaml.dump(value, Dumper=_dumper(), sort_keys=sort_keys, allow_unicode=False))


@cache
def _dumper() -> Any:
    import yaml

    safe: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    # Which class that is shows at run time: the C dumper, where there is one.
    class Dumper(safe):  # type: ignore[misc]
        """Chooses the styles of texts as Go does: double quotes where needed, lines as lines."""

    def text(dumper: Any, value: str) -> Any:
        if "\n" in value:
            return dumper.represent_scalar(_TEXT, value, style="|")
        plain = dumper.resolve(yaml.ScalarNode, value, (True, False)) == _TEXT
        return dumper.represent_scalar(_TEXT, value, style=None if plain else '"')

    Dumper.add_representer(str, text)
    Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+.0123456789"))
    Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", _TRUTH, list("yYnN"))
    return Dumper
