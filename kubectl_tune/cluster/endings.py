"""
Why a pod ended, read from the pod alone: for attempts that left no record of their own.

Its rule: what the cluster did to a pod is told apart from what its program did, because the
first is begun again and the second may not be.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from typing import Any

from kubectl_tune.cluster import Manifest
from kubectl_tune.cluster.observed import being_deleted, container, node, phase
from kubectl_tune.cluster.verdict import sentence
from kubectl_tune.trial import Failure

Ending = tuple[Failure | None, str]

UNENDED: Ending = (None, "")

# status.reason of pods, and reasons of the condition DisruptionTarget, where they mean that
# the node went away; all others of theirs mean that the cluster wanted the room.
_NODE_GONE = frozenset(
    ("DeletionByTaintManager", "DeletionByPodGC", "NodeLost", "NodeShutdown", "Shutdown",
     "Terminated")
)  # fmt: skip
_DISRUPTIONS = {
    "PreemptionByScheduler": "preempted by a pod of higher priority",
    "EvictionByEvictionAPI": "evicted, as when its node is drained",
    "DeletionByTaintManager": "evicted from its node, which is not ready or tainted",
    "DeletionByPodGC": "removed with its node, which is gone",
    "TerminationByKubelet": "ended by its kubelet",
}
_NOT_STARTED = frozenset(("StartError", "ContainerCannotRun", "RunContainerError"))
_OWN_LIMIT = re.compile(r"exceed", re.IGNORECASE)
_RUNTIME = re.compile(r"^.*unable to start container process: (?:error during container init: )?")


def ended(pod: Manifest) -> Ending:
    """
    Return the class and the reason of a pod's end; no class where it succeeded, or goes on.

    Of a pod that is being deleted it says who wants it gone, if that is known; else there is
    no class: whoever deletes a Job deletes its pods as well.
    """
    status = pod.get("status") or {}
    return next((found for found in _readings(pod, status) if found != UNENDED), UNENDED)


def disruption(pod: Manifest) -> Ending:
    """Return what the cluster wants to do, or has done, to a pod, if anything."""
    for each in (pod.get("status") or {}).get("conditions") or []:
        if each.get("type") == "DisruptionTarget" and each.get("status") == "True":
            reason = str(each.get("reason") or "")
            words = _DISRUPTIONS.get(reason, reason or "disrupted by the cluster")
            message = str(each.get("message") or "")
            failure = Failure.NODE_LOST if reason in _NODE_GONE else Failure.PREEMPTED
            return failure, sentence(f"{words}:" if message else words, message)
    return UNENDED


def _readings(pod: Manifest, status: Manifest) -> Iterator[Ending]:
    """Yield what each part of a pod says, the most telling first."""
    over = phase(pod) == "Failed"
    mine = container(pod).get("state") or {}
    terminated = mine.get("terminated") or {}
    yield _by_reason(pod, status) if over else UNENDED
    yield _out_of_memory(pod, terminated)
    yield disruption(pod)
    if phase(pod) == "Unknown":
        yield Failure.NODE_LOST, f"its node {node(pod)} does not answer"
    if being_deleted(pod) and terminated.get("exitCode", -1) in (-1, 137, 143):
        yield None, "its pod was deleted"
    if terminated:
        yield _by_exit(pod, terminated)
    yield from _of_others(status) if over else ()
    if over and not terminated:
        yield _never_started(pod, status)


def _by_reason(pod: Manifest, status: Manifest) -> Ending:
    reason, message = str(status.get("reason") or ""), str(status.get("message") or "")
    if reason == "DeadlineExceeded":
        limit = (pod.get("spec") or {}).get("activeDeadlineSeconds")
        most = f": at most {limit}s (activeDeadlineSeconds)" if limit else ""
        return Failure.TIMEOUT, f"its pod was active for too long{most}"
    if reason == "Evicted":
        return _evicted(pod, message)
    if reason in _NODE_GONE:
        return Failure.NODE_LOST, sentence(f"its node was shut down: {message or reason}")
    if reason in ("Preempting", "Preempted"):
        return Failure.PREEMPTED, sentence(f"preempted on its node: {message or reason}")
    return UNENDED


def _evicted(pod: Manifest, message: str) -> Ending:
    """Tell a node in need, which evicts whom it likes, from a pod that broke its own limit."""
    failure, _ = disruption(pod)
    if failure or not _OWN_LIMIT.search(message) or "node was low" in message.lower():
        said = sentence("evicted from its node:", message or "it was low on something")
        return failure or Failure.PREEMPTED, said
    return Failure.EXIT, sentence("evicted because of its own limit:", message)


def _out_of_memory(pod: Manifest, terminated: Manifest) -> Ending:
    if terminated.get("reason") != "OOMKilled":
        return UNENDED
    containers = (pod.get("spec") or {}).get("containers") or []
    name = container(pod).get("name")
    mine: dict[str, Any] = next((each for each in containers if each.get("name") == name), {})
    limit = ((mine.get("resources") or {}).get("limits") or {}).get("memory")
    allowed = f" of {limit}" if limit else ""
    return Failure.OOM, f"out of memory (OOMKilled): it used more than its limit{allowed}"


def _by_exit(pod: Manifest, terminated: Manifest) -> Ending:
    reason, code = str(terminated.get("reason") or ""), terminated.get("exitCode")
    message = str(terminated.get("message") or "")
    if reason == "ContainerStatusUnknown":
        return Failure.NODE_LOST, sentence("its kubelet lost sight of it:", message or reason)
    if reason in _NOT_STARTED:
        return Failure.EXIT, _not_started(pod, message or reason)
    if not code:
        return UNENDED
    words = f"exit code {code}{_signal(code)}"
    last = _last_line(message)
    return Failure.EXIT, sentence(f"{words}: {last}" if last else words)


def _not_started(pod: Manifest, message: str) -> str:
    why = _RUNTIME.sub("", message).removesuffix(": unknown")
    if re.search(r'exec: "[^"]*python3?": ', why):
        image = container(pod).get("image") or "its image"
        return sentence(
            f"image {image} has no python3, which the agent needs: use --no-agent, or an --image"
            f" that has it ({why})"
        )
    return sentence("its command can't be started:", why)


def _of_others(status: Manifest) -> Iterator[Ending]:
    """Init containers that failed keep ours from starting."""
    for each in status.get("initContainerStatuses") or []:
        ending = (each.get("state") or {}).get("terminated") or {}
        if ending.get("exitCode"):
            last = _last_line(str(ending.get("message") or ""))
            words = f"init container {each.get('name')}: exit code {ending['exitCode']}"
            yield Failure.EXIT, sentence(f"{words}: {last}" if last else words)


def _never_started(pod: Manifest, status: Manifest) -> Ending:
    """A kubelet refuses what it has no room for, with reasons such as OutOfcpu."""
    reason, message = str(status.get("reason") or ""), str(status.get("message") or "")
    said = ": ".join(filter(None, (reason, message))) or "it gave no reason"
    return Failure.PREEMPTED, sentence(f"node {node(pod) or '<none>'} did not run it:", said)


def _signal(code: Any) -> str:
    try:
        return f" ({signal.Signals(int(code) - 128).name})" if 128 < int(code) < 160 else ""
    except ValueError:
        return ""


def _last_line(message: str) -> str:
    """Return the end of what a container left, unless it is our own record."""
    lines = [line for line in message.splitlines() if line.strip()]
    if not lines or message.lstrip().startswith("{"):
        return ""
    return lines[-1].strip()
