"""
What no template changes: it makes a pod the attempt of a trial.

Its rule: it is put back as it was, and for all that was meant otherwise there is a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubectl_tune.cluster import Manifest
from kubectl_tune.cluster import labels as marks
from kubectl_tune.cluster.labels import CONTAINER
from kubectl_tune.cluster.strategicmerge import KEYS, BadPatch

_FOUND_BY = (
    marks.APP_LABEL, marks.JOB_ID_LABEL, marks.NAME, marks.MANAGED_BY, marks.INSTANCE,
)  # fmt: skip
# Set by the Job controller, and refused by the server where they come from somebody else.
_CONTROLLERS = (
    "controller-uid", "job-name", "batch.kubernetes.io/controller-uid", marks.JOB_NAME, marks.INDEX,
)  # fmt: skip
_SPEC = {
    "restartPolicy": "a pod is one attempt",
    "activeDeadlineSeconds": "time-outs are given with --timeout",
}
_CONTAINER = {
    "command": "commands are given in the plan, or behind --",
    "args": "commands are given in the plan, or behind --",
    "tty": "a terminal would change what is read of the log",
    "restartPolicy": "a pod is one attempt",
    "terminationMessagePath": "a trial's record is read there",
    "terminationMessagePolicy": "a trial's record is read there",
}
_RESERVED = ("KT_", "TUNE_")


def pinned(ours: Manifest, made: Manifest) -> tuple[Manifest, list[str]]:
    """
    Return `made` with what is pinned as it is in `ours`, and what that overrules.

    `BadPatch` says what has not the shape that it needs.
    """
    _check_shape(ours, made, ())
    said: list[str] = []
    metadata, spec = dict(made.get("metadata") or {}), dict(made.get("spec") or {})
    for kind in ("labels", "annotations"):
        metadata[kind] = _values(ours["metadata"][kind], metadata.get(kind) or {}, kind, said)
    mine = ours["spec"]
    fixed = {key: why for key, why in _SPEC.items() if key in mine}
    spec = _fixed(mine, spec, fixed, "spec", said)
    grace = spec.get("terminationGracePeriodSeconds")
    least = mine["terminationGracePeriodSeconds"]
    if not isinstance(grace, int) or grace < least:
        said.append(f"spec.terminationGracePeriodSeconds stays {least}: a trial needs it to end")
        spec["terminationGracePeriodSeconds"] = least
    spec["volumes"] = _items(mine["volumes"], spec.get("volumes"), "name", "spec.volumes", said)
    containers = spec.get("containers") or []
    found = next((each for each in containers if each["name"] == CONTAINER), None)
    if found is None:
        said.append(f"spec.containers: {CONTAINER} stays: it runs the trial")
    container = _container(mine["containers"][0], found or mine["containers"][0], said)
    spec["containers"] = [container, *(c for c in containers if c["name"] != CONTAINER)]
    return {**made, "metadata": metadata, "spec": spec}, said


def _container(ours: Manifest, made: Manifest, said: list[str]) -> Manifest:
    where = f"container {CONTAINER}"
    made = _fixed(ours, made, _CONTAINER, where, said)
    env = _unreserved(made.get("env") or [], ours["env"], where, said)
    made["env"] = _items(ours["env"], env, "name", f"{where}: env", said)
    mounts = _outside(made.get("volumeMounts") or [], ours["volumeMounts"], where, said)
    made["volumeMounts"] = _items(
        ours["volumeMounts"], mounts, "mountPath", f"{where}: volumeMounts", said
    )
    return made


def _check_shape(ours: Mapping[str, Any], made: Mapping[str, Any], path: tuple[str, ...]) -> None:
    """Objects stay objects and lists lists; what merges by a key has it."""
    for key, value in {**_SHAPES.get(path, {}), **ours}.items():
        where = (*path, key)
        match value, made.get(key):
            case dict() as mine, dict() as other:
                _check_shape(mine, other, where)
            case list() as mine, list() as items if where in KEYS:
                _check_items(mine, items, where)
            case (dict(), None | dict()) | (list(), None | list()):
                pass
            case dict() | list(), _:
                kind = "object" if isinstance(value, dict) else "list"
                raise BadPatch(f"{'.'.join(where)}: no {kind}")


def _check_items(ours: Sequence[Manifest], items: Sequence[Any], where: tuple[str, ...]) -> None:
    key = KEYS[where]
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get(key), str):
            raise BadPatch(f"{'.'.join(where)}: an item without a {key}")
        if where == ("spec", "containers") and item[key] == CONTAINER:
            _check_shape(ours[0], item, where)


# What may be added to, though we have none of it.
_SHAPES: dict[tuple[str, ...], dict[str, Any]] = {
    ("spec",): {"nodeSelector": {}, "imagePullSecrets": []},
    ("spec", "containers"): {"envFrom": []},
}


def _fixed(
    ours: Manifest, made: Manifest, why: Mapping[str, str], where: str, said: list[str]
) -> Manifest:
    wrong = [key for key in why if (made.get(key) or None) != ours.get(key)]
    said += [f"{where}: {key} {_shown(ours.get(key))}: {why[key]}" for key in wrong]
    kept = {key: value for key, value in made.items() if key not in wrong or key in ours}
    return kept | {key: ours[key] for key in wrong if key in ours}


def _shown(value: Any) -> str:
    if value is None:
        return "is left out"
    return f"stays {value}" if isinstance(value, (str, int)) else "stays as it is"


def _values(
    ours: Mapping[str, str], made: Mapping[str, str], kind: str, said: list[str]
) -> dict[str, str]:
    wrong = [key for key, value in ours.items() if made.get(key) != value]
    gone = [key for key in made if key not in ours and kind == "labels" and reserved(key)]
    said += [f"metadata.{kind}: {key} is ours: trials are found by it" for key in wrong]
    said += [f"metadata.{kind}: {key} is left out: it is set for each trial" for key in gone]
    return {**{key: value for key, value in made.items() if key not in gone}, **ours}


def reserved(label: str) -> bool:
    """Say whether a label is one that trials are found by, or that Jobs give their pods."""
    return label in _FOUND_BY or label in _CONTROLLERS or label.startswith(f"{marks.PREFIX}/")


def _items(
    ours: Sequence[Manifest], made: Sequence[Manifest] | None, key: str, where: str,
    said: list[str],
) -> list[Manifest]:  # fmt: skip
    """Put our items of a list back, in front: variables may be made of those before them."""
    names = [each[key] for each in ours]
    found = {each[key]: each for each in made or []}
    wrong = [each[key] for each in ours if found.get(each[key]) != each]
    said += [f"{where}: {name} stays as it is: trials need it" for name in wrong]
    return [*ours, *(each for each in made or [] if each[key] not in names)]


def _unreserved(
    env: Iterable[Manifest], ours: Iterable[Manifest], where: str, said: list[str]
) -> list[Manifest]:
    names = {each["name"] for each in ours}
    kept = []
    for each in env:
        name = each["name"]
        if name not in names and str(name).startswith(_RESERVED):
            said.append(f"{where}: env: {name} is left out: trials are told such names")
        else:
            kept.append(each)
    return kept


def _outside(
    mounts: Iterable[Manifest], ours: Iterable[Manifest], where: str, said: list[str]
) -> list[Manifest]:
    """Leave out what is mounted over our own folder."""
    paths = {each["mountPath"] for each in ours}
    kept = []
    for each in mounts:
        path = str(each["mountPath"]).rstrip("/")
        if each["mountPath"] not in paths and (path == "/kt" or path.startswith("/kt/")):
            said.append(f"{where}: volumeMounts: {path} is left out: /kt is taken")
        else:
            kept.append(each)
    return kept
