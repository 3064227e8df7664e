"""Why trials don't run, as `explain` tells it: in the way of `kubectl describe`, or as objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubectl_tune.cluster import Manifest, observed
from kubectl_tune.cluster.happenings import Happening
from kubectl_tune.cluster.verdict import Verdict
from kubectl_tune.explaining import FEW, Group, Overview, Story
from kubectl_tune.table import age, cell, clean, duration, table
from kubectl_tune.views.objects import attempt_object, stamp

_INDENT = "  "


def story_text(story: Story, tail: Sequence[str], now: float) -> str:
    """Lay out a trial's story; `tail` are the last lines of its log, where there is one."""
    trial = story.stored.trial
    facts = {
        "Name": trial.id, "Session": story.info.name, "State": str(trial.state),
        "Attempt": trial.attempt, "Job": trial.job or (story.job and observed.name(story.job)),
        "Node": trial.node,
    }  # fmt: skip
    there = {name: value for name, value in facts.items() if value}
    width = max(map(len, there)) + 3
    parts = [
        "".join(f"{name + ':':<{width}}{cell(value)}\n" for name, value in there.items()),
        _section("Attempts", _attempts(story.attempts, now)),
        _section("In the cluster now", _objects(story, now)),
        _section("Events", _events(story.told, now)),
        _section("End of its log", "".join(f"{line}\n" for line in tail)),
        _conclusion(story.verdict, story.notes, now),
    ]
    return "\n".join(filter(None, parts))


def overview_text(overview: Overview, now: float) -> str:
    """Lay out what keeps trials from running, a block for each reason."""
    blocks = [_block(group, now) for group in overview.groups]
    if not blocks:
        blocks = ["Every trial runs, or has succeeded.\n"]
    return "\n".join([*blocks, *(f"note: {clean(note)}\n" for note in overview.notes)])


def _block(group: Group, now: float) -> str:
    names = ", ".join(clean(id) for id in group.trials[:FEW])
    more = f" and {group.count - FEW} more" if group.count > FEW else ""
    noun = "trial" if group.count == 1 else "trials"
    head = f"{group.count} {noun} {group.state}: {names}{more}\n"
    return head + _section("", _conclusion(group.verdict, (), now))


def _conclusion(verdict: Verdict, notes: Sequence[str], now: float) -> str:
    since = f" (for {age(verdict.since, now)})" if verdict.since and _lasts(verdict) else ""
    lines = [f"Why:  {clean(verdict.sentence)}{since}"]
    if verdict.hint:
        lines.append(f"Do:   {clean(verdict.hint)}")
    lines += [f"Note: {clean(note)}" for note in notes]
    return "\n".join(lines) + "\n"


def _lasts(verdict: Verdict) -> bool:
    return verdict.state == "waiting"


def _attempts(attempts: Sequence[Mapping[str, Any]], now: float) -> str:
    rows = [
        [row["attempt"], row["state"], row["class"], row["exit_code"], row["node"], _ran(row, now),
         row["reason"]]
        for row in attempts
    ]  # fmt: skip
    headers = ["attempt", "state", "class", "exit-code", "node", "duration", "reason"]
    return table(rows, headers) if rows else ""


def _ran(row: Mapping[str, Any], now: float) -> str | None:
    started, finished = row["started"], row["finished"]
    return None if started is None else duration((finished or now) - started)


def _objects(story: Story, now: float) -> str:
    rows = [_object(kind, thing, now) for kind, thing in _things(story)]
    return table(rows, ["kind", "name", "status", "node", "age"]) if rows else ""


def _things(story: Story) -> Iterator[tuple[str, Manifest]]:
    if story.job:
        yield "Job", story.job
    yield from (("Pod", pod) for pod in story.pods)


def _object(kind: str, thing: Manifest, now: float) -> list[object]:
    made = observed.seconds(thing["metadata"].get("creationTimestamp"))
    status = _job_status(thing) if kind == "Job" else _pod_status(thing)
    return [kind, observed.name(thing), status, observed.node(thing), age(made, now)]


def _job_status(job: Manifest) -> str:
    """Return what kubectl shows as a Job's status."""
    if observed.being_deleted(job):
        return "Terminating"
    if over := observed.finished(job):
        return str(over.get("type"))
    return "Suspended" if observed.is_suspended(job) else "Running"


def _pod_status(pod: Manifest) -> str:
    """Return what kubectl shows as a pod's status: its phase, or what it waits for."""
    if observed.being_deleted(pod):
        return "Terminating"
    state = observed.container(pod).get("state") or {}
    for part in ("waiting", "terminated"):
        if reason := (state.get(part) or {}).get("reason"):
            return str(reason)
    return str((pod.get("status") or {}).get("reason") or observed.phase(pod))


def _events(told: Sequence[Happening], now: float) -> str:
    rows = [
        [_when(each, now), "Warning" if each.warning else "Normal", each.kind, each.reason,
         each.message.strip()]
        for each in told
    ]  # fmt: skip
    return table(rows, ["age", "type", "object", "reason", "message"]) if rows else ""


def _when(each: Happening, now: float) -> str:
    """Write an Event's age as kubectl describe does: 5s, or 5s (x3 over 1m)."""
    last = age(each.last, now)
    return f"{last} (x{each.count} over {age(each.first, now)})" if each.count > 1 else last


def _section(title: str, text: str) -> str:
    if not text:
        return ""
    head = f"{title}:\n" if title else ""
    return head + "".join(f"{_INDENT}{line}\n" for line in text.rstrip("\n").split("\n"))


# For programs


def story_object(story: Story) -> dict[str, Any]:
    trial = story.stored.trial
    return {
        "kind": "Story",
        "session": story.info.name,
        "job_id": trial.id,
        "state": str(trial.state),
        "attempt": trial.attempt,
        "verdict": verdict_object(story.verdict),
        "attempts": [attempt_object(row) for row in story.attempts],
        "objects": [
            {
                "kind": kind,
                "name": observed.name(thing),
                "status": _job_status(thing) if kind == "Job" else _pod_status(thing),
                "node": observed.node(thing) or None,
                "created": thing["metadata"].get("creationTimestamp"),
            }
            for kind, thing in _things(story)
        ],
        "events": [
            {
                "object": f"{each.kind}/{each.name}",
                "type": "Warning" if each.warning else "Normal",
                "reason": each.reason,
                "message": each.message,
                "count": each.count,
                "first": stamp(each.first),
                "last": stamp(each.last),
            }
            for each in story.told
        ],
        "notes": list(story.notes),
    }


def overview_object(overview: Overview) -> dict[str, Any]:
    return {
        "kind": "Overview",
        "session": overview.info.name,
        "groups": [
            {
                "state": str(group.state),
                "count": group.count,
                "trials": list(group.trials),
                "verdict": verdict_object(group.verdict),
            }
            for group in overview.groups
        ],
        "notes": list(overview.notes),
    }


def verdict_object(verdict: Verdict) -> dict[str, Any]:
    return {
        "state": verdict.state,
        "class": verdict.failure and str(verdict.failure),
        "sentence": verdict.sentence,
        "hint": verdict.hint or None,
        "since": stamp(verdict.since) if verdict.since else None,
    }
