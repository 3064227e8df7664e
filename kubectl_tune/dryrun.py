"""
What a session would create in the cluster, without creating any of it.

Its rule: these are the manifests that the engines send, made by the same functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubectl_tune.cluster import ClusterClient, Manifest, manifests, observed
from kubectl_tune.cluster.manifests import Cargo, Parts, Scene
from kubectl_tune.cluster.orders import MOST_LINES, parts
from kubectl_tune.errors import ClusterError, Forbidden
from kubectl_tune.provision import KEY, agent_text, cargo_maps, needs, pack
from kubectl_tune.session import SessionInfo
from kubectl_tune.trial import Trial, TrialSpec

MOST_ASKED = 20  # Jobs that the server is asked about; the others are made alike


def planned(info: SessionInfo, specs: Sequence[TrialSpec], namespace: str) -> Iterator[Manifest]:
    """Yield all objects that a session begins with, in the order that they are created."""
    trials = [Trial(spec) for spec in specs]
    scene = Scene(info, namespace)
    yield manifests.anchor(info, agent_text())
    if not scene.options.agent and info.target.engine != "indexed":
        for trial in trials:
            yield manifests.config_map(scene, trial)
            yield manifests.job(scene, trial, Parts(()))
        return
    packed = pack(info, specs)
    maps = list(cargo_maps(scene, packed, needs(info, specs)))
    yield from maps
    names = tuple(observed.name(each) for each in maps)
    cargo = Cargo(names, packed.sha, packed.cwd, tuple(packed.absolute_folders))
    scene = Scene(info, namespace, cargo=cargo if names else Cargo())
    yield from (_shards if info.target.engine == "indexed" else _jobs)(scene, trials)


def _jobs(scene: Scene, trials: Sequence[Trial]) -> Iterator[Manifest]:
    found = {trial.spec.slug: trial for trial in trials}
    jobs = []
    packed = parts(manifests.orders(scene.info, trials, indexed=False))
    for number, (lines, data) in enumerate(packed):
        name = manifests.plan_name(scene.info, number)
        yield manifests.binary_map(scene, name, "plan", KEY.format(number), data)
        jobs += [
            manifests.job(scene, found[line["slug"]], Parts((name,), place))
            for place, line in enumerate(lines)
        ]
    yield from jobs


def _shards(scene: Scene, trials: Sequence[Trial]) -> Iterator[Manifest]:
    count = shard = 0
    for image in dict.fromkeys(trial.spec.image for trial in trials):
        same = [trial for trial in trials if trial.spec.image == image]
        for first in range(0, len(same), MOST_LINES):
            mine, names = same[first : first + MOST_LINES], []
            for _, data in parts(manifests.orders(scene.info, mine, indexed=True)):
                names.append(manifests.plan_name(scene.info, count))
                yield manifests.binary_map(scene, names[-1], "plan", KEY.format(count), data)
                count += 1
            shard += 1
            yield manifests.shard(scene, shard, mine, Parts(tuple(names)))


def knock(client: ClusterClient, info: SessionInfo, spec: TrialSpec | None) -> None:
    """
    Ask the server whether it would take a new session: its anchor, and a Job.

    Raises the server's refusal; that a quota has no room for the Job now is none.
    """
    client.create(manifests.anchor(info, ""), dry_run=True)
    if spec is None:
        return
    scene, trial = Scene(info, client.namespace), Trial(spec.named("trial", "trial"))
    if info.target.engine == "indexed":
        job = manifests.shard(scene, 1, [trial], Parts((manifests.plan_name(info, 0),)))
    else:
        job = manifests.job(scene, trial, Parts((manifests.plan_name(info, 0),), 0))
    try:
        client.create(job, dry_run=True)
    except Forbidden as error:
        if "exceeded quota" not in str(error):
            raise


def asked(client: ClusterClient, wanted: Sequence[Manifest]) -> int:
    """
    Ask the server whether it would take the objects; return how many it was asked about.

    Raises the server's refusal. Jobs are made alike: only the first ones are asked about.
    """
    jobs = [each for each in wanted if each["kind"] == "Job"][:MOST_ASKED]
    others = [each for each in wanted if each["kind"] != "Job"]
    for each in [*others, *jobs]:
        try:
            client.create(each, dry_run=True)
        except ClusterError as error:
            error.args = (f"{each['kind']} {observed.name(each)}: {error}",)
            raise
    return len(others) + len(jobs)
