"""What Jobs and Pods say of attempts: pure readings of the manifests that watches bring."""

from __future__ import annotations

from datetime import datetime

from kubectl_tune.cluster import Manifest
from kubectl_tune.cluster import labels as marks


def name(thing: Manifest) -> str:
    return str(thing["metadata"]["name"])


def labels(thing: Manifest) -> dict[str, str]:
    return thing["metadata"].get("labels") or {}


def remarks(thing: Manifest) -> dict[str, str]:
    """Return an object's annotations."""
    return thing["metadata"].get("annotations") or {}


def being_deleted(thing: Manifest) -> bool:
    return bool(thing["metadata"].get("deletionTimestamp"))


def seconds(time: str | None) -> float | None:
    """
    Return a Kubernetes time as seconds since the epoch; None where there is none.

    Of a container that could not be started the kubelet says that it began in 1970.
    """
    try:
        return datetime.fromisoformat((time or "").replace("Z", "+00:00")).timestamp() or None
    except ValueError:
        return None


def job_of(pod: Manifest) -> str:
    """Return the name of a pod's Job."""
    mine = labels(pod)
    return mine.get(marks.JOB_NAME) or mine.get("job-name") or ""


def index_of(pod: Manifest) -> int | None:
    """Return the completion index of an Indexed Job's pod."""
    text = remarks(pod).get(marks.INDEX) or labels(pod).get(marks.INDEX) or ""
    return int(text) if text.isdecimal() else None


def attempts_before(pod: Manifest) -> int:
    """Return how many pods its index had before it, those that a disruption ended included."""
    return failures_before(pod) + _count(pod, marks.INDEX_IGNORED)


def failures_before(pod: Manifest) -> int:
    """Return how often the pod's index had failed before it, as its Job counts."""
    return _count(pod, marks.INDEX_FAILURES)


def _count(pod: Manifest, annotation: str) -> int:
    text = remarks(pod).get(annotation, "")
    return int(text) if text.isdecimal() else 0


def container(pod: Manifest) -> Manifest:
    """Return the status of our container, empty where the kubelet has not said one."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return next((each for each in statuses if each.get("name") == marks.CONTAINER), {})


def terminated(pod: Manifest) -> Manifest | None:
    """Return how our container ended, once it has; sidecars may run on."""
    return (container(pod).get("state") or {}).get("terminated")


def ended_before_deletion(pod: Manifest) -> bool:
    """Say whether our container had ended by itself when somebody deleted its pod."""
    ended = seconds((terminated(pod) or {}).get("finishedAt"))
    until = seconds(pod["metadata"].get("deletionTimestamp"))
    return ended is not None and (until is None or ended < until - grace(pod))


def grace(pod: Manifest) -> float:
    """Return the seconds that a pod which is being deleted has to end."""
    return float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)


def running_since(pod: Manifest) -> float | None:
    """Return when our container began, while it runs."""
    state = (container(pod).get("state") or {}).get("running")
    return seconds(state.get("startedAt")) if state else None


def phase(pod: Manifest) -> str:
    return str((pod.get("status") or {}).get("phase") or "")


def has_ended(pod: Manifest) -> bool:
    """Say whether a pod has ended with all of its containers."""
    return phase(pod) in ("Succeeded", "Failed")


def is_over(pod: Manifest) -> bool:
    """Say whether nothing of the attempt runs any more."""
    return has_ended(pod) or terminated(pod) is not None


def node(pod: Manifest) -> str:
    return str((pod.get("spec") or {}).get("nodeName") or "")


def ended_by_itself(pod: Manifest) -> bool:
    """Say whether our container came to an end that it could say something about."""
    return (terminated(pod) or {}).get("reason") not in _SPEECHLESS


_SPEECHLESS = ("OOMKilled", "StartError", "ContainerCannotRun")


def message(pod: Manifest) -> str:
    """Return what our container left as its termination message."""
    return str((terminated(pod) or {}).get("message") or "")


def condition(thing: Manifest, kind: str) -> Manifest | None:
    """Return a condition that is true; unknown ones are nobody's business here."""
    conditions = (thing.get("status") or {}).get("conditions") or []
    found = (c for c in conditions if c.get("type") == kind and c.get("status") == "True")
    return next(found, None)


def finished(job: Manifest) -> Manifest | None:
    """Return the condition that says a Job is over, all of its pods included."""
    return condition(job, "Complete") or condition(job, "Failed")


def doom(job: Manifest) -> Manifest | None:
    """Return the condition by which a Job ends its pods, or has ended them."""
    return condition(job, "Failed") or condition(job, "FailureTarget")


def ended_at(job: Manifest) -> float | None:
    """Return when a Job was over; None while it is not."""
    return seconds((finished(job) or {}).get("lastTransitionTime"))


def is_suspended(job: Manifest) -> bool:
    """Kueue and its like hold a Job back by this; it is queued then, not stuck."""
    return bool((job.get("spec") or {}).get("suspend"))


def holds(indexes: str, index: int) -> bool:
    """
    Say whether an index is in a set of them as Kubernetes writes it: `1,3-5,7`.

    https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/#JobStatus
    """
    for part in filter(None, indexes.split(",")):
        first, _, last = part.partition("-")
        if int(first) <= index <= int(last or first):
            return True
    return False
