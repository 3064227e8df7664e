"""The runner for a cluster: its counts and words, by a client that the test gives."""

from __future__ import annotations

import json
import operator
import os
import re
import signal
from typing import Any
from unittest.mock import Mock

import pytest
from core.making import info
from desk import Desk
from jobclient import JobClient

from kubectl_tune import log
from kubectl_tune.errors import Unreachable
from kubectl_tune.session import Session
from kubectl_tune.trial import Trial, TrialSpec, TrialState
from kubectl_tune.tuning_session import (
    K8sClient,
    K8sJobSpecBuilder,
    K8sJobStatus,
    K8sTuningSessionRunner,
    K8sTuningSessionRunResult,
    TuningSessionRunResult,
)
from kubectl_tune.tuning_session.kubernetes_result import format_summary
from kubectl_tune.tuning_session.polled import PolledEngine

RESULT = '{"status": "success", "config": {}, "metrics": {"realized_pnl_usd": 1.5}}'


def lines(desk: Desk, *jobs: Any) -> str:
    """A jobs file; a word stands for a job of that name."""
    whole = [{"job_id": j, "config": {"x": 1}} if isinstance(j, str) else j for j in jobs]
    return desk.plan(*whole, name="jobs.jsonl")


def run(desk: Desk, client: Any, *jobs: Any, **options: Any) -> K8sTuningSessionRunResult:
    return K8sTuningSessionRunner(lines(desk, *jobs), k8s_client=client, **options).run()


def counts(result: K8sTuningSessionRunResult) -> tuple[int, ...]:
    return (
        result.total_jobs, result.attempted_jobs, result.success_jobs, result.error_jobs,
        result.skipped_jobs, result.exit_code,
    )  # fmt: skip


# What it is given


def test_what_the_runner_is_given_can_be_read_from_it():
    """
    By the names of the parameters, with the defaults that they always had.
    """
    client = JobClient()

    plain = K8sTuningSessionRunner("jobs.jsonl")
    other = K8sTuningSessionRunner("j", "ns", 2, 10, 60, True, False, client)

    names = ["jobs_file", "namespace", "max_parallel", "timeout_per_job", "timeout_session"]
    names += ["retry_failed", "wait"]
    assert operator.attrgetter(*names)(plain) == (
        "jobs.jsonl",
        "default",
        4,
        300,
        3600,
        False,
        True,
    )
    assert operator.attrgetter(*names)(other) == ("j", "ns", 2, 10, 60, True, False)
    assert isinstance(plain.k8s_client, K8sClient) and plain.k8s_client.namespace == "default"
    assert other.k8s_client is client
    assert other.job_spec_builder.namespace == "ns"


def test_jobs_are_loaded_as_the_local_runner_loads_them_but_none_is_no_error(desk: Desk):
    """
    Blank lines aside; a missing file and a broken line raise.
    """
    (desk.folder / "empty.jsonl").write_text("\n \n")
    (desk.folder / "broken.jsonl").write_text('{"job_id": "a"}\nbroken\n')

    assert K8sTuningSessionRunner("empty.jsonl").load_jobs() == []
    assert K8sTuningSessionRunner(lines(desk, "a", "b")).load_jobs()[1]["job_id"] == "b"
    with pytest.raises(FileNotFoundError):
        K8sTuningSessionRunner("nope.jsonl").load_jobs()
    with pytest.raises(ValueError, match="Invalid JSON at line 2"):
        K8sTuningSessionRunner("broken.jsonl").load_jobs()
    assert counts(K8sTuningSessionRunner("empty.jsonl").run()) == (0, 0, 0, 0, 0, 0)
    for name in ("nope.jsonl", "broken.jsonl"):
        assert counts(K8sTuningSessionRunner(name).run()) == (0, 0, 0, 0, 0, 2)


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"job_id": "a", "config": {"x": 1}}, None),
        ({"job_id": "a", "config": {}}, None),
        ({"config": {}}, "job_id"),
        ({"job_id": "", "config": {}}, "job_id"),
        ({"job_id": "a"}, "config"),
        ({"job_id": "a", "config": None}, "config"),
        ({"job_id": "a", "config": "x"}, "config must be a dict"),
        ({"job_id": "a", "config": []}, "config must be a dict"),
    ],
)
def test_a_job_needs_a_name_and_a_config(job: dict[str, Any], said: str | None):
    """
    No more than that; what is missing is named.
    """
    fault = K8sTuningSessionRunner("x")._validate_job(job)

    assert (said in fault) if fault and said else said is fault


# Running


@pytest.mark.parametrize(
    ("words", "options", "expected"),
    [
        ({}, {}, (3, 3, 3, 0, 0, 0)),
        ({"b": ("Failed",)}, {}, (3, 3, 2, 1, 0, 1)),
        ({"a": ("denied",)}, {}, (3, 2, 2, 1, 0, 1)),
        ({"a": ("denied",), "b": ("denied",), "c": ("denied",)}, {}, (3, 0, 0, 3, 0, 2)),
        ({"b": ("odd",)}, {}, (3, 3, 2, 1, 0, 1)),
        ({}, {"max_parallel": 0}, (3, 0, 0, 0, 3, 2)),
        ({}, {"max_parallel": 1}, (3, 3, 3, 0, 0, 0)),
        ({"b": ("Failed",), "b-a2": ("Succeeded",)}, {"retry_failed": True}, (3, 3, 3, 0, 0, 0)),
        ({"b": ("Failed",)}, {"retry_failed": True}, (3, 3, 2, 1, 0, 1)),
        ({"b": ("Running",)}, {"timeout_per_job": 0}, (3, 3, 2, 1, 0, 1)),
        ({"b": ("Pending",)}, {"timeout_per_job": 0}, (3, 3, 2, 1, 0, 1)),
        ({"b": ("Unknown",)}, {"timeout_per_job": 0}, (3, 3, 2, 1, 0, 1)),
        ({"b": ("lost",)}, {"timeout_per_job": 0}, (3, 3, 2, 1, 0, 1)),
        ({"b": ("Failed: DeadlineExceeded",)}, {}, (3, 3, 2, 1, 0, 1)),
    ],
)
def test_jobs_are_counted(
    desk: Desk, words: dict[str, tuple[str, ...]], options: dict[str, Any],
    expected: tuple[int, ...],
):  # fmt: skip
    """
    A failure to submit is an error but no attempt; where nothing was attempted it is a 2.
    """
    client = JobClient(words)

    result = run(desk, client, "a", "b", "c", **options)

    assert counts(result) == expected
    assert len(result.errors) == (result.error_jobs or (result.exit_code == 2))
    assert isinstance(result, TuningSessionRunResult)
    assert result.job_ids == sorted(client.names)
    assert client.namespaces <= {"default"}


def test_lines_that_are_no_jobs_are_skipped_and_told(desk: Desk):
    """
    They are no errors: what is left may all succeed.
    """
    result = run(desk, JobClient(), "a", {"job_id": "b"}, {"config": {}}, "a")

    assert counts(result) == (4, 1, 1, 0, 3, 0)
    assert result.errors == [
        "Job b: Missing required key: config",
        "Job unknown: Missing required key: job_id",
        "Job a: Duplicate job_id",
    ]
    assert counts(run(desk, JobClient(), {"job_id": "b"})) == (1, 0, 0, 0, 1, 2)


def test_failures_are_told_in_the_known_words(desk: Desk):
    """
    With the job's name, and the reason where there is one.
    """
    client = JobClient(
        {
            "a_1": ("Failed",),
            "b": ("denied",),
            "c": ("Failed: BackoffLimitExceeded",),
            "d": ("Failed: DeadlineExceeded",),
        }
    )

    result = run(desk, client, "a_1", "b", "c", "d")

    assert result.errors == [
        "Job a_1 failed: pod crash",
        "Failed to submit job b: exceeded quota",
        "Job c failed: BackoffLimitExceeded",
        "Job d timeout exceeded",
    ]
    assert result.job_ids == ["a-1", "c", "d"]


def test_what_every_ended_job_has_printed_is_kept(desk: Desk):
    """
    Of those that failed, too, and of every attempt.
    """
    client = JobClient({"b": ("Failed",), "c": ("Running",)}, {"a": "good\n"})

    result = run(desk, client, "a", "b", "c", retry_failed=True, timeout_per_job=0)

    assert result.pod_logs == {
        "a": "good\n", "b": "log of b", "b-a2": "log of b-a2", "c": "log of c",
        "c-a2": "log of c-a2",
    }  # fmt: skip


def test_what_timed_out_is_deleted_and_nothing_else(desk: Desk):
    """
    After its log was read.
    """
    client = JobClient({"b": ("Running",), "c": ("Failed",)})

    run(desk, client, "a", "b", "c", timeout_per_job=0)

    assert client.deleted == ["b"]


def test_no_more_jobs_at_once_than_asked_for(desk: Desk):
    """
    All of them get their turn.
    """
    client = JobClient()

    result = run(desk, client, *[f"j{n}" for n in range(12)], max_parallel=3)

    assert counts(result) == (12, 12, 12, 0, 0, 0)
    assert client.most == 3


def test_a_session_time_out_ends_what_runs_and_is_no_success(desk: Desk):
    """
    Running Jobs are deleted, the others never created.
    """
    client = JobClient({"b": ("Running",), "c": ("Pending",)})
    jobs = ("a", "b", "c", "d")

    runner = K8sTuningSessionRunner(lines(desk, *jobs), max_parallel=2, k8s_client=client)
    runner.timeout_session = 0.3
    result = runner.run()

    assert counts(result) == (4, 3, 1, 2, 1, 1)
    assert result.errors == [
        "Session timeout exceeded", "Job b timeout exceeded", "Job c timeout exceeded",
    ]  # fmt: skip
    assert client.deleted == ["b", "c"]
    assert set(result.pod_logs) == {"a", "b", "c"}


def test_a_session_without_any_time_begins_nothing(desk: Desk):
    """
    Nothing was attempted: 2.
    """
    client = JobClient()

    result = run(desk, client, "a", timeout_session=0)

    assert counts(result) == (1, 0, 0, 0, 1, 2)
    assert result.errors == ["Session timeout exceeded"]
    assert client.created == []


def test_who_does_not_wait_leaves_no_more_than_a_window_of_jobs(desk: Desk):
    """
    The others are pending: neither attempted nor skipped.
    """
    client = JobClient({"b": ("denied",)})

    result = run(desk, client, *"abcdefgh", max_parallel=3, wait=False)

    assert client.names == ["a", "c", "d"]
    assert counts(result) == (8, 3, 0, 1, 0, 1)
    assert result.job_ids == ["a", "c", "d"]
    assert counts(run(desk, JobClient(), "a", "b", wait=False)) == (2, 2, 0, 0, 0, 0)


def test_a_cluster_that_is_never_reached_is_one_error(desk: Desk):
    """
    Said once, in the client's sentence; no job was attempted.
    """
    client = Mock(spec=K8sClient)
    client.create_job.side_effect = Unreachable("The connection to the server x was refused")

    for wait in (True, False):
        result = run(desk, client, "a", "b", wait=wait)
        assert counts(result) == (2, 0, 0, 0, 2, 2)
        assert result.errors == ["The connection to the server x was refused"]
    assert client.create_job.call_count == 2


def test_a_client_that_loses_its_way_for_a_moment_is_asked_again(desk: Desk):
    """
    Neither an exception nor Unknown ends a Job at once.
    """
    client = JobClient({"a": ("lost", "Unknown", "Succeeded")})

    assert counts(run(desk, client, "a")) == (1, 1, 1, 0, 0, 0)


def test_a_job_of_which_nothing_is_known_for_long_has_failed():
    """
    It is deleted then, and why nothing was known is told.
    """
    client = JobClient({"a": ("Unknown: forbidden",)})
    trial = Trial(TrialSpec("a", 0, {}, slug="a"))
    session = Session.of(info(), [trial.spec])
    builder = K8sJobSpecBuilder()
    engine = PolledEngine(
        session, client, "ns", lambda trial: builder.build_tuning_job(trial.id, {}, "out"), {},
        unknown_seconds=0,
    )  # fmt: skip

    engine.submit([trial])
    (event,) = engine.poll(1)

    assert (event.state, client.deleted) == (TrialState.FAILED, ["a"])
    assert event.reason == "its status is unknown: forbidden"
    assert [line.text for line in log.parse(engine.logs(trial))] == [b"log of a"]
    assert list(engine.logs(trial.again())) == list(engine.close()) == []


def test_answers_of_no_sense_are_errors_of_their_job(desk: Desk):
    """
    A client that was not taught its answers ends nothing else, and nobody waits for it.
    """
    client = Mock(spec=K8sClient)
    client.create_job.side_effect = ["a", "b", None]
    client.get_job_status.side_effect = lambda name, namespace: (
        Mock() if name == "a" else K8sJobStatus(name, namespace, "Succeeded")
    )

    result = run(desk, client, "a", "b", "c")

    assert counts(result) == (3, 2, 1, 2, 0, 1)
    client.delete_job.assert_called_once_with("a", "default")


def test_names_of_jobs_are_legal_and_their_own(desk: Desk):
    """
    Whatever the job_ids are: a Job, its label, and the raw name in an annotation.
    """
    ids = ["sess001_0001", "a_1", "a.1", "...", "é 1", "x" * 300, "../../etc/passwd"]
    client = JobClient()

    result = run(desk, client, *ids, max_parallel=9)

    assert result.success_jobs == len(ids)
    assert client.names[0] == "sess001-0001"
    assert len(set(client.names)) == len(ids)
    metadata = [job["metadata"] for job in client.created]
    assert [each["annotations"]["job-id"] for each in metadata] == ids
    label = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
    for each in metadata:
        assert all(_matches(label, value) for value in each["labels"].values())
        assert _matches(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", each["name"])


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text) is not None


# Results


def test_results_land_where_the_lines_say(desk: Desk):
    """
    The last JSON object of a log; without an output_json in the folder of old, by the job's name.
    """
    jobs = [
        {"job_id": "a", "config": {}, "output_json": "out/deep/a.json"},
        {"job_id": "b", "config": {}, "output_json_dir": "elsewhere"},
        {"job_id": "c/../..", "config": {}},
        {"job_id": "d", "config": {}, "output_json": "out/d.json"},
    ]
    logs = dict.fromkeys("abc", f"hello\n{RESULT}\nbye") | {"d": "no result"}

    result = run(desk, JobClient(logs=logs), *jobs)

    assert counts(result) == (4, 4, 4, 0, 0, 0)
    written = sorted(str(p.relative_to(desk.folder)) for p in desk.folder.rglob("*.json"))
    assert written == ["elsewhere/b.json", "out/deep/a.json", "outputs/tuning/c.json"]
    assert all(
        json.loads((desk.folder / name).read_text()) == json.loads(RESULT) for name in written
    )


def test_a_result_that_calls_itself_an_error_is_none_to_count_on(desk: Desk):
    """
    Whatever the Job's status.
    """
    client = JobClient(logs={"a": '{"status": "error", "error": {"message": "no data"}}'})

    result = run(desk, client, "a")

    assert counts(result) == (1, 1, 0, 1, 0, 1)
    assert "no data" in result.errors[0]


def test_a_run_with_a_client_of_ones_own_leaves_no_session(desk: Desk):
    """
    Nobody else could reach its Jobs.
    """
    run(desk, JobClient(), "a")

    assert desk.names() == []
    assert sorted(path.name for path in desk.folder.iterdir()) == ["jobs.jsonl"]


# The four methods of old


def test_a_job_can_be_submitted_waited_for_and_read_by_hand():
    """
    By the runner's own methods.
    """
    client = JobClient({"a": ("Running", "Succeeded"), "b": ("Failed",), "c": ("denied",)})
    runner = K8sTuningSessionRunner("x", timeout_per_job=7, k8s_client=client)
    client.words |= {"d": ("Running",)}  # type: ignore[operator]

    names = [runner._submit_job({"job_id": id, "config": {}}) for id in "abcd"]

    assert names == ["a", "b", None, "d"]
    assert [runner._wait_for_job(name, 5) for name in ("a", "b")] == [True, False]
    assert not runner._wait_for_job("d", 0)
    assert runner._collect_results("a") == {"job_id": "a", "logs": "log of a"}
    assert client.created[0]["spec"]["activeDeadlineSeconds"] == 7


def test_a_signal_lets_go_and_says_so(desk: Desk):
    """
    130, and the Jobs that run are not touched.
    """

    class Interrupting(JobClient):
        def get_job_status(self, job_id: str, namespace: str = "default") -> K8sJobStatus:
            if job_id == "b":
                os.kill(os.getpid(), signal.SIGINT)
            return super().get_job_status(job_id, namespace)

    client = Interrupting({"b": ("Running",)})
    result = run(desk, client, "a", "b", "c", max_parallel=2)

    assert result.exit_code == 130
    assert client.deleted == []
    assert result.job_ids[:2] == ["a", "b"]
    assert result.error_jobs == 0


# The summary


def test_the_summary_is_the_seeds():
    """
    To the letter.
    """
    names = ["sess001-0001", "sess001-0002"]

    assert (
        format_summary(K8sTuningSessionRunResult(2, 2, 2, 0, 0, 0, job_ids=names))
        == """\
======================================================================
[D41_K8S_SESSION] KUBERNETES TUNING SESSION SUMMARY
======================================================================

Total Jobs:     2
Attempted:      2
Success:        2
Errors:         0
Skipped:        0

Exit Code:      0  (✅ ALL JOBS SUCCEEDED)

Submitted Jobs (2):
  - sess001-0001
  - sess001-0002

======================================================================"""
    )


def test_the_summary_lists_ten_errors_and_five_jobs():
    """
    To the letter.
    """
    errors = [f"Job j{n} timeout exceeded" for n in range(12)]
    names = [f"j{n}" for n in range(7)]

    text = format_summary(K8sTuningSessionRunResult(20, 15, 3, 12, 5, 1, errors, names))

    head, _, rest = text.partition("\n\nErrors:\n")
    assert head.endswith("Skipped:        5\n\nExit Code:      1  (⚠️  SOME JOBS FAILED)")
    assert rest == "\n".join(
        [
            *(f"  - Job j{n} timeout exceeded" for n in range(10)),
            "  ... and 2 more errors",
            "",
            "Submitted Jobs (7):",
            *(f"  - j{n}" for n in range(5)),
            "  ... and 2 more jobs",
            "",
            "=" * 70,
        ]
    )


def test_the_summary_of_a_failure_has_its_own_word():
    """
    2 is the file's or the cluster's fault; what wasn't submitted is not listed.
    """
    text = format_summary(K8sTuningSessionRunResult(0, 0, 0, 0, 0, 2, ["no file"]))

    assert "Exit Code:      2  (❌ FILE/RUNTIME ERROR)\n\nErrors:\n  - no file\n\n===" in text
