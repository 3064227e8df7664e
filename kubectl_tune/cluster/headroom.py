"""
How many of our pods a namespace has room for: quotas and limit ranges against one pod.

Pure arithmetic. Its rule: what a quota counts and we don't use is nobody's business here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from kubectl_tune.cluster import Manifest
from kubectl_tune.cluster.quantity import amount

# What quotas also call by its name alone.
_SHORT = ("cpu", "memory", "ephemeral-storage")


@dataclass(frozen=True, slots=True)
class Room:
    """What a quota leaves of one resource: `fits` more pods of those that `fit` in all of it."""

    resource: str
    used: str
    hard: str
    fits: int
    most: int

    @property
    def counts(self) -> bool:
        """Say whether it is a number of objects, and no amount that a pod may ask less of."""
        return self.resource == "pods" or self.resource.startswith("count/")


def needs(pod: Manifest) -> dict[str, Decimal]:
    """Return what one pod, with its Job, takes from quotas, by their names."""
    found = {name: Decimal(1) for name in ("pods", "count/pods", "count/jobs.batch")}
    for each in pod.get("containers") or []:
        resources = each.get("resources") or {}
        limits = resources.get("limits") or {}
        # What is not requested is requested as far as it is limited.
        requests = limits | (resources.get("requests") or {})
        for kind, amounts in (("requests", requests), ("limits", limits)):
            for name, value in amounts.items():
                key = f"{kind}.{name}"
                found[key] = found.get(key, Decimal()) + (amount(value) or 0)
    for name in _SHORT:
        if f"requests.{name}" in found:
            found[name] = found[f"requests.{name}"]
    return found


def rooms(quota: Manifest, pod: Manifest) -> list[Room]:
    """Return what a quota leaves of each resource that the pod takes, the scarcest first."""
    if not _counts(quota, pod):
        return []
    status, wanted = quota.get("status") or {}, needs(pod)
    hard = status.get("hard") or (quota.get("spec") or {}).get("hard") or {}
    found = []
    for name, limit in hard.items():
        used = (status.get("used") or {}).get(name, "0")
        need, most, taken = wanted.get(name), amount(limit), amount(used)
        if need and most is not None and taken is not None:
            left = max(Decimal(), most - taken)
            found.append(Room(name, str(used), str(limit), int(left // need), int(most // need)))
    return sorted(found, key=lambda room: (room.fits, room.most))


def unspecified(quota: Manifest, pod: Manifest) -> list[str]:
    """Return what a quota wants every container to specify, and ours does not."""
    if not _counts(quota, pod):
        return []
    hard, there = (quota.get("spec") or {}).get("hard") or {}, needs(pod)
    names = [name for name in hard if name in _SHORT or name.startswith("limits.")]
    names += [f"requests.{name}" for name in ("cpu", "memory") if f"requests.{name}" in hard]
    return [name for name in names if name not in there]


def broken_limits(limits: Manifest, pod: Manifest) -> Iterator[str]:
    """Say which limits of a LimitRange a pod breaks, in words."""
    containers = [each.get("resources") or {} for each in pod.get("containers") or []]
    for item in (limits.get("spec") or {}).get("limits") or []:
        of = str(item.get("type"))
        things = containers if of == "Container" else [_sum(containers)] if of == "Pod" else []
        for thing in things:
            yield from _broken(item, of, thing)


def _broken(item: Manifest, of: str, resources: Manifest) -> Iterator[str]:
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for name, most in (item.get("max") or {}).items():
        asked = limits.get(name, requests.get(name))
        if _compare(asked, most) > 0:
            yield f"at most {most} of {name} per {of}, and it asks for {asked}"
    for name, least in (item.get("min") or {}).items():
        asked = requests.get(name, limits.get(name))
        if _compare(least, asked) > 0:
            yield f"at least {least} of {name} per {of}, and it asks for {asked}"
    for name, ratio in (item.get("maxLimitRequestRatio") or {}).items():
        low, high, most = (amount(x.get(name, "")) for x in (requests, limits, {name: ratio}))
        if low and high and most and high / low > most:
            yield f"{name} limited to at most {ratio} times what is requested per {of}"


def _compare(one: object, other: object) -> int:
    a, b = amount(one), amount(other)
    return 0 if a is None or b is None else (a > b) - (a < b)


def _sum(containers: list[Manifest]) -> Manifest:
    total: dict[str, dict[str, Decimal]] = {"requests": {}, "limits": {}}
    for each in containers:
        for kind, sums in total.items():
            for name, value in (each.get(kind) or {}).items():
                sums[name] = sums.get(name, Decimal()) + (amount(value) or 0)
    return total


def _counts(quota: Manifest, pod: Manifest) -> bool:
    """Say whether a quota's scopes take in the pod; those of other priorities are left out."""
    spec = quota.get("spec") or {}
    if (spec.get("scopeSelector") or {}).get("matchExpressions"):
        return False
    ends = pod.get("activeDeadlineSeconds") is not None
    best_effort = not any(each.get("resources") for each in pod.get("containers") or [])
    meant = {"Terminating": ends, "NotTerminating": not ends, "BestEffort": best_effort,
             "NotBestEffort": not best_effort}  # fmt: skip
    return all(meant.get(scope, False) for scope in spec.get("scopes") or [])
