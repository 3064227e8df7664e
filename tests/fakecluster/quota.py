"""ResourceQuotas: what is counted, and the sentence when it is too much."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from kubectl_tune.cluster import KINDS, Manifest

from . import answers
from .quantity import asked, number, text, total
from .store import Store, Written, copy

ENDED = ("Succeeded", "Failed")


def problem(store: Store, manifest: Manifest) -> str:
    """Say which quota of its namespace the new object would break, "" when none."""
    namespace = manifest["metadata"]["namespace"]
    for quota in store.all("ResourceQuota", namespace):
        name = quota["metadata"]["name"]
        hard = quota["spec"]["hard"]
        missing = [
            f"{what} for: {','.join(names)}"
            for what in sorted(hard)
            if (names := _left_open(manifest, what))
        ]
        if missing:
            return f"failed quota: {name}: must specify {'; '.join(missing)}"
        over = [
            (what, needed, used)
            for what in sorted(hard)
            if (needed := amount(manifest, what))
            and (used := _used(store, namespace, what)) + needed > number(hard[what])
        ]
        if over:
            requested = ",".join(f"{what}={text(needed)}" for what, needed, _ in over)
            used_now = ",".join(f"{what}={text(used)}" for what, _, used in over)
            limited = ",".join(f"{what}={hard[what]}" for what, *_ in over)
            return (
                f"exceeded quota: {name}, requested: {requested},"
                f" used: {used_now}, limited: {limited}"
            )
    return ""


def amount(manifest: Manifest, what: str) -> Decimal:
    """How much of a quota's item one object takes; pods that have ended take nothing."""
    kind = manifest["kind"]
    if what == f"count/{answers.resource(kind)}":
        return Decimal(1)
    if kind != "Pod" or manifest.get("status", {}).get("phase") in ENDED:
        return Decimal(0)
    if what == "pods":
        return Decimal(1)
    part, resource = _part(what)
    return total(manifest, part, resource) if part in ("requests", "limits") else Decimal(0)


def recount(store: Store, namespace: str) -> None:
    """Write down, as the quota controller does, what is used."""
    for quota in store.all("ResourceQuota", namespace):
        hard = quota["spec"]["hard"]
        used = {what: text(_used(store, namespace, what)) for what in hard}
        changed = copy(quota)
        changed["status"] = {"hard": dict(hard), "used": used}
        store.replace(changed)


def _left_open(manifest: Manifest, what: str) -> list[str]:
    """The containers that don't say how much they need of something that a quota has."""
    if manifest["kind"] != "Pod" or what == "pods" or what.startswith("count/"):
        return []
    part, resource = _part(what)
    containers = manifest["spec"]["containers"]
    return [each["name"] for each in containers if asked(each, part, resource) is None]


def _part(what: str) -> tuple[str, str]:
    """Read a quota's item: `limits.cpu`, or `cpu`, which means what is requested."""
    part, dot, resource = what.partition(".")
    return (part, resource) if dot else ("requests", what)


def _used(store: Store, namespace: str, what: str) -> Decimal:
    return sum((amount(each, what) for each in _counted(store, namespace, what)), Decimal(0))


def _counted(store: Store, namespace: str, what: str) -> Iterator[Manifest]:
    counted = [kind for kind in KINDS if what == f"count/{answers.resource(kind)}"] or ["Pod"]
    for kind in counted:
        yield from store.all(kind, namespace)


class QuotaController:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._namespaces: set[str] = set()

    def see(self, written: Written) -> None:
        if written.key.kind != "Event":
            self._namespaces.add(written.key.namespace)

    def act(self) -> None:
        namespaces, self._namespaces = self._namespaces, set()
        for namespace in namespaces:
            recount(self._store, namespace)
