"""
What we may do in a namespace, as one table: the Role that grants it, and what to ask for it.

Its rule: nothing here touches secrets, shells in pods, or more than the one namespace; every
right has a command that needs it. What is optional makes only the answers better.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from kubectl_tune.cluster.labels import PRODUCT

RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True)
class Right:
    verb: str
    resource: str
    why: str
    group: str = ""
    subresource: str = ""
    optional: bool = False

    @property
    def path(self) -> str:
        """The resource as a Role has it."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"


def _rights(
    resource: str, group: str = "", subresource: str = "", *, optional: bool = False, **why: str
) -> list[Right]:
    return [Right(verb, resource, text, group, subresource, optional) for verb, text in why.items()]


RIGHTS: tuple[Right, ...] = (
    *_rights(
        "jobs", "batch",
        create="run, submit and retry begin attempts",
        get="a Job that is there already is looked at, not made twice",
        list="resume and attach find what goes on",
        watch="run hears what changes",
        delete="cancel ends attempts",
        deletecollection="Jobs that have ended are deleted many at once",
    ),
    *_rights(
        "pods",
        get="explain reads one pod",
        list="resume finds the pods of a session",
        watch="run hears when a pod starts and ends",
        delete="cancel ends one trial of many in a Job",
    ),
    *_rights("pods", subresource="log", get="logs are read, and taken home when a trial ends"),
    *_rights(
        "configmaps",
        create="plan, code and what a session is travel to the pods",
        get="what is there already is checked, not made twice",
        list="attach and prune find sessions",
        delete="delete removes a session with all that belongs to it",
    ),
    *_rights("events", list="status and explain say why a trial waits", optional=True),
    *_rights("resourcequotas", list="doctor compares quotas with a plan", optional=True),
    *_rights("limitranges", list="doctor compares limits with the pods", optional=True),
    *_rights("namespaces", get="doctor reads the namespace's PodSecurity level", optional=True),
)  # fmt: skip

# What only a dry run uses; it is tried where it is allowed and never asked for.
POD_DRY_RUN = Right("create", "pods", "doctor tries a pod without making it", optional=True)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a binding gives the Role to."""

    kind: str  # User or ServiceAccount
    name: str
    namespace: str = ""


def subject(user: str) -> Subject:
    """Return the subject that the server's name of a user means, `system:` left out or not."""
    parts = user.removeprefix("system:").split(":")
    if parts[0] == "serviceaccount" and len(parts) == 3:
        return Subject("ServiceAccount", parts[2], parts[1])
    return Subject("User", user)


def manifests(namespace: str, who: Subject | None, name: str = PRODUCT) -> str:
    """Return the Role and its binding as YAML; with nobody to bind, the binding as a comment."""
    binding = _binding(namespace, who or Subject("User", "NAME"), name)
    if who is None:
        binding = "".join(f"# {line}".rstrip() + "\n" for line in binding.splitlines())
        binding = f"# Whom it is for, once NAME is a user's:\n{binding}"
    return f"{role(namespace, name)}---\n{binding}"


def role(namespace: str, name: str = PRODUCT) -> str:
    """Return the Role as YAML, with the reason for each right beside it."""
    lines = [
        f"apiVersion: {RBAC}/v1", "kind: Role", *_metadata(namespace, name), "rules:",
    ]  # fmt: skip
    for (group, path, optional), rights in groupby(RIGHTS, lambda r: (r.group, r.path, r.optional)):
        lines += _rule(group, path, optional, list(rights))
    return "\n".join(lines) + "\n"


def _rule(group: str, path: str, optional: bool, rights: list[Right]) -> Iterator[str]:
    yield f"- apiGroups: [{_text(group)}]" + ("  # optional" if optional else "")
    yield f"  resources: [{path}]"
    yield "  verbs:"
    for right in rights:
        yield f"  - {right.verb:<16}  # {right.why}"


def _binding(namespace: str, who: Subject, name: str) -> str:
    where = [f"  namespace: {_text(who.namespace)}"] if who.namespace else []
    kinds = [f"  apiGroup: {RBAC}"] if who.kind == "User" else []
    lines = [
        f"apiVersion: {RBAC}/v1", "kind: RoleBinding", *_metadata(namespace, name),
        "roleRef:", f"  apiGroup: {RBAC}", "  kind: Role", f"  name: {_text(name)}",
        "subjects:", f"- kind: {who.kind}", f"  name: {_text(who.name)}", *where, *kinds,
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _metadata(namespace: str, name: str) -> Iterator[str]:
    yield "metadata:"
    yield f"  name: {_text(name)}"
    if namespace:
        yield f"  namespace: {_text(namespace)}"


def _text(value: str) -> str:
    """Write a string so that YAML reads it as that string, quoted only where it must be."""
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    import yaml

    return str(yaml.safe_dump(value, default_style='"', width=1 << 20)).rstrip("\n")


_PLAIN = re.compile(r"[A-Za-z][-.A-Za-z0-9]*")
_WORDS = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))
