"""
The Job controller: pods as many as a Job asks for, and its status as they end.

A pod is counted once, when its finalizer is taken off. A Job ends in two steps: first the
condition that decides it, then, when no pod is left, the one that says that it is over.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from kubectl_tune.cluster import Manifest

from . import jobpods as of
from .answers import Answer
from .apiserver import ApiServer, seconds_of, stamp
from .jobstatus import INTERIM, Condition, Tally, conditions, is_terminal
from .loop import Loop
from .recorder import Recorder
from .store import Key, Written, copy, key_of

COMPONENT = "job-controller"
LONGEST = 600.0  # seconds; no back-off grows beyond it


@dataclass
class Memory:
    """What the controller keeps of a Job beside its status."""

    tries: dict[int, tuple[int, int]] = field(default_factory=dict)  # index: failures, let off
    again_at: dict[int, float] = field(default_factory=dict)  # index (-1: all), by our own clock
    row: dict[int, int] = field(default_factory=dict)  # failures since the last success
    refused: int = 0  # creations in a row
    create_at: float = 0.0


class JobController:
    def __init__(self, api: ApiServer, recorder: Recorder, loop: Loop) -> None:
        self.retry_delay = 0.0  # seconds before a failed pod is replaced; 10 in a real cluster
        self.create_delay = 0.05  # seconds after which a refused pod is tried again; 1 really
        self._api = api
        self._recorder = recorder
        self._loop = loop
        self._dirty: dict[Key, set[str]] = defaultdict(set)
        self._memory: dict[str, Memory] = defaultdict(Memory)

    def see(self, written: Written) -> None:
        meta = written.new["metadata"]
        if written.key.kind == "Job":
            self._dirty[written.key].add(meta["uid"])
        if written.key.kind == "Pod":
            for owner in meta.get("ownerReferences", ()):
                if owner["kind"] == "Job":
                    key = Key("Job", meta["namespace"], owner["name"])
                    self._dirty[key].add(owner["uid"])

    def act(self) -> None:
        dirty, self._dirty = self._dirty, defaultdict(set)
        for key, uids in dirty.items():
            for uid in uids:
                self._sync(key, uid)

    def _again(self, key: Key, uid: str, seconds: float) -> None:
        self._loop.after(max(0.0, seconds), lambda: self._dirty[key].add(uid))

    def _sync(self, key: Key, uid: str) -> None:
        job = self._api.store.get(key)
        pods = self._api.store.owned(uid, "Pod")
        if job is None or job["metadata"]["uid"] != uid:
            self._memory.pop(uid, None)
            self._release(pods)
        elif is_terminal(job):
            self._release(pods)
            self._expire(job)
        else:
            self._tend(job, pods)

    def _tend(self, job: Manifest, pods: list[Manifest]) -> None:
        memory = self._memory[job["metadata"]["uid"]]
        tally = Tally.of(job)
        tally.count(pods)
        self._remember(job, memory, tally)
        holding = conditions(job)
        decided = next((type for type in INTERIM if type in holding), "")
        outcome = None
        if not decided:
            outcome = tally.outcome(self._late(job), any(map(of.active, pods)))
        if decided or outcome:
            self._delete([pod for pod in pods if of.active(pod)], job)
        elif job["spec"]["suspend"]:
            self._suspend(job, pods)
        else:
            self._match(job, pods, tally, memory)
        self._write(job, tally, outcome)
        self._release(tally.counted)
        if decided and not tally.counted and not self._unfinished(job):
            self._end(job, holding[decided])

    def _write(self, job: Manifest, tally: Tally, outcome: Condition | None) -> None:
        pods = self._api.store.owned(job["metadata"]["uid"], "Pod")

        def change(new: Manifest) -> None:
            new["status"] = tally.status(new["status"], pods)
            if not job["spec"]["suspend"]:
                new["status"].setdefault("startTime", stamp(self._api.now()))
            if outcome:
                self._set(new, *outcome)
            self._note_suspension(new)

        if "startTime" not in job["status"]:
            self._mind_deadline(job)
        self._api.update(job, change)

    def _end(self, job: Manifest, by: dict[str, Any]) -> None:
        type = INTERIM[by["type"]]

        def change(new: Manifest) -> None:
            self._set(new, type, by["reason"], by["message"])
            if type == "Complete":
                new["status"]["completionTime"] = stamp(self._api.now())

        self._api.update(job, change)
        if type == "Complete":
            self._recorder.say(job, COMPONENT, "Completed", "Job completed")
        else:
            self._recorder.warn(job, COMPONENT, by["reason"], by["message"])

    def _unfinished(self, job: Manifest) -> bool:
        pods = self._api.store.owned(job["metadata"]["uid"], "Pod")
        return any(not of.ended(pod) or of.tracked(pod) for pod in pods)

    # How many pods there are

    def _match(self, job: Manifest, pods: list[Manifest], tally: Tally, memory: Memory) -> None:
        room = of.free(job["spec"], pods)
        running = [pod for pod in pods if of.active(pod)]
        if room < 0:
            self._take_away(job, running[room:])
        elif tally.indexed:
            self._create_indexes(job, pods, tally, memory, room)
        else:
            self._create(job, memory, self._missing(job, pods, tally, room))

    def _missing(self, job: Manifest, pods: list[Manifest], tally: Tally, room: int) -> int:
        completions = job["spec"].get("completions")
        if completions is None:
            return 0 if tally.succeeded else room
        counts = of.free({**job["spec"], "parallelism": completions - tally.succeeded}, pods)
        return min(room, counts)

    def _create(self, job: Manifest, memory: Memory, count: int) -> None:
        if count > 0 and not self._wait(job, memory.again_at.get(-1, 0.0)):
            for _ in range(count):
                name = self._api.pods_name(f"{job['metadata']['name']}-")
                if not self._created(job, memory, of.new_pod(job, name)):
                    return

    def _create_indexes(
        self, job: Manifest, pods: list[Manifest], tally: Tally, memory: Memory, room: int
    ) -> None:
        waits = job["spec"]["podReplacementPolicy"] == "Failed"
        taken = {of.index(p) for p in pods if of.active(p) or (waits and of.terminating(p))}
        over = tally.completed | tally.failed_indexes | taken
        pending = [each for each in range(job["spec"]["completions"]) if each not in over]
        # As the controller does: those that must wait still take the places of those behind them.
        for index in pending[:room]:
            at = memory.again_at.get(index, memory.again_at.get(-1, 0.0))
            if not self._wait(job, at) and not self._created_index(job, memory, index):
                return

    def _created_index(self, job: Manifest, memory: Memory, index: int) -> bool:
        name = self._api.pods_name(f"{job['metadata']['name']}-{index}-")
        pod = of.new_pod(job, name)
        tries = memory.tries.get(index, (0, 0))
        return self._created(job, memory, of.with_index(pod, job, index, tries))

    def _created(self, job: Manifest, memory: Memory, pod: Manifest) -> bool:
        if self._wait(job, memory.create_at):
            return False
        try:
            self._api.create(pod, job["metadata"]["namespace"])
        except Answer as refusal:
            delay = min(60.0, self.create_delay * 2**memory.refused)
            memory.refused += 1
            memory.create_at = time.monotonic() + delay
            self._recorder.warn(job, COMPONENT, "FailedCreate", f"Error creating: {refusal}")
            self._wait(job, memory.create_at)
            return False
        memory.refused = 0
        text = f"Created pod: {pod['metadata']['name']}"
        self._recorder.say(job, COMPONENT, "SuccessfulCreate", text)
        return True

    def _wait(self, job: Manifest, until: float) -> bool:
        """Come back at a time of our own clock; return whether it is still to come."""
        rest = until - time.monotonic()
        if rest > 0:
            self._again(key_of(job), job["metadata"]["uid"], rest)
        return rest > 0

    def _remember(self, job: Manifest, memory: Memory, tally: Tally) -> None:
        """Keep how often indexes failed, and when what failed may be tried again."""
        per_index = "backoffLimitPerIndex" in job["spec"]
        for pod, let_off in tally.failures:
            index = of.index(pod)
            failures, ignored = of.failures(pod), of.ignored(pod)
            memory.tries[index] = (failures + (not let_off), ignored + let_off)
            which = index if per_index else -1
            memory.row[which] = memory.row.get(which, 0) + 1
            delay = min(LONGEST, self.retry_delay * 2 ** (memory.row[which] - 1))
            memory.again_at[which] = time.monotonic() + delay

    # Pods that go

    def _delete(self, pods: list[Manifest], job: Manifest) -> None:
        for pod in pods:
            self._api.delete(*key_of(pod))
            text = f"Deleted pod: {pod['metadata']['name']}"
            self._recorder.say(job, COMPONENT, "SuccessfulDelete", text)

    def _take_away(self, job: Manifest, pods: list[Manifest]) -> None:
        """Delete pods that are too many; they count as nothing."""
        self._release(pods)
        self._delete(pods, job)

    def _release(self, pods: list[Manifest]) -> None:
        for pod in pods:
            if of.tracked(pod):
                self._api.update(pod, _untracked)

    # Suspension, deadlines, time to live

    def _suspend(self, job: Manifest, pods: list[Manifest]) -> None:
        self._take_away(job, [pod for pod in pods if of.active(pod)])

    def _note_suspension(self, new: Manifest) -> None:
        suspended = "Suspended" in conditions(new)
        if new["spec"]["suspend"] and not suspended and not _decided(new):
            self._set(new, "Suspended", "JobSuspended", "Job suspended")
            self._recorder.say(new, COMPONENT, "Suspended", "Job suspended")
        elif suspended and not new["spec"]["suspend"]:
            self._set(new, "Suspended", "JobResumed", "Job resumed", "False")
            new["status"]["startTime"] = stamp(self._api.now())
            self._recorder.say(new, COMPONENT, "Resumed", "Job resumed")
            self._mind_deadline(new)

    def _mind_deadline(self, job: Manifest) -> None:
        seconds = job["spec"].get("activeDeadlineSeconds")
        if seconds is not None:
            self._again(key_of(job), job["metadata"]["uid"], seconds + 0.01)

    def _late(self, job: Manifest) -> bool:
        seconds, start = job["spec"].get("activeDeadlineSeconds"), job["status"].get("startTime")
        if seconds is None or start is None or job["spec"]["suspend"]:
            return False
        return bool(self._api.now() >= seconds_of(start) + seconds)

    def _expire(self, job: Manifest) -> None:
        """Delete what has ended long enough ago."""
        seconds = job["spec"].get("ttlSecondsAfterFinished")
        if seconds is None:
            return
        ended = next(c for t, c in conditions(job).items() if t in INTERIM.values())
        rest = seconds_of(ended["lastTransitionTime"]) + seconds - self._api.now()
        if rest <= 0:
            self._api.delete(*key_of(job))
        else:
            self._again(key_of(job), job["metadata"]["uid"], rest)

    def _set(self, job: Manifest, type: str, reason: str, text: str, status: str = "True") -> None:
        at = stamp(self._api.now())
        others = [each for each in job["status"].get("conditions", ()) if each["type"] != type]
        condition = {
            "type": type, "status": status, "reason": reason, "message": text,
            "lastProbeTime": at, "lastTransitionTime": at,
        }  # fmt: skip
        job["status"]["conditions"] = [*copy(others), condition]


def _untracked(pod: Manifest) -> None:
    finalizers = pod["metadata"].get("finalizers", [])
    pod["metadata"]["finalizers"] = [each for each in finalizers if each != of.TRACKED]


def _decided(job: Manifest) -> bool:
    return any(type in conditions(job) for type in INTERIM)
