"""The rights that are needed: the Role that grants them says the same as what is asked."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.cluster import rights
from kubectl_tune.cluster.rights import RIGHTS, Subject


def documents(text: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(text) if each]


def granted(role: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_role_grants_what_is_asked_for_and_no_more():
    """
    Who has the Role passes every check, and the Role holds nothing that isn't checked.
    """
    (role,) = documents(rights.role("lab"))

    assert granted(role) == {(right.group, right.path, right.verb) for right in RIGHTS}


def test_nothing_asks_for_secrets_or_shells():
    """
    A Role for tuning is none for reading secrets or entering pods, nor for making pods.
    """
    paths = {right.path for right in RIGHTS}

    assert paths.isdisjoint({"secrets", "pods/exec", "pods/attach", "*"})
    assert "*" not in {right.verb for right in RIGHTS}
    assert not [right for right in RIGHTS if str(right) == "create pods"]


def test_every_right_has_a_reason_of_its_own():
    """
    Who grants a right is told what for.
    """
    assert all(right.why for right in RIGHTS)
    assert len({(right.group, str(right)) for right in RIGHTS}) == len(RIGHTS)


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("jane", Subject("User", "jane")),
        ("oidc:jane@example.com", Subject("User", "oidc:jane@example.com")),
        ("system:serviceaccount:lab:tuner", Subject("ServiceAccount", "tuner", "lab")),
        ("serviceaccount:lab:tuner", Subject("ServiceAccount", "tuner", "lab")),
        ("system:admin", Subject("User", "system:admin")),
    ],
)
def test_a_user_is_bound_as_what_it_is(user: str, expected: Subject):
    """
    Service accounts have names of users that a binding doesn't know them by.
    """
    assert rights.subject(user) == expected


@given(st.text(min_size=1, max_size=20), st.sampled_from(["lab", "no", "1e3", "0x1f", "123"]))
def test_any_name_survives_the_yaml(user: str, namespace: str):
    """
    Names that YAML would read as something else, or break at, are quoted.
    """
    role, binding = documents(rights.manifests(namespace, Subject("User", user)))

    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == namespace
    assert binding["subjects"][0]["name"] == user
    assert binding["roleRef"]["name"] == role["metadata"]["name"]


def test_with_nobody_to_bind_the_binding_is_a_comment():
    """
    The text can be applied as it is, and says how to go on.
    """
    text = rights.manifests("lab", None)

    assert [each["kind"] for each in documents(text)] == ["Role"]
    assert "# kind: RoleBinding" in text
