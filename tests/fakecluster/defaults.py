"""What the API server adds to a manifest before it stores it."""

from __future__ import annotations

from typing import Any

from kubectl_tune.cluster import Manifest

NO_LIMIT = 2147483647


def apply(manifest: Manifest) -> None:
    """Fill in what a new object leaves open; its uid is there already."""
    manifest["metadata"].setdefault("generation", 1)
    if manifest["kind"] == "Job":
        _job(manifest)
    elif manifest["kind"] == "Pod":
        _pod(manifest["spec"])
        _admitted(manifest["spec"])
        manifest["status"] = {"phase": "Pending", "qosClass": "BestEffort"}
    else:
        del manifest["metadata"]["generation"]


def _job(manifest: Manifest) -> None:
    meta, spec = manifest["metadata"], manifest["spec"]
    labels = job_labels(meta["name"], meta["uid"])
    template = spec.setdefault("template", {})
    of_pods = template.setdefault("metadata", {}).setdefault("labels", {})
    of_pods.update(labels)
    # A Job without labels takes those of its template, ours among them (seen on 1.34).
    if not meta.get("labels"):
        meta["labels"] = dict(of_pods)
    spec["selector"] = {
        "matchLabels": {"batch.kubernetes.io/controller-uid": meta["uid"]},
    }
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    per_index = "backoffLimitPerIndex" in spec
    more: dict[str, Any] = {
        "parallelism": 1,
        "completionMode": "NonIndexed",
        "backoffLimit": NO_LIMIT if per_index else 6,
        "suspend": False,
        "manualSelector": False,
        "podReplacementPolicy": "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed",
    }
    for field, value in more.items():
        spec.setdefault(field, value)
    for rule in spec.get("podFailurePolicy", {}).get("rules", ()):
        for pattern in rule.get("onPodConditions", ()):
            pattern.setdefault("status", "True")
    _pod(template.setdefault("spec", {}))
    manifest["status"] = {}


def job_labels(name: str, uid: str) -> dict[str, str]:
    return {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }


def _pod(spec: dict[str, Any]) -> None:
    for field, value in {
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }.items():
        spec.setdefault(field, value)
    for container in spec.get("containers", ()):
        latest = ":" not in container.get("image", "").rpartition("/")[2]
        for field, value in {
            "imagePullPolicy": "Always" if latest else "IfNotPresent",
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
        }.items():
            container.setdefault(field, value)


def _admitted(spec: dict[str, Any]) -> None:
    for field, value in {
        "restartPolicy": "Always",
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "serviceAccountName": "default",
    }.items():
        spec.setdefault(field, value)
    tolerations = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(each.get("key") == key for each in tolerations):
            tolerations.append(
                {"effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": 300}
            )
