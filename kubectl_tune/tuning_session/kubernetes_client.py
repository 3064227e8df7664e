"""
Four methods on Jobs, by their first names, over the cluster client of everything else.

One rule: only `create_job` raises. What the others can't find out they say in their answer.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from kubectl_tune.cluster import ClusterClient, LogRequest, observed
from kubectl_tune.errors import TuneError, Unreachable

Manifest = dict[str, Any]


@dataclass
class K8sJobStatus:
    """`status` is Pending, Running, Succeeded, Failed or Unknown; times are RFC 3339."""

    job_id: str
    namespace: str
    status: str
    pod_name: str | None = None
    message: str | None = None
    start_time: str | None = None
    completion_time: str | None = None


class K8sClientInterface(ABC):
    """All that the runner needs of a cluster. A `job_id` is the name of a Job."""

    @abstractmethod
    def create_job(self, manifest: Manifest) -> str:
        """Create a Job and return its name."""

    @abstractmethod
    def get_job_status(self, job_id: str, namespace: str = "default") -> K8sJobStatus: ...

    @abstractmethod
    def get_pod_logs(self, job_id: str, namespace: str = "default") -> str:
        """Return what the Job's first pod has printed."""

    @abstractmethod
    def delete_job(self, job_id: str, namespace: str = "default") -> bool:
        """Delete a Job and its pods; say whether that was possible."""


def _reached(namespace: str) -> ClusterClient:
    """Connect as kubectl would; an empty namespace is the context's."""
    from kubectl_tune import access
    from kubectl_tune.cluster.kubeconfig import resolve

    return access.client(resolve(replace(access.given(), namespace=namespace), os.environ))


class K8sClient(K8sClientInterface):
    """
    The cluster of the current context, or the one whose pod we run in.

    With `dry_run` nothing is sent, and every Job is as good as done.
    """

    def __init__(
        self,
        namespace: str = "default",
        dry_run: bool = False,
        *,
        connect: Callable[[str], ClusterClient] = _reached,
    ) -> None:
        self.namespace = namespace
        self.dry_run = dry_run
        self._connect = connect
        self._clients: dict[str, ClusterClient] = {}

    @property
    def usual(self) -> bool:
        """Whether it goes where all else of ours goes."""
        return self._connect is _reached and not self.dry_run

    def create_job(self, manifest: Manifest) -> str:
        if not self.dry_run:
            namespace = manifest["metadata"].get("namespace") or self.namespace
            return observed.name(self._get_client(namespace).create(manifest))
        return observed.name(manifest)

    def get_job_status(self, job_id: str, namespace: str = "default") -> K8sJobStatus:
        if self.dry_run:
            return K8sJobStatus(job_id, namespace, "Succeeded")
        try:
            return job_status(self._get_client(namespace).get("Job", job_id), namespace)
        except TuneError as error:
            return K8sJobStatus(job_id, namespace, "Unknown", message=str(error))

    def get_pod_logs(self, job_id: str, namespace: str = "default") -> str:
        if self.dry_run:
            return "[DRY_RUN] No logs available"
        try:
            client = self._get_client(namespace)
            pods, _ = client.list("Pod", f"job-name={job_id}")
            if not pods:
                return ""
            wanted = LogRequest(observed.name(pods[0]), timestamps=False)
            return b"".join(client.logs(wanted)).decode("utf-8", "replace")
        except Unreachable:
            return ""
        except TuneError as error:
            return f"[ERROR] {error}"

    def delete_job(self, job_id: str, namespace: str = "default") -> bool:
        if not self.dry_run:
            try:
                self._get_client(namespace).delete("Job", job_id)
            except TuneError:
                return False
        return True

    def close(self) -> None:
        for client in self._clients.values():
            with suppress(TuneError):
                client.close()
        self._clients.clear()

    def _get_client(self, namespace: str) -> ClusterClient:
        if namespace not in self._clients:
            self._clients[namespace] = self._connect(namespace)
        return self._clients[namespace]


def job_status(job: Manifest, namespace: str) -> K8sJobStatus:
    """Read a Job: its conditions say for sure, its counts of pods say sooner."""
    status = job.get("status") or {}
    failed = observed.condition(job, "Failed")
    if observed.condition(job, "Complete") or (status.get("succeeded") and not failed):
        word = "Succeeded"
    elif failed or status.get("failed"):
        word = "Failed"
    else:
        word = "Running" if status.get("active") else "Pending"
    return K8sJobStatus(
        observed.name(job),
        namespace,
        word,
        message=_message(failed) if failed else None,
        start_time=status.get("startTime"),
        completion_time=status.get("completionTime"),
    )


def _message(condition: Manifest) -> str:
    said = (condition.get("reason"), condition.get("message"))
    return ": ".join(filter(None, said))
