"""What has become of a Job, in numbers and conditions: the fold of its pods into its status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kubectl_tune.cluster import Manifest

from . import indexes
from . import jobpods as of
from .store import copy

TERMINAL = ("Complete", "Failed")
INTERIM = {"SuccessCriteriaMet": "Complete", "FailureTarget": "Failed"}

REACHED = ("SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods")
BACKOFF = ("FailureTarget", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
DEADLINE = ("FailureTarget", "DeadlineExceeded", "Job was active longer than specified deadline")
FAILED_INDEXES = ("FailureTarget", "FailedIndexes", "Job has failed indexes")
TOO_MANY_INDEXES = (
    "FailureTarget",
    "MaxFailedIndexesExceeded",
    "Job has exceeded the specified maximal number of failed indexes",
)

Condition = tuple[str, str, str]  # type, reason, message


def conditions(job: Manifest) -> dict[str, dict[str, Any]]:
    """The conditions that hold, by type."""
    found = job["status"].get("conditions", ())
    return {each["type"]: each for each in found if each["status"] == "True"}


def is_terminal(job: Manifest) -> bool:
    return any(type in conditions(job) for type in TERMINAL)


@dataclass
class Tally:
    """A Job's counters, as they grow by pods that have ended."""

    spec: dict[str, Any]
    succeeded: int
    failed: int
    completed: set[int]
    failed_indexes: set[int]
    doom: Condition | None = None  # a FailJob rule has spoken
    counted: list[Manifest] = field(default_factory=list)
    failures: list[tuple[Manifest, bool]] = field(default_factory=list)  # pod, whether let off

    @classmethod
    def of(cls, job: Manifest) -> Tally:
        status = job["status"]
        return cls(
            job["spec"],
            status.get("succeeded", 0),
            status.get("failed", 0),
            indexes.read(status.get("completedIndexes", "")),
            indexes.read(status.get("failedIndexes", "")),
        )

    @property
    def indexed(self) -> bool:
        return bool(self.spec["completionMode"] == "Indexed")

    def count(self, pods: Sequence[Manifest]) -> None:
        """Count every pod that has ended, once: its finalizer says that it was not counted yet."""
        for pod in pods:
            if of.tracked(pod) and of.phase(pod) == "Succeeded":
                self._success(pod)
            elif of.tracked(pod) and of.failed(pod, self.spec):
                self._failure(pod)

    def _success(self, pod: Manifest) -> None:
        self.counted.append(pod)
        if not self.indexed:
            self.succeeded += 1
        elif of.index(pod) < self.spec["completions"]:
            self.completed.add(of.index(pod))
            self.succeeded = len(self.completed)

    def _failure(self, pod: Manifest) -> None:
        self.counted.append(pod)
        verdict = of.verdict(pod, self.spec)
        self.failures.append((pod, verdict.action == "Ignore"))
        if verdict.action == "Ignore":
            return
        self.failed += 1
        if verdict.action == "FailJob":
            self.doom = self.doom or ("FailureTarget", "PodFailurePolicy", verdict.text)
        limit = self.spec.get("backoffLimitPerIndex")
        if limit is not None and (verdict.action == "FailIndex" or of.failures(pod) >= limit):
            self.failed_indexes.add(of.index(pod))

    def outcome(self, late: bool, busy: bool) -> Condition | None:
        """Return the condition that the counters call for: the first of the controller's list."""
        if self.doom:
            return self.doom
        if late:
            return DEADLINE
        if self.failed > self.spec["backoffLimit"]:
            return BACKOFF
        if len(self.failed_indexes) > self.spec.get("maxFailedIndexes", float("inf")):
            return TOO_MANY_INDEXES
        if self.indexed:
            return self._outcome_of_indexes()
        completions = self.spec.get("completions")
        done = self.succeeded and not busy if completions is None else self.succeeded >= completions
        return REACHED if done else None

    def _outcome_of_indexes(self) -> Condition | None:
        if len(self.completed | self.failed_indexes) < self.spec["completions"]:
            return None
        return FAILED_INDEXES if self.failed_indexes else REACHED

    def status(self, before: dict[str, Any], pods: Sequence[Manifest]) -> dict[str, Any]:
        """Return the status that these counters and pods make."""
        counters = {
            "active": sum(map(of.active, pods)),
            "succeeded": self.succeeded,
            "failed": self.failed,
            "completedIndexes": indexes.write(self.completed),
            "failedIndexes": indexes.write(self.failed_indexes),
        }
        status: dict[str, Any] = {
            key: value for key, value in copy(before).items() if key not in counters
        }
        status |= {key: value for key, value in counters.items() if value}
        status["ready"] = sum(of.active(pod) and of.ready(pod) for pod in pods)
        status["terminating"] = sum(map(of.terminating, pods))
        status["uncountedTerminatedPods"] = {}
        return status
