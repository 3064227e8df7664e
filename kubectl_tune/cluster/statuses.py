"""
What the API server says when it says no, as our errors and in the words of kubectl.

Two tables, as in kubectl and client-go: how a `Status` is worded, and what stands in for one
when something else answered, say a proxy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from kubectl_tune.cluster import Manifest
from kubectl_tune.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Unauthorized,
)

_ERRORS: dict[int, type[ClusterError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
}

# https://github.com/kubernetes/apimachinery/blob/master/pkg/api/errors/errors.go,
# NewGenericServerResponse
_UNSAID = {
    400: ("BadRequest", "the server rejected our request for an unknown reason"),
    401: ("Unauthorized", "the server has asked for the client to provide credentials"),
    403: ("Forbidden", "the server refuses the request"),
    404: ("NotFound", "the server could not find the requested resource"),
    405: (
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
    ),
    409: ("Conflict", "the server reported a conflict"),
    410: ("Gone", "the server no longer has the requested resource"),
    422: ("Invalid", "the server rejected our request due to an error in our request"),
    429: (
        "TooManyRequests",
        "the server has received too many requests and has asked us to try again later",
    ),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: (
        "Timeout",
        (
            "the server was unable to return a response in the time allotted, but may still be"
            " processing the request"
        ),
    ),
}
_QUOTED = 200  # characters of a foreign answer


def refusal(code: int, body: bytes, asked: str = "") -> ClusterError:
    """Return the error that an answer of this HTTP status amounts to; `asked` is as `get pods`."""
    return error_of(_status(body) or _generic(code, body, asked), code)


def error_of(status: Manifest, code: int = 0) -> ClusterError:
    """Return the error that a `Status` amounts to, as kubectl words it."""
    code = status["code"] if isinstance(status.get("code"), int) else code
    reason = str(status.get("reason") or "")
    type = _ERRORS.get(code, ClusterError)
    return type(_worded(status, code, reason), reason=reason, code=code, hint=_hint(code))


def _worded(status: Manifest, code: int, reason: str) -> str:
    message = str(status.get("message") or "unknown")
    if reason == "Invalid":
        return _invalid(status, message)
    if code == 401:
        return f"You must be logged in to the server ({message})"
    return f"Error from server ({reason}): {message}" if reason else f"Error from server: {message}"


def _invalid(status: Manifest, message: str) -> str:
    details = status.get("details") or {}
    kind, name = details.get("kind"), details.get("name")
    causes = list(dict.fromkeys(_causes(details)))
    if kind or name:
        said = f'The {kind or ""} "{name or ""}" is invalid'
    else:
        said = "The request is invalid" if causes else f"The request is invalid: {message}"
    match causes:
        case []:
            return said
        case [cause]:
            return f"{said}: {cause}"
    return "\n".join([f"{said}: ", *(f"* {cause}" for cause in causes)])


def _causes(details: dict[str, Any]) -> Iterator[str]:
    for cause in details.get("causes") or ():
        yield f"{cause.get('field') or '<nil>'}: {cause.get('message') or ''}"


def _hint(code: int) -> str:
    return "log in again, as for kubectl: kubectl auth whoami" if code == 401 else ""


def _status(body: bytes) -> Manifest | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    is_status = isinstance(found, dict) and found.get("kind") == "Status"
    return found if is_status and found.get("status") != "Success" else None


def _generic(code: int, body: bytes, asked: str) -> Manifest:
    said = " ".join(body.decode(errors="replace").split())[:_QUOTED]
    if code in _UNSAID:
        reason, message = _UNSAID[code]
        # What a proxy or a load balancer writes is the only clue to who refused.
        message = f"{message}: {said}" if code == 403 and said else message
    elif code >= 500:
        reason = "InternalError"
        quoted = json.dumps(said or "unknown", ensure_ascii=False)
        message = f"an error on the server ({quoted}) has prevented the request from succeeding"
    else:
        told = f": {said}" if said else " but did not return more information"
        reason, message = "", f"the server responded with the status code {code}{told}"
    return {"code": code, "reason": reason, "message": f"{message} ({asked})" if asked else message}
