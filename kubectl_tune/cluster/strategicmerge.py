"""
Strategic merge patches for pod templates: what `kubectl patch` would make of ours and a user's.

Its rule: the outcome is kubectl's, order included. Objects merge key by key, null takes a key
away, and a list is replaced, but for those whose items have a name of sorts (`KEYS`): they
merge item by item.
https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubectl_tune.cluster import Manifest

Path = tuple[str, ...]

# The merge keys of k8s.io/api/core/v1, types.go (`patchMergeKey`).
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_OF_SPECS = {
    **dict.fromkeys(_CONTAINERS, "name"),
    "volumes": "name",
    "imagePullSecrets": "name",
    "schedulingGates": "name",
    "resourceClaims": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
}
_OF_CONTAINERS = {
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
}
KEYS: dict[Path, str] = {
    ("metadata", "ownerReferences"): "uid",
    **{("spec", name): key for name, key in _OF_SPECS.items()},
    **{("spec", c, name): key for c in _CONTAINERS for name, key in _OF_CONTAINERS.items()},
}
SETS: frozenset[Path] = frozenset([("metadata", "finalizers")])  # plain values, once each

_PATCH = "$patch"
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder/"
_DROP = "$deleteFromPrimitiveList/"


class BadPatch(ValueError):
    """The patch can't be merged; says where and why."""


def merge(ours: Manifest, patch: Manifest) -> Manifest:
    """Return `ours` with a patch merged over it; neither is changed."""
    return _objects(ours, patch, ())


def _objects(ours: Mapping[str, Any], patch: Mapping[str, Any], path: Path) -> Manifest:
    if _PATCH in patch:
        return _whole(patch, path)
    merged = _retained(ours, patch, path)
    for key, value in patch.items():
        if key.startswith(_DROP):
            name = key.removeprefix(_DROP)
            items = merged.get(name)
            if isinstance(items, list) and isinstance(value, list):
                merged[name] = [each for each in items if each not in value]
        elif not key.startswith("$"):
            _put(merged, key, value, (*path, key))
    for key in patch:
        if key.startswith(_ORDER):
            _reorder(merged, patch, key, path)
    return merged


def _whole(patch: Mapping[str, Any], path: Path) -> Manifest:
    """Follow a directive that is about an object as such."""
    match patch[_PATCH]:
        case "replace":
            return {k: _plain(v) for k, v in patch.items() if v is not None and k[:1] != "$"}
        case "delete":
            return {}
        case "merge":
            rest = {key: value for key, value in patch.items() if key != _PATCH}
            return _objects({}, rest, path)
        case other:
            raise BadPatch(f"{_named(path)}: {_PATCH}: {other} is neither replace nor delete")


def _put(merged: Manifest, key: str, value: Any, path: Path) -> None:
    if value is None:
        merged.pop(key, None)
    elif isinstance(value, Mapping):
        old = merged.get(key)
        merged[key] = _objects(old, value, path) if isinstance(old, Mapping) else _plain(value)
    elif isinstance(value, list) and (path in KEYS or path in SETS):
        old = merged.get(key)
        merged[key] = _lists(old if isinstance(old, list) else [], value, path)
    else:
        merged[key] = _plain(value)


def _lists(ours: Sequence[Any], patch: Sequence[Any], path: Path) -> list[Any]:
    if path in SETS:
        if any(isinstance(each, (list, Mapping)) for each in patch):
            raise BadPatch(f"{_named(path)}: its items are plain values")
        merged = list(dict.fromkeys([*ours, *patch]))
        return _ordered(merged, patch, ours)
    key = KEYS[path]
    ours, patch = _directed(ours, _items(patch, path), key)
    merged = list(ours)
    for item in patch:
        at = _index(merged, item[key], key)
        if at is None:
            merged.append(_plain(item))
        else:
            merged[at] = _objects(merged[at], item, path)
    return _ordered(merged, [each[key] for each in patch], [_of(each, key) for each in ours], key)


def _items(patch: Sequence[Any], path: Path) -> list[Mapping[str, Any]]:
    """Check that what merges by a key has it."""
    key = KEYS[path]
    for number, item in enumerate(patch):
        if not isinstance(item, Mapping):
            raise BadPatch(f"{_named(path)}[{number}]: not an object")
        if item.get(_PATCH, "delete") not in ("delete", "replace"):
            raise BadPatch(f"{_named(path)}[{number}]: {_PATCH} is neither replace nor delete")
        if item.get(key) is None and item.get(_PATCH) != "replace":
            raise BadPatch(f"{_named(path)}[{number}]: no {key}")
        if isinstance(item.get(key), (list, Mapping)):
            raise BadPatch(f"{_named(path)}[{number}].{key}: neither a text nor a number")
    return list(patch)


def _directed(
    ours: Sequence[Any], patch: Sequence[Mapping[str, Any]], key: str
) -> tuple[list[Any], list[Mapping[str, Any]]]:
    """Follow the directives among the items; return what is left to merge."""
    left = [item for item in patch if _PATCH not in item]
    if any(item.get(_PATCH) == "replace" for item in patch):
        return [], left
    gone = [item[key] for item in patch if item.get(_PATCH) == "delete"]
    return [item for item in ours if _of(item, key) not in gone], left


def _ordered(
    merged: Sequence[Any], patch: Sequence[Any], ours: Sequence[Any], key: str = ""
) -> list[Any]:
    """
    Return the items in kubectl's order: those of the patch as it has them, the others before
    the first one that they stood before.
    """
    names = [_of(each, key) for each in merged]
    items = dict(zip(names, merged, strict=True))
    left = [name for name in ours if name in items and name not in patch]
    right = list(dict.fromkeys(name for name in patch if name in items))
    order: list[Any] = []
    while left and right:
        before = right[0] in ours and ours.index(left[0]) < ours.index(right[0])
        order.append((left if before else right).pop(0))
    return [items[name] for name in (*order, *left, *right)]


def _reorder(merged: Manifest, patch: Mapping[str, Any], key: str, path: Path) -> None:
    """Follow `$setElementOrder/NAME`: a list of merge keys, or of the plain values."""
    name = key.removeprefix(_ORDER)
    where, items, order = (*path, name), merged.get(name), patch[key]
    if where not in KEYS and where not in SETS:
        return
    by = KEYS.get(where, "")
    if isinstance(items, list) and isinstance(order, list):
        wanted = [_of(each, by) for each in order]
        if any(isinstance(each, (list, Mapping)) for each in wanted):
            raise BadPatch(f"{_named(path)}: {key}: its items are plain values")
        merged[name] = _ordered(items, wanted, [_of(each, by) for each in items], by)


def _retained(ours: Mapping[str, Any], patch: Mapping[str, Any], path: Path) -> Manifest:
    """Follow `$retainKeys`: of ours, only these stay."""
    if _RETAIN not in patch:
        return dict(ours)
    kept = patch[_RETAIN]
    unknown = [key for key, value in patch.items() if value is not None and key[:1] != "$"]
    if not isinstance(kept, list) or any(key not in kept for key in unknown):
        raise BadPatch(f"{_named(path)}: {_RETAIN} has to list all keys that stand beside it")
    return {key: value for key, value in ours.items() if key in kept}


def _plain(value: Any) -> Any:
    """Return a copy without directives and nulls, as there is nothing that they are about."""
    if isinstance(value, Mapping):
        return {
            key: _plain(each)
            for key, each in value.items()
            if each is not None and not key.startswith("$")
        }
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def _index(items: Iterable[Any], value: Any, key: str) -> int | None:
    return next((n for n, item in enumerate(items) if _of(item, key) == value), None)


def _of(item: Any, key: str) -> Any:
    """Return what an item merges by; plain values, without a key, are it themselves."""
    return item.get(key) if key and isinstance(item, Mapping) else item


def _named(path: Path) -> str:
    return ".".join(path) or "the template"
