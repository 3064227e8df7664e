"""A pod for the agent: its volumes as folders, its container as a process."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubectl_tune import agent
from kubectl_tune.record import Incomplete, Record, read

NONCE = "0123456789abcdef"
ENV = {
    "TUNE_ATTEMPT": "\0attempt\0",
    "TUNE_CONFIG_FILE": "\0folder\0/config.json",
    "TUNE_RESULT_FILE": "\0folder\0/result.json",
}


def order(*argv: str, env: Mapping[str, str] = ENV, config: Any = None, **more: Any) -> dict:
    return {
        "line": {"job_id": "a", "config": config or {}}, "index": 0, "slug": "a", "hash": "h",
        "argv": list(argv), "env": dict(env), "timeout": None, **more,
    }  # fmt: skip


def sh(script: str, **more: Any) -> dict:
    return order("sh", "-c", script, **more)


def python(script: str, **more: Any) -> dict:
    return order("\0python\0", "-I", "-S", "-c", script, **more)


class Pod:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work, self.root, self.message = folder / "work", folder / "root", folder / "message"
        for path in (self.work, self.root, folder / "plan"):
            path.mkdir(parents=True)
        self.message.touch()
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "KT_PLAN": str(folder / "plan"),
            "KT_LINE": "0", "KT_ATTEMPT": "1", "KT_NONCE": NONCE, "KT_GRACE": "5",
            "KT_WORK": str(self.work), "KT_MESSAGE": str(self.message), "KT_ROOT": str(self.root),
            "KT_WAIT": "0",
        }  # fmt: skip
        self.out = b""
        self.code = -1

    def plan(self, *orders: dict, number: int = 0) -> None:
        text = "".join(json.dumps(each) + "\n" for each in orders)
        path = self.folder / "plan" / f"{number:03d}.jsonl.gz"
        path.write_bytes(gzip.compress(text.encode()))

    def bundle(self, data: bytes, size: int = 1000) -> None:
        folder = self.folder / "bundle"
        folder.mkdir()
        for at in range(0, len(data), size):
            (folder / f"part-{at // size:03d}").write_bytes(data[at : at + size])
        self.env |= {
            "KT_BUNDLE": str(folder), "KT_BUNDLE_SHA": hashlib.sha256(data).hexdigest()
        }  # fmt: skip

    def start(self, *orders: dict, **env: str) -> subprocess.Popen[bytes]:
        if orders:
            self.plan(*orders)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", agent.__file__, "pod"], env={**self.env, **env},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        return self.process

    def end(self) -> Record | Incomplete:
        """Wait for the container's end, and read the record as a driver does."""
        self.out, _ = self.process.communicate(timeout=60)
        self.code = self.process.returncode
        return self.record()

    def run(self, *orders: dict, **env: str) -> Record | Incomplete:
        self.start(*orders, **env)
        return self.end()

    def record(self, attempt: int = 1) -> Record | Incomplete:
        return read(self.message.read_text("ascii"), self.out, NONCE, attempt)

    @property
    def printed(self) -> bytes:
        """The log without a record."""
        return self.out.partition(b"@@KT1 " + NONCE.encode())[0]

    def kill(self) -> None:
        if hasattr(self, "process") and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()


def packed(files: Mapping[str, bytes | tarfile.TarInfo]) -> bytes:
    """A bundle with these members, sound or not."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, what in files.items():
            if isinstance(what, tarfile.TarInfo):
                what.name = name
                tar.addfile(what)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(what)
                tar.addfile(info, io.BytesIO(what))
    return out.getvalue()


def special(kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info
