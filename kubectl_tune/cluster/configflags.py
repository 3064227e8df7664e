"""
What a command line says of the cluster, and what a session keeps of it.

Its rule: nothing secret is kept, and what is kept means the same in every folder.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import Any

_PATHS = ("kubeconfig", "certificate_authority", "client_certificate", "client_key")


@dataclass(frozen=True, slots=True)
class ConfigFlags:
    """What the command line says of the cluster, by kubectl's names; nothing is empty."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    namespace: str = ""
    server: str = ""
    token: str = field(default="", repr=False)
    as_: str = ""
    as_uid: str = ""
    as_group: tuple[str, ...] = ()
    as_user_extra: tuple[str, ...] = ()
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    disable_compression: bool = False
    request_timeout: float = 0.0

    def recordable(self) -> dict[str, Any]:
        """Return what may be kept with a session, for any later folder: never the token."""
        given = {name: value for name, value in asdict(self).items() if value and name != "token"}
        return given | {name: os.path.abspath(given[name]) for name in _PATHS if name in given}
