"""
The options that every command takes, as kubectl has them, before or after the command.

What this invocation was given of them is one value, `globals_()`; an option that was
not given has its zero value.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from typing import Any

PREFIX = "global_"  # keeps the parser's names for them apart from a command's own


def _flag(default: Any, help: str, *, short: str = "", name: str = "") -> Any:
    return field(default=default, metadata={"help": help, "short": short, "name": name})


@dataclass(frozen=True, slots=True, kw_only=True)
class Globals:
    as_: str = _flag(
        "",
        "Username to impersonate for the operation. User could be a regular user or a service"
        " account in a namespace",
        name="as",
    )
    as_group: tuple[str, ...] = _flag(
        (),
        "Group to impersonate for the operation, this flag can be repeated to specify multiple"
        " groups",
    )
    as_uid: str = _flag("", "UID to impersonate for the operation")
    as_user_extra: tuple[str, ...] = _flag(
        (),
        "User extras to impersonate for the operation, this flag can be repeated to specify"
        " multiple values for the same key",
    )
    cache_dir: str = _flag("", "Cache directory (~/.kube/cache if not given)")
    certificate_authority: str = _flag("", "Path to a cert file for the certificate authority")
    client_certificate: str = _flag("", "Path to a client certificate file for TLS")
    client_key: str = _flag("", "Path to a client key file for TLS")
    cluster: str = _flag("", "The name of the kubeconfig cluster to use")
    context: str = _flag("", "The name of the kubeconfig context to use")
    disable_compression: bool = _flag(
        False, "If true, opt-out of response compression for all requests to the server"
    )
    insecure_skip_tls_verify: bool = _flag(
        False,
        "If true, the server's certificate will not be checked for validity. This will make your"
        " HTTPS connections insecure",
    )
    kubeconfig: str = _flag("", "Path to the kubeconfig file to use for CLI requests")
    namespace: str = _flag("", "The namespace scope for this CLI request", short="n")
    request_timeout: float = _flag(
        0.0,
        "The length of time to wait before giving up on a single server request. Non-zero values"
        " can have a time unit (e.g. 1s, 2m, 3h). A value of zero means don't time out requests",
    )
    server: str = _flag("", "The address and port of the Kubernetes API server", short="s")
    state: str = _flag(
        "",
        "Path to the state file that records all sessions ($KUBECTL_TUNE_STATE, then state.db in"
        " the user's state folder, if not given)",
    )
    tls_server_name: str = _flag(
        "",
        "Server name to use for server certificate validation. If it is not provided, the hostname"
        " used to contact the server is used",
    )
    token: str = _flag("", "Bearer token for authentication to the API server")
    user: str = _flag("", "The name of the kubeconfig user to use")
    v: int = _flag(0, "Number for the log level verbosity", short="v")
    warnings_as_errors: bool = _flag(
        False,
        "Treat warnings received from the server as errors and exit with a non-zero exit code",
    )


@dataclass(frozen=True, slots=True)
class Flag:
    key: str  # the field of Globals
    spellings: tuple[str, ...]
    default: Any
    help: str

    @property
    def valued(self) -> bool:
        return not isinstance(self.default, bool)


def flags() -> Iterator[Flag]:
    """Say how each field of `Globals` is written on the command line."""
    for each in fields(Globals):
        long = each.metadata["name"] or each.name.replace("_", "-")
        short = each.metadata["short"]
        spellings = (f"-{short}", f"--{long}") if short else (f"--{long}",)
        yield Flag(each.name, spellings, each.default, each.metadata["help"])


_given: ContextVar[Globals] = ContextVar("globals")


def globals_() -> Globals:
    """Return the global options of this invocation."""
    return _given.get(Globals())


def remember(given: Globals) -> None:
    _given.set(given)
