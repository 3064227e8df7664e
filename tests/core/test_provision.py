"""What a session needs in the cluster is there once, and whole, whoever dies in between."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from core.making import info as session_info
from core.making import specs

from kubectl_tune.cluster import manifests, observed
from kubectl_tune.errors import EngineError, Unreachable
from kubectl_tune.provision import Provision, lines_of
from kubectl_tune.session import Session
from kubectl_tune.trial import TrialSpec
from kubectl_tune.workload import ARBITRAGE


@pytest.fixture
def session(tmp_path):
    """A session whose code takes more than one ConfigMap."""
    chance = random.Random(1)
    for n in range(3):
        (tmp_path / f"data{n}.bin").write_bytes(chance.randbytes(600 << 10))
    made = session_info(workdir=tmp_path, extra={"pod": {"sync": str(tmp_path)}})
    return Session.of(made, specs(3))


def maps(cluster, part: str) -> list:
    return cluster.all("ConfigMap", f"kubectl-tune.dev/part={part}")


def test_everything_is_brought_once(cluster, session):
    """
    The next driver takes what is there, and asks for none of it again.
    """
    first = Provision(session, cluster.client())
    places = [first.place(trial) for trial in session.trials.values()]
    made = cluster.requests["create", "ConfigMap"]

    again = Provision(session, cluster.client())

    assert [again.place(trial) for trial in session.trials.values()] == places
    assert again.scene == first.scene
    assert cluster.requests["create", "ConfigMap"] == made + 1  # its anchor, which is there
    assert len(maps(cluster, "code")) > 1 and len(maps(cluster, "plan")) == 1


@pytest.mark.parametrize("done", [1, 2, 3, 4])
def test_code_that_was_brought_in_part_only_is_completed(cluster, session, done):
    """
    Pods never see half of it.
    """
    client = cluster.client()
    whole = Dying(client, done)
    with pytest.raises(Unreachable):
        Provision(session, whole).place(session.trials["t0"])

    scene = Provision(session, client).scene

    assert set(scene.cargo.maps) == {observed.name(each) for each in maps(cluster, "code")}
    assert len(scene.cargo.maps) == 2 or len(scene.cargo.maps) == 3


class Dying:
    def __init__(self, client, creates: int) -> None:
        self._client = client
        self._left = creates

    def __getattr__(self, name: str):
        return getattr(self._client, name)

    def create(self, manifest, *, dry_run: bool = False):
        if not self._left:
            raise Unreachable("dead")
        self._left -= 1
        return self._client.create(manifest, dry_run=dry_run)


def test_lines_that_are_new_or_changed_are_brought_as_well(cluster, session):
    """
    In a ConfigMap of their own; the others stay where they are.
    """
    first = Provision(session, cluster.client())
    before = first.place(session.trials["t0"])
    old = [trial.spec for trial in session.trials.values()]
    edited = Session.of(
        session.info, [old[0], replace(old[1], hash="changed"), *specs(4)[3:]]
    )  # fmt: skip

    again = Provision(edited, cluster.client())

    assert again.place(edited.trials["t0"]) == before
    changed, new = again.place(edited.trials["t1"]), again.place(edited.trials["t3"])
    assert changed.maps == new.maps == ("tune-bcdfg-plan-2",)
    [_, gone, second] = sorted(maps(cluster, "plan"), key=observed.name)
    assert list(lines_of(gone)) == [{"slug": "t2", "gone": True}]
    assert [line["hash"] for line in lines_of(second)] == ["changed", "hash3"]


def test_an_anchor_of_somebody_else_is_left_alone(cluster, session):
    """
    The session says so, and makes nothing beside it.
    """
    name = manifests.anchor_name(session.info.uid)
    cluster.client().create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {}}
    )

    with pytest.raises(EngineError, match=f"{name} .*is not ours"):
        _ = Provision(session, cluster.client()).scene

    assert len(cluster.all("ConfigMap")) == 1


def test_plans_that_others_made_are_passed_over(cluster, session):
    """
    Names that are not ours, whatever labels they have.
    """
    provision = Provision(session, cluster.client())
    provision.place(session.trials["t0"])
    strange = manifests.binary_map(provision.scene, "tune-bcdfg-plan-x", "plan", "k", b"")
    cluster.client().create(strange)

    again = Provision(session, cluster.client())

    assert again.place(session.trials["t2"]).line == 2


def test_a_plan_that_is_there_with_other_contents_is_no_plan_of_ours(cluster, session):
    """
    As when two drivers run one session.
    """
    provision = Provision(session, cluster.client())
    taken = manifests.binary_map(provision.scene, "tune-bcdfg-plan-0", "plan", "k", b"other")
    cluster.client().create(taken)

    with pytest.raises(EngineError, match="other contents"):
        provision.place(session.trials["t0"])


def test_a_shard_has_its_lines_in_the_order_of_its_indexes(cluster, session):
    """
    Each says the attempt that it begins with.
    """
    trials = [trial.again() for trial in reversed(session.trials.values())]

    parts = Provision(session, cluster.client()).bring_shard(trials)

    [plan] = maps(cluster, "plan")
    assert parts.maps == (observed.name(plan),)
    lines = list(lines_of(plan))
    assert [(line["slug"], line["attempt"]) for line in lines] == [("t2", 2), ("t1", 2), ("t0", 2)]


def test_an_edited_plan_brings_the_data_that_it_names(cluster, tmp_path):
    """
    What the session has brought before does not have it; a plan that needs no more brings none.
    """
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(name)
    made = session_info(workdir=tmp_path, workload="arbitrage", command=())
    key = ARBITRAGE.file_keys[0]
    first, second = (
        TrialSpec(f"t{n}", n, {key: name}).named(f"t{n}", f"h{n}")
        for n, name in enumerate(("a.csv", "b.csv"))
    )
    before = Provision(Session.of(made, [first]), cluster.client()).scene.cargo

    same = Provision(Session.of(made, [first]), cluster.client()).scene.cargo
    more = Provision(Session.of(made, [first, second]), cluster.client()).scene.cargo
    again = Provision(Session.of(made, [first, second]), cluster.client()).scene.cargo

    assert before.maps and same == before
    assert more.sha != before.sha and again == more
