"""A pod's status, as its kubelet writes it: pure changes of a manifest."""

from __future__ import annotations

import hashlib
from typing import Any

from kubectl_tune.cluster import Manifest

from .apiserver import stamp

EPOCH = "1970-01-01T00:00:00Z"


def set_condition(
    pod: Manifest, at: float, type: str, status: str, reason: str = "", text: str = ""
) -> None:
    """Set a condition; its time is that of the last change from True to False or back."""
    conditions = pod["status"].setdefault("conditions", [])
    old = next((each for each in conditions if each["type"] == type), None)
    same = old is not None and old["status"] == status
    new: dict[str, Any] = {
        "type": type,
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": old["lastTransitionTime"] if same and old else stamp(at),
    }
    new |= {key: value for key, value in (("reason", reason), ("message", text)) if value}
    if old is None:
        conditions.append(new)
    else:
        conditions[conditions.index(old)] = new


def set_containers(pod: Manifest, state: dict[str, Any]) -> None:
    """Say the same of every container (ours have one)."""
    running, begun = "running" in state, "waiting" not in state
    pod["status"]["containerStatuses"] = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": f"sha256:{_digest(container['image'])}" if begun else "",
            "ready": running,
            "started": running,
            "restartCount": 0,
            "state": state,
            "lastState": {},
            **({"containerID": f"containerd://{_digest(pod['metadata']['uid'])}"} if begun else {}),
        }
        for container in pod["spec"]["containers"]
    ]


def waiting(pod: Manifest, at: float, reason: str, text: str = "") -> None:
    """The kubelet has the pod, but its container does not run yet, and why."""
    pod["status"].setdefault("startTime", stamp(at))
    pod["status"] |= {"hostIP": "127.0.0.1", "hostIPs": [{"ip": "127.0.0.1"}]}
    state = {"reason": reason} | ({"message": text} if text else {})
    set_containers(pod, {"waiting": state})
    names = " ".join(each["name"] for each in pod["spec"]["containers"])
    set_condition(pod, at, "Initialized", "True")
    for type in ("Ready", "ContainersReady"):
        unready = f"containers with unready status: [{names}]"
        set_condition(pod, at, type, "False", "ContainersNotReady", unready)


def running(pod: Manifest, at: float) -> None:
    pod["status"]["phase"] = "Running"
    pod["status"] |= {"podIP": "10.88.0.2", "podIPs": [{"ip": "10.88.0.2"}]}
    set_containers(pod, {"running": {"startedAt": stamp(at)}})
    for type in ("Initialized", "Ready", "ContainersReady"):
        set_condition(pod, at, type, "True")


def terminated(code: int, reason: str, message: str, began: float | None, at: float) -> Any:
    """A container's last state; one that never began has the epoch, as containerd says it."""
    state = {
        "exitCode": code,
        "reason": reason,
        "startedAt": EPOCH if began is None else stamp(began),
        "finishedAt": stamp(at),
    }
    return {"terminated": state | ({"message": message} if message else {})}


def stopped(pod: Manifest, at: float, state: dict[str, Any]) -> None:
    """The container has ended; the phase of its pod follows in a write of its own."""
    set_containers(pod, state)
    reason = "PodCompleted" if state["terminated"]["exitCode"] == 0 else "PodFailed"
    for type in ("Ready", "ContainersReady"):
        set_condition(pod, at, type, "False", reason)


def ended(pod: Manifest, reason: str = "", text: str = "") -> None:
    """The pod has ended; as it was told to, or, with a reason, because it was stopped."""
    codes = [
        each["state"].get("terminated", {}).get("exitCode", 137)
        for each in pod["status"].get("containerStatuses", [])
    ]
    failed = bool(reason) or not codes or any(codes)
    pod["status"]["phase"] = "Failed" if failed else "Succeeded"
    pod["status"] |= {key: value for key, value in (("reason", reason), ("message", text)) if value}


def unknown(pod: Manifest) -> None:
    """What a kubelet says of a container that it can't find when the pod is to end."""
    text = "The container could not be located when the pod was terminated"
    state = {"exitCode": 137, "reason": "ContainerStatusUnknown", "message": text}
    set_containers(pod, {"terminated": state | {"startedAt": None, "finishedAt": None}})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
