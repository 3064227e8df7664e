"""What a user needs: the Role that `doctor --rbac` prints, and no more."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import yaml

EXAMPLES = Path(__file__).parents[2] / "examples"
FORBIDDEN = {"secrets", "pods/exec", "pods/attach"}
QUICK = ["python", "-c", 'print(\'{"metrics":{"m":1}}\')']


def test_the_printed_role_is_enough(namespace):
    """
    Without it, doctor names each missing verb; with it, a session runs, and nothing asks for
    secrets or for a shell in a pod.
    """
    plan = namespace.plan(*({"job_id": f"t{n}", "config": {}, "command": QUICK} for n in range(3)))
    as_user = ("--context", "user")
    before = namespace.tune("doctor", *as_user)
    assert before.returncode == 2
    for verb in ("create jobs", "watch jobs", "watch pods", "get pods/log", "create configmaps"):
        assert verb in before.stdout, verb

    printed = list(yaml.safe_load_all(namespace.tune("doctor", "--rbac").stdout))
    [role] = [each for each in printed if each["kind"] == "Role"]
    asked = {resource for rule in role["rules"] for resource in rule["resources"]}
    assert not asked & FORBIDDEN
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "tuner"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Role",
            "name": role["metadata"]["name"],
        },
        "subjects": [{"kind": "User", "name": "user", "apiGroup": "rbac.authorization.k8s.io"}],
    }
    role["metadata"].pop("namespace", None)
    namespace.apply(role, binding)

    assert namespace.tune("doctor", *as_user).returncode == 0
    ran = namespace.tune("run", plan, *as_user, "--name", "mine", "--keep", "none")
    assert ran.returncode == 0, ran.stderr
    handed = namespace.tune("submit", plan, *as_user, "--name", "theirs")
    assert handed.returncode == 0, handed.stderr
    assert namespace.tune("wait", "theirs").returncode == 0
    assert namespace.tune("explain", "mine/t0").returncode == 0
    cancelled = namespace.tune("delete", "mine", "theirs", "-y")
    assert cancelled.returncode == 0, cancelled.stderr
    namespace.until(lambda: not namespace.objects("jobs"), "the Jobs to be gone")


def test_a_restricted_namespace_runs_the_example(namespace):
    """
    PodSecurity's strictest level, enforced.
    """
    namespace.kubectl(
        "label", "namespace", namespace.name, "pod-security.kubernetes.io/enforce=restricted"
    )
    shutil.copytree(EXAMPLES, namespace.folder / "examples")

    done = namespace.tune(
        "run", "examples/arbitrage/plan.jsonl", "--only", "1-4", "--cpu", "100m",
        "--name", "tight", "--keep", "all",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    pods = namespace.objects("pods")
    assert len(pods) == 4
    assert all(pod["spec"]["securityContext"]["runAsNonRoot"] is True for pod in pods)
    assert len(json.loads(namespace.tune("results", "tight", "-o", "json").stdout)) == 4
