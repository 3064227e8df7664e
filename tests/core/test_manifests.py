"""Sessions as Kubernetes objects: names, owners, commands and how often indexes are tried again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core.making import info, specs
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.cluster import labels as marks
from kubectl_tune.cluster import manifests, observed
from kubectl_tune.cluster.indexretries import fails_index
from kubectl_tune.cluster.manifests import Cargo, Parts, Scene
from kubectl_tune.errors import EngineError
from kubectl_tune.halt import Halt
from kubectl_tune.names import slugs
from kubectl_tune.session import Policy
from kubectl_tune.trial import Failure, Trial, TrialSpec

ATTEMPT = Trial(specs(1)[0])


def scene(*, policy: Policy | None = None, **pod) -> Scene:
    made = info(policy=policy or Policy(), extra={"pod": pod})
    return Scene(made, "space", anchor_uid="anchor-uid")


def job(trial: Trial = ATTEMPT, **more):
    return manifests.job(scene(**more), trial, Parts(("tune-bcdfg-plan-0",), 3))


def shard(count: int = 3, **more):
    return manifests.shard(scene(**more), 1, [Trial(s) for s in specs(count)], Parts(("p0", "p1")))


def pair(made):
    return made, made["spec"]["template"]


def container(made):
    return made["spec"]["template"]["spec"]["containers"][0]


def env(made):
    return {each["name"]: each.get("value") for each in container(made)["env"]}


@given(st.text(min_size=1, max_size=80), st.integers(1, 9999))
def test_names_of_jobs_are_names_for_kubernetes(id: str, attempt: int):
    """
    Short enough for what pods add to them, whatever a job_id is.
    """
    [slug] = slugs([id])
    trial = Trial(TrialSpec(id, 0, {}).named(slug, "h"), attempt)

    name = manifests.job_name(info(), trial)

    assert len(name) <= 52
    assert marks.VALUE.fullmatch(name) and name == name.lower() and "." not in name


@pytest.mark.parametrize("make", [job, shard])
def test_everything_belongs_to_the_session(make):
    """
    Its owner is the anchor, and its labels find it, its pods too.
    """
    made = make()

    [owner] = made["metadata"]["ownerReferences"]
    assert (owner["name"], owner["uid"]) == ("tune-bcdfg", "anchor-uid")
    for thing in (made, made["spec"]["template"]):
        assert observed.labels(thing)[marks.UID] == "bcdfg"
        assert observed.labels(thing)[marks.MANAGED_BY] == marks.PRODUCT
    assert made["metadata"]["namespace"] == "space"
    assert observed.labels(made)[marks.JOB] == observed.name(made)


def test_labels_of_the_user_are_on_whatever_is_listed_by_them():
    """
    The ConfigMap that stands for the session, its Jobs and their pods; ours say what they did.
    """
    mine = {"team": "quant"}
    made = scene(labels=mine).info
    anchor = manifests.anchor(made, "")

    for thing in (anchor, *(each for make in (job, shard) for each in pair(make(labels=mine)))):
        assert observed.labels(thing)["team"] == "quant"
        assert observed.labels(thing)[marks.UID] == made.uid
    assert observed.labels(anchor)[marks.PART] == "session"


def test_an_attempt_is_told_what_it_is():
    """
    Its line, its number, and what marks its record.
    """
    made = job(ATTEMPT._replace(attempt=4))

    said = env(made)
    assert (said["KT_LINE"], said["KT_ATTEMPT"]) == ("3", "4")
    assert said["KT_NONCE"] == manifests.nonce("t0-bcdfg-a4", "bcdfg")
    assert observed.labels(made)[marks.ATTEMPT] == "4"
    assert (
        observed.remarks(made)[marks.HASH] == observed.remarks(made["spec"]["template"])[marks.HASH]
    )
    assert made["spec"]["backoffLimit"] == 0


def test_nonces_differ_from_job_to_job():
    """
    A record that was printed by another attempt is none of this one.
    """
    names = ["a-bcdfg", "a-bcdfg-a2", "b-bcdfg"]

    assert len({manifests.nonce(name, "bcdfg") for name in names}) == 3


def test_time_outs_are_the_pods_own():
    """
    A Job's would take the log along; a session's is the Indexed Job's.
    """
    timed = Policy(timeout=1.5, session_timeout=90.0)

    assert "activeDeadlineSeconds" not in job(policy=timed)["spec"]
    assert job(policy=timed)["spec"]["template"]["spec"]["activeDeadlineSeconds"] >= 2
    bare = job(policy=timed, agent=False)
    assert bare["spec"]["template"]["spec"]["activeDeadlineSeconds"] == 2
    assert shard(policy=timed)["spec"]["activeDeadlineSeconds"] == 90


def test_kubernetes_expands_nothing_in_a_bare_command():
    """
    What looks like its variables is doubled, so that it arrives as it was written.
    """
    spec = replace(specs(1)[0], command=("echo", "$(HOME)", "$$", "{config}"), env={"A": "$(B)"})

    made = manifests.job(scene(agent=False), Trial(spec), Parts(()))

    assert container(made)["command"] == ["echo", "$$(HOME)", "$$$$", "/kt/config/config.json"]
    assert env(made)["A"] == "$$(B)"


def test_cargo_is_mounted_and_told_of():
    """
    With what it must hash to.
    """
    cargo = Cargo(("c0", "c1"), "sha", "work", ("/data",))

    made = manifests.job(replace(scene(), cargo=cargo), ATTEMPT, Parts(("p",), 0))

    said = env(made)
    assert (said["KT_BUNDLE_SHA"], said["KT_CWD"]) == ("sha", "work")
    mounts = {each["mountPath"]: each["name"] for each in container(made)["volumeMounts"]}
    assert "/data" in mounts and "/kt/bundle" in mounts


@pytest.mark.parametrize(
    ("policy", "limit", "final", "again"),
    [
        (Policy(), 0, [1, 122, 124, 125, 137, 143], []),
        (Policy(retries=2), 2, [125, 143], [1, 122, 124, 126, 137, 139]),
        (Policy(retries=2, retry={Failure.EXIT: 0}), 2, [1, 125, 139, 143], [122, 124, 137]),
        (Policy(retry={Failure.OOM: 3}), 3, [1, 122, 124, 125, 143], [137]),
        (Policy(retries=1, retry={Failure.TIMEOUT: 0}), 1, [124, 125, 143], [1, 122, 137]),
        (Policy(retries=1, retry={Failure.PREEMPTED: 10}), 1, [125, 143], [1]),
    ],
)
def test_an_index_is_tried_again_as_often_as_the_session_says(policy, limit, final, again):
    """
    As far as exit codes tell the classes apart; 0 and signals of the cluster are no failures.
    """
    made = shard(policy=policy)

    assert made["spec"]["backoffLimitPerIndex"] == limit
    assert [code for code in final if not fails_index(made, code)] == []
    assert [code for code in again if fails_index(made, code)] == []
    assert not fails_index(made, 0) and not fails_index(made, None)
    first, *_ = made["spec"]["podFailurePolicy"]["rules"]
    assert first["action"] == "Ignore"


@pytest.mark.parametrize(
    ("halt", "most"),
    [("now,fail=3", 2), ("soon,fail=50%", 4), ("now,success=1", None), ("soon,done=2", None)],
)
def test_halts_by_failures_are_kept_by_the_cluster(halt, most):
    """
    Those by other counts need somebody who counts.
    """
    made = shard(10, policy=Policy(halt=Halt.parse(halt)))

    assert made["spec"].get("maxFailedIndexes") == most


def test_an_indexed_job_needs_the_agent():
    """
    Nothing else finds the trial of an index.
    """
    with pytest.raises(EngineError, match="--no-agent"):
        shard(agent=False)


@pytest.mark.parametrize(("asked", "count", "found"), [(4, 9, 4), (0, 9, 9), (0, 9000, 500)])
def test_how_many_run_at_once(asked, count, found):
    """
    0 is as many as there are, within reason.
    """
    assert manifests.parallel(Policy(max_parallel=asked), count) == found
