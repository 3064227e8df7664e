"""
The runner for a cluster by its first name: at most so many Jobs at once, over the runner of
everything else.

Its jobs are a session in the state file like any other, so `logs`, `results` and `resume` work
on what it ran. With a client of the caller's own the session lives as long as the run: nobody
else could reach its Jobs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kubectl_tune import beginning, driving, live, statefile
from kubectl_tune.errors import TuneError
from kubectl_tune.ledger import Ledger
from kubectl_tune.session import Policy, SessionState, Target
from kubectl_tune.store import Store
from kubectl_tune.trial import Trial, TrialSpec, TrialState
from kubectl_tune.tuning_session import jobs_file, kubernetes_session
from kubectl_tune.tuning_session.job_spec_builder import K8sJobSpecBuilder
from kubectl_tune.tuning_session.jobs_file import Job
from kubectl_tune.tuning_session.kubernetes_client import K8sClient, K8sClientInterface, Manifest
from kubectl_tune.tuning_session.kubernetes_result import (
    Attempt,
    K8sTuningSessionRunResult,
    Reached,
    counted,
)
from kubectl_tune.tuning_session.polled import POLL_SECONDS, PolledEngine, delete, log_of
from kubectl_tune.workload import ARBITRAGE


class K8sTuningSessionRunner:
    """
    Times are in seconds. An empty namespace is that of the kubeconfig's context.

    With the usual client, Jobs go to the cluster of the kubeconfig with all that they need, and
    where `wait` is false the cluster itself keeps to `max_parallel`. Another client is asked to
    create Jobs that need an image with everything in it, and without `wait` no more than
    `max_parallel` of them.
    """

    def __init__(
        self,
        jobs_file: str,
        namespace: str = "default",
        max_parallel: int = 4,
        timeout_per_job: int = 300,
        timeout_session: int = 3600,
        retry_failed: bool = False,
        wait: bool = True,
        k8s_client: K8sClientInterface | None = None,
    ) -> None:
        self.jobs_file = jobs_file
        self.namespace = namespace
        self.max_parallel = max_parallel
        self.timeout_per_job = timeout_per_job
        self.timeout_session = timeout_session
        self.retry_failed = retry_failed
        self.wait = wait
        self.k8s_client = k8s_client or K8sClient(namespace=namespace)
        self.job_spec_builder = K8sJobSpecBuilder(namespace=namespace)
        self.session = ""  # what the last run is called in the state file, if it is there

    def load_jobs(self) -> list[dict[str, Any]]:
        """
        Read the jobs file, blank lines aside; an empty one has no jobs.

        Raises FileNotFoundError, and ValueError for a line that is not a JSON object.
        """
        return jobs_file.read(self.jobs_file)

    def run(self) -> K8sTuningSessionRunResult:
        """
        Run the jobs; what goes wrong is in the result.

        A signal that asks to stop gives 130 or 143; Jobs that run go on.
        """
        client = self.k8s_client
        usual = type(client) is K8sClient and client.usual  # a mock of it is another one
        return self._with_lines(self._recorded if usual else self._polled)

    def dry_run(self) -> K8sTuningSessionRunResult:
        """Return what a run would if all went well; nothing is sent or written anywhere."""
        return self._with_lines(self._imagined)

    def _validate_job(self, job: Job) -> str | None:
        """Say what a job lacks, or None when it can be run."""
        for key in ("job_id", "config"):
            if job.get(key) in (None, ""):
                return f"Missing required key: {key}"
        return None if isinstance(job["config"], dict) else "config must be a dict"

    def _submit_job(self, job: Job) -> str | None:
        """Create the Job of one line by the client; return its name, or None on failure."""
        (spec,) = kubernetes_session.specs([job])
        try:
            return self.k8s_client.create_job(self._manifest(Trial(spec)))
        except Exception:  # whatever another's client may raise
            return None

    def _wait_for_job(self, job_id: str, timeout: int) -> bool:
        """Wait until a Job has ended; say whether it succeeded, and in time."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            status = self.k8s_client.get_job_status(job_id, self.namespace).status
            if status not in ("Pending", "Running"):
                return status == "Succeeded"
            # A client of four methods can only be asked again; the deadline above bounds it.
            time.sleep(min(POLL_SECONDS, left))
        return False

    def _collect_results(self, job_id: str) -> dict[str, Any]:
        return {"job_id": job_id, "logs": log_of(self.k8s_client, job_id, self.namespace)}

    def _with_lines(self, way: _Way) -> K8sTuningSessionRunResult:
        try:
            jobs = self.load_jobs()
        except (OSError, ValueError) as error:
            return K8sTuningSessionRunResult(0, 0, 0, 0, 0, 2, [str(error)])
        lines = _Lines(jobs, jobs_file.faults(jobs, self._validate_job))
        if not lines.specs:
            return lines.counted({})
        if self.max_parallel < 1:
            said = f"max_parallel is {self.max_parallel}: no job can run"
            return _failed(lines.counted({}), said)
        try:
            return way(lines)
        except TuneError as error:
            return _failed(lines.counted({}), str(error))

    def _recorded(self, lines: _Lines) -> K8sTuningSessionRunResult:
        """Run a session of the state file, on the cluster of the kubeconfig."""
        info = kubernetes_session.session_info(
            self.jobs_file, self._target(), self._policy, lines.specs
        )
        with closing(Store.open(statefile.default_path(os.environ))) as store:
            beginning.begin(store, info, lines.specs, ARBITRAGE.file_keys)
            self.session = info.name
            result = self._told(lines, store, info.name, lambda: self._drive(store, info.name))
            reached = kubernetes_session.reached(store, info.name).values()
            result.pod_logs = kubernetes_session.pod_logs(store, info.name, reached)
        for attempt in _timed_out(reached):
            delete(self.k8s_client, attempt.job, info.target.namespace)
        return result

    def _drive(self, store: Store, name: str) -> int:
        if not self.wait:
            live.hand_over(store, name)
            return 0
        outcome = driving.drive(store, name, show=lambda session, ended, best: None)
        return outcome.exit_code if outcome.stopped else 0

    def _polled(self, lines: _Lines) -> K8sTuningSessionRunResult:
        """Run a session that is nowhere recorded, by the client we were given."""
        target = Target("jobs", namespace=self.namespace, workdir=os.getcwd())
        info = kubernetes_session.session_info(self.jobs_file, target, self._policy, lines.specs)
        info = info._replace(workload="", total=len(lines.specs))  # its client may know no results
        printed: dict[str, str] = {}

        def connect(ledger: Ledger) -> PolledEngine:
            session, client = ledger.session, self.k8s_client
            return PolledEngine(session, client, self.namespace, self._manifest, printed)

        with kubernetes_session.passing_store() as store:
            store.create(info, beginning.identified(lines.specs, info, ()))
            way = kubernetes_session.drive if self.wait else kubernetes_session.fill
            result = self._told(lines, store, info.name, lambda: way(store, info.name, connect))
        result.pod_logs = printed
        return result

    def _told(
        self, lines: _Lines, store: Store, name: str, drive: Callable[[], int]
    ) -> K8sTuningSessionRunResult:
        """Drive a session, and count what came of it however that ended."""
        stopped, trouble = 0, ""
        try:
            stopped = drive()
        except TuneError as error:
            trouble = str(error)
        result = lines.counted(
            kubernetes_session.reached(store, name),
            waited=self.wait or bool(trouble),
            timed_out=store.summary(name).ended == SessionState.TIMED_OUT,
        )
        result.exit_code = stopped or result.exit_code
        return _failed(result, trouble) if trouble else result

    def _imagined(self, lines: _Lines) -> K8sTuningSessionRunResult:
        target = Target("jobs" if self.wait else "indexed")
        info = kubernetes_session.session_info(self.jobs_file, target, self._policy, lines.specs)
        state = TrialState.SUCCEEDED if self.wait else TrialState.SUBMITTED
        reached = {}
        for spec in lines.specs:
            trial = Trial(spec, state=state)
            begun = Attempt(trial.attempt, kubernetes_session.job_of(info, trial), state)
            reached[spec.id] = Reached(trial, (begun,))
        return lines.counted(reached, waited=self.wait)

    def _manifest(self, trial: Trial) -> Manifest:
        """Return the Job of an attempt, for the client to create."""
        spec = trial.spec
        made = self.job_spec_builder.build_tuning_job(
            job_id=spec.id,
            config=spec.config,
            output_dir=os.path.dirname(spec.output_json),
            timeout_seconds=self.timeout_per_job,
            output_json=spec.output_json,
        )
        again = f"-a{trial.attempt}" if trial.attempt > 1 else ""
        made["metadata"]["name"] = f"{spec.slug}{again}"
        return made

    def _target(self) -> Target:
        return kubernetes_session.here(self.namespace, wait=self.wait)

    @property
    def _policy(self) -> Policy:
        return Policy(
            max_parallel=self.max_parallel,
            timeout=self.timeout_per_job,
            session_timeout=self.timeout_session,
            retries=1 if self.retry_failed else 0,
        )


@dataclass(frozen=True)
class _Lines:
    """The lines of a jobs file, and what is wrong with each."""

    jobs: Sequence[Job]
    faults: Sequence[str | None]

    @cached_property
    def specs(self) -> list[TrialSpec]:
        pairs = zip(self.jobs, self.faults, strict=True)
        return kubernetes_session.specs([job for job, fault in pairs if not fault])

    def counted(self, reached: dict[str, Reached], **how: bool) -> K8sTuningSessionRunResult:
        return counted(self.jobs, self.faults, reached, **how)


_Way = Callable[[_Lines], K8sTuningSessionRunResult]


def _timed_out(reached: Iterable[Reached]) -> list[Attempt]:
    attempts = [attempt for found in reached for attempt in found.attempts]
    return [each for each in attempts if each.job and each.state is TrialState.TIMED_OUT]


def _failed(result: K8sTuningSessionRunResult, why: str) -> K8sTuningSessionRunResult:
    result.errors.insert(0, why)
    result.exit_code = 2
    return result
