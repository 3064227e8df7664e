"""A namespace of a real cluster, seen through kubectl, and our command line run against it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

T = TypeVar("T")


class Namespace:
    def __init__(self, name: str, kubeconfig: Path, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self.machine = kubeconfig.parent  # what belongs to the cluster, where it is ours
        self._write(kubeconfig)

    def _write(self, source: Path) -> None:
        """Our own copy of the kubeconfig, whose contexts mean this namespace."""
        config = yaml.safe_load(source.read_text())
        for each in config["contexts"]:
            each["context"]["namespace"] = self.name
        self.kubeconfig.write_text(yaml.safe_dump(config))

    def create(self) -> None:
        self.kubectl("create", "namespace", self.name)
        self.until(
            lambda: "default" in self.kubectl("get", "serviceaccounts", "-o", "name"),
            "the namespace's service account",
        )

    def delete(self) -> None:
        self.kubectl("delete", "namespace", self.name, "--wait=false")

    # kubectl

    def kubectl(self, *words: str, stdin: str | None = None, check: bool = True) -> str:
        done = subprocess.run(
            ["kubectl", "--kubeconfig", str(self.kubeconfig), "--context", "admin", *words],
            input=stdin, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def objects(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        words = ["-l", selector] if selector else []
        return json.loads(self.kubectl("get", kind, *words, "-o", "json"))["items"]

    def apply(self, *manifests: dict[str, Any]) -> None:
        for manifest in manifests:
            self.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))

    # Our command line

    def plan(self, *lines: dict[str, Any], name: str = "plan.jsonl") -> str:
        (self.folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
        return name

    def words(self, *words: object) -> list[str]:
        return [sys.executable, "-m", "kubectl_tune", *map(str, words)]

    def tune(
        self, *words: object, timeout: float = 240, **more: Any
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*words), capture_output=True, text=True, timeout=timeout, cwd=self.folder,
            **more,
        )  # fmt: skip

    def begin(self, *words: object, **more: Any) -> subprocess.Popen[str]:
        """Start a command and go on; end it with `end`."""
        return subprocess.Popen(
            self.words(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=self.folder, start_new_session=True, **more,
        )  # fmt: skip

    def status(self, *words: object) -> dict[str, Any]:
        done = self.tune("status", "-o", "json", *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def trials(self, name: str) -> dict[str, dict[str, Any]]:
        """The trials of a session by job_id; none before the session has begun."""
        if f"session/{name}\n" not in self.tune("list", "-o", "name").stdout:
            return {}
        return {trial["job_id"]: trial for trial in self.status(name)["trials"]}

    def until(self, ask: Callable[[], T], what: str, seconds: float = 60) -> T:
        deadline = time.monotonic() + seconds
        while not (answer := ask()):
            assert time.monotonic() < deadline, f"waited {seconds:g}s in vain for {what}"
            time.sleep(0.2)
        return answer


def kill(process: subprocess.Popen[str]) -> None:
    """End a command as a power cut does."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
