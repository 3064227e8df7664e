"""
The plan as pods read it: a line for each trial, packed into parts that ConfigMaps hold.

One rule: a line says all that an attempt needs, so that a pod needs no more than its number,
and all that a session needs to know of the trial, so that it can be rebuilt from the cluster.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kubectl_tune.errors import EngineError
from kubectl_tune.launch import launch
from kubectl_tune.rows import plan_line
from kubectl_tune.session import SessionInfo
from kubectl_tune.trial import Trial, TrialSpec

# What is known in the pod only. No argument can hold a NUL, so none is taken for one of these.
ATTEMPT, FOLDER, PYTHON = "\0attempt\0", "\0folder\0", "\0python\0"

MOST_LINES = 2000  # of a part; also the most trials of an Indexed Job
MOST_BYTES = 600 << 10  # of a part, packed; a ConfigMap holds 1 MiB, base64 included
MOST_TEXT = 8 << 20  # of a part, unpacked: a pod reads it to find its line


def order(info: SessionInfo, trial: Trial, *, attempt: int | None = None) -> dict[str, Any]:
    """Return a trial's line; `attempt` is its first one, where the pod isn't told otherwise."""
    what = launch(info, trial, folder=FOLDER, python=(PYTHON,), attempt=ATTEMPT)
    spec = trial.spec
    line: dict[str, Any] = {
        "line": json.loads(plan_line(spec)), "index": spec.index, "slug": spec.slug,
        "hash": spec.hash, "argv": list(what.argv), "env": dict(what.env), "timeout": what.timeout,
    }  # fmt: skip
    return line if attempt is None else line | {"attempt": attempt}


def gone_line(slug: str) -> dict[str, Any]:
    """Return what says that a trial's lines before this one count no more."""
    return {"slug": slug, "gone": True}


def is_gone(line: dict[str, Any]) -> bool:
    return bool(line.get("gone"))


def spec_of(line: dict[str, Any]) -> TrialSpec:
    """Return the trial of an order."""
    plan = line["line"]
    return TrialSpec(
        plan["job_id"], line["index"], plan["config"], plan.get("output_json", ""),
        tuple(plan.get("command", ())), plan.get("env", {}), plan.get("timeout"),
        plan.get("image", ""), line["slug"], line["hash"],
    )  # fmt: skip


def parts(orders: Iterable[dict[str, Any]]) -> Iterator[tuple[list[dict[str, Any]], bytes]]:
    """Yield the lines of each part, and the part as it is packed."""
    held: list[dict[str, Any]] = []
    texts: list[bytes] = []
    size = 0
    for each in orders:
        text = json.dumps(each, separators=(",", ":")).encode() + b"\n"
        if held and (len(held) == MOST_LINES or size + len(text) > MOST_TEXT):
            yield from _packed(held, texts)
            held, texts, size = [], [], 0
        held.append(each)
        texts.append(text)
        size += len(text)
    if held:
        yield from _packed(held, texts)


def _packed(
    lines: Sequence[dict[str, Any]], texts: Sequence[bytes]
) -> Iterator[tuple[list[dict[str, Any]], bytes]]:
    """Pack a part, in halves where it is still too large."""
    data = gzip.compress(b"".join(texts), 6, mtime=0)
    if len(data) <= MOST_BYTES:
        yield list(lines), data
        return
    if len(lines) == 1:
        raise EngineError(
            f"trial {lines[0]['line']['job_id']}: its line is too large for the cluster"
            f" ({len(data) >> 10} KiB packed, at most {MOST_BYTES >> 10})",
            hint="let its config name a file, on a volume or in a folder given with --sync",
        )
    middle = len(lines) // 2
    yield from _packed(lines[:middle], texts[:middle])
    yield from _packed(lines[middle:], texts[middle:])


def unpacked(data: bytes) -> Iterator[dict[str, Any]]:
    """Yield the lines of a part."""
    for text in gzip.decompress(data).splitlines():
        yield json.loads(text)
