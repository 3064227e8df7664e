"""
Names of files for trials, as near to their job_ids as any file system allows.

One rule: no two trials of a session share a name, also where case doesn't count, and no
name leads out of its folder.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from kubectl_tune.names import short_hash
from kubectl_tune.trial import TrialSpec

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def file_names(specs: Iterable[TrialSpec]) -> dict[str, str]:
    """Return a name by job_id: the job_id itself where it can be one, else the trial's slug."""
    specs = list(specs)
    safe = [spec.id for spec in specs if _SAFE.fullmatch(spec.id)]
    alike = Counter(map(str.lower, safe))
    names = {id: id for id in safe if alike[id.lower()] == 1}
    taken = set(map(str.lower, names))
    for spec in specs:
        if spec.id not in names:
            names[spec.id] = _free(spec, taken)
            taken.add(names[spec.id])
    return names


def _free(spec: TrialSpec, taken: set[str]) -> str:
    name, again = spec.slug, 0
    while name in taken:
        name = f"{spec.slug}-{short_hash(spec.id, again)}"
        again += 1
    return name
