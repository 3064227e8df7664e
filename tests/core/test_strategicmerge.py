"""A user's pod template merges over ours as kubectl would merge it."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubectl_tune.cluster.strategicmerge import BadPatch, merge

OURS = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "p",
        "labels": {"app": "a", "team": "t"},
        "finalizers": ["one", "two"],
        "ownerReferences": [{"uid": "u1", "kind": "ConfigMap", "name": "c", "apiVersion": "v1"}],
    },
    "spec": {
        "restartPolicy": "Never",
        "containers": [
            {
                "name": "tuning-runner",
                "image": "python:3.11",
                "command": ["python3", "agent.py"],
                "env": [{"name": n, "value": n.lower()} for n in ("A", "B", "C")],
                "envFrom": [{"secretRef": {"name": "s"}}],
                "ports": [{"containerPort": 80, "name": "web"}],
                "resources": {"limits": {"cpu": "2", "memory": "2Gi"}, "requests": {"cpu": "1"}},
                "volumeMounts": [
                    {"mountPath": "/kt/plan", "name": "plan", "readOnly": True},
                    {"mountPath": "/data", "name": "data"},
                ],
                "volumeDevices": [{"devicePath": "/dev/x", "name": "x"}],
                "securityContext": {"capabilities": {"drop": ["ALL"]}},
            },
            {"name": "side", "image": "busybox"},
        ],
        "initContainers": [{"name": "init", "image": "busybox", "env": [{"name": "A"}]}],
        "volumes": [
            {"name": "plan", "projected": {"sources": [{"configMap": {"name": "c"}}]}},
            {"name": "data", "emptyDir": {}},
        ],
        "imagePullSecrets": [{"name": "pull"}],
        "tolerations": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "Exists"}],
        "topologySpreadConstraints": [
            {"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
        ],
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["x"]}],
        "securityContext": {"runAsUser": 1000, "supplementalGroups": [1, 2]},
        "nodeSelector": {"disk": "ssd"},
        "dnsConfig": {"nameservers": ["1.1.1.1"], "options": [{"name": "a"}]},
        "schedulingGates": [{"name": "g"}],
        "readinessGates": [{"conditionType": "x"}],
    },
}


def container(**patch: object) -> dict[str, object]:
    return {"spec": {"containers": [{"name": "tuning-runner", **patch}]}}


CASES = {
    "nothing": {},
    "value-replaced": container(image="mine"),
    "number-for-text": container(resources={"limits": {"cpu": 4}}),
    "new-keys": {"spec": {"priorityClassName": "low", "affinity": {"podAffinity": {}}}},
    "labels-merge": {"metadata": {"labels": {"team": None, "more": "m"}}},
    "labels-replaced": {"metadata": {"labels": {"$patch": "replace", "only": "o"}}},
    "object-emptied": {"spec": {"nodeSelector": {"$patch": "delete"}}},
    "null-of-nothing": {"spec": {"hostname": None, "dnsPolicy": "Default"}},
    "null-deep-in-what-is-new": {"spec": {"affinity": {"nodeAffinity": None, "x": {"y": None}}}},
    "object-by-null": {"spec": {"nodeSelector": None}},
    "list-by-null": {"spec": {"containers": None}},
    "plain-list-replaced": container(command=["sh"]),
    "plain-list-emptied": container(command=[]),
    "env-by-name": container(env=[{"name": "B", "value": "2"}, {"name": "Z", "value": "z"}]),
    "env-value-to-reference": container(
        env=[{"name": "B", "value": None, "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]
    ),
    "env-order": container(env=[{"name": "C", "value": "3"}, {"name": "A", "value": "1"}]),
    "env-new-ones-first": container(
        env=[{"name": "N", "value": "n"}, {"name": "C", "value": "3"}, {"name": "M", "value": "m"}]
    ),
    "env-item-deleted": container(env=[{"name": "B", "$patch": "delete"}]),
    "env-replaced": container(env=[{"$patch": "replace"}, {"name": "N", "value": "n"}]),
    "env-delete-what-is-not-there": container(env=[{"name": "Q", "$patch": "delete"}]),
    "env-delete-and-add": container(
        env=[{"name": "A", "$patch": "delete"}, {"name": "D", "value": "d"}]
    ),
    "env-ordered": container(
        **{"$setElementOrder/env": [{"name": "C"}, {"name": "A"}, {"name": "B"}]},
        env=[{"name": "A", "value": "1"}],
    ),
    "env-from-replaced": container(envFrom=[{"configMapRef": {"name": "m"}}]),
    "ports-by-number": container(ports=[{"containerPort": 80, "name": "w"}, {"containerPort": 81}]),
    "mounts-by-path": container(
        volumeMounts=[{"mountPath": "/data", "name": "mine"}, {"mountPath": "/new", "name": "plan"}]
    ),
    "devices-by-path": container(volumeDevices=[{"devicePath": "/dev/y", "name": "y"}]),
    "capabilities-replaced": container(securityContext={"capabilities": {"drop": ["NET_RAW"]}}),
    "two-containers": {
        "spec": {"containers": [{"name": "new", "image": "i"}, {"name": "side", "tty": True}]}
    },
    "container-deleted": {"spec": {"containers": [{"name": "side", "$patch": "delete"}]}},
    "containers-replaced": {
        "spec": {"containers": [{"$patch": "replace"}, {"name": "new", "image": "i"}]}
    },
    "init-containers": {
        "spec": {"initContainers": [{"name": "init", "env": [{"name": "B", "value": "b"}]}]}
    },
    "volume-keeps-other-source": {
        "spec": {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "c"}}]}
    },
    "volume-retains-keys": {
        "spec": {
            "volumes": [
                {
                    "name": "data",
                    "$retainKeys": ["name", "persistentVolumeClaim"],
                    "persistentVolumeClaim": {"claimName": "c"},
                }
            ]
        }
    },
    "volume-sources-replaced": {
        "spec": {"volumes": [{"name": "plan", "projected": {"sources": [{"secret": {}}]}}]}
    },
    "pull-secrets": {"spec": {"imagePullSecrets": [{"name": "other"}]}},
    "tolerations-replaced": {"spec": {"tolerations": [{"key": "c", "operator": "Exists"}]}},
    "spread-by-topology": {
        "spec": {
            "topologySpreadConstraints": [
                {"topologyKey": "zone", "maxSkew": 2},
                {"topologyKey": "node", "maxSkew": 1},
            ]
        }
    },
    "aliases-by-address": {"spec": {"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["y"]}]}},
    "gates": {"spec": {"schedulingGates": [{"name": "h"}], "readinessGates": []}},
    "groups-replaced": {"spec": {"securityContext": {"supplementalGroups": [3]}}},
    "dns-replaced": {"spec": {"dnsConfig": {"nameservers": ["8.8.8.8"], "options": []}}},
    "finalizers-merge": {"metadata": {"finalizers": ["two", "three"]}},
    "finalizers-deleted": {"metadata": {"$deleteFromPrimitiveList/finalizers": ["one"]}},
    "owners-by-uid": {"metadata": {"ownerReferences": [{"uid": "u1", "controller": True}]}},
    "list-for-object": {"spec": {"nodeSelector": ["x"]}},
    "object-for-text": {"spec": {"restartPolicy": {"a": "b"}}},
    "spec-replaced": {"spec": {"$patch": "replace", "containers": [{"name": "n"}]}},
}

REFUSED = {
    "no-merge-key": {"spec": {"containers": [{"image": "x"}]}},
    "no-name-of-env": container(env=[{"value": "x"}]),
    "odd-directive": {"spec": {"$patch": "remove"}},
    "odd-directive-of-item": {"spec": {"containers": [{"name": "side", "$patch": "merge"}]}},
    "text-among-containers": {"spec": {"containers": ["x"]}},
    "retained-keys-lack-one": {
        "spec": {"volumes": [{"name": "data", "$retainKeys": ["name"], "emptyDir": {}}]}
    },
}


@pytest.fixture(scope="module")
def patched(tmp_path_factory: pytest.TempPathFactory):
    """What kubectl itself makes of OURS and a patch; no cluster is asked."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not on PATH, and it is what this compares with")
    folder = tmp_path_factory.mktemp("kubectl")
    pod: Path = folder / "pod.json"
    pod.write_text(json.dumps(OURS))

    def run(patch: object) -> dict[str, object] | None:
        flags = ["--local", "--type=strategic", "-o", "json", "-f", str(pod)]
        done = subprocess.run(
            [kubectl, "patch", *flags, "-p", json.dumps(patch)],
            capture_output=True, text=True, env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        return json.loads(done.stdout) if done.returncode == 0 else None

    return run


@pytest.mark.parametrize("name", CASES)
def test_merges_as_kubectl_does(name, patched):
    """
    kubectl and we make the same of a patch, order included, and ours stays as it was.
    """
    before = copy.deepcopy(OURS)

    assert merge(OURS, CASES[name]) == patched(CASES[name])
    assert before == OURS


@pytest.mark.parametrize("name", REFUSED)
def test_what_kubectl_refuses_is_refused(name, patched):
    """
    A patch without what it takes is an error that says where.
    """
    with pytest.raises(BadPatch, match="spec"):
        merge(OURS, REFUSED[name])
    assert patched(REFUSED[name]) is None


def without_nulls(value: object) -> object:
    """For the API a null is an absent key; kubectl leaves some of them to it."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


NAMES = st.sampled_from("ABCDE")
ITEM = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "value": st.one_of(st.none(), st.text("xy", max_size=2)),
        "$patch": st.just("delete"),
    },
)
ENV = st.lists(ITEM, max_size=5, unique_by=lambda item: item["name"])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(env=ENV, replace=st.booleans(), sides=st.permutations(["side", "tuning-runner", "new"]))
def test_any_lists_merge_as_kubectl_does(patched, env, replace, sides):
    """
    Whatever items are changed, added, deleted and in which order, kubectl agrees.
    """
    more = [{"$patch": "replace"}] if replace else []
    patch = {
        "spec": {
            "containers": [
                {"name": name, **({"env": [*env, *more]} if name == "tuning-runner" else {})}
                for name in sides
            ]
        }
    }

    assert merge(OURS, patch) == without_nulls(patched(patch))
