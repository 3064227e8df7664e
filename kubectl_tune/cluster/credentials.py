"""
What a user of the kubeconfig shows to the API server: a token, a certificate, what a plugin says.

Its rule: credentials that can't be had are an error, in kubectl's words; nothing is sent without
them then, and no message holds a secret.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Protocol

from kubectl_tune.cluster import Manifest
from kubectl_tune.cluster.datafile import Certificate, KeyPair
from kubectl_tune.cluster.execcredential import VERSIONS
from kubectl_tune.cluster.execution import execution
from kubectl_tune.cluster.kuberc import policy
from kubectl_tune.cluster.plugin import Plugin
from kubectl_tune.cluster.stated import Stated
from kubectl_tune.errors import ClusterError

# What kubectl itself says, word for word.
_PLUGINS = (
    "https://kubernetes.io/docs/reference/access-authn-authz/authentication/"
    "#client-go-credential-plugins"
)
_GKE = "https://cloud.google.com/blog/products/containers-kubernetes/kubectl-auth-changes-in-gke"
_REMOVED = {
    "azure": f"""The azure auth plugin has been removed.
Please use the https://github.com/Azure/kubelogin kubectl/client-go credential plugin instead.
See {_PLUGINS} for further details""",
    "gcp": f"""The gcp auth plugin has been removed.
Please use the "gke-gcloud-auth-plugin" kubectl/client-go credential plugin instead.
See {_GKE} for further details""",
}


class Credentials(Protocol):
    """Its methods may be called from several threads at once, and may take a plugin's time."""

    def authorization(self) -> str | None:
        """Return the value of the Authorization header."""

    def refresh_after_401(self) -> bool:
        """Say whether there is something new to try: newer than what this thread has shown."""

    def client_certificate(self) -> Certificate | None: ...


def of(user: Manifest, cluster: Manifest, environment: Mapping[str, str]) -> Credentials:
    """Return what a user shows; entries are complete, as `configfile` reads them."""
    if provider := user["auth-provider"]:
        _refuse_provider(provider["name"], stated(user))
    if user["exec"]:  # its version counts also where it isn't needed
        _check_version(user["exec"]["apiVersion"])
    if user["exec"] and not stated(user):
        return Plugin(execution(user["exec"], cluster), environment, policy(environment))
    if user["username"] or user["password"]:
        return _basic(user)
    token = f"Bearer {user['token']}" if user["token"] else None
    return Stated(token, user["tokenFile"], _pair(user))


def stated(user: Manifest) -> bool:
    """Say whether a user has credentials of his own, so that no plugin is asked."""
    known = ("token", "tokenFile", "username", "password")
    return any(user[key] for key in known) or _pair(user) is not None


def _basic(user: Manifest) -> Stated:
    if user["tokenFile"]:
        raise ClusterError("username/password or bearer token may be set, but not both")
    said = f"{user['username']}:{user['password']}".encode()
    return Stated("Basic " + base64.b64encode(said).decode(), pair=_pair(user))


def _pair(user: Manifest) -> KeyPair | None:
    certificate = user["client-certificate-data"] or user["client-certificate"]
    key = user["client-key-data"] or user["client-key"]
    return KeyPair(certificate, key) if certificate else None


def _refuse_provider(name: str, stated: bool) -> None:
    if name in _REMOVED:
        raise ClusterError(_REMOVED[name])
    if name != "oidc":
        raise ClusterError(f'no Auth Provider found for name "{name}"')
    if not stated:
        raise ClusterError(
            'the auth-provider "oidc" is not supported here: it has been replaced by credential'
            " plugins",
            hint="use one, such as https://github.com/int128/kubelogin, or give a --token",
        )


def _check_version(version: str) -> None:
    if version not in VERSIONS:
        known = " or ".join(VERSIONS)
        raise ClusterError(
            f'exec plugin: invalid apiVersion "{version}"',
            hint=f"set apiVersion of this user's exec to {known}, whichever its command speaks",
        )
