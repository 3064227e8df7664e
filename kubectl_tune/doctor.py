"""
What can be known before the first Job: whether a session would run, and if not, why.

Its rule: every check is a sentence of its own and none hinders the next, unless there is
nobody to ask. Nothing is created: what is tried is tried as a dry run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from kubectl_tune import shim
from kubectl_tune.beginning import new_uid
from kubectl_tune.cluster import ClusterClient, Manifest, manifests, observed
from kubectl_tune.cluster.checks import Check, Outcome, Wish, failed, of_namespace
from kubectl_tune.cluster.manifests import Parts, Scene
from kubectl_tune.cluster.verdict import sentence
from kubectl_tune.errors import Forbidden, NotFound, SessionNotFound, StoreError, TuneError
from kubectl_tune.podoptions import PodOptions
from kubectl_tune.session import SessionInfo, Target
from kubectl_tune.store import Store
from kubectl_tune.trial import Trial, TrialSpec
from kubectl_tune.workload import ARBITRAGE

__all__ = ["Check", "Outcome", "Way", "Wish", "examine", "passed", "username", "wish"]

OLDEST = (1, 29)  # minor versions: Indexed Jobs that count failures by index
SKEW_SECONDS = 30.0  # between two clocks, beyond which times read oddly


@dataclass(frozen=True, slots=True)
class Way:
    """The way to a cluster, as the kubeconfig and the command line mean it."""

    context: str
    server: str
    namespace: str
    user: str = ""  # the kubeconfig's name for it
    plugin: str = ""  # the command that gets credentials, if one does
    plugin_path: str = ""  # where that is, "" where it is not found


def examine(
    find: Callable[[], Way],
    connect: Callable[[], ClusterClient],
    wanted: Wish,
    state: Path,
    *,
    clock: Callable[[], float] = time.time,
) -> Iterator[Check]:
    """Yield the checks one by one, as they are made."""
    try:
        way = find()
    except TuneError as error:
        yield failed("kubeconfig", error)
    else:
        yield from _of_way(way)
        yield from _of_cluster(way, connect, wanted, clock)
    yield _state_file(state)
    yield from _completion(os.environ.get("PATH", ""))


def passed(checks: Sequence[Check]) -> bool:
    return all(check.outcome is not Outcome.FAIL for check in checks)


# The way there


def _of_way(way: Way) -> Iterator[Check]:
    parts = {"context": way.context, "user": way.user, "namespace": way.namespace}
    said = ", ".join(f"{name} {value}" for name, value in parts.items() if value)
    yield Check("kubeconfig", Outcome.OK, f"{said}, server {way.server}")
    if way.plugin and way.plugin_path:
        yield Check("plugin", Outcome.OK, f"credential plugin {way.plugin} is {way.plugin_path}")
    elif way.plugin:
        yield Check(
            "plugin", Outcome.FAIL, f"credential plugin {way.plugin} is not installed",
            "install it, or put it on PATH: it gets the credentials for this cluster",
        )  # fmt: skip


def _of_cluster(
    way: Way,
    connect: Callable[[], ClusterClient],
    wanted: Wish,
    clock: Callable[[], float],
) -> Iterator[Check]:
    try:
        with closing(connect()) as client:
            yield _version(client.server_version())
            yield from _identity(client, clock)
            yield from of_namespace(client, way.namespace, wanted)
    except TuneError as error:
        yield failed("server", error)


def _version(said: Manifest) -> Check:
    numbers = tuple(_number(said.get(part)) for part in ("major", "minor"))
    version = said.get("gitVersion") or "of an unknown version"
    if (0, 0) < numbers < OLDEST:
        return Check(
            "server", Outcome.WARN, f"the server answers, {version}: older than v1.29",
            "run works; submit needs Indexed Jobs as they are from v1.29 on",
        )  # fmt: skip
    return Check("server", Outcome.OK, f"the server answers, {version}")


def _number(text: object) -> int:
    digits = "".join(char for char in str(text or "") if char.isdecimal())  # providers add a "+"
    return int(digits or 0)


def _identity(client: ClusterClient, clock: Callable[[], float]) -> Iterator[Check]:
    """Ask the server who we are; its answer also tells its time."""
    before = clock()
    try:
        said = _review(client)
    except (Forbidden, NotFound):  # older than v1.28, or nobody may ask
        return
    after = clock()
    user = (said.get("status") or {}).get("userInfo") or {}
    if user.get("username"):
        yield Check("user", Outcome.OK, sentence("the server knows you as", user["username"]))
    there = observed.seconds((said.get("metadata") or {}).get("creationTimestamp"))
    if there is not None:
        yield _clocks(there + 0.5 - (before + after) / 2)  # it says whole seconds


def _review(client: ClusterClient) -> Manifest:
    """Ask the server for its name for us."""
    kind = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    return client.create(kind)


def username(client: ClusterClient) -> str:
    """Return the server's name for us, "" where it has none."""
    user = (_review(client).get("status") or {}).get("userInfo") or {}
    return str(user.get("username") or "")


def _clocks(ahead: float) -> Check:
    if abs(ahead) <= SKEW_SECONDS:
        return Check("clock", Outcome.OK, "the server's clock agrees with this machine's")
    way = "ahead of" if ahead > 0 else "behind"
    return Check(
        "clock", Outcome.WARN, f"the server's clock is {abs(ahead):.0f}s {way} this machine's",
        "ages and times will look odd; set the clock that is wrong",
    )  # fmt: skip


# This machine


def _state_file(path: Path) -> Check:
    try:
        Store.open_to_read(path).close()  # damaged, or of a newer version?
    except SessionNotFound:
        pass  # there is none yet
    except StoreError as error:
        return failed("state", error)
    if _writable(path):
        return Check("state", Outcome.OK, f"state file {path} can be written")
    return Check(
        "state", Outcome.FAIL, f"state file {path} can't be written",
        "give write permission, or name another with --state",
    )  # fmt: skip


def _completion(path: str) -> Iterator[Check]:
    """Tell of links for completion that lead nowhere, as after the plugin was uninstalled."""
    for link in shim.dangling(path):
        yield Check(
            "completion", Outcome.WARN, f"{link} leads nowhere: TAB offers nothing",
            "kubectl tune completion install, or uninstall to remove it",
        )  # fmt: skip


def _writable(path: Path) -> bool:
    """Say whether a file and its folder, or what there is of it, may be written to."""
    if path.exists() and not os.access(path, os.W_OK):
        return False
    folder = next(each for each in path.parents if each.exists())
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


# What is to be run


def wish(options: PodOptions, specs: Sequence[TrialSpec], max_parallel: int) -> Wish:
    """Return the Job of the first of these trials, made as a run would make it."""
    spec = specs[0] if specs else TrialSpec("doctor", 0, {}, command=("true",))
    total = len(specs) or max(1, max_parallel)
    info = SessionInfo(
        "doctor", new_uid(), "", Target("jobs"), command=ARBITRAGE.command,
        extra={"pod": options.as_json()}, total=len(specs),
    )  # fmt: skip
    trial = Trial(spec.named("doctor", "doctor"))
    scene = Scene(info, "")
    manifest = manifests.job(scene, trial, Parts(("doctor",), 0))
    manifest["metadata"].pop("namespace")
    return Wish(manifest, min(max_parallel or total, total))
