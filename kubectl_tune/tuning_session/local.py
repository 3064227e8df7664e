"""
The local runner by its first name: jobs one after the other, over the runner of everything else.

Its jobs are a session in the state file like any other, so `kubectl tune logs`, `results` and
`resume` work on what it ran. One rule: the counts are what a loop over the lines of the file
would have counted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubectl_tune import beginning, driving, statefile
from kubectl_tune.errors import TuneError
from kubectl_tune.halt import Halt
from kubectl_tune.session import Policy, SessionInfo, Target
from kubectl_tune.store import Store
from kubectl_tune.trial import Failure, Trial, TrialSpec, TrialState
from kubectl_tune.tuning_session import jobs_file
from kubectl_tune.tuning_session.summary_block import RULE, head, listed
from kubectl_tune.workload import ARBITRAGE

TIMEOUT_SECONDS = 300


@dataclass
class TuningSessionRunResult:
    """How many jobs there were and how they went; `exit_code` is the script's."""

    total_jobs: int
    attempted_jobs: int
    success_jobs: int
    error_jobs: int
    skipped_jobs: int
    exit_code: int
    errors: list[str] = field(default_factory=list)


class TuningSessionRunner:
    def __init__(
        self,
        jobs_file: str,
        python_executable: str = "python",
        max_jobs: int | None = None,
        stop_on_error: bool = False,
    ) -> None:
        self.jobs_file = jobs_file
        self.python_executable = python_executable
        self.max_jobs = max_jobs
        self.stop_on_error = stop_on_error
        self.session = ""  # what the last run is called in the state file

    def load_jobs(self) -> list[dict[str, Any]]:
        """
        Read the jobs file, blank lines aside.

        Raises FileNotFoundError, and ValueError for a line that is not a JSON object or a file
        without any.
        """
        jobs = jobs_file.read(self.jobs_file)
        if not jobs:
            raise ValueError(f"Jobs file is empty: {self.jobs_file}")
        return jobs

    def run(self) -> TuningSessionRunResult:
        """
        Run the jobs in their order; what goes wrong is in the result.

        A signal that asks to stop gives 130 or 143, and leaves a session to resume.
        """
        try:
            jobs = self.load_jobs()
        except (OSError, ValueError) as error:
            return TuningSessionRunResult(0, 0, 0, 1, 0, 2, [str(error)])
        faults = jobs_file.faults(jobs, self._validate_job)
        try:
            ended, stopped = self._run(jobs, faults)
        except TuneError as error:
            return TuningSessionRunResult(len(jobs), 0, 0, 1, len(jobs), 2, [str(error)])
        result = self._counted(jobs, faults, ended)
        result.exit_code = stopped or result.exit_code
        return result

    def _validate_job(self, job: Mapping[str, Any]) -> str | None:
        """Say what a job lacks, or None when it can be run."""
        for key in ("job_id", "config", "output_json"):
            if not job.get(key):
                return f"Missing required field: {key}"
        if not isinstance(job["config"], dict):
            return "config must be a dict"
        if not job["config"].get("data_file"):
            return "Missing required field: config.data_file"
        return None

    def _run(
        self, jobs: Sequence[Mapping[str, Any]], faults: Sequence[str | None]
    ) -> tuple[Mapping[str, Trial], int]:
        """Return what became of the jobs, and the exit code if a signal stopped it all."""
        specs = [
            TrialSpec(str(job["job_id"]), index, job["config"], str(job["output_json"]))
            for index, job in enumerate(self._wanted(jobs, faults))
        ]
        if not specs:
            return {}, 0
        store = Store.open(statefile.default_path(os.environ))
        try:
            info = beginning.begin(store, self._info(specs), specs, ARBITRAGE.file_keys)
            self.session = info.name
            outcome = driving.drive(store, info.name, show=lambda session, ended, best: None)
            trials = {row.trial.id: row.trial for row in store.trials(info.name)}
            return trials, outcome.exit_code if outcome.stopped else 0
        finally:
            store.close()

    def _wanted(
        self, jobs: Sequence[Mapping[str, Any]], faults: Sequence[str | None]
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the jobs to run if all goes well."""
        wanted = 0
        for job, fault in zip(jobs, faults, strict=True):
            if self.max_jobs is not None and wanted >= self.max_jobs:
                return
            if fault and self.stop_on_error:
                return
            if not fault:
                wanted += 1
                yield job

    def _info(self, specs: Sequence[TrialSpec]) -> SessionInfo:
        uid = beginning.new_uid()
        name = beginning.session_name("", self.jobs_file, uid)
        return SessionInfo(
            name=name,
            uid=uid,
            plan=self.jobs_file,
            target=Target("local", workdir=os.getcwd()),
            policy=Policy(
                max_parallel=1,
                timeout=TIMEOUT_SECONDS,
                halt=Halt.parse("now,fail=1") if self.stop_on_error else None,
                requires_result=True,
            ),
            command=(self.python_executable, *ARBITRAGE.command[1:]),
            workload=ARBITRAGE.name,
            metric=ARBITRAGE.metric,
            direction=ARBITRAGE.direction,
            caveat=ARBITRAGE.caveat_of((spec.config for spec in specs), name),
            created=time.time(),
        )

    def _counted(
        self,
        jobs: Sequence[Mapping[str, Any]],
        faults: Sequence[str | None],
        ended: Mapping[str, Trial],
    ) -> TuningSessionRunResult:
        attempted = succeeded = skipped = 0
        errors: list[str] = []
        for job, fault in zip(jobs, faults, strict=True):
            if self.max_jobs is not None and attempted >= self.max_jobs:
                skipped = len(jobs) - attempted
                break
            trial = None if fault else ended.get(str(job["job_id"]))
            if fault:
                error: str | None = f"Job {job.get('job_id', 'unknown')}: {fault}"
            elif trial is None or not trial.state.ended:  # interrupted, or stopped before it
                skipped = len(jobs) - attempted
                break
            else:
                attempted += 1
                error = _error(trial)
            succeeded += error is None
            errors += [error] if error else []
            if error and self.stop_on_error:
                skipped = len(jobs) - attempted - bool(fault)
                break
        code = 1 if errors else 0 if attempted else 2
        return TuningSessionRunResult(
            len(jobs), attempted, succeeded, len(errors), skipped, code, errors
        )


def _error(trial: Trial) -> str | None:
    """Say in the script's words how a job failed, or None when it didn't."""
    if trial.state is TrialState.SUCCEEDED:
        return None
    if trial.state is TrialState.TIMED_OUT:
        return f"Job {trial.id} timed out (>{TIMEOUT_SECONDS}s)"
    if trial.failure is Failure.EXIT:
        return f"Job {trial.id} failed with exit code {trial.exit_code}"
    return f"Job {trial.id} error: {trial.reason}"


def format_summary(result: TuningSessionRunResult) -> str:
    """The summary block of the script, to the letter."""
    lines = head("[D40_SESSION] LOCAL TUNING SESSION SUMMARY", result, "❌ FATAL ERROR")
    lines += listed("Errors:", result.errors, 10, "more")
    return "\n".join([*lines, "", RULE])
