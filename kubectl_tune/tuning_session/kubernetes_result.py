"""What became of the jobs of a session on a cluster: counted, told, and as a summary block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kubectl_tune.trial import Failure, Trial, TrialState
from kubectl_tune.tuning_session.jobs_file import Job
from kubectl_tune.tuning_session.local import TuningSessionRunResult
from kubectl_tune.tuning_session.summary_block import RULE, head, listed

SESSION_TIMEOUT = "Session timeout exceeded"


@dataclass
class K8sTuningSessionRunResult(TuningSessionRunResult):
    """
    The local runner's counts, the names of the Jobs, and what they printed, by name.

    A job is attempted once there is a Job for it; skipped are lines that are no job, and what
    was not begun when the session was over.
    """

    job_ids: list[str] = field(default_factory=list)
    pod_logs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attempt:
    number: int
    job: str  # its Job's name; empty when it never had one
    state: TrialState


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a trial has come, and by which attempts."""

    trial: Trial
    attempts: tuple[Attempt, ...] = ()

    @property
    def begun(self) -> bool:
        return self.trial.started is not None or any(attempt.job for attempt in self.attempts)


def counted(
    jobs: Sequence[Job],
    faults: Sequence[str | None],
    reached: Mapping[str, Reached],
    *,
    waited: bool = True,
    timed_out: bool = False,
) -> K8sTuningSessionRunResult:
    """
    Count the lines of a jobs file.

    `waited` says that the session is over, `timed_out` that its time-out made it so.
    """
    result = K8sTuningSessionRunResult(len(jobs), 0, 0, 0, 0, 0)
    result.errors += [SESSION_TIMEOUT] if timed_out else []
    for job, fault in zip(jobs, faults, strict=True):
        if fault:
            result.skipped_jobs += 1
            result.errors.append(f"Job {job.get('job_id', 'unknown')}: {fault}")
        elif found := reached.get(str(job["job_id"])):
            _count(result, found, waited, timed_out)
        else:
            result.skipped_jobs += 1
    result.job_ids = _job_names(reached.values())
    result.exit_code = _exit_code(result, timed_out)
    return result


def _job_names(reached: Iterable[Reached]) -> list[str]:
    names = (attempt.job for found in reached for attempt in found.attempts)
    return list(dict.fromkeys(filter(None, names)))


def _count(
    result: K8sTuningSessionRunResult, found: Reached, waited: bool, timed_out: bool
) -> None:
    trial = found.trial
    result.attempted_jobs += found.begun
    if trial.state is TrialState.SUCCEEDED:
        result.success_jobs += 1
    elif trial.state.ended or (found.begun and timed_out):
        result.error_jobs += 1
        result.errors.append(_error(found))
    elif waited and not found.begun:
        result.skipped_jobs += 1


def _error(found: Reached) -> str:
    """Say in the script's words how a job failed."""
    trial = found.trial
    if not found.begun:
        return f"Failed to submit job {trial.id}: {trial.reason}"
    if trial.state is TrialState.TIMED_OUT or not trial.state.ended:
        return f"Job {trial.id} timeout exceeded"
    if trial.failure is Failure.EXIT and trial.exit_code is not None:
        return f"Job {trial.id} failed with exit code {trial.exit_code}"
    return f"Job {trial.id} failed: {trial.reason or 'pod crash'}"


def _exit_code(result: K8sTuningSessionRunResult, timed_out: bool) -> int:
    if result.total_jobs and not result.attempted_jobs:
        return 2
    return 1 if result.error_jobs or timed_out else 0


def format_summary(result: K8sTuningSessionRunResult) -> str:
    """The summary block of the script, to the letter."""
    title = "[D41_K8S_SESSION] KUBERNETES TUNING SESSION SUMMARY"
    lines = head(title, result, "❌ FILE/RUNTIME ERROR")
    lines += listed("Errors:", result.errors, 10, "more errors")
    lines += listed(f"Submitted Jobs ({len(result.job_ids)}):", result.job_ids, 5, "more jobs")
    return "\n".join([*lines, "", RULE])
