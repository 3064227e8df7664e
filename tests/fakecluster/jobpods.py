"""What a Job's pods mean for it, and how they are made: pure functions over manifests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kubectl_tune.cluster import Manifest

from .store import copy

TRACKED = "batch.kubernetes.io/job-tracking"  # the finalizer of pods that are not yet counted
INDEX = "batch.kubernetes.io/job-completion-index"
FAILURES = "batch.kubernetes.io/job-index-failure-count"
IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the podFailurePolicy makes of a failed pod."""

    action: str  # Count, Ignore, FailIndex or FailJob
    text: str = ""


def phase(pod: Manifest) -> str:
    return str(pod["status"].get("phase", ""))


def deleted(pod: Manifest) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def ended(pod: Manifest) -> bool:
    return phase(pod) in ("Succeeded", "Failed")


def active(pod: Manifest) -> bool:
    return not ended(pod) and not deleted(pod)


def terminating(pod: Manifest) -> bool:
    return not ended(pod) and deleted(pod)


def tracked(pod: Manifest) -> bool:
    return TRACKED in pod["metadata"].get("finalizers", ())


def ready(pod: Manifest) -> bool:
    conditions = pod["status"].get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def failed(pod: Manifest, spec: Mapping[str, Any]) -> bool:
    """A pod that is being deleted has failed already, unless the Job waits for its end."""
    if phase(pod) == "Failed" or spec["podReplacementPolicy"] == "Failed":
        return phase(pod) == "Failed"
    return deleted(pod) and phase(pod) != "Succeeded"


def index(pod: Manifest) -> int:
    return int(pod["metadata"].get("annotations", {}).get(INDEX, -1))


def failures(pod: Manifest) -> int:
    return int(pod["metadata"].get("annotations", {}).get(FAILURES, 0))


def ignored(pod: Manifest) -> int:
    return int(pod["metadata"].get("annotations", {}).get(IGNORED, 0))


def verdict(pod: Manifest, spec: Mapping[str, Any]) -> Verdict:
    """Return what the first rule says that applies; without one the failure counts."""
    for number, rule in enumerate(spec.get("podFailurePolicy", {}).get("rules", ())):
        why = _by_exit_code(pod, rule) or _by_condition(pod, rule)
        if why:
            return Verdict(
                rule["action"], f"{why} matching {rule['action']} rule at index {number}"
            )
    return Verdict("Count")


def _by_exit_code(pod: Manifest, rule: Mapping[str, Any]) -> str:
    codes = rule.get("onExitCodes", {})
    for status in pod["status"].get("containerStatuses", ()) if codes else ():
        code = status["state"].get("terminated", {}).get("exitCode", 0)
        named = codes.get("containerName") in (None, status["name"])
        if code and named and (code in codes["values"]) is (codes["operator"] == "In"):
            return f"Container {status['name']} for pod {_name(pod)} failed with exit code {code}"
    return ""


def _by_condition(pod: Manifest, rule: Mapping[str, Any]) -> str:
    has = {each["type"]: each["status"] for each in pod["status"].get("conditions", ())}
    for pattern in rule.get("onPodConditions", ()):
        if has.get(pattern["type"]) == pattern["status"]:
            return f"Pod {_name(pod)} has condition {pattern['type']}"
    return ""


def _name(pod: Manifest) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def new_pod(job: Manifest, name: str) -> Manifest:
    """Make a pod of a Job's template; `name` ends in its random characters."""
    template = copy(job["spec"]["template"])
    meta = {
        **template.get("metadata", {}),
        "name": name,
        "generateName": name[:-5],
        "finalizers": [TRACKED],
        "ownerReferences": [_owner(job)],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}


def with_index(pod: Manifest, job: Manifest, number: int, tries: tuple[int, int]) -> Manifest:
    """Give a pod its index, and say how often that index failed or was let off before."""
    meta = pod["metadata"]
    annotations = meta.setdefault("annotations", {})
    annotations[INDEX] = meta["labels"][INDEX] = str(number)
    if "backoffLimitPerIndex" in job["spec"]:
        annotations[FAILURES] = str(tries[0])
        if tries[1]:
            annotations[IGNORED] = str(tries[1])
    pod["spec"]["hostname"] = f"{job['metadata']['name']}-{number}"
    field = {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}
    for container in pod["spec"]["containers"]:
        env = container.setdefault("env", [])
        if all(each["name"] != "JOB_COMPLETION_INDEX" for each in env):
            env.append({"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": field}})
    return pod


def _owner(job: Manifest) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "blockOwnerDeletion": True,
        "controller": True,
        "kind": "Job",
        "name": job["metadata"]["name"],
        "uid": job["metadata"]["uid"],
    }


def free(spec: Mapping[str, Any], pods: Iterable[Manifest]) -> int:
    """How many more pods the Job's parallelism leaves room for; below 0, what is too much."""
    waits = spec["podReplacementPolicy"] == "Failed"
    taken = sum(active(pod) or (waits and terminating(pod)) for pod in pods)
    return int(spec["parallelism"] - taken)
