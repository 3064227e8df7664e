"""The window on a real cluster, by the API's own timestamps, and what it costs in requests."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime

SLEEP = "import time,json;time.sleep(1);print(json.dumps({'metrics':{'m':1}}))"


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def spans(pods):
    """When each pod was made, and when its container ended."""
    return sorted(
        (
            moment(pod["metadata"]["creationTimestamp"]),
            moment(
                pod["status"]["containerStatuses"][0]["state"]["terminated"]["finishedAt"],
            ),
        )
        for pod in pods
    )


def test_no_more_than_the_window_and_no_slot_idle(namespace):
    """
    Never more than three unfinished pods; a slot that is free is taken within two seconds.
    """
    plan = namespace.plan(
        *({"job_id": f"t{n}", "config": {}, "command": ["python", "-c", SLEEP]} for n in range(15))
    )

    done = namespace.tune("run", plan, "-j", 3, "--keep", "all", "--name", "window")

    assert done.returncode == 0, done.stderr
    found = spans(namespace.objects("pods"))
    assert len(found) == 15
    for begin, _ in found:
        # A pod of the same second as the end of another may be its successor.
        assert sum(b <= begin < e for b, e in found) <= 3
    ends = sorted(end for _, end in found)
    for begin, end in zip(sorted(b for b, _ in found)[3:], ends, strict=False):
        assert begin - end <= 2.0 + 1.0  # the API's clock has whole seconds


def test_a_run_costs_few_requests(namespace):
    """
    At most two and a half for each trial, watches aside: configs travel together, and what has
    ended is deleted together.
    """
    quick = 'print(\'{"metrics":{"m":1}}\')'
    lines = ({"job_id": f"t{n}", "config": {"n": n}} for n in range(100))
    plan = namespace.plan(*({**line, "command": ["python", "-c", quick]} for line in lines))

    done = namespace.tune(
        "run", plan, "-j", 8, "--cpu", "50m", "--name", "cheap", "-v", 6, timeout=600
    )

    assert done.returncode == 0, done.stderr
    verbs = Counter(
        match[1] for match in re.finditer(r"^(GET|POST|PUT|PATCH|DELETE) \S+", done.stderr, re.M)
        if "watch=true" not in match[0] and "watch=1" not in match[0]
    )  # fmt: skip
    assert verbs["POST"] >= 100
    assert verbs.total() <= 250, verbs
