"""Nodes, and which pod fits on which, with the scheduler's words when none does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from kubectl_tune.cluster import Manifest

from .quantity import number, total

_NO_HELP = (
    "no new claims to deallocate, preemption: 0/{n} nodes are available:"
    " {n} Preemption is not helpful for scheduling."
)


def node(name: str, version: str, **resources: str) -> Manifest:
    """A node that is ready; `resources` are those that pods can have."""
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {},
        "status": {
            "addresses": [{"type": "Hostname", "address": name}],
            "allocatable": dict(resources),
            "capacity": dict(resources),
            "conditions": [ready("True", "KubeletReady", "kubelet is posting ready status")],
            "nodeInfo": {"kubeletVersion": f"v{version}.0", "architecture": "amd64"},
        },
    }


def ready(status: str, reason: str, text: str) -> dict[str, str]:
    return {"type": "Ready", "status": status, "reason": reason, "message": text}


def is_ready(node: Manifest) -> bool:
    return any(
        each["type"] == "Ready" and each["status"] == "True"
        for each in node["status"].get("conditions", ())
    )


def place(pod: Manifest, nodes: Sequence[Manifest], pods: Sequence[Manifest]) -> tuple[str, str]:
    """Return the node for a pod and "", or "" and why there is none; `pods` take room on nodes."""
    reasons: Counter[str] = Counter()
    for node in nodes:
        name: str = node["metadata"]["name"]
        against = _against(pod, node, [p for p in pods if p["spec"]["nodeName"] == name])
        if not against:
            return name, ""
        reasons.update(against)
    if not nodes:
        return "", "no nodes available to schedule pods"
    count = len(nodes)
    told = ", ".join(f"{times} {reason}" for reason, times in sorted(reasons.items()))
    return "", f"0/{count} nodes are available: {told}. {_NO_HELP.format(n=count)}"


def takes_room(pod: Manifest) -> bool:
    """Whether a pod is on a node, and not over."""
    ended = pod["status"]["phase"] in ("Succeeded", "Failed")
    return "nodeName" in pod["spec"] and not ended


def _against(pod: Manifest, node: Manifest, there: Sequence[Manifest]) -> list[str]:
    spec = pod["spec"]
    if node["spec"].get("unschedulable"):
        return ["node(s) were unschedulable"]
    for taint in node["spec"].get("taints", ()):
        if taint["effect"] != "PreferNoSchedule" and not _tolerates(spec, taint):
            value = taint.get("value", "")
            return [f"node(s) had untolerated taint {{{taint['key']}: {value}}}"]
    labels = node["metadata"].get("labels", {})
    if not spec.get("nodeSelector", {}).items() <= labels.items():
        return ["node(s) didn't match Pod's node affinity/selector"]
    return _lacks(pod, node["status"]["allocatable"], there)


def _lacks(pod: Manifest, has: dict[str, str], there: Sequence[Manifest]) -> list[str]:
    lacking = ["Too many pods"] if len(there) >= number(has.get("pods", "110")) else []
    for resource in _resources(pod):
        taken = sum(total(each, "requests", resource) for each in there)
        if taken + total(pod, "requests", resource) > number(has.get(resource, "0")):
            lacking.append(f"Insufficient {resource}")
    return lacking


def _resources(pod: Manifest) -> list[str]:
    found: dict[str, None] = {}
    for container in pod["spec"]["containers"]:
        for part in ("requests", "limits"):
            found |= dict.fromkeys(container.get("resources", {}).get(part, {}))
    return sorted(each for each in found if each != "ephemeral-storage")


def _tolerates(spec: dict[str, Any], taint: dict[str, str]) -> bool:
    for each in spec.get("tolerations", ()):
        same = each.get("key") in (None, "", taint["key"])
        value = each.get("operator") == "Exists" or each.get("value") == taint.get("value")
        if same and value and each.get("effect") in (None, "", taint["effect"]):
            return True
    return False
