"""Clearing away what is old, and nothing else."""

from __future__ import annotations

import time

from core.making import info as session_info
from core.making import opened, specs

from kubectl_tune import pruning
from kubectl_tune.cluster import manifests
from kubectl_tune.engines.jobs import JobsEngine
from kubectl_tune.lock import DriverLock
from kubectl_tune.provision import Provision
from kubectl_tune.session import Session

OLD = 1000.0


def begun(cluster, uid: str, *, created: float = OLD, ended: bool = True) -> Session:
    """A session in the cluster with a Job that has ended, or still waits."""
    made = session_info(name=uid, uid=uid, created=created, extra={"pod": {"ttl": 10**9}})
    session = Session.of(made, specs(1))
    provision = Provision(session, cluster.client())
    [trial] = session.trials.values()
    job = manifests.job(provision.scene, trial, provision.place(trial))
    job["spec"]["suspend"] = True
    made = cluster.client().create(job)
    if ended:
        done = {
            "type": "Complete", "status": "True", "reason": "", "message": "",
            "lastTransitionTime": "2020-01-01T00:00:00Z",
        }  # fmt: skip
        cluster.api.update(made, lambda new: new["status"].update(conditions=[done]))
    return session


def uids(found) -> set[str]:
    return {each.info.uid for each in found}


def test_only_what_has_ended_long_ago_is_old(cluster):
    """
    Not what was begun lately, what still has a Job to run, nor what the state file knows.
    """
    for uid in ("aaaaa", "known"):
        begun(cluster, uid)
    begun(cluster, "young", created=time.time())
    begun(cluster, "going", ended=False)

    found = pruning.old_remotes(cluster.client(), time.time() - 60, {"known"})

    assert uids(found) == {"aaaaa"}


def test_removing_a_session_removes_all_of_it_and_nothing_else(cluster, tmp_path):
    """
    Through its owner: one request, and the cluster does the rest.
    """
    session = begun(cluster, "aaaaa", ended=False)
    other = begun(cluster, "other")
    cluster.until(lambda: len(cluster.all("Job")) == 2, "both Jobs")
    before = cluster.requests.total()

    assert pruning.remove(cluster.client(), session.info)

    assert cluster.requests.total() == before + 1
    cluster.until(lambda: not cluster.all("Job", "kubectl-tune.dev/uid=aaaaa"), "its Job to go")
    cluster.until(
        lambda: not cluster.all("ConfigMap", "kubectl-tune.dev/uid=aaaaa"), "its ConfigMaps to go"
    )
    assert cluster.all("Job", f"kubectl-tune.dev/uid={other.info.uid}")
    assert not pruning.remove(cluster.client(), session.info)


def test_a_running_session_is_removed_with_its_pods(cluster, tmp_path):
    """
    Whatever runs of it ends.
    """
    made = session_info(command=("sleep", "600"), workdir=tmp_path)
    session = Session.of(made, specs(2))
    engine = JobsEngine(session, cluster.client(), tmp_path)
    engine.submit(session.ready(2))
    cluster.until(lambda: len(_running(cluster)) == 2, "two running pods")
    engine.close()

    pruning.remove(cluster.client(), made)

    cluster.until(lambda: not cluster.all("Pod"), "the pods to be gone")


def _running(cluster):
    return [pod for pod in cluster.all("Pod") if pod["status"]["phase"] == "Running"]


def test_sessions_that_somebody_drives_are_never_old(tmp_path):
    """
    However long ago they were begun, or had ended once.
    """
    with opened(tmp_path / "state.db") as store:
        for name in ("driven", "left", "ended"):
            store.create(session_info(name, uid=name[:5]), specs(1))
        for name in ("driven", "ended"):
            with store.owned(name, store.claim(name)):
                store.finish(name, "done", OLD)
        lock = DriverLock(store.folder("driven"), "driven")
        try:
            found = [each.info.name for each in pruning.old_sessions(store, time.time())]
        finally:
            lock.release()

    assert found == ["ended"]
