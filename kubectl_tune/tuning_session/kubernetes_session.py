"""
The session behind the runner for a cluster: what it is made of, how it is driven, and what
came of it.

One rule: how far its jobs have come is read from the store alone, whichever way they ran.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from kubectl_tune import access, beginning, driving
from kubectl_tune.cluster import manifests
from kubectl_tune.cluster.kubeconfig import resolve
from kubectl_tune.cluster.orders import MOST_LINES
from kubectl_tune.collector import plain
from kubectl_tune.engines import Engine
from kubectl_tune.engines.local import log_path
from kubectl_tune.ledger import Ledger
from kubectl_tune.names import slugs
from kubectl_tune.podoptions import DAY, PodOptions
from kubectl_tune.runner import Driver, stopping
from kubectl_tune.session import Policy, SessionInfo, Target
from kubectl_tune.store import Store
from kubectl_tune.trial import Trial, TrialSpec, TrialState
from kubectl_tune.tuning_session.job_spec_builder import file_name
from kubectl_tune.tuning_session.jobs_file import Job
from kubectl_tune.tuning_session.kubernetes_result import Attempt, Reached
from kubectl_tune.workload import ARBITRAGE

OUTPUT_DIR = "outputs/tuning"

Connect = Callable[[Ledger], Engine]


def specs(jobs: Sequence[Job]) -> list[TrialSpec]:
    """Return the trials of jobs that are in order; each has a file for its result."""
    named = zip(jobs, slugs([str(job["job_id"]) for job in jobs]), strict=True)
    return [
        TrialSpec(str(job["job_id"]), index, job["config"], _output(job), slug=slug)
        for index, (job, slug) in enumerate(named)
    ]


def _output(job: Job) -> str:
    folder = job.get("output_json_dir") or OUTPUT_DIR
    return str(job.get("output_json") or f"{folder}/{file_name(str(job['job_id']))}.json")


def here(namespace: str, *, wait: bool) -> Target:
    """Say where a session goes: to the kubeconfig's cluster, by default to its namespace."""
    found = resolve(replace(access.given(), namespace=namespace), os.environ)
    return access.target_of(found, "jobs" if wait else "indexed", os.getcwd())


def session_info(
    jobs_file: str, target: Target, policy: Policy, specs: Sequence[TrialSpec]
) -> SessionInfo:
    uid = beginning.new_uid()
    name = beginning.session_name("", jobs_file, uid)
    days = 7 if target.engine == "indexed" else 1
    return SessionInfo(
        name=name,
        uid=uid,
        plan=jobs_file,
        target=target,
        policy=policy,
        command=ARBITRAGE.command,
        workload=ARBITRAGE.name,
        metric=ARBITRAGE.metric,
        direction=ARBITRAGE.direction,
        caveat=ARBITRAGE.caveat_of((spec.config for spec in specs), name),
        created=time.time(),
        extra={"pod": PodOptions(ttl=days * DAY).as_json(), "kube": access.recorded()},
    )


@contextmanager
def passing_store() -> Iterator[Store]:
    """A state file that goes with the run: for Jobs that nobody else can reach."""
    with (
        TemporaryDirectory(prefix="kubectl-tune-") as folder,
        closing(Store.open(Path(folder) / "state.db")) as store,
    ):
        yield store


def drive(store: Store, name: str, connect: Connect) -> int:
    """Drive a session on an engine of the caller's; return the exit code of a signal, or 0."""
    with driving.holding(store, name) as ledger, stopping() as stop:
        Driver(ledger, connect(ledger), stop=stop).run()
        return stop.exit_code if stop.signal and ledger.session.unfinished else 0


def fill(store: Store, name: str, connect: Connect) -> int:
    """Submit as much as an engine of the caller's takes at once; return as `drive` does."""
    with driving.holding(store, name) as ledger, stopping() as stop:
        engine = connect(ledger)
        try:
            while not stop.signal and (trials := ledger.session.ready(engine.slots)):
                ledger.keep(engine.submit(trials))
        finally:
            ledger.save()
            engine.close()
        return stop.exit_code if stop.signal else 0


def job_of(info: SessionInfo, trial: Trial) -> str:
    """Return the name of the Job that an attempt of a recorded session has."""
    if info.target.engine == "indexed":
        return manifests.shard_name(info, 1 + trial.spec.index // MOST_LINES)
    return manifests.job_name(info, trial)


def reached(store: Store, name: str) -> dict[str, Reached]:
    """Return by job_id how far the trials of a session have come."""
    info = store.info(name)
    return {
        row.trial.id: Reached(row.trial, tuple(_attempts(store, info, row.trial)))
        for row in store.trials(name)
    }


def _attempts(store: Store, info: SessionInfo, trial: Trial) -> Iterator[Attempt]:
    for row in store.attempts(info.name, trial.id):
        number, state = row["attempt"], TrialState(row["state"])
        # One that has just been submitted may not have been heard of.
        expected = job_of(info, trial._replace(attempt=number)) if state.in_flight else ""
        yield Attempt(number, row["job"] or expected, state)


def pod_logs(store: Store, name: str, trials: Iterable[Reached]) -> dict[str, str]:
    """Return what ended attempts have printed, by the names of their Jobs."""
    folder, logs = store.folder(name), {}
    for found in trials:
        for attempt in found.attempts:
            path = log_path(folder, found.trial._replace(attempt=attempt.number))
            if attempt.job and attempt.state.ended:
                text = plain(path).decode("utf-8", "replace") if path.exists() else ""
                logs[attempt.job] = text
    return logs
