"""
Which credential plugins may run: what the user's kuberc has to say.

Its rule: other than for kubectl, a kuberc that can't be read allows nothing.
https://kubernetes.io/docs/reference/kubectl/kuberc/
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from kubectl_tune.cluster import Manifest
from kubectl_tune.cluster.datafile import contents
from kubectl_tune.cluster.execution import found
from kubectl_tune.cluster.goyaml import documents
from kubectl_tune.errors import ClusterError


@dataclass(frozen=True, slots=True)
class Policy:
    kind: str = "AllowAll"
    allowlist: tuple[str, ...] = ()


def policy(environment: Mapping[str, str]) -> Policy:
    """Read which plugins the user's kuberc lets run."""
    path = _path(environment)
    if not path:
        return Policy()
    try:
        preferences = [each for each in documents(contents(path)) if _is_preference(each)]
    except ClusterError as error:
        raise ClusterError(f"kuberc: no preferences loaded from {path}: {error}") from error
    return _policy(preferences[0]) if preferences else Policy()


def _path(environment: Mapping[str, str]) -> str:
    """Return the kuberc that counts, "" for none; one that is named has to exist."""
    given = environment.get("KUBERC", "")
    if given == "off" or environment.get("KUBECTL_KUBERC") == "false":
        return ""
    usual = os.path.join(environment.get("HOME", ""), ".kube", "kuberc")
    return given or (usual if os.path.exists(usual) else "")


def _is_preference(document: object) -> bool:
    return (
        isinstance(document, dict)
        and document.get("kind") == "Preference"
        and str(document.get("apiVersion")).startswith("kubectl.config.k8s.io/")
    )


def _policy(preference: Manifest) -> Policy:
    kind = preference.get("credentialPluginPolicy") or ""
    entries = preference.get("credentialPluginAllowlist")
    if kind not in ("", "AllowAll", "DenyAll", "Allowlist"):
        raise ClusterError(f'kuberc: unknown plugin policy: "{kind}"')
    if kind == "Allowlist":
        return Policy(kind, _allowlist(entries))
    if entries is not None:
        raise ClusterError(
            "kuberc: misconfigured credential plugin allowlist: plugin policy is"
            f' "{kind}" but allowlist is non-nil'
        )
    return Policy(kind or "AllowAll")


def _allowlist(entries: object) -> tuple[str, ...]:
    if not isinstance(entries, list) or not entries:
        state = "unspecified" if entries is None else "empty"
        raise ClusterError(
            f'kuberc: credential plugin policy set to "Allowlist", but allowlist is {state}'
        )
    return tuple(_command(at, each) for at, each in enumerate(entries, 1))


def _command(at: int, entry: object) -> str:
    fields = entry if isinstance(entry, dict) else {}
    named = {fields[key] for key in ("name", "command") if fields.get(key)}
    if len(named) != 1 or not all(isinstance(each, str) for each in named):
        raise ClusterError(
            f"kuberc: misconfigured credential plugin allowlist: entry #{at} names no one command"
        )
    command = str(named.pop())
    cleaned = os.path.normpath(command)
    if cleaned != command:
        raise ClusterError(f'kuberc: non-normalized file path: "{command}" vs "{cleaned}"')
    return command


def refusal(policy: Policy, command: str, path: str, search: str) -> str:
    """Say why a plugin may not run, "" if it may; `path` is where it was found, "" if nowhere."""
    if policy.kind == "DenyAll":
        return f'plugin "{command}" not allowed: policy set to "DenyAll"'
    if policy.kind == "AllowAll" or {os.path.normpath(command), path} & set(policy.allowlist):
        return ""
    if not path:
        return (
            f'plugin path "{command}" cannot be resolved for credential plugin allowlist check:'
            " executable file not found in $PATH"
        )
    if path in {found(each, search) for each in policy.allowlist}:
        return ""
    return f'plugin path "{path}" is not permitted by the credential plugin allowlist'
