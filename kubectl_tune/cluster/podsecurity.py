"""
Whether a pod fits a namespace's PodSecurity level: the rules that pods of ours could break.

The API server knows all rules, and says so when a pod is tried; these are for who may not try.
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from kubectl_tune.cluster import Manifest

ENFORCE = "pod-security.kubernetes.io/enforce"
_VOLUMES = frozenset(
    ("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim",
     "projected", "secret")
)  # fmt: skip


def level(namespace: Manifest) -> str:
    """Return the level that a namespace enforces, "" for none."""
    labels = (namespace.get("metadata") or {}).get("labels") or {}
    found = str(labels.get(ENFORCE) or "")
    return "" if found == "privileged" else found


def violations(level: str, pod: Manifest) -> list[str]:
    """Return what of a pod's spec the level forbids."""
    if level not in ("baseline", "restricted"):
        return []
    found = _baseline(pod)
    return list(dict.fromkeys(chain(found, _restricted(pod)) if level == "restricted" else found))


def _baseline(pod: Manifest) -> Iterator[str]:
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(name):
            yield f"{name} = true"
    for each in _volumes(pod):
        if "hostPath" in each:
            yield f'volume "{each.get("name")}" is a hostPath'
    for each in _containers(pod):
        if (each.get("securityContext") or {}).get("privileged"):
            yield "privileged = true"


def _restricted(pod: Manifest) -> Iterator[str]:
    ours = pod.get("securityContext") or {}
    for volume in _volumes(pod):
        if not _VOLUMES & volume.keys():
            yield f'volume "{volume.get("name")}" is of a type that is not allowed'
    for each in _containers(pod):
        mine = each.get("securityContext") or {}
        if mine.get("allowPrivilegeEscalation") is not False:
            yield "allowPrivilegeEscalation != false"
        if "ALL" not in ((mine.get("capabilities") or {}).get("drop") or []):
            yield "capabilities are not dropped"
        if not mine.get("runAsNonRoot", ours.get("runAsNonRoot")):
            yield "runAsNonRoot != true"
        if mine.get("runAsUser", ours.get("runAsUser")) == 0:
            yield "runAsUser = 0"
        profile = mine.get("seccompProfile") or ours.get("seccompProfile") or {}
        if profile.get("type") not in ("RuntimeDefault", "Localhost"):
            yield "seccompProfile is not RuntimeDefault"


def _containers(pod: Manifest) -> list[Manifest]:
    return [*(pod.get("initContainers") or []), *(pod.get("containers") or [])]


def _volumes(pod: Manifest) -> list[Manifest]:
    return list(pod.get("volumes") or [])
