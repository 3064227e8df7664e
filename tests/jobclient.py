"""A client of four methods in memory: each job goes through the states that its words say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kubectl_tune.tuning_session import K8sClientInterface, K8sJobStatus

# What a job of the built-in workload needs: a data file's text, and its config.
QUOTES = (
    "timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b\n1,99,100,102,103\n2,102,103,99,100\n"
)
CONFIG = {
    "data_file": "quotes.csv", "min_spread_bps": 30, "taker_fee_a_bps": 5, "taker_fee_b_bps": 5,
    "slippage_bps": 5, "max_position_usd": 1000,
}  # fmt: skip


class JobClient(K8sClientInterface):
    """
    `words` are a job's states by its job_id, one an answer, the last one for ever; a job
    without any succeeds at once. `denied` is said when it can't be created, `lost` raised when
    it is asked for. Every attempt has its words anew, unless there are some for its Job's name.
    """

    def __init__(
        self,
        words: Mapping[str, Sequence[str]] | None = None,
        logs: Mapping[str, str] | None = None,
    ) -> None:
        self.words = words or {}
        self.printed = logs or {}
        self.created: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self.namespaces: set[str] = set()
        self.most = 0
        self._ids: dict[str, str] = {}
        self._asked: dict[str, int] = {}
        self._open: set[str] = set()

    @property
    def names(self) -> list[str]:
        return [job["metadata"]["name"] for job in self.created]

    def create_job(self, manifest: dict[str, Any]) -> str:
        name, id = manifest["metadata"]["name"], manifest["metadata"]["annotations"]["job-id"]
        if self.words.get(id) == ("denied",):
            raise RuntimeError("exceeded quota")
        json.dumps(manifest)  # it travels as JSON
        assert name not in self.names, "two Jobs of one name"
        self.created.append(manifest)
        self._ids[name] = id
        self._open.add(name)
        self.most = max(self.most, len(self._open))
        return str(name)

    def get_job_status(self, job_id: str, namespace: str = "default") -> K8sJobStatus:
        self.namespaces.add(namespace)
        words = self.words.get(job_id) or self.words.get(self._ids[job_id]) or ("Succeeded",)
        at = self._asked[job_id] = self._asked.get(job_id, -1) + 1
        word, _, message = words[min(at, len(words) - 1)].partition(": ")
        if word == "lost":
            raise ConnectionError("connection reset")
        if word in ("Succeeded", "Failed"):
            self._open.discard(job_id)
        return K8sJobStatus(job_id, namespace, word, message=message or None)

    def get_pod_logs(self, job_id: str, namespace: str = "default") -> str:
        self.namespaces.add(namespace)
        assert job_id not in self.deleted, "the log of a Job that is gone"
        return self.printed.get(job_id, f"log of {job_id}")

    def delete_job(self, job_id: str, namespace: str = "default") -> bool:
        self.namespaces.add(namespace)
        self._open.discard(job_id)
        self.deleted.append(job_id)
        return True
