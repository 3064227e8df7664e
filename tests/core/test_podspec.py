"""A pod is as safe as it can be by default, as the user wants it, and always a trial's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.cluster.podsecurity import violations
from kubectl_tune.cluster.podspec import job_labels, pod_template, template_warnings
from kubectl_tune.cluster.quantity import amount
from kubectl_tune.cluster.strategicmerge import BadPatch
from kubectl_tune.cluster.usertemplate import template_of
from kubectl_tune.errors import UsageError
from kubectl_tune.podoptions import DAY, PodOptions, pod_options
from kubectl_tune.session import SessionInfo, Target

COMMAND = ["python3", "-I", "-S", "/kt/agent/agent.py", "pod"]
ENV = [
    {"name": "KT_LINE", "value": "7"},
    {"name": "KT_FAILURES", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
]
VOLUMES = [{"name": "kt-plan", "projected": {"sources": []}}, {"name": "kt-work", "emptyDir": {}}]
MOUNTS = [
    {"name": "kt-plan", "mountPath": "/kt/plan", "readOnly": True},
    {"name": "kt-work", "mountPath": "/kt/work"},
]
LABELS = {"app": "kubectl-tune", "kubectl-tune.dev/uid": "bcdfg"}


def made(line: str = "", deadline: int | None = None, **options: Any) -> dict[str, Any]:
    given = PodOptions(**options)
    return pod_template(
        given,
        image=line or given.image,
        labels=LABELS,
        annotations={"kubectl-tune.dev/job-id": "a b"},
        command=COMMAND,
        env=ENV,
        volumes=VOLUMES,
        mounts=MOUNTS,
        deadline=deadline,
        grace=30,
    )


def runner(template: dict[str, Any]) -> dict[str, Any]:
    """Return our container, which is the first one."""
    container: dict[str, Any] = template["spec"]["containers"][0]
    assert container["name"] == "tuning-runner"
    return container


def user(template: dict[str, Any]) -> dict[str, Any]:
    """Return what a user's template says, read from a manifest as YAML has it."""
    return template_of(template)


def changed(**container: Any) -> dict[str, Any]:
    return user({"spec": {"containers": [container]}})


def by_name(items: list[dict[str, Any]], key: str = "name") -> dict[str, dict[str, Any]]:
    assert len({each[key] for each in items}) == len(items)
    return {each[key]: each for each in items}


# By default


def test_default_pod_is_the_promised_one():
    """
    Image, resources, service account and restarts are what the documentation says.
    """
    template = made()
    spec, container = template["spec"], runner(template)

    assert (container["image"], container["imagePullPolicy"]) == ("python:3.11", "IfNotPresent")
    assert container["resources"] == {
        "requests": {"cpu": "500m", "memory": "512Mi"},
        "limits": {"cpu": "2000m", "memory": "2Gi"},
    }
    assert container["command"] == COMMAND
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert spec["restartPolicy"] == "Never"
    assert spec["serviceAccountName"] == "default"
    assert spec["automountServiceAccountToken"] is spec["enableServiceLinks"] is False
    assert spec["terminationGracePeriodSeconds"] == 30
    assert "activeDeadlineSeconds" not in spec
    assert {t["key"]: t["tolerationSeconds"] for t in spec["tolerations"]} == {
        "node.kubernetes.io/not-ready": 60,
        "node.kubernetes.io/unreachable": 60,
    }
    assert template["metadata"]["labels"] == LABELS
    assert template["metadata"]["annotations"] == {
        "kubectl-tune.dev/job-id": "a b",
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        "karpenter.sh/do-not-disrupt": "true",
    }
    assert made(deadline=90)["spec"]["activeDeadlineSeconds"] == 90


@pytest.mark.parametrize(
    ("options", "restricted", "uid"),
    [
        ({}, True, 1000),
        ({"image": "docker.io/library/python:3.11"}, True, 1000),
        ({"image": "mine:1"}, False, None),
        ({"image": "mine:1", "run_as_user": 7}, True, 7),
        ({"run_as_user": 0}, False, 0),
    ],
)
def test_stock_image_and_named_users_pass_the_restricted_level(options, restricted, uid):
    """
    A user is set where it is known to do no harm, or asked for; nowhere else.
    """
    spec = made(**options)["spec"]

    assert (violations("restricted", spec) == []) is restricted
    assert violations("baseline", spec) == []
    assert spec["securityContext"].get("runAsUser") == uid
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    homes = [each for each in runner({"spec": spec})["env"] if each["name"] == "HOME"]
    assert bool(homes) == (uid is not None)


def test_a_trial_may_have_an_image_of_its_own():
    """
    What a line says of its image beats the options and the template.
    """
    assert runner(made("line:1", image="option:1"))["image"] == "line:1"
    assert runner(made("line:1", template=changed(image="file:1")))["image"] == "line:1"
    assert "runAsUser" not in made("line:1")["spec"]["securityContext"]


# By options


@given(st.text(st.sampled_from("$()AHOME{} \n\\\"'é"), max_size=12))
def test_values_arrive_as_they_were_typed(value):
    """
    No $(NAME) of a value is expanded, and no $$ loses a $.
    """
    env = by_name(runner(made(env={"A": value}))["env"])

    assert expanded(env["A"]["value"]) == value


def expanded(text: str) -> str:
    """Do what the kubelet does to a value, as its documentation has it."""
    out, at = "", 0
    while at < len(text):
        if text.startswith("$$", at):
            out, at = out + "$", at + 2
        elif text.startswith("$(", at) and ")" in text[at:]:
            end = text.index(")", at)
            out, at = out + "EXPANDED", end + 1
        else:
            out, at = out + text[at], at + 1
    return out


def test_secrets_are_named_never_held():
    """
    Variables from Secrets are references, one by one or all at once.
    """
    container = runner(made(secret_env=("db", "TOKEN=hub/key.txt"), env={"A": "1"}))

    assert container["envFrom"] == [{"secretRef": {"name": "db"}}]
    assert by_name(container["env"])["TOKEN"] == {
        "name": "TOKEN",
        "valueFrom": {"secretKeyRef": {"name": "hub", "key": "key.txt"}},
    }


def test_claims_become_volumes_that_can_be_written():
    """
    A claim is one volume, however often it is mounted, and belongs to the user's group.
    """
    template = made(volumes=("data:/data", "data:/copy:ro", "my.quotes:/quotes:ro"))
    spec = template["spec"]
    mounts = by_name(runner(template)["volumeMounts"], "mountPath")
    claims = {
        each["name"]: each["persistentVolumeClaim"]
        for each in by_name(spec["volumes"]).values()
        if "persistentVolumeClaim" in each
    }

    assert [claims[mounts[path]["name"]] for path in ("/data", "/copy", "/quotes")] == [
        {"claimName": "data"},
        {"claimName": "data"},
        {"claimName": "my.quotes", "readOnly": True},
    ]
    assert [mounts[path].get("readOnly") for path in ("/data", "/copy", "/quotes")] == [
        None, True, True,
    ]  # fmt: skip
    assert spec["securityContext"]["fsGroup"] == 1000
    assert spec["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"
    for harmless in ({"volumes": ("d:/d:ro",)}, {"volumes": ("d:/d",), "image": "mine"}, {}):
        assert "fsGroup" not in made(**harmless)["spec"]["securityContext"]


def test_a_claim_is_not_mounted_over_what_trials_need():
    """
    Two things can't be at one place, and neither is left out without a word.
    """
    with pytest.raises(UsageError, match="--volume c:/kt-files"):
        pod_template(
            PodOptions(volumes=("c:/kt-files",)), image="i", labels={}, annotations={},
            command=[], env=[], volumes=[{"name": "kt-files-0", "emptyDir": {}}],
            mounts=[{"name": "kt-files-0", "mountPath": "/kt-files"}], deadline=None, grace=30,
        )  # fmt: skip


def test_home_is_where_the_user_says():
    """
    A user that the image doesn't know gets a home, unless there is one.
    """
    home = changed(env=[{"name": "HOME", "value": "/file"}])

    for options, path in (
        ({}, "/tmp"),
        ({"template": home}, "/file"),
        ({"template": home, "env": {"HOME": "/typed"}}, "/typed"),
    ):
        assert by_name(runner(made(**options))["env"])["HOME"]["value"] == path


@pytest.mark.parametrize(
    ("word", "toleration"),
    [
        ("gpu", {"key": "gpu", "operator": "Exists"}),
        ("gpu:NoSchedule", {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}),
        ("e.com/a=b", {"key": "e.com/a", "operator": "Equal", "value": "b"}),
        ("a=b:NoExecute", {"key": "a", "operator": "Equal", "value": "b", "effect": "NoExecute"}),
        ("a=", {"key": "a", "operator": "Equal", "value": ""}),
        ("*", {"operator": "Exists"}),
    ],
)
def test_tolerations_are_written_as_kubectl_writes_taints(word, toleration):
    """
    They come beside ours, which are about nodes that vanish.
    """
    assert made(tolerations=(word,))["spec"]["tolerations"][2:] == [toleration]


def test_other_options_have_their_places():
    """
    Each option that Kubernetes has a field for sets that field.
    """
    template = made(
        gpus=2, service_account="robot", image_pull_secrets=("hub",), priority_class="low",
        node_selector={"disk": "ssd"}, labels={"team": "quant"}, queue="team-a",
    )  # fmt: skip
    spec = template["spec"]

    assert runner(template)["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert spec["serviceAccountName"] == "robot"
    assert spec["imagePullSecrets"] == [{"name": "hub"}]
    assert spec["priorityClassName"] == "low"
    assert spec["nodeSelector"] == {"disk": "ssd"}
    assert template["metadata"]["labels"] == {**LABELS, "team": "quant"}
    assert job_labels(PodOptions(labels={"team": "quant"}, queue="team-a")) == {
        "team": "quant",
        "kueue.x-k8s.io/queue-name": "team-a",
    }


AMOUNTS = ["100m", "500m", "1", "1.5", "2", "2000m", "3", "16"]


@pytest.mark.parametrize(
    ("cpu", "asked", "limit"), [("100m", "100m", "2000m"), ("2", "2", "2000m"), ("4", "4", "4")]
)
def test_cpu_is_a_request_that_may_raise_the_limit(cpu, asked, limit):
    """
    A trial may use more than it is sure of, never less.
    """
    resources = runner(made(cpu=cpu, memory="1Gi"))["resources"]

    assert (resources["requests"]["cpu"], resources["limits"]["cpu"]) == (asked, limit)
    assert resources["requests"]["memory"] == resources["limits"]["memory"] == "1Gi"


@given(
    cpu=st.sampled_from(["", *AMOUNTS]),
    request=st.sampled_from(["", *AMOUNTS]),
    limit=st.sampled_from(["", *AMOUNTS]),
)
def test_defaults_make_room_for_what_was_said(cpu, request, limit):
    """
    No request is above its limit, unless a template says so of both.
    """
    said = {"requests": {"cpu": request}, "limits": {"cpu": limit}}
    said = {kind: {k: v for k, v in part.items() if v} for kind, part in said.items()}

    resources = runner(made(cpu=cpu, template=changed(resources=said)))["resources"]

    asked, most = amount(resources["requests"]["cpu"]), amount(resources["limits"]["cpu"])
    assert asked is not None and most is not None
    assert asked <= most or (not cpu and request and limit)
    assert not cpu or resources["requests"]["cpu"] == cpu
    assert cpu or not request or resources["requests"]["cpu"] == request
    if limit and not cpu:
        assert resources["limits"]["cpu"] == limit


# By a template


TEMPLATE = {"metadata": {"labels": {"team": "x"}}, "spec": {"nodeSelector": {"a": "b"}}}


@pytest.mark.parametrize(
    "manifest",
    [
        TEMPLATE,
        {"kind": "Pod", "apiVersion": "v1", **TEMPLATE, "status": {}},
        {"kind": "PodTemplate", "metadata": {"name": "t"}, "template": TEMPLATE},
        {"kind": "Job", "metadata": {"name": "j"}, "spec": {"template": TEMPLATE}},
        {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": TEMPLATE}}}},
    ],
    ids=lambda manifest: manifest.get("kind", "template"),
)
def test_a_template_is_found_in_the_manifests_that_hold_one(manifest):
    """
    The file that somebody has at hand will do.
    """
    assert template_of(manifest) == TEMPLATE


def test_what_a_pod_is_by_itself_is_no_template():
    """
    A name, an owner, a status belong to the pod that was read, not to those made of it.
    """
    pod = {
        "kind": "Pod",
        "metadata": {
            "name": "p", "namespace": "n", "uid": "u", "creationTimestamp": None,
            "ownerReferences": [{"uid": "o"}], "annotations": {"a": "b"},
        },
        "spec": {"containers": [{"image": "i"}]},
        "status": {"phase": "Running"},
    }  # fmt: skip

    assert template_of(pod) == {
        "metadata": {"annotations": {"a": "b"}},
        "spec": {"containers": [{"name": "tuning-runner", "image": "i"}]},
    }


@pytest.mark.parametrize("name", ["tuning-runner", "main", None])
def test_our_container_goes_by_three_names(name):
    """
    The container of a trial is the one called so, or the first one without a name.
    """
    ours = {"name": name, "stdin": True} if name else {"stdin": True}
    template = made(template=user({"spec": {"containers": [{"name": "side", "image": "s"}, ours]}}))

    assert runner(template)["stdin"] is True
    assert [each["name"] for each in template["spec"]["containers"]] == ["tuning-runner", "side"]


def test_template_changes_what_is_not_ours():
    """
    Resources, security, volumes and the like are merged; our own stay beside them.
    """
    template = made(
        template=user(
            {
                "metadata": {"annotations": {"karpenter.sh/do-not-disrupt": None, "mine": "x"}},
                "spec": {
                    "containers": [
                        {
                            "image": "file:1",
                            "env": [{"name": "MORE", "value": "$(KT_LINE)"}],
                            "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
                            "resources": {"limits": {"memory": "8Gi"}},
                        }
                    ],
                    "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}],
                    "securityContext": {"supplementalGroups": [5]},
                    "tolerations": [{"operator": "Exists"}],
                    "terminationGracePeriodSeconds": 120,
                },
            }
        ),
        tolerations=("gpu",),
        env={"TYPED": "1"},
    )
    spec, container = template["spec"], runner(template)

    assert template["metadata"]["annotations"] == {
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        "kubectl-tune.dev/job-id": "a b",
        "mine": "x",
    }
    assert container["image"] == "file:1"
    assert "runAsUser" not in spec["securityContext"]
    assert spec["securityContext"]["supplementalGroups"] == [5]
    assert [each["name"] for each in container["env"][:2]] == ["KT_LINE", "KT_FAILURES"]
    assert {"MORE", "TYPED"} < set(by_name(container["env"]))
    assert by_name(container["env"])["MORE"]["value"] == "$(KT_LINE)"
    assert set(by_name(spec["volumes"])) == {"kt-plan", "kt-work", "shm"}
    assert container["resources"]["limits"]["memory"] == "8Gi"
    assert spec["tolerations"] == [{"operator": "Exists"}, {"key": "gpu", "operator": "Exists"}]
    assert spec["terminationGracePeriodSeconds"] == 120


def test_what_is_typed_beats_the_template():
    """
    A flag is nearer to the user than a file.
    """
    template = made(
        cpu="1", memory="1Gi", env={"A": "typed"}, service_account="typed", run_as_user=5,
        labels={"team": "typed"}, image="typed:1",
        template=user(
            {
                "metadata": {"labels": {"team": "file"}},
                "spec": {
                    "serviceAccountName": "file",
                    "securityContext": {"runAsUser": 0},
                    "containers": [
                        {
                            "image": "file:1",
                            "securityContext": {"runAsUser": 9, "privileged": False},
                            "env": [{"name": "A", "valueFrom": {"secretKeyRef": {}}}],
                            "resources": {"requests": {"cpu": "9", "memory": "9Gi"}},
                        }
                    ],
                },
            }
        ),
    )  # fmt: skip
    spec, container = template["spec"], runner(template)

    assert container["image"] == "typed:1"
    assert container["securityContext"]["privileged"] is False
    assert "runAsUser" not in container["securityContext"]
    assert by_name(container["env"])["A"] == {"name": "A", "value": "typed"}
    assert container["resources"]["requests"] == {"cpu": "1", "memory": "1Gi"}
    assert spec["serviceAccountName"] == "typed"
    assert template["metadata"]["labels"]["team"] == "typed"
    assert (spec["securityContext"]["runAsUser"], spec["securityContext"]["runAsNonRoot"]) == (
        5, True,
    )  # fmt: skip


def test_template_may_run_as_root():
    """
    A default that forbids what was said would only make the kubelet refuse.
    """
    pod = {"spec": {"securityContext": {"runAsUser": 0}}}
    container = changed(securityContext={"runAsUser": 0})

    for template in (user(pod), container):
        assert "runAsNonRoot" not in made(template=template)["spec"]["securityContext"]


HOSTILE = {
    "restart": {"spec": {"restartPolicy": "OnFailure"}},
    "deadline": {"spec": {"activeDeadlineSeconds": 1}},
    "grace": {"spec": {"terminationGracePeriodSeconds": 1}},
    "command": changed(command=["sh"], args=["-c", "true"]),
    "terminal": changed(tty=True),
    "record": changed(terminationMessagePath="/x", terminationMessagePolicy="File"),
    "restarts": changed(restartPolicy="Always"),
    "env": changed(env=[{"name": "KT_LINE", "value": "8"}]),
    "env-deleted": changed(env=[{"name": "KT_LINE", "$patch": "delete"}]),
    "env-reserved": changed(env=[{"name": "TUNE_TRIAL_ID", "value": "x"}]),
    "env-replaced": changed(env=[{"$patch": "replace"}]),
    "mount": changed(volumeMounts=[{"mountPath": "/kt/plan", "name": "mine"}]),
    "mount-below": changed(volumeMounts=[{"mountPath": "/kt/plan/x", "name": "mine"}]),
    "volume": {"spec": {"volumes": [{"name": "kt-plan", "emptyDir": {}}]}},
    "volume-deleted": {"spec": {"volumes": [{"name": "kt-plan", "$patch": "delete"}]}},
    "container-deleted": {
        "spec": {"containers": [{"name": "tuning-runner", "$patch": "delete"}]}
    },
    "containers-replaced": {
        "spec": {"containers": [{"$patch": "replace"}, {"name": "other", "image": "i"}]}
    },
    "spec-replaced": {"spec": {"$patch": "replace"}},
    "spec-deleted": {"spec": None},
    "labels": {"metadata": {"labels": {"app": "mine", "kubectl-tune.dev/uid": "x"}}},
    "labels-deleted": {"metadata": {"labels": None}},
    "labels-of-jobs": {
        "metadata": {"labels": {"batch.kubernetes.io/job-name": "j", "kubectl-tune.dev/trial": "t"}}
    },
    "annotations": {"metadata": {"annotations": {"kubectl-tune.dev/job-id": "other"}}},
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_no_template_keeps_a_pod_from_being_a_trial(name):
    """
    Command, record, labels and what the agent needs stay as they were.
    """
    template = made(deadline=600, template=HOSTILE[name])
    plain, container = made(deadline=600), runner(template)

    for key in ("restartPolicy", "activeDeadlineSeconds", "terminationGracePeriodSeconds"):
        assert template["spec"][key] == plain["spec"][key]
    for key in ("command", "terminationMessagePolicy"):
        assert container[key] == runner(plain)[key]
    assert not {"args", "tty", "restartPolicy", "terminationMessagePath"} & set(container)
    assert template["metadata"]["labels"] == LABELS
    assert template["metadata"]["annotations"]["kubectl-tune.dev/job-id"] == "a b"
    env = by_name(container["env"])
    assert [each for each in env.values() if each["name"].startswith(("KT_", "TUNE_"))] == ENV
    assert [v for v in template["spec"]["volumes"] if v["name"].startswith("kt-")] == VOLUMES
    mounts = [each for each in container["volumeMounts"] if each["mountPath"].startswith("/kt")]
    assert mounts == MOUNTS


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ({"spec": {"restartPolicy": "Always"}}, ["restartPolicy stays Never"]),
        (changed(command=["sh"]), ["command stays as it is"]),
        (changed(env=[{"name": "KT_X", "value": ""}]), ["KT_X is left out"]),
        (changed(volumeMounts=[{"mountPath": "/kt/", "name": "m"}]), ["/kt is left out"]),
        ({"metadata": {"labels": {"app": "mine"}}}, ["app is ours"]),
        ({"spec": {"restartPolicy": "Never", "nodeName": "n"}}, []),
        ({}, []),
    ],
)
def test_what_is_not_heeded_is_said(template, words):
    """
    A template that says more than it can gets a sentence for it, and no other one does.
    """
    said = template_warnings(PodOptions(template=template))

    assert len(said) == len(words)
    assert all(word in sentence for word, sentence in zip(words, said, strict=True))


@pytest.mark.parametrize(
    "template",
    [
        {"spec": {"containers": [{"name": "main"}, {"image": "nameless"}]}},
        {"spec": {"volumes": ["data"]}},
        {"spec": {"volumes": {"name": "data"}}},
        {"spec": {"securityContext": "strict"}},
        {"spec": "none"},
        changed(env={"A": "1"}),
        changed(env=[{"value": "1"}]),
        changed(resources=[1]),
        changed(image=3.11),
        changed(envFrom="x"),
        {"spec": {"nodeSelector": "x"}},
        {"spec": {"$patch": "remove"}},
        {"metadata": []},
    ],
    ids=json.dumps,
)
def test_what_cannot_be_merged_is_refused(template):
    """
    A template without the shape of one is an error that says where, not a broken pod.
    """
    with pytest.raises((UsageError, BadPatch), match=r"spec|metadata"):
        template_warnings(PodOptions(template=template))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "kt-plan", "$patch"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["name", "env", "value", "$patch", "$setElementOrder/env", "$retainKeys", "volumes",
                 "containers", "volumeMounts", "mountPath", "resources", "limits", "cpu", "labels",
                 "securityContext", "runAsUser", "tolerations", "nodeSelector", "envFrom"]
            ),
            inner, max_size=3,
        )
    ),
    max_leaves=12,
)  # fmt: skip
CONTAINER = st.dictionaries(
    st.sampled_from(
        ["env", "volumeMounts", "resources", "securityContext", "envFrom", "image", "$patch",
         "$deleteFromPrimitiveList/env"]
    ),
    JSON, max_size=3,
)  # fmt: skip


@given(
    spec=st.dictionaries(
        st.sampled_from(["volumes", "tolerations", "securityContext", "nodeSelector", "$patch"]),
        JSON, max_size=3,
    ),
    container=CONTAINER,
    data=st.just({}) | st.dictionaries(st.sampled_from(["labels", "annotations"]), JSON),
)  # fmt: skip
def test_any_template_is_merged_or_refused(spec, container, data):
    """
    Whatever a template holds, the outcome is a trial's pod or a sentence.
    """
    template = {
        "spec": {**spec, "containers": [{"name": "main", **container}]},
        "metadata": data,
    }
    options = {
        "tolerations": ("a",), "secret_env": ("s",), "volumes": ("c:/c",), "env": {"A": "1"},
        "node_selector": {"a": "b"}, "image_pull_secrets": ("p",), "cpu": "1",
    }  # fmt: skip

    try:
        result = made(template=template, **options)
    except UsageError:
        return

    assert runner(result)["command"] == COMMAND
    assert json.loads(json.dumps(result)) == result


# Kept with a session


def test_options_survive_being_written_down():
    """
    A session that is resumed makes the same pods.
    """
    options = PodOptions(
        image="mine:1", cpu="2", env={"A": "$"}, secret_env=("s",), volumes=("c:/c",),
        tolerations=("a",), run_as_user=0, template=TEMPLATE, agent=False, ttl=60,
    )  # fmt: skip
    kept = json.loads(json.dumps(options.as_json()))

    assert pod_options(session(kept)) == options
    assert pod_options(session({})).ttl == DAY
    assert pod_options(session(PodOptions().lasting(detached=True).as_json())).ttl == 7 * DAY


def session(pod: dict[str, Any]) -> SessionInfo:
    return SessionInfo("s", "bcdfg", "plan.jsonl", Target("jobs"), extra={"pod": pod})
