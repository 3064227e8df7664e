"""
Retries inside of an Indexed Job: what a session's policy says, in the words of the Job API.

Its rule: a class of failures is known by the pod's exit code alone, for the Job sees no more.
https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
"""

from __future__ import annotations

from typing import Any

from kubectl_tune.cluster import Manifest
from kubectl_tune.cluster.labels import CONTAINER
from kubectl_tune.session import Policy
from kubectl_tune.trial import Failure

# Exit codes of pods by what they mean; all others are the trial's own.
CODES = {Failure.BAD_RESULT: 122, Failure.TIMEOUT: 124, Failure.OOM: 137}
SETUP, SIGTERM = 125, 143  # it could not begin here, nor elsewhere; somebody has ended it


def index_retries(policy: Policy) -> dict[str, Any]:
    """
    Say how often an index is tried again: as often as any class of failures is.

    A class that is never tried again fails its index at once. So does a pod that somebody has
    deleted: if not, a trial that was cancelled would begin again.
    """
    often = {which: policy.retry.get(which, policy.retries) for which in (Failure.EXIT, *CODES)}
    never = {CODES[which] for which in CODES if not often[which]}
    if often[Failure.EXIT]:
        codes = {"operator": "In", "values": sorted({SETUP, SIGTERM, *never})}
    else:
        codes = {"operator": "NotIn", "values": sorted(set(CODES.values()) - never) or [0]}
    return {
        "backoffLimitPerIndex": max(often.values()),
        "podFailurePolicy": {
            "rules": [
                # What the cluster did to a pod is not its trial's fault.
                {
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                },
                {
                    "action": "FailIndex",
                    "onExitCodes": {"containerName": CONTAINER, **codes},
                },
            ]
        },
    }


def fails_index(job: Manifest, code: int | None) -> bool:
    """Say whether an Indexed Job takes this exit code for final."""
    for rule in (job["spec"].get("podFailurePolicy") or {}).get("rules") or ():
        codes = rule.get("onExitCodes") or {}
        if rule.get("action") == "FailIndex" and codes and code:
            return bool((code in codes["values"]) is (codes["operator"] == "In"))
    return False
