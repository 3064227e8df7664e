"""
Names for trials that Kubernetes and every file system take.

Two promises: a name is always a DNS-1123 label that begins with a letter, and no two
trials of a session share one. The rule of the plain name is the one that tuning
Jobs always had; the hash is for what that rule leaves open.
https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from hashlib import sha256

_LABEL = 63
_HASH = 8
_PLAIN = re.compile("[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_OTHERS = re.compile("[^a-z0-9]+")


def normalise(job_id: str) -> str:
    """Return `job_id` as a DNS-1123 label: `sess001_0001` becomes `sess001-0001`."""
    plain = job_id.lower().replace("_", "-")
    if not _PLAIN.fullmatch(plain):
        plain = _OTHERS.sub("-", plain).strip("-")
    if not plain:
        return f"job-{short_hash(job_id)}"
    if not plain[0].isalpha():
        plain = f"job-{plain}"
    return plain[:_LABEL].rstrip("-")


def slugs(ids: Sequence[str], *, limit: int = 40, taken: Collection[str] = ()) -> list[str]:
    """
    Return a name for each id: the plain one where it fits and nobody else has it.

    Where two ids come to one plain name, both carry a hash, so that a name depends
    neither on the order of the plan nor on which line was there first.
    """
    if not 2 * _HASH <= limit <= _LABEL:
        raise ValueError(f"limit must be from {2 * _HASH} to {_LABEL}, not {limit}")
    plain = [normalise(job_id) for job_id in ids]
    shared = Counter(plain)
    used = {name.lower() for name in taken}

    def stands(name: str) -> bool:
        return shared[name] == 1 and len(name) <= limit and name not in used

    kept = [stands(name) for name in plain]
    used.update(name for name, keep in zip(plain, kept, strict=True) if keep)
    return [
        name if keep else _hashed(job_id, name, limit, used)
        for job_id, name, keep in zip(ids, plain, kept, strict=True)
    ]


def short_hash(text: str, again: int = 0) -> str:
    salted = f"{text}\0{again}" if again else text
    return sha256(salted.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH]


def _hashed(job_id: str, name: str, limit: int, used: set[str]) -> str:
    head = name[: limit - _HASH - 1].rstrip("-")
    again = 0
    while (slug := f"{head}-{short_hash(job_id, again)}") in used:
        again += 1
    used.add(slug)
    return slug
