"""
A pod template as users have it, in whichever manifest it came.

Its rule: only what can't be a template is refused; whether its fields exist is the server's
to say, which knows the version that runs there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kubectl_tune.cluster import Manifest
from kubectl_tune.cluster.labels import CONTAINER
from kubectl_tune.cluster.syntax import Fault
from kubectl_tune.suggest import did_you_mean

KINDS = {
    "Pod": (),
    "PodTemplate": ("template",),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
OURS = (CONTAINER, "main")  # what our container may be called
# What belongs to the one object that a manifest was read from.
_IDENTITY = (
    "name", "generateName", "namespace", "uid", "resourceVersion", "generation", "selfLink",
    "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences",
    "managedFields",
)  # fmt: skip
_EXPECTED = "a template is a Pod, a PodTemplate, a Job, or an object with metadata and spec"


def template_of(document: object) -> Manifest:
    """Return the pod template in a manifest; our container has its right name in it."""
    document = _as_json(document)
    if not isinstance(document, dict):
        raise Fault("no object", _EXPECTED)
    template = _inside(document)
    metadata, spec = _object(template, "metadata"), _object(template, "spec")
    if not metadata and not spec:
        raise Fault("neither metadata nor spec in it", _EXPECTED)
    _check_containers(spec)
    for name in ("labels", "annotations"):
        _object(metadata, name)
    kept = {key: value for key, value in metadata.items() if key not in _IDENTITY}
    rest = {k: v for k, v in template.items() if k not in ("apiVersion", "kind", "status")}
    parts = {"metadata": kept, "spec": spec}
    return named(rest | {key: value for key, value in parts.items() if value})


def named(template: Mapping[str, Any]) -> Manifest:
    """Return a template in which our container has the name that we give it."""
    spec = template.get("spec")
    containers = spec.get("containers") if isinstance(spec, Mapping) else None
    at = _our_place(containers) if isinstance(containers, list) else None
    if not isinstance(spec, Mapping) or not isinstance(containers, list) or at is None:
        return dict(template)
    ours = {**containers[at], "name": CONTAINER}
    return {**template, "spec": {**spec, "containers": _replaced(containers, at, ours)}}


def our_container(template: Mapping[str, Any]) -> Manifest:
    """Return what a template says of our container, perhaps nothing."""
    return next((each for each in _containers(template) if each.get("name") == CONTAINER), {})


def stranger(template: Mapping[str, Any]) -> str:
    """Return the name of the only container, if that isn't ours: it might be meant so."""
    containers = _containers(template)
    alone = len(containers) == 1 and not our_container(template)
    return str(containers[0].get("name", "")) if alone else ""


def _containers(template: Mapping[str, Any]) -> list[Manifest]:
    spec = template.get("spec")
    found = spec.get("containers") if isinstance(spec, Mapping) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _replaced(items: list[Any], at: int, item: Manifest) -> list[Any]:
    return [*items[:at], item, *items[at + 1 :]]


def _our_place(containers: list[Any]) -> int | None:
    """Find our container: by its names, else the first one without a name."""
    names = [each.get("name", "") if isinstance(each, Mapping) else None for each in containers]
    directives = [isinstance(each, Mapping) and "$patch" in each for each in containers]
    for wanted in (*OURS, ""):
        for at, name in enumerate(names):
            if name == wanted and not (directives[at] and not wanted):
                return at
    return None


def _inside(document: Manifest) -> Manifest:
    """Return the part of a manifest that is a pod template."""
    kind = document.get("kind")
    if kind is None:
        if not {"metadata", "spec"} & set(document) and "containers" in document:
            raise Fault("containers stand at the top", "write them below spec:")
        return document
    if not isinstance(kind, str) or kind not in KINDS:
        meant = did_you_mean(kind, KINDS) if isinstance(kind, str) else ""
        raise Fault(f"{kind} is no kind of template", meant or _EXPECTED)
    found = document
    for step in KINDS[kind]:
        found = _object(found, step)
    return found


def _check_containers(spec: Manifest) -> None:
    containers = spec.get("containers")
    if containers is None:
        if "containers" in spec:
            raise Fault("spec.containers is null", "leave it out, or list what to change")
        return
    if not isinstance(containers, list) or not all(isinstance(c, dict) for c in containers):
        raise Fault("spec.containers is no list of objects")
    if len([None for each in containers if each.get("name") in OURS]) > 1:
        raise Fault(f"spec.containers has both {OURS[0]} and {OURS[1]}", "both are ours: keep one")


def _object(parent: Manifest, name: str) -> Manifest:
    value = parent.get(name)
    if value is not None and not isinstance(value, dict):
        raise Fault(f"{name} is no object", _EXPECTED)
    return value or {}


def _as_json(document: object) -> Any:
    """YAML has more than JSON: keys that are numbers become texts, as kubectl reads them."""
    try:
        return json.loads(json.dumps(document, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise Fault(f"not what JSON can hold: {error}") from error
