"""What the API server says when it says no, as the errors and in the words that it becomes here."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_tune.cluster import KINDS
from kubectl_tune.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Unreachable,
)


def group(kind: str) -> str:
    version = KINDS[kind][0]
    return version.split("/")[0] if "/" in version else ""


def resource(kind: str) -> str:
    """Name a kind as messages do: `pods`, `jobs.batch`."""
    return ".".join(filter(None, (KINDS[kind][1], group(kind))))


def not_found(kind: str, name: str) -> NotFound:
    return NotFound(f'{resource(kind)} "{name}" not found', reason="NotFound", code=404)


def unknown_kind() -> NotFound:
    text = "the server could not find the requested resource"
    return NotFound(text, reason="NotFound", code=404)


def already_exists(kind: str, name: str) -> Conflict:
    text = f'{resource(kind)} "{name}" already exists'
    return Conflict(text, reason="AlreadyExists", code=409)


def modified(kind: str, name: str) -> Conflict:
    return Conflict(
        f'Operation cannot be fulfilled on {resource(kind)} "{name}": the object has been modified;'
        " please apply your changes to the latest version and try again",
        reason="Conflict",
        code=409,
    )


def refused(kind: str, name: str, why: str) -> Forbidden:
    """What admission denies: quota, PodSecurity, a webhook."""
    text = f'{resource(kind)} "{name}" is forbidden: {why}'
    return Forbidden(text, reason="Forbidden", code=403)


def no_right(user: str, verb: str, kind: str, name: str, sub: str, namespace: str) -> Forbidden:
    which = f'{resource(kind)} "{name}"' if name else resource(kind)
    plural = KINDS[kind][1] + (f"/{sub}" if sub else "")
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    return Forbidden(
        f'{which} is forbidden: User "{user}" cannot {verb} resource "{plural}"'
        f' in API group "{group(kind)}" {where}',
        reason="Forbidden",
        code=403,
    )


def too_old(since: str, now: int) -> Gone:
    text = f"too old resource version: {since} ({now})"
    return Gone(text, reason="Expired", code=410)


def invalid(kind: str, name: str, problems: Sequence[str]) -> Invalid:
    what = ".".join(filter(None, (kind, group(kind))))
    listed = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
    return Invalid(f'{what} "{name}" is invalid: {listed}', reason="Invalid", code=422)


def bad_request(text: str) -> Invalid:
    return Invalid(text, reason="BadRequest", code=400)


def undecodable(kind: str, why: str) -> Invalid:
    version = KINDS[kind][0].rsplit("/", 1)[-1]
    return bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {why}')


def too_large() -> ClusterError:
    text = "Request entity too large: limit is 3145728"
    return ClusterError(text, reason="RequestEntityTooLarge", code=413)


def kubelet_silent(node: str) -> ClusterError:
    text = f'Get "https://{node}:10250/containerLogs": dial tcp {node}:10250: i/o timeout'
    return ClusterError(text, reason="InternalError", code=500)


def connection_refused(server: str) -> Unreachable:
    host = server.removeprefix("https://")
    return Unreachable(
        f"The connection to the server {host} was refused - did you specify the right host or port?"
    )


def no_answer(server: str) -> Unreachable:
    return Unreachable(f"Unable to connect to the server: read {server}: connection reset by peer")
