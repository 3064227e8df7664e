"""The shipped example on a real cluster, and the same plan on this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "arbitrage"
# `argv` names the files of the attempt.
PLACE = ("argv", "seconds", "started", "finished", "duration", "host", "elapsed", "time")


def comparable(value):
    """A result without what is said of when and where it was computed."""
    if isinstance(value, dict):
        return {
            key: comparable(each)
            for key, each in value.items()
            if not any(word in key.lower() for word in PLACE)
        }
    return [comparable(each) for each in value] if isinstance(value, list) else value


def test_the_example_gives_the_same_results_as_on_this_machine(namespace):
    """
    With the stock image, no image build, and nothing installed in the cluster.
    """
    root = EXAMPLE.parents[1]
    results = {}
    for engine, options in (("jobs", ["--cpu", "100m"]), ("local", [])):
        folder = namespace.folder / engine
        shutil.copytree(root / "examples", folder / "examples")
        namespace.folder = folder
        done = namespace.tune(
            "run", "examples/arbitrage/plan.jsonl", "--engine", engine, "--name", engine,
            *options, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        lines = (EXAMPLE / "plan.jsonl").read_text().splitlines()
        outputs = [json.loads(line)["output_json"] for line in lines]
        results[engine] = {path: json.loads((folder / path).read_text()) for path in outputs}
        namespace.folder = folder.parent
    assert comparable(results["jobs"]) == comparable(results["local"])
