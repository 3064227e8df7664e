"""
What a command line says of the cluster, and what a session keeps of it.

Its rule: nothing secret is kept, and what is kept means the same in every folder and to every
version.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from kubectl_tune.cluster.shape import shaped
from kubectl_tune.errors import StoreError

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
        """Return what may be kept as JSON, for any later folder: never the token."""
        given = {name: value for name, value in asdict(self).items() if value and name != "token"}
        if self.server:
            given["server"] = without_login(self.server)
        lists = {name: list(value) for name, value in given.items() if isinstance(value, tuple)}
        paths = {name: os.path.abspath(given[name]) for name in _PATHS if name in given}
        return given | lists | paths

    @classmethod
    def from_recorded(cls, recorded: Mapping[str, Any]) -> Self:
        """
        Read what was kept as JSON, maybe by a later version: what nobody knows yet is ignored.

        Raises `StoreError` for values that no version would write.
        """
        shape = {
            each.name: [str] if each.default == () else type(each.default)
            for each in fields(cls)
            if each.name != "token"
        }
        faults: list[str] = []
        kept = shaped(recorded, shape, "kube", faults)
        if faults:
            raise StoreError("; ".join(faults))
        lists = {name: tuple(value) for name, value in kept.items() if isinstance(value, list)}
        return cls(**kept | lists)


def without_login(server: str) -> str:
    """Return a server's URL without the name and password in it, which would be shown and kept."""
    return re.sub(r"^([a-zA-Z][a-zA-Z0-9+.-]*://)?[^/?#]*@", r"\1", server)
