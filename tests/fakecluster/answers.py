"""
What the API server says when it says no, and how kubectl words it.

The server's own sentence goes where the server writes it, into Events; people and errors get
kubectl's, which the client makes of it.
"""

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

_ERRORS: dict[int, type[ClusterError]] = {
    400: Invalid,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
}


class Answer(Exception):
    """A metav1.Status that is no success."""

    def __init__(self, code: int, reason: str, message: str, kubectl: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.kubectl = kubectl or f"Error from server ({reason}): {message}"

    def error(self) -> ClusterError:
        type = _ERRORS.get(self.code, ClusterError)
        return type(self.kubectl, reason=self.reason, code=self.code)


def group(kind: str) -> str:
    version = KINDS[kind][0]
    return version.split("/")[0] if "/" in version else ""


def resource(kind: str) -> str:
    """Name a kind as messages do: `pods`, `jobs.batch`."""
    return ".".join(filter(None, (KINDS[kind][1], group(kind))))


def not_found(kind: str, name: str) -> Answer:
    return Answer(404, "NotFound", f'{resource(kind)} "{name}" not found')


def unknown_kind() -> Answer:
    return Answer(404, "NotFound", "the server could not find the requested resource")


def already_exists(kind: str, name: str) -> Answer:
    return Answer(409, "AlreadyExists", f'{resource(kind)} "{name}" already exists')


def modified(kind: str, name: str) -> Answer:
    return Answer(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {resource(kind)} "{name}": the object has been modified;'
        " please apply your changes to the latest version and try again",
    )


def refused(kind: str, name: str, why: str) -> Answer:
    """What admission denies: quota, PodSecurity, a webhook."""
    return Answer(403, "Forbidden", f'{resource(kind)} "{name}" is forbidden: {why}')


def no_right(user: str, verb: str, kind: str, name: str, sub: str, namespace: str) -> Answer:
    which = f'{resource(kind)} "{name}"' if name else resource(kind)
    plural = KINDS[kind][1] + (f"/{sub}" if sub else "")
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    return Answer(
        403,
        "Forbidden",
        f'{which} is forbidden: User "{user}" cannot {verb} resource "{plural}"'
        f' in API group "{group(kind)}" {where}',
    )


def too_old(since: str, now: int) -> Answer:
    return Answer(410, "Expired", f"too old resource version: {since} ({now})")


def invalid(kind: str, name: str, problems: Sequence[str]) -> Answer:
    """Name all that is wrong: the server in brackets, kubectl in lines."""
    what = ".".join(filter(None, (kind, group(kind))))
    said, listed = problems[0], f" {problems[0]}"
    if len(problems) > 1:
        said = f"[{', '.join(problems)}]"
        listed = " \n" + "\n".join(f"* {problem}" for problem in problems)
    return Answer(
        422,
        "Invalid",
        f'{what} "{name}" is invalid: {said}',
        f'The {kind} "{name}" is invalid:{listed}',
    )


def bad_request(text: str) -> Answer:
    return Answer(400, "BadRequest", text)


def undecodable(kind: str, why: str) -> Answer:
    version = KINDS[kind][0].rsplit("/", 1)[-1]
    return bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {why}')


def too_large() -> Answer:
    return Answer(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728")


def kubelet_silent(node: str) -> Answer:
    text = f'Get "https://{node}:10250/containerLogs": dial tcp {node}:10250: i/o timeout'
    return Answer(500, "InternalError", text)


def connection_refused(server: str) -> Unreachable:
    host = server.removeprefix("https://")
    return Unreachable(
        f"The connection to the server {host} was refused - did you specify the right host or port?"
    )


def no_answer(server: str) -> Unreachable:
    return Unreachable(f"Unable to connect to the server: read {server}: connection reset by peer")
