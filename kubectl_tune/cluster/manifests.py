"""
A session as Kubernetes objects: pure functions from what it is to the manifests that are sent.

Its rule: every name follows from the session, the trial and the attempt, so that creating
twice creates once; and everything belongs to the session's anchor, so that deleting it all is
one delete.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubectl_tune import __version__
from kubectl_tune.cluster import Manifest
from kubectl_tune.cluster import labels as marks
from kubectl_tune.cluster.indexretries import index_retries
from kubectl_tune.cluster.orders import order
from kubectl_tune.cluster.podasked import literal
from kubectl_tune.cluster.podspec import job_labels, pod_template
from kubectl_tune.errors import EngineError
from kubectl_tune.launch import launch
from kubectl_tune.podoptions import PodOptions, pod_options
from kubectl_tune.rows import session_row
from kubectl_tune.session import Policy, SessionInfo
from kubectl_tune.trial import Trial

GRACE = 30  # seconds that a pod has between SIGTERM and SIGKILL,
AGENT_GRACE = 10  # and of these a trial
PREPARATION = 600  # seconds that a pod may take to pull its image and to unpack what it needs
AGENT = "/kt/agent"
PLAN = "/kt/plan"
BUNDLE = "/kt/bundle"
WORK = "/kt/work"
CONFIG = "/kt/config"


@dataclass(frozen=True, slots=True)
class Cargo:
    """What travels to the pods of a session beside the plan: names of ConfigMaps, and where to."""

    maps: tuple[str, ...] = ()
    sha: str = ""
    cwd: str = ""
    absolute_folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """Where a Job finds its trials: plan ConfigMaps, and the trial's line in the only one."""

    maps: tuple[str, ...]
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """What all objects of a session share."""

    info: SessionInfo
    namespace: str
    anchor_uid: str = ""  # the cluster's uid of the anchor; "" before there is one
    owner: str = ""
    cargo: Cargo = field(default_factory=Cargo)

    @property
    def options(self) -> PodOptions:
        return pod_options(self.info)


def anchor_name(uid: str) -> str:
    return f"tune-{uid}"


def job_name(info: SessionInfo, trial: Trial) -> str:
    """Return the name of an attempt's Job, at most 52 characters: pods' names add to it."""
    again = f"-a{trial.attempt}" if trial.attempt > 1 else ""
    return f"{trial.spec.slug}-{info.uid}{again}"


def shard_name(info: SessionInfo, number: int) -> str:
    return f"tune-{info.uid}-{number}"


def plan_name(info: SessionInfo, number: int) -> str:
    return f"tune-{info.uid}-plan-{number}"


def selector(uid: str, **more: str) -> str:
    return ",".join([f"{marks.UID}={uid}", *(f"{key}={value}" for key, value in more.items())])


def labels(info: SessionInfo) -> dict[str, str]:
    return {
        marks.APP_LABEL: "arbitrage-tuning" if info.workload else marks.PRODUCT,
        marks.NAME: marks.PRODUCT,
        marks.MANAGED_BY: marks.PRODUCT,
        marks.INSTANCE: info.name,
        marks.SESSION: info.name,
        marks.UID: info.uid,
    }


def nonce(job: str, uid: str) -> str:
    """Tell our lines in a pod's log from what a trial prints by accident."""
    return hashlib.sha256(f"{uid}/{job}".encode()).hexdigest()[:16]


def anchor(info: SessionInfo, agent: str, owner: str = "") -> Manifest:
    """The object that owns all others: what the session is, and the agent that its pods run."""
    row = session_row(info, "") | {"version": __version__}
    metadata = {
        "name": anchor_name(info.uid),
        "labels": {**pod_options(info).labels, **labels(info), marks.PART: "session"},
        "annotations": {marks.OWNER: owner} if owner else {},
    }
    data = {"session.json": json.dumps(row), "agent.py": agent}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def binary_map(scene: Scene, name: str, part: str, key: str, data: bytes) -> Manifest:
    """An immutable ConfigMap of one value."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _owned(scene, name, labels(scene.info) | {marks.PART: part}),
        "immutable": True,
        "binaryData": {key: base64.b64encode(data).decode()},
    }


def config_map(scene: Scene, trial: Trial) -> Manifest:
    """The config file of an attempt that runs without an agent."""
    name = f"{job_name(scene.info, trial)}-config"
    text = launch(scene.info, trial, folder=WORK, python=("python",)).config
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _owned(scene, name, labels(scene.info) | {marks.PART: "config"}),
        "immutable": True,
        "data": {"config.json": text},
    }


def job(scene: Scene, trial: Trial, parts: Parts) -> Manifest:
    """The Job of one attempt."""
    info, name = scene.info, job_name(scene.info, trial)
    env = [
        {"name": "KT_LINE", "value": str(parts.line)},
        {"name": "KT_ATTEMPT", "value": str(trial.attempt)},
    ]
    mine = {
        **labels(info),
        marks.JOB_ID_LABEL: _label(trial),
        marks.TRIAL: trial.spec.slug,
        marks.ATTEMPT: str(trial.attempt),
    }
    timeout = info.policy.timeout if trial.spec.timeout is None else trial.spec.timeout
    template = (
        _agent_template(scene, name, parts, mine, env, timeout, trial.spec.image, trial)
        if scene.options.agent
        else _bare_template(scene, trial, mine, timeout)
    )
    metadata = _owned(scene, name, mine | {marks.JOB: name} | job_labels(scene.options))
    metadata["annotations"] = _annotations(trial)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": 0,
            "parallelism": 1,
            "completions": 1,
            "ttlSecondsAfterFinished": scene.options.ttl,
            "template": template,
        },
    }


def shard(scene: Scene, number: int, trials: Sequence[Trial], parts: Parts) -> Manifest:
    """One Indexed Job for many trials: the cluster keeps the window, whoever watches."""
    info, policy = scene.info, scene.info.policy
    if not scene.options.agent:
        raise EngineError(
            "--no-agent: pods of an Indexed Job need the agent to find their trial",
            hint="run it with --engine jobs, which makes a Job of each trial",
        )
    name = shard_name(info, number)
    timeouts = [policy.timeout if t.spec.timeout is None else t.spec.timeout for t in trials]
    longest = None if None in timeouts else max(t for t in timeouts if t is not None)
    counts = {"KT_FAILURES": marks.INDEX_FAILURES, "KT_IGNORED": marks.INDEX_IGNORED}
    env = [
        {
            "name": key,
            "valueFrom": {"fieldRef": {"fieldPath": f"metadata.annotations['{annotation}']"}},
        }
        for key, annotation in counts.items()
    ]
    mine = labels(info) | {marks.SHARD: str(number)}
    images = {trial.spec.image for trial in trials}
    template = _agent_template(scene, name, parts, mine, env, longest, images.pop(), None)
    metadata = _owned(scene, name, mine | {marks.JOB: name} | job_labels(scene.options))
    metadata["annotations"] = {marks.PLAN: ",".join(parts.maps)}
    spec: dict[str, Any] = {
        "completionMode": "Indexed",
        "completions": len(trials),
        "parallelism": min(len(trials), parallel(policy, len(trials))),
        **index_retries(policy),
        "podReplacementPolicy": "Failed",
        "ttlSecondsAfterFinished": scene.options.ttl,
        "template": template,
    }
    if policy.session_timeout is not None:
        spec["activeDeadlineSeconds"] = max(1, round(policy.session_timeout))
    if policy.halt and policy.halt.why == "fail" and (most := policy.halt.count(len(trials))):
        spec["maxFailedIndexes"] = most - 1
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def parallel(policy: Policy, total: int) -> int:
    """How many attempts to hold at once; 0 is as many as there are trials, at most 500."""
    return policy.max_parallel or min(max(total, 1), 500)


def _agent_template(
    scene: Scene,
    name: str,
    parts: Parts,
    mine: Mapping[str, str],
    env: Sequence[Manifest],
    timeout: float | None,
    image: str,
    trial: Trial | None,
) -> Manifest:
    info, cargo = scene.info, scene.cargo
    values = {
        "KT_PLAN": PLAN, "KT_NONCE": nonce(name, info.uid), "KT_GRACE": str(AGENT_GRACE),
        "KT_WORK": WORK, "KT_CWD": literal(cargo.cwd), "KT_ROOT": "/",
        "KT_MESSAGE": "/dev/termination-log",
    }  # fmt: skip
    volumes = [
        _volume("kt-agent", [anchor_name(info.uid)], ["agent.py"]),
        _volume("kt-plan", parts.maps),
        {"name": "kt-work", "emptyDir": {}},
    ]
    mounts: list[Manifest] = [
        {"name": "kt-agent", "mountPath": AGENT, "readOnly": True},
        {"name": "kt-plan", "mountPath": PLAN, "readOnly": True},
        {"name": "kt-work", "mountPath": WORK},
    ]
    if cargo.maps:
        values |= {"KT_BUNDLE": BUNDLE, "KT_BUNDLE_SHA": cargo.sha}
        volumes.append(_volume("kt-bundle", cargo.maps))
        mounts.append({"name": "kt-bundle", "mountPath": BUNDLE, "readOnly": True})
    for number, folder in enumerate(cargo.absolute_folders):
        volumes.append({"name": f"kt-files-{number}", "emptyDir": {}})
        mounts.append({"name": f"kt-files-{number}", "mountPath": folder})
    return pod_template(
        scene.options,
        image=image or scene.options.image,
        labels=mine,
        annotations=_annotations(trial) if trial else {},
        command=["python3", "-I", "-S", f"{AGENT}/agent.py", "pod"],
        env=[*({"name": key, "value": value} for key, value in values.items()), *env],
        volumes=volumes,
        mounts=mounts,
        deadline=_deadline(timeout, PREPARATION + AGENT_GRACE + GRACE),
        grace=GRACE,
    )


def _bare_template(
    scene: Scene, trial: Trial, mine: Mapping[str, str], timeout: float | None
) -> Manifest:
    """The trial's command itself, for images without Python: the kubelet keeps its time."""
    what = launch(scene.info, trial, folder=WORK, python=("python",))
    argv = [word.replace(f"{WORK}/config.json", f"{CONFIG}/config.json") for word in what.argv]
    env = dict(what.env) | {"TUNE_CONFIG_FILE": f"{CONFIG}/config.json"}
    return pod_template(
        scene.options,
        image=trial.spec.image or scene.options.image,
        labels=mine,
        annotations=_annotations(trial),
        command=[literal(word) for word in argv],
        env=[{"name": key, "value": literal(value)} for key, value in env.items()],
        volumes=[
            _volume("kt-config", [f"{job_name(scene.info, trial)}-config"]),
            {"name": "kt-work", "emptyDir": {}},
        ],
        mounts=[
            {"name": "kt-config", "mountPath": CONFIG, "readOnly": True},
            {"name": "kt-work", "mountPath": WORK},
        ],
        deadline=_deadline(timeout, 0),
        grace=GRACE,
    )


def _deadline(timeout: float | None, more: int) -> int | None:
    """The pod's own time-out: a Job-level one would delete the pod, and its log with it."""
    return None if timeout is None else max(1, int(-(-timeout // 1)) + more)


def _volume(name: str, maps: Sequence[str], keys: Sequence[str] = ()) -> Manifest:
    items = {"items": [{"key": key, "path": key} for key in keys]} if keys else {}
    sources = [{"configMap": {"name": each} | items} for each in maps]
    return {"name": name, "projected": {"sources": sources}}


def _annotations(trial: Trial) -> dict[str, str]:
    return {marks.JOB_ID: trial.id, marks.HASH: trial.spec.hash}


def _label(trial: Trial) -> str:
    """The raw job_id where it is a legal label value, else the name made of it."""
    return trial.id if marks.VALUE.fullmatch(trial.id) else trial.spec.slug


def _owned(scene: Scene, name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    owner = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": anchor_name(scene.info.uid),
        "uid": scene.anchor_uid,
    }
    owners = {"ownerReferences": [owner]} if scene.anchor_uid else {}
    return {"name": name, "namespace": scene.namespace, "labels": dict(labels), **owners}


def orders(info: SessionInfo, trials: Sequence[Trial], *, indexed: bool) -> list[dict[str, Any]]:
    """The lines of trials; those of an Indexed Job say which attempt it begins with."""
    return [order(info, trial, attempt=trial.attempt if indexed else None) for trial in trials]
