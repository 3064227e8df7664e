"""
ExecCredential: what is said to a credential plugin, and what its answer means.

Its rule: an answer is taken whole, or refused in kubectl's words, and no message quotes it.
https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from kubectl_tune.cluster import Manifest
from kubectl_tune.cluster.datafile import Certificate
from kubectl_tune.cluster.goyaml import documents
from kubectl_tune.errors import ClusterError, Unreachable
from kubectl_tune.table import clean

GROUP = "client.authentication.k8s.io"
VERSIONS = (f"{GROUP}/v1", f"{GROUP}/v1beta1")
EXPIRED_SECONDS = 20.0  # for which an answer counts that comes expired

_LONGEST = 2000  # characters of what a plugin has to say on stderr


@dataclass(frozen=True, slots=True)
class Issued:
    """What a plugin has answered, and until when that holds."""

    header: str | None = field(repr=False)
    certificate: Certificate | None = field(repr=False)
    until: float


def request(version: str, cluster: Manifest | None, interactive: bool) -> Manifest:
    """Return what a plugin is told in $KUBERNETES_EXEC_INFO."""
    spec: Manifest = {"interactive": interactive}
    if cluster is not None:
        spec["cluster"] = cluster
    return {"kind": "ExecCredential", "apiVersion": version, "spec": spec}


def issued(output: bytes, version: str, now: float) -> Issued:
    """Read what a plugin has printed."""
    status = _status(_decoded(output), version)
    token, certificate, key = (
        _text(status, name) for name in ("token", "clientCertificateData", "clientKeyData")
    )
    if not (token or certificate or key):
        fail("exec plugin didn't return a token or cert/key pair")
    if bool(certificate) != bool(key):
        fail("exec plugin returned only certificate or key, not both")
    pair = (certificate.encode(), key.encode()) if certificate else None
    return Issued(f"Bearer {token}" if token else None, pair, _until(status, now))


def fail(why: str, *, said: bytes | None = None, hint: str = "") -> NoReturn:
    """Raise why there are no credentials; `said` is what the plugin wrote on stderr."""
    text = (said or b"").decode(errors="replace").strip()[-_LONGEST:]
    heard = "\n" + clean(text, keep="\n\t") if text else ""
    raise Unreachable(
        f"Unable to connect to the server: getting credentials: {why}{heard}", hint=hint
    )


def _decoded(output: bytes) -> Manifest:
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError) as error:  # kubectl takes YAML, too
        try:
            answer = next(documents(output), None)
        except ClusterError:
            deep = isinstance(error, RecursionError)
            fail(f"decoding stdout: {'nested too deeply' if deep else error}")
    if not isinstance(answer, dict):
        fail("decoding stdout: it is no ExecCredential")
    return answer


def _status(answer: Manifest, version: str) -> Any:
    given = answer.get("apiVersion")
    if given != version:
        told = f"version {given}" if given else "no version"
        fail(f"exec plugin is configured to use API version {version}, plugin returned {told}")
    if answer.get("kind") not in (None, "", "ExecCredential"):  # kubectl knows what it asked for
        fail("decoding stdout: its kind is not ExecCredential")
    if answer.get("status") is None:
        fail("exec plugin didn't return a status field")
    return answer["status"]


def _text(status: Any, name: str) -> str:
    value = status.get(name) if isinstance(status, dict) else 0
    if value is not None and not isinstance(value, str):
        fail(f"decoding stdout: status.{name} is not a string")
    return value or ""


def _until(status: Any, now: float) -> float:
    text = _text(status, "expirationTimestamp")
    if not text:
        return math.inf
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        fail(f"decoding stdout: status.expirationTimestamp {text[:40]!r} is no RFC 3339 time")
    # Where clocks disagree everything comes expired, and would be asked for at each request.
    return moment.timestamp() if moment.timestamp() > now else now + EXPIRED_SECONDS
