"""
The options that every command takes, as kubectl has them, before or after the command.

What this invocation was given of them is one value, `globals_()`; an option that was
not given has its zero value. These are plain classes: making a dataclass of so many fields
takes longer than all else that `--help` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar

TYPE_CHECKING = False  # typing's own would have to be imported
if TYPE_CHECKING:
    from typing import Any

PREFIX = "global_"  # keeps the parser's names for them apart from a command's own


class Globals:  # noqa: PLW1641 - equal by what was given: there is nothing to hash by
    """One invocation's global options, by the names of their flags."""

    as_: str = ""
    as_group: tuple[str, ...] = ()
    as_uid: str = ""
    as_user_extra: tuple[str, ...] = ()
    cache_dir: str = ""
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    cluster: str = ""
    context: str = ""
    disable_compression: bool = False
    insecure_skip_tls_verify: bool = False
    kubeconfig: str = ""
    namespace: str = ""
    request_timeout: float = 0.0
    server: str = ""
    state: str = ""
    tls_server_name: str = ""
    token: str = ""
    user: str = ""
    v: int = 0
    warnings_as_errors: bool = False

    def __init__(self, **given: Any) -> None:
        for name, value in given.items():
            setattr(self, name, value)

    def __eq__(self, other: object) -> bool:
        names = Globals.__annotations__
        return all(getattr(self, name) == getattr(other, name, None) for name in names)


_SHORT = {"namespace": "n", "server": "s", "v": "v"}
_HELP = {
    "as_": (
        "Username to impersonate for the operation. User could be a regular user or a service "
        "account in a namespace"
    ),
    "as_group": (
        "Group to impersonate for the operation, this flag can be repeated to specify "
        "multiple groups"
    ),
    "as_uid": "UID to impersonate for the operation",
    "as_user_extra": (
        "User extras to impersonate for the operation, this flag can be repeated to specify "
        "multiple values for the same key"
    ),
    "cache_dir": "Default cache directory. For kubectl's sake: nothing is cached",
    "certificate_authority": "Path to a cert file for the certificate authority",
    "client_certificate": "Path to a client certificate file for TLS",
    "client_key": "Path to a client key file for TLS",
    "cluster": "The name of the kubeconfig cluster to use",
    "context": "The name of the kubeconfig context to use",
    "disable_compression": (
        "If true, opt-out of response compression for all requests to the server"
    ),
    "insecure_skip_tls_verify": (
        "If true, the server's certificate will not be checked for validity. This will make "
        "your HTTPS connections insecure"
    ),
    "kubeconfig": "Path to the kubeconfig file to use for CLI requests",
    "namespace": "If present, the namespace scope for this CLI request",
    "request_timeout": (
        "The length of time to wait before giving up on a single server request. Non-zero "
        "values should contain a corresponding time unit (e.g. 1s, 2m, 3h). A value of zero "
        "means don't timeout requests"
    ),
    "server": "The address and port of the Kubernetes API server",
    "state": (
        "Path to the state file that records all sessions ($KUBECTL_TUNE_STATE, then state.db "
        "in the user's state folder, if not given)"
    ),
    "tls_server_name": (
        "Server name to use for server certificate validation. If it is not provided, the "
        "hostname used to contact the server is used"
    ),
    "token": "Bearer token for authentication to the API server",
    "user": "The name of the kubeconfig user to use",
    "v": "Number for the log level verbosity",
    "warnings_as_errors": (
        "Treat warnings received from the server as errors and exit with a non-zero exit code"
    ),
}


class Flag:
    """How a field of `Globals` is written on the command line."""

    __slots__ = ("default", "help", "key", "spellings")

    def __init__(self, key: str, spellings: tuple[str, ...], default: Any, help: str) -> None:
        self.key = key  # the field's name
        self.spellings = spellings
        self.default = default
        self.help = help

    @property
    def valued(self) -> bool:
        return not isinstance(self.default, bool)


def flags() -> Iterator[Flag]:
    """Yield the flag of each field."""
    for key, help in _HELP.items():
        long = f"--{key.rstrip('_').replace('_', '-')}"  # `as` is a word of Python
        short = _SHORT.get(key)
        yield Flag(key, (f"-{short}", long) if short else (long,), getattr(Globals, key), help)


_given: ContextVar[Globals] = ContextVar("globals")


def globals_() -> Globals:
    """Return the global options of this invocation."""
    return _given.get(Globals())


def remember(given: Globals) -> None:
    _given.set(given)
