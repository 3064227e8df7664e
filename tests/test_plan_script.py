"""scripts/plan_tuning_session.py keeps its flags, texts and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "plan_tuning_session.py"
SPEC = """
data_file: d.csv
tag_prefix: sess001
fixed: {taker_fee_a_bps: 0, max_position_usd: 1000}
grids:
  - {name: min_spread_bps, values: [20, 30]}
"""


def run(folder, session, jobs="jobs.jsonl", command=(SCRIPT,)):
    flags = ["--session-file", session, "--output-jobs-file", jobs]
    words = [sys.executable, *map(str, command), *flags]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True)


def test_plan_is_written_and_counted(tmp_path):
    """
    The file has the lines, stderr one sentence, stdout nothing; missing folders are made.
    """
    (tmp_path / "s.yaml").write_text(SPEC)

    done = run(tmp_path, "s.yaml", "out/deep/jobs.jsonl")

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "[D39_PLAN] Generated 2 job plans to: out/deep/jobs.jsonl\n"
    lines = (tmp_path / "out/deep/jobs.jsonl").read_text().splitlines()
    assert lines[1] == (
        '{"job_id": "sess001_0002", "config": {"data_file": "d.csv", "initial_balance_usd": '
        '10000.0, "max_open_trades": 1, "taker_fee_a_bps": 0, "max_position_usd": 1000, '
        '"min_spread_bps": 30, "tag": "sess001"}, '
        '"output_json": "outputs/tuning/sess001/sess001_0002.json"}'
    )


def test_script_runs_as_a_module_too(tmp_path):
    """
    `python -m scripts.plan_tuning_session` from the checkout is the name that documents use.
    """
    (tmp_path / "s.yaml").write_text(SPEC)
    session, jobs = str(tmp_path / "s.yaml"), str(tmp_path / "jobs.jsonl")

    done = run(SCRIPT.parent.parent, session, jobs, ("-m", "scripts.plan_tuning_session"))

    assert done.returncode == 0
    assert len((tmp_path / "jobs.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "text", "code", "said"),
    [
        ("s.yaml", None, 1, "no such file"),
        ("s.txt", SPEC, 1, "must end in .yaml"),
        ("s.yaml", "grids: []", 1, "data_file is required"),
        ("s.json", "{", 1, "in the middle"),
        ("s.yaml", "a: [", 2, "not YAML"),
        ("s.yaml", "a: 1\n---\nb: 2\n", 2, "line 2, column 1: a second document begins"),
    ],
)
def test_failure_is_said_and_leaves_no_plan(tmp_path, name, text, code, said):
    """
    1: the session file is missing or wrong; 2: all else, a YAML syntax error included.
    """
    if text is not None:
        (tmp_path / name).write_text(text)

    done = run(tmp_path, name)

    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("[D39_PLAN] ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "jobs.jsonl").exists()


def test_plan_that_can_t_be_written_is_code_2(tmp_path):
    """
    The session file is not to blame then.
    """
    (tmp_path / "s.json").write_text(json.dumps({"data_file": "d"}))
    (tmp_path / "file").touch()

    done = run(tmp_path, "s.json", "file/jobs.jsonl")

    assert done.returncode == 2
    assert "can't write file/jobs.jsonl" in done.stderr


def test_session_file_that_can_t_be_read_is_code_2(tmp_path):
    """
    A folder is there, so it is neither missing nor wrong.
    """
    (tmp_path / "s.yaml").mkdir()

    done = run(tmp_path, "s.yaml")

    assert done.returncode == 2
    assert "can't read s.yaml" in done.stderr


def test_usage_is_code_2(tmp_path):
    """
    Both flags are needed.
    """
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, cwd=tmp_path)

    assert done.returncode == 2
    assert "--session-file" in done.stderr
