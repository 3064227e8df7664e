"""THIRD-PARTY-NOTICES.txt: what the archive holds of others, under which license, in full."""

from __future__ import annotations

from collections.abc import Sequence

from contents import Component

FILE = "THIRD-PARTY-NOTICES.txt"
RULE = "=" * 80
HEAD = """\
The kubectl-tune archive holds the software below, each under its own license.
kubectl-tune itself is under the Apache License, Version 2.0; see LICENSE.
"""


def notices(components: Sequence[Component]) -> str:
    parts = [HEAD, listing(components)]
    for each in components:
        title = " ".join(filter(None, [each.name, each.version]))
        parts.append(f"{RULE}\n{title}\nLicense: {each.license}\n{RULE}\n\n{each.text.strip()}\n")
    return "\n".join(parts)


def listing(components: Sequence[Component]) -> str:
    width = max(len(each.name) for each in components)
    return "".join(
        f"  {each.name:{width}}   {each.version or '-':12} {each.license}\n" for each in components
    )
