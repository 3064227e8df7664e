"""The local runner: jobs one after the other, its counts and its words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from core.waiting import gone, until
from desk import Desk

from kubectl_tune.trial import Failure, Trial, TrialSpec, TrialState
from kubectl_tune.tuning_session import TuningSessionRunner, TuningSessionRunResult
from kubectl_tune.tuning_session.local import TIMEOUT_SECONDS, format_summary

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "scripts" / "run_tuning_session_local.py"
AGGREGATOR = ROOT / "scripts" / "aggregate_tuning_results.py"

# Stands for the interpreter of the jobs: it ends as the file that is the job's "data" says.
FAKE = """#!/bin/sh
while [ "$1" != --config ]; do shift; done
echo "$JOB_ID" >>ran
data=$(sed 's/.*"data_file": "\\([^"]*\\)".*/\\1/' "$2")
. "./$data"
"""
GOOD = 'echo \'{"status": "success", "metrics": {}}\' >"$TUNE_RESULT_FILE"\n'
WORDS = {
    "good": GOOD,
    "bad": "exit 7\n",
    "silent": "exit 0\n",
    "error": GOOD.replace("success", "error"),
}


@pytest.fixture
def jobs(desk: Desk) -> Jobs:
    return Jobs(desk)


class Jobs:
    """Jobs files of words: each says what a job does, and `!` is a line that is no job."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        for word, text in WORDS.items():
            (desk.folder / word).write_text(text)
        self.python = desk.folder / "fake-python"
        self.python.write_text(FAKE)
        self.python.chmod(0o755)

    def file(self, words: str) -> str:
        lines = [_line(f"j{n}", word) for n, word in enumerate(words.split(), 1)]
        return self.desk.plan(*lines, name="jobs.jsonl")

    def run(self, words: str, **options: Any) -> TuningSessionRunResult:
        return TuningSessionRunner(self.file(words), str(self.python), **options).run()

    @property
    def ran(self) -> list[str]:
        return self.desk.lines("ran")


def _line(id: str, word: str) -> dict[str, Any]:
    if word == "!":
        return {"job_id": id, "config": {}, "output_json": "x.json"}
    return {"job_id": id, "config": {"data_file": word}, "output_json": f"out/{id}.json"}


# Loading


def test_jobs_are_loaded_in_their_order_without_blank_lines(desk: Desk):
    """
    As they stand, and nothing of them is checked yet.
    """
    (desk.folder / "jobs.jsonl").write_text('\n{"job_id": "b"}\n  \n{"job_id": "a", "x": [1]}\n\n')

    jobs = TuningSessionRunner("jobs.jsonl").load_jobs()

    assert jobs == [{"job_id": "b"}, {"job_id": "a", "x": [1]}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        ('{"job_id": "a"}\n{broken\n', "Invalid JSON at line 2"),
        ("\n[1]\n", "Invalid JSON at line 2"),
        ("[" * 100_000, "Invalid JSON at line 1"),
    ],
)
def test_a_file_that_can_not_be_loaded_ends_it_with_2(desk: Desk, text: str, said: str):
    """
    One error, no job, and the loader itself raises ValueError.
    """
    (desk.folder / "jobs.jsonl").write_text(text)
    runner = TuningSessionRunner("jobs.jsonl")

    with pytest.raises(ValueError, match=said):
        runner.load_jobs()
    result = runner.run()

    assert said in result.errors.pop()
    assert result == TuningSessionRunResult(0, 0, 0, 1, 0, 2)
    assert desk.names() == []


def test_a_file_that_is_not_there_is_a_load_failure(desk: Desk):
    """
    FileNotFoundError for the loader, 2 for the runner; the script makes it 1.
    """
    runner = TuningSessionRunner("nope.jsonl")

    with pytest.raises(FileNotFoundError):
        runner.load_jobs()
    assert (runner.run().error_jobs, runner.run().exit_code) == (1, 2)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, None),
        ({"job_id": None}, "job_id"),
        ({"job_id": ""}, "job_id"),
        ({"config": None}, "config"),
        ({"config": [1]}, "config"),
        ({"config": {"min_spread_bps": 1}}, "config.data_file"),
        ({"output_json": None}, "output_json"),
    ],
)
def test_a_job_needs_a_name_a_config_with_data_and_an_output(
    change: dict[str, Any], fault: str | None
):
    """
    What is missing is named.
    """
    job = {"job_id": "a", "config": {"data_file": "x.csv"}, "output_json": "a.json"} | change

    said = TuningSessionRunner("x")._validate_job(job)

    assert (fault in said) if fault and said else said is fault


# The table: total, attempted, success, error, skipped, exit code


@pytest.mark.parametrize(
    ("words", "options", "counts", "ran"),
    [
        ("good good", {}, (2, 2, 2, 0, 0, 0), 2),
        ("good bad good", {}, (3, 3, 2, 1, 0, 1), 3),
        ("bad bad", {}, (2, 2, 0, 2, 0, 1), 2),
        ("silent error", {}, (2, 2, 0, 2, 0, 1), 2),
        ("good ! good", {}, (3, 2, 2, 1, 0, 1), 2),
        ("! !", {}, (2, 0, 0, 2, 0, 1), 0),
        # stop_on_error
        ("good bad good good", {"stop_on_error": True}, (4, 2, 1, 1, 2, 1), 2),
        ("good ! good good", {"stop_on_error": True}, (4, 1, 1, 1, 2, 1), 1),
        ("! good", {"stop_on_error": True}, (2, 0, 0, 1, 1, 1), 0),
        ("bad ! good", {"stop_on_error": True}, (3, 1, 0, 1, 2, 1), 1),
        ("good good", {"stop_on_error": True}, (2, 2, 2, 0, 0, 0), 2),
        # max_jobs
        ("good good good", {"max_jobs": 2}, (3, 2, 2, 0, 1, 0), 2),
        ("good good", {"max_jobs": 2}, (2, 2, 2, 0, 0, 0), 2),
        ("good good", {"max_jobs": 5}, (2, 2, 2, 0, 0, 0), 2),
        ("good good", {"max_jobs": 0}, (2, 0, 0, 0, 2, 2), 0),
        ("! good good", {"max_jobs": 1}, (3, 1, 1, 1, 2, 1), 1),
        ("good ! good", {"max_jobs": 1}, (3, 1, 1, 0, 2, 0), 1),
        ("bad good good", {"max_jobs": 1}, (3, 1, 0, 1, 2, 1), 1),
        ("good bad good", {"max_jobs": 2, "stop_on_error": True}, (3, 2, 1, 1, 1, 1), 2),
        ("! good", {"max_jobs": 0, "stop_on_error": True}, (2, 0, 0, 0, 2, 2), 0),
    ],
)  # fmt: skip
def test_the_counts_are_those_of_the_table(
    jobs: Jobs, words: str, options: dict[str, Any], counts: tuple[int, ...], ran: int
):
    """
    An invalid line is no attempt; what is skipped is what is left of all lines.
    """
    result = jobs.run(words, **options)

    assert (
        result.total_jobs, result.attempted_jobs, result.success_jobs, result.error_jobs,
        result.skipped_jobs, result.exit_code,
    ) == counts  # fmt: skip
    assert len(result.errors) == result.error_jobs
    assert len(jobs.ran) == ran


def test_jobs_run_in_the_order_of_the_file_one_after_the_other(jobs: Jobs):
    """
    However long each takes.
    """
    (jobs.desk.folder / "slow").write_text(f"sleep 0.2; echo slow >>ran\n{GOOD}")

    jobs.run("slow good slow good")

    assert jobs.ran == ["j1", "slow", "j2", "j3", "slow", "j4"]


def test_results_are_written_where_the_jobs_say(jobs: Jobs):
    """
    In folders that are made for them.
    """
    jobs.run("good bad")

    assert jobs.desk.json("out/j1.json") == {"status": "success", "metrics": {}}
    assert not (jobs.desk.folder / "out" / "j2.json").exists()


def test_errors_are_told_in_the_known_words(jobs: Jobs):
    """
    The name of the job, and what is wrong with it.
    """
    lines = [
        _line("a", "bad"),
        _line("b", "!"),
        _line("c", "silent"),
        {"config": {}},
        _line("a", "good"),
    ]
    jobs.desk.plan(*lines, name="jobs.jsonl")

    errors = TuningSessionRunner("jobs.jsonl", str(jobs.python)).run().errors

    assert errors == [
        "Job a failed with exit code 7",
        "Job b: Missing required field: config",
        "Job c error: it ended well, but without a result",
        "Job unknown: Missing required field: job_id",
        "Job a: Duplicate job_id",
    ]


def test_a_time_out_is_told_with_its_length():
    """
    300 seconds, as always.
    """
    spec = TrialSpec("a", 0, {"data_file": "x"}, "a.json")
    timed_out = Trial(spec, state=TrialState.TIMED_OUT, failure=Failure.TIMEOUT)
    job = {"job_id": "a", "config": spec.config, "output_json": "a.json"}

    result = TuningSessionRunner("x")._counted([job], [None], {"a": timed_out})

    assert TIMEOUT_SECONDS == 300
    assert result == TuningSessionRunResult(1, 1, 0, 1, 0, 1, ["Job a timed out (>300s)"])


def test_its_jobs_are_a_session_like_any_other(jobs: Jobs):
    """
    With a time-out, one at a time, in the state file of everything else.
    """
    jobs.run("good bad")

    (name,) = jobs.desk.names()
    with jobs.desk.store() as store:
        policy = store.info(name).policy
    assert (policy.timeout, policy.max_parallel) == (300, 1)
    assert jobs.desk.states(name) == {"j1": "Succeeded", "j2": "Failed"}


def test_a_state_file_that_can_not_be_used_is_an_error(jobs: Jobs, monkeypatch: pytest.MonkeyPatch):
    """
    All is skipped, and nothing is raised.
    """
    monkeypatch.setenv("KUBECTL_TUNE_STATE", str(jobs.desk.folder))

    result = jobs.run("good good")

    assert (result.error_jobs, result.skipped_jobs, result.exit_code) == (1, 2, 2)
    assert "state file" in result.errors[0]
    assert jobs.ran == []


# The summary


def test_the_summary_of_a_success():
    """
    To the letter.
    """
    assert (
        format_summary(TuningSessionRunResult(3, 3, 3, 0, 0, 0))
        == """\
======================================================================
[D40_SESSION] LOCAL TUNING SESSION SUMMARY
======================================================================

Total Jobs:     3
Attempted:      3
Success:        3
Errors:         0
Skipped:        0

Exit Code:      0  (✅ ALL JOBS SUCCEEDED)

======================================================================"""
    )


def test_the_summary_lists_ten_errors_and_counts_the_others():
    """
    To the letter.
    """
    errors = [f"Job j{n} failed with exit code 1" for n in range(1, 13)]

    assert (
        format_summary(TuningSessionRunResult(20, 15, 3, 12, 5, 1, errors))
        == """\
======================================================================
[D40_SESSION] LOCAL TUNING SESSION SUMMARY
======================================================================

Total Jobs:     20
Attempted:      15
Success:        3
Errors:         12
Skipped:        5

Exit Code:      1  (⚠️  SOME JOBS FAILED)

Errors:
  - Job j1 failed with exit code 1
  - Job j2 failed with exit code 1
  - Job j3 failed with exit code 1
  - Job j4 failed with exit code 1
  - Job j5 failed with exit code 1
  - Job j6 failed with exit code 1
  - Job j7 failed with exit code 1
  - Job j8 failed with exit code 1
  - Job j9 failed with exit code 1
  - Job j10 failed with exit code 1
  ... and 2 more

======================================================================"""
    )


def test_the_summary_of_a_failure_to_load():
    """
    The third of the known words.
    """
    text = format_summary(TuningSessionRunResult(0, 0, 0, 1, 0, 2, ["Jobs file is empty: x"]))

    assert "Exit Code:      2  (❌ FATAL ERROR)" in text
    assert "  - Jobs file is empty: x" in text


# The script


def script(*words: object, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True, **more
    )


def test_the_script_has_its_flags_and_exit_codes(jobs: Jobs):
    """
    0, 1 and 2 as the runner; a missing file is 1.
    """
    flags = ("--python-executable", jobs.python, "--jobs-file")

    assert script(*flags, jobs.file("good good")).returncode == 0
    assert script(*flags, jobs.file("bad good"), "--stop-on-error").returncode == 1
    assert script(*flags, jobs.file("good bad"), "--max-jobs", 1).returncode == 0
    assert script(*flags, jobs.file("good"), "--max-jobs", 0).returncode == 2
    (jobs.desk.folder / "empty.jsonl").touch()
    assert script(*flags, "empty.jsonl").returncode == 2
    missing = script(*flags, "nope.jsonl")
    assert missing.returncode == 1
    assert missing.stdout == ""
    assert missing.stderr == "[D40_SESSION] ERROR: Jobs file not found: nope.jsonl\n"
    assert script().returncode == 2
    assert jobs.ran == ["j1", "j2", "j1", "j1"]


def test_the_script_runs_the_example_and_the_aggregator_reads_it(desk: Desk, tmp_path: Path):
    """
    From a folder that is not the checkout's, with no path set.
    """
    (desk.folder / "examples").symlink_to(ROOT / "examples")
    bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    done = script("--jobs-file", ROOT / "examples/arbitrage/plan.jsonl", "--max-jobs", 3, env=bare)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Success:        3" in done.stdout
    summary = desk.folder / "summary.json"
    words = [sys.executable, AGGREGATOR, "--results-dir", "outputs", "--output-json", summary]
    assert subprocess.run(words, capture_output=True, env=bare).returncode == 0
    assert json.loads(summary.read_text())["success_jobs"] == 3


def test_ctrl_c_ends_the_job_and_says_how_to_go_on(jobs: Jobs):
    """
    130, a summary of what there is, no child left, and the rest can be resumed.
    """
    marker = f"TEST_MARK={jobs.desk.folder}"
    (jobs.desk.folder / "slow").write_text(f"echo slow >>ran; test -e go || sleep 60\n{GOOD}")
    words = [sys.executable, SCRIPT, "--python-executable", jobs.python]
    with subprocess.Popen(
        [*words, "--jobs-file", jobs.file("good slow good")], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env=os.environ | dict([marker.split("=")]),
    ) as process:  # fmt: skip
        until(lambda: "slow" in jobs.ran, "the slow job")
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Success:        1\nErrors:         0\nSkipped:        2\n" in out
    assert "Traceback" not in err
    gone(marker)
    (jobs.desk.folder / "go").touch()
    (command,) = [line.partition("kubectl tune ")[2] for line in err.splitlines()]
    assert jobs.desk.tune(*command.split()).code == 0
    assert jobs.ran == ["j1", "j2", "slow", "j2", "slow", "j3"]
