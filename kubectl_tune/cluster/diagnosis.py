"""
Why an attempt isn't running: from its Job, its pod and their Events to one verdict.

Its rule: the pod knows best, then its Events, then those of its Job. Reasons that nobody here
knows are passed on as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kubectl_tune.cluster import Manifest, images, observed, refusals
from kubectl_tune.cluster.endings import disruption, ended
from kubectl_tune.cluster.happenings import Happening, happening, happenings, newest, times
from kubectl_tune.cluster.verdict import Verdict, sentence
from kubectl_tune.trial import Failure

__all__ = ["QUEUE", "RUNS", "Verdict", "diagnose", "ended"]

CONFIG_SECONDS = 30.0  # that a container may lack its ConfigMap before it counts as final,
CREATE_SECONDS = 60.0  # and that creating it may go wrong otherwise
RUNS = "running"  # the sentence of what is as it should be
QUEUE = "kueue.x-k8s.io/queue-name"


def diagnose(
    job: Manifest | None, pod: Manifest | None, events: Sequence[Manifest], *, now: float
) -> Verdict:
    """
    Say why an attempt isn't running, if it isn't.

    `events` may hold those of other objects. `now` is the cluster's time, as well as it is known.
    """
    if pod is None:
        return _podless(job, happenings(events, job), events)
    told = happenings(events, pod)
    since = _begun(pod)
    if observed.is_over(pod):
        return Verdict(*ended(pod), "fine", since)
    if observed.being_deleted(pod):
        failure, why = disruption(pod)
        said = sentence(f"its pod is being deleted: {why}" if why else "its pod is being deleted")
        return Verdict(failure or Failure.DELETED, said, "waiting", since)
    if observed.running_since(pod) is not None:
        return _running(pod, told, since)
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") != "True" and not observed.node(pod):
        return _unplaced(pod, scheduled, told, since)
    return _unstarted(pod, told, since, now)


# Without a pod


def _podless(
    job: Manifest | None, told: Sequence[Happening], events: Sequence[Manifest]
) -> Verdict:
    if job is None:
        return Verdict(None, "the cluster does not show its Job yet", "waiting")
    since = observed.seconds(job["metadata"].get("creationTimestamp")) or 0.0
    if observed.being_deleted(job):
        return Verdict(Failure.DELETED, "its Job is being deleted", "waiting", since)
    if over := observed.finished(job):
        said = str(over.get("message") or over.get("reason") or over.get("type"))
        late = over.get("reason") == "DeadlineExceeded"
        return Verdict(
            Failure.TIMEOUT if late else None, sentence("its Job is over:", said), "fine", since
        )
    if observed.is_suspended(job):
        return Verdict(None, _queued(job, events), "waiting", since)
    made = newest(told, "FailedCreate", "SuccessfulCreate")
    if _full(job):
        return Verdict(None, "it waits for its turn: its Job runs no more at once", "fine", since)
    if made and made.reason == "FailedCreate":
        return refusals.judged([each for each in told if each.reason == "FailedCreate"])
    return Verdict(None, "its Job has no pod yet", "waiting", since)


def _full(job: Manifest) -> bool:
    """Say whether an Indexed Job has as many pods as it may have at once."""
    spec, status = job.get("spec") or {}, job.get("status") or {}
    several = (spec.get("completions") or 1) > 1
    return several and (status.get("active") or 0) >= (spec.get("parallelism") or 0)


def _queued(job: Manifest, events: Sequence[Manifest]) -> str:
    queue = observed.labels(job).get(QUEUE)
    if not queue:
        return "its Job is suspended: it runs once spec.suspend is false again"
    name = f"job-{observed.name(job)}-"  # of Kueue's Workload
    said = [
        each
        for each in map(happening, events)
        if each.kind == "Workload" and each.name.startswith(name) and each.message
    ]
    why = max(said, key=lambda each: each.last).message if said else ""
    words = f"it is queued: Kueue has not admitted it from queue {queue} yet"
    return sentence(f"{words}: {why}" if why else words)


# A pod without a node


def _unplaced(
    pod: Manifest, scheduled: Manifest, told: Sequence[Happening], since: float
) -> Verdict:
    at = observed.seconds(scheduled.get("lastTransitionTime")) or since
    reason = scheduled.get("reason")
    if reason == "SchedulingGated":
        gates = (pod.get("spec") or {}).get("schedulingGates") or []
        names = ", ".join(str(gate.get("name")) for gate in gates)
        return Verdict(None, sentence("its pod is held back by scheduling gates:", names),
                       "waiting", at)  # fmt: skip
    failed = newest(told, "FailedScheduling")
    message = str(scheduled.get("message") or (failed.message if failed else ""))
    if not message:
        return Verdict(None, "no scheduler has looked at its pod yet", "waiting", at)
    if reason not in (None, "Unschedulable"):
        return Verdict(None, sentence(f"its pod has no node: {reason}:", message), "waiting", at)
    why = _why_no_node(message)
    said = sentence(f"no node fits: {why}{_asked(pod, why)}{_growing(told)}")
    return Verdict(Failure.UNSCHEDULABLE, said, "waiting", at, _placing_hint(why))


# What the scheduler adds on preemption and on claims is of no help to anybody.
_ASIDE = re.compile(r"(?:\.\s*|,\s*)?(?:no new claims to deallocate|preemption:).*$", re.DOTALL)


def _why_no_node(message: str) -> str:
    return _ASIDE.sub("", message).removesuffix(" not found. not found").strip().rstrip(".") + (
        " not found" if message.startswith("0/") and " not found. not found" in message else ""
    )


def _asked(pod: Manifest, why: str) -> str:
    """Say what the pod asks for, where that is what does not fit."""
    spec = pod.get("spec") or {}
    parts = []
    if "Insufficient" in why:
        for each in spec.get("containers") or []:
            wants = (each.get("resources") or {}).get("requests") or {}
            parts += [f"{name}={amount}" for name, amount in sorted(wants.items())]
    if "selector" in why:
        wants = spec.get("nodeSelector") or {}
        parts += [f"{name}={value}" for name, value in sorted(wants.items())]
    return f" (it asks for {', '.join(parts)})" if parts else ""


def _growing(told: Sequence[Happening]) -> str:
    latest = newest(told, "TriggeredScaleUp", "NotTriggerScaleUp")
    if latest is None:
        return ""
    if latest.reason == "TriggeredScaleUp":
        return "; the cluster is adding a node"
    return f"; the cluster adds no node: {latest.message}"


_PLACING = (
    ("persistentvolumeclaim", "check the claim's name in --volume: kubectl get pvc"),
    ("PersistentVolumeClaim", "kubectl describe pvc says what its volume waits for"),
    ("Insufficient", "ask for less with --cpu, --memory or --gpus, or wait for room"),
    ("unschedulable", "a node is cordoned: kubectl uncordon NODE lets it take pods again"),
    ("taint", "--toleration KEY lets pods run on tainted nodes"),
    ("selector", "change --node-selector: kubectl get nodes --show-labels"),
)


def _placing_hint(why: str) -> str:
    return next((hint for word, hint in _PLACING if word in why), "")


# A pod on a node


def _unstarted(pod: Manifest, told: Sequence[Happening], since: float, now: float) -> Verdict:
    at = observed.seconds(_condition(pod, "PodScheduled").get("lastTransitionTime")) or since
    for status, waiting in _waiting(pod):
        reason = str(waiting.get("reason") or "")
        message = str(waiting.get("message") or "")
        if reason in images.REASONS:
            image = _image(pod, status)
            return images.judged(reason, message, image, told, since=at, now=now)
        if reason not in ("", "ContainerCreating", "PodInitializing"):
            return _broken(reason, message, told, at, now)
    return _starting(pod, told, at)


def _broken(
    reason: str, message: str, told: Sequence[Happening], since: float, now: float
) -> Verdict:
    """A container that can't be created."""
    why = re.sub(r" \(pod: .*\)$", "", message)
    failed = [each for each in told if each.reason == "Failed" and message in each.message]
    first = min((each.first for each in failed), default=since)
    last = max((each.last for each in failed), default=first)
    patience = {
        "CreateContainerConfigError": CONFIG_SECONDS,
        "CreateContainerError": CREATE_SECONDS,
        "RunContainerError": CREATE_SECONDS,
    }.get(reason)
    final = patience is not None and max(now - first, last - first) >= patience
    root = "runAsNonRoot" in why
    known = Failure.IMAGE if root else Failure.UNSCHEDULABLE if patience else None
    return Verdict(
        known, sentence("its container can't be created:", why or reason)
        if patience else sentence(f"its container waits: {reason}:", why),
        "fatal" if final else "waiting", first, _creating_hint(why),
    )  # fmt: skip


def _creating_hint(why: str) -> str:
    if "runAsNonRoot" in why:
        return "add --run-as-user 1000, or use an image with a numeric user that is not root"
    if "not found" in why or "find key" in why:
        return "create what is missing, or mend --secret-env or --template"
    return ""


_MOUNTING = re.compile(r"^(?:MountVolume|AttachVolume|UnmountVolume)\.\w+ failed for ")


def _starting(pod: Manifest, told: Sequence[Happening], since: float) -> Verdict:
    where = observed.node(pod)
    latest = newest(
        told, "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "Pulling", "Pulled"
    )
    match latest.reason if latest else "":
        case "FailedMount" | "FailedAttachVolume" if latest:
            why = _MOUNTING.sub("", latest.message).replace('" : ', '": ')
            count = times(told, latest.reason)
            return Verdict(
                Failure.UNSCHEDULABLE, sentence("its volumes can't be mounted:", why), "waiting",
                latest.first, "check --volume and what it names" if count > 1 else "",
            )  # fmt: skip
        case "FailedCreatePodSandBox" if latest:
            said = sentence(f"node {where} can't set up its pod:", latest.message)
            return Verdict(Failure.UNSCHEDULABLE, said, "waiting", latest.first)
        case "Pulling" if latest:
            said = latest.message.replace("Pulling image", f"node {where} is pulling image")
            return Verdict(None, sentence(said), "waiting", latest.first)
    if any(waiting.get("reason") == "PodInitializing" for _, waiting in _waiting(pod)):
        return Verdict(None, f"its init containers run on node {where}", "waiting", since)
    return Verdict(None, f"its container is being created on node {where}", "waiting", since)


# A pod that runs


def _running(pod: Manifest, told: Sequence[Happening], since: float) -> Verdict:
    unready = _condition(pod, "Ready").get("status") in ("False", "Unknown")
    lost = newest(told, "NodeNotReady")
    if lost and unready:
        said = f"node {observed.node(pod)} is not ready: the cluster has lost sight of its pod"
        return Verdict(Failure.NODE_LOST, said, "waiting", lost.first)
    return Verdict(None, RUNS, "fine", observed.running_since(pod) or since)


# Readings


def _begun(pod: Manifest) -> float:
    return observed.seconds(pod["metadata"].get("creationTimestamp")) or 0.0


def _condition(thing: Manifest, kind: str) -> Manifest:
    """Return a condition whatever its status."""
    conditions = (thing.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each.get("type") == kind), {})


def _waiting(pod: Manifest) -> Iterator[tuple[Manifest, Manifest]]:
    """Yield the containers that wait and what they wait for, init containers first."""
    status = pod.get("status") or {}
    for key in ("initContainerStatuses", "containerStatuses"):
        for each in status.get(key) or []:
            if waiting := (each.get("state") or {}).get("waiting"):
                yield each, waiting


def _image(pod: Manifest, status: Manifest) -> str:
    """Return a container's image as it was asked for; its status may have a longer name."""
    spec = pod.get("spec") or {}
    for each in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        if each.get("name") == status.get("name") and each.get("image"):
            return str(each["image"])
    return str(status.get("image") or "")
