"""What is heavy is imported where it is used: a budget for the commands that people wait for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "aiohttp", "asyncio", "kubernetes", "multiprocessing", "numpy", "optuna", "polars",
    "pyarrow", "pydantic", "requests", "rich", "ssl", "tabulate", "urllib3",
}  # fmt: skip
PARSER = {"click", "sqlite3", "typer", "yaml"}

# The program as it is run, then what it has imported, on stderr.
PROBE = """
import json, sys
from kubectl_tune.__main__ import main
sys.argv[0] = "kubectl-tune"
code = main()
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]), file=sys.stderr)
"""


def imports(*args: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", PROBE, *args], capture_output=True, text=True)
    code, names = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    return set(names)


@pytest.mark.parametrize("args", [[], ["--help"], ["help"], ["options"], ["__complete", "st"]])
def test_overviews_import_not_even_a_parser(args: list[str]):
    """
    The list of commands is a table, and printing it needs nothing else.
    """
    assert imports(*args) & (HEAVY | PARSER) == set()


@pytest.mark.parametrize(
    "args",
    [
        ["version"],
        ["version", "--help"],
        ["completion", "bash"],
        ["__complete", "version", "-o", ""],
    ],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy(args: list[str]):
    """
    What needs no cluster doesn't pay for its client.
    """
    assert imports(*args) & HEAVY == set()


def test_validate_imports_nothing_heavy(tmp_path: Path):
    """
    Checking a plan is reading a file.
    """
    plan = tmp_path / "plan.jsonl"
    plan.write_text('{"job_id": "a", "config": {}, "command": ["true"]}\n')

    assert imports("validate", str(plan)) & HEAVY == set()
