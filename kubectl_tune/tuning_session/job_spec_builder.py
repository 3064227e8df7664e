"""
The Job of one trial for clients that can do no more than create Jobs.

The image has to bring `kubectl_tune` with it; all else that a trial needs is in the manifest.
One rule: what the API server or the shell of a kubelet could read otherwise is written so that
the trial gets it as it was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from kubectl_tune.cluster import labels as marks
from kubectl_tune.filenames import file_names
from kubectl_tune.names import normalise
from kubectl_tune.podoptions import STOCK_IMAGE
from kubectl_tune.trial import TrialSpec
from kubectl_tune.workload import ARBITRAGE

TTL_SECONDS = 3600
LARGEST_ANNOTATION = 200 << 10  # bytes; the API takes 256 KiB of them all

# Runs its arguments and prints the file that the last of them names: the log takes it home.
DELIVER = """\
import json, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
try:
    with open(sys.argv[-1], encoding="utf-8") as file:
        print("", json.dumps(json.load(file)), sep="\\n", flush=True)
except (OSError, ValueError):
    pass
sys.exit(code if code >= 0 else 128 - code)
"""


class K8sJobSpecBuilder:
    def __init__(
        self,
        namespace: str = "default",
        image: str = STOCK_IMAGE,
        service_account: str = "default",
        image_pull_policy: str = "IfNotPresent",
    ) -> None:
        self.namespace = namespace
        self.image = image
        self.service_account = service_account
        self.image_pull_policy = image_pull_policy

    def build_tuning_job(
        self,
        job_id: str,
        config: Mapping[str, Any],
        output_dir: str,
        timeout_seconds: int = 300,
        *,
        output_json: str = "",
    ) -> dict[str, Any]:
        """Return the manifest; `output_json` wins over `job_id`.json in `output_dir`."""
        name = self._normalize_job_name(job_id)
        config = {"job_id": job_id, **config}
        args = self._build_cli_args(config, output_dir, output_json)
        labels = {marks.APP_LABEL: "arbitrage-tuning", marks.JOB_ID_LABEL: _label(job_id, name)}
        metadata = {
            "name": name,
            "labels": labels | {"created-at": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())},
            "annotations": _annotations(job_id, config),
        }
        if self.namespace:
            metadata["namespace"] = self.namespace
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": metadata,
            "spec": {
                "backoffLimit": 0,
                "ttlSecondsAfterFinished": TTL_SECONDS,
                "activeDeadlineSeconds": max(1, int(timeout_seconds)),
                "template": {
                    "metadata": {"labels": labels},
                    "spec": self._pod(job_id, args),
                },
            },
        }

    def _pod(self, job_id: str, args: list[str]) -> dict[str, Any]:
        env = {"JOB_ID": _literal(job_id), "PYTHONUNBUFFERED": "1"}
        container = {
            "name": marks.CONTAINER,
            "image": self.image,
            "imagePullPolicy": self.image_pull_policy,
            "command": ["python", "-c", DELIVER],
            "args": args,
            "env": [{"name": key, "value": value} for key, value in env.items()],
            "resources": {
                "requests": {"cpu": "500m", "memory": "512Mi"},
                "limits": {"cpu": "2000m", "memory": "2Gi"},
            },
        }
        return {
            "serviceAccountName": self.service_account,
            "restartPolicy": "Never",
            "containers": [container],
        }

    def _normalize_job_name(self, job_id: str) -> str:
        return normalise(job_id)

    def _build_cli_args(
        self, config: Mapping[str, Any], output_dir: str, output_json: str = ""
    ) -> list[str]:
        """Return the command of the built-in workload; its file is called as the job is."""
        name = file_name(str(config.get("job_id") or "result"))
        path = output_json or f"{output_dir}/{name}.json"
        values = {"{config}": json.dumps(dict(config)), "{output_json}": path}
        return [_literal(values.get(word, word)) for word in ARBITRAGE.command]


def file_name(job_id: str) -> str:
    """Return a name for a file of this job that leads out of no folder."""
    return file_names([TrialSpec(job_id, 0, {}, slug=normalise(job_id))])[job_id]


def _label(job_id: str, name: str) -> str:
    return job_id if marks.VALUE.fullmatch(job_id) else name


def _annotations(job_id: str, config: Mapping[str, Any]) -> dict[str, str]:
    text = json.dumps(config)
    whole = {"config": text} if len(text) <= LARGEST_ANNOTATION else {}
    return {"job-id": job_id, **whole}


def _literal(text: str) -> str:
    """Kubernetes expands $(NAME) in arguments and values, and makes one $ of two."""
    return text.replace("$", "$$")
