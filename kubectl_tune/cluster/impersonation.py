"""
The headers that let us act as somebody else (--as and its like).

Its rule: any name can be sent; what a header may not hold is escaped.
https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_tune.cluster import Manifest

_LEGAL = b"!#$&'*+-.^_`|~"


def impersonation(user: Manifest) -> Iterator[tuple[str, str]]:
    """Yield the headers for a user's complete entry; a name may come several times."""
    if not user["as"]:
        return
    yield "Impersonate-User", user["as"]
    if user["as-uid"]:
        yield "Impersonate-Uid", user["as-uid"]
    for group in user["as-groups"]:
        yield "Impersonate-Group", group
    for key, values in user["as-user-extra"].items():
        for value in values:
            yield f"Impersonate-Extra-{_header_key(key)}", value


def _header_key(key: str) -> str:
    """Escape what a header's name may not hold, and the sign of escapes itself."""
    return "".join(
        chr(byte) if byte in _LEGAL or (byte < 128 and chr(byte).isalnum()) else f"%{byte:02X}"
        for byte in key.encode()
    )
