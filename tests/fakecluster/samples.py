"""Small manifests for tests, and what to ask of those that the cluster has."""

from __future__ import annotations

from typing import Any

from kubectl_tune.cluster import Manifest

IMAGE = "python:3.11"


def pod_spec(*command: str, **container: Any) -> Manifest:
    """A pod's spec around one container; `pod` has what else the spec shall hold."""
    more = container.pop("pod", {})
    only = {"name": "c", "image": IMAGE, "command": [*command], **container}
    return {"restartPolicy": "Never", "containers": [only], **more}


def pod(name: str, *command: str, **container: Any) -> Manifest:
    spec = pod_spec(*command, **container)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def job(name: str, *command: str, container: Manifest | None = None, **spec: Any) -> Manifest:
    """A Job of one pod that is not tried again, unless `spec` says otherwise."""
    template = {"spec": pod_spec(*(command or ("true",)), **(container or {}))}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {"of": name}},
        "spec": {"backoffLimit": 0, "template": template, **spec},
    }


def indexed(name: str, *command: str, completions: int, **spec: Any) -> Manifest:
    spec = {"backoffLimitPerIndex": 0, "podReplacementPolicy": "Failed"} | spec
    made = job(name, *command, completionMode="Indexed", completions=completions, **spec)
    del made["spec"]["backoffLimit"]
    return made


def config_map(name: str, labels: dict[str, str] | None = None, **fields: Any) -> Manifest:
    meta = {"name": name, "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, **fields}


def owned_by(owner: Manifest, manifest: Manifest) -> Manifest:
    meta = owner["metadata"]
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
    }
    manifest["metadata"]["ownerReferences"] = [reference]
    return manifest


def conditions(manifest: Manifest | None) -> list[str]:
    """The types of the conditions that hold, in their order."""
    found = (manifest or {}).get("status", {}).get("conditions", ())
    return [each["type"] for each in found if each["status"] == "True"]


def reason(manifest: Manifest, type: str) -> str:
    return next(c["reason"] for c in manifest["status"]["conditions"] if c["type"] == type)


def state(pod: Manifest) -> dict[str, Any]:
    """The state of a pod's container, {} before there is one."""
    found = pod["status"].get("containerStatuses")
    return dict(found[0]["state"]) if found else {}
