"""
The way to the API server: TLS, proxies, who we say we are, and what it means when it fails.

Its rule: nothing of a credential stays on disk, and nothing goes where kubectl wouldn't send it.
"""

from __future__ import annotations

import base64
import ipaddress
import platform
import ssl
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from urllib3 import exceptions

from kubectl_tune import __version__
from kubectl_tune.cluster import retrying
from kubectl_tune.cluster.retrying import Trouble
from kubectl_tune.errors import ClusterError, Unreachable

_SYSTEMS = {"win32": "windows"}
_MACHINES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}
# What OpenSSL says of certificates (its verify codes), in Go's words.
_UNTRUSTED = {18, 19, 20, 21}
_EXPIRED = {9, 10}
_MISNAMED = {62, 64}


def user_agent() -> str:
    machine = platform.machine()
    system = _SYSTEMS.get(sys.platform, sys.platform)
    return f"kubectl-tune/{__version__} ({system}/{_MACHINES.get(machine, machine)})"


def header(value: str) -> str:
    """Return a header's value as it goes over the wire: UTF-8, and nothing of another header."""
    if not value.isprintable():  # the value may be a token, so the message doesn't hold it
        raise ClusterError(
            "net/http: invalid header field value",
            hint="look for line breaks in the token, and in the names to act as (--as)",
        )
    return value.encode().decode("latin-1")


def proxy_for(
    server: str, given: str, environment: Mapping[str, str], bypassed: Callable[[str, str], bool]
) -> str:
    """
    Return the proxy on the way to a server, "" for none.

    A kubeconfig's own (`given`) always counts; the environment's never for this machine itself,
    nor where NO_PROXY names the server.
    """
    if given:
        return given
    found = {name.lower(): value for name, value in environment.items() if value}
    address = urlsplit(server)
    proxy = found.get(f"{address.scheme}_proxy", "")
    if not proxy or _local(address.hostname or "") or bypassed(server, found.get("no_proxy", "")):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def proxy_headers(proxy: str) -> dict[str, str]:
    """Return what a proxy whose address holds a name and a password is to be told."""
    address = urlsplit(proxy)
    if address.username is None:
        return {}
    said = f"{unquote(address.username)}:{unquote(address.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(said.encode()).decode()}


def _local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def unusable(proxy: str) -> ClusterError:
    address = urlsplit(proxy)  # which may hold a password
    return ClusterError(
        f"the proxy {address.scheme}://{address.hostname or ''} can't be used",
        hint="name one of http:// or https://; those of socks5:// need: pip install PySocks",
    )


def tls(
    authority: bytes | None, certificate: tuple[bytes, bytes] | None, *, insecure: bool
) -> ssl.SSLContext:
    """Trust the given authority (PEM), or those of this machine; show the certificate, if any."""
    try:
        context = ssl.create_default_context(
            cadata=authority.decode("ascii", "replace") if authority else None
        )
    except ssl.SSLError as error:
        raise ClusterError(
            "unable to load root certificates: unable to parse bytes as PEM block",
            hint="certificate-authority of this cluster in the kubeconfig must be PEM",
        ) from error
    # Since 3.13 Python asks more of authorities than Go does, and many clusters' own lack it.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate:
        _show(context, *certificate)
    return context


def _show(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    # OpenSSL reads them from files only. They are gone again before anything is sent.
    with tempfile.TemporaryDirectory(prefix="kubectl-tune-") as folder:
        paths = Path(folder, "certificate"), Path(folder, "key")
        for path, data in zip(paths, (certificate, key), strict=True):
            path.write_bytes(data)
        try:
            context.load_cert_chain(*paths, password="")  # never asked for on the terminal
        except ssl.SSLError as error:
            raise ClusterError(
                f"tls: the client certificate and its key can't be used: {_reason(error)}",
                hint="look at client-certificate and client-key of this user in the kubeconfig",
            ) from error


class Lost(NamedTuple):
    """A request without an answer."""

    trouble: Trouble | None  # None where sending it again is no use
    error: Unreachable


def lost(error: BaseException, server: str, *, timeout: float = 0.0) -> Lost:
    """Say what became of a request that an exception of urllib3 ended, in kubectl's words."""
    host = urlsplit(server).netloc
    match error:
        case exceptions.ProxyError():
            return _unheard(f"proxyconnect tcp: {_cause(error)}")
        case exceptions.NameResolutionError():
            return _unheard(f"dial tcp: lookup {urlsplit(server).hostname}: no such host")
        case exceptions.NewConnectionError() if _refused(error):
            said = f"The connection to the server {host} was refused"
            text = f"{said} - did you specify the right host or port?"
            return Lost(retrying.UNHEARD, Unreachable(text))
        case exceptions.NewConnectionError():
            return _unheard(f"dial tcp {host}: {_cause(error)}")
        case exceptions.ConnectTimeoutError():
            return _unheard(f"dial tcp {host}: i/o timeout")
        case exceptions.TimeoutError():
            within = f" within {timeout:g}s" if timeout else ""
            return _unable(f"{host} sent no answer{within}", retrying.SILENT)
        case exceptions.SSLError():
            return _untrusted(error, server)
    return _unable(f"{host}: {_cause(error)}", retrying.CUT)


def _unable(why: str, trouble: Trouble | None, hint: str = "") -> Lost:
    return Lost(trouble, Unreachable(f"Unable to connect to the server: {why}", hint=hint))


def _unheard(why: str) -> Lost:
    return _unable(why, retrying.UNHEARD)


def _refused(error: BaseException) -> bool:
    return isinstance(_root(error), ConnectionRefusedError)


def _untrusted(error: BaseException, server: str) -> Lost:
    root = _root(error)
    if isinstance(root, ssl.SSLCertVerificationError):
        why, hint = _certificate(root, urlsplit(server).hostname or "")
        return _unable(f"tls: failed to verify certificate: x509: {why}", None, hint)
    reason = _reason(root)
    if reason in ("wrong version number", "http request", "record layer failure"):
        why = "tls: first record does not look like a TLS handshake"
        return _unable(why, None, "does this server want http:// instead of https://?")
    if "alert" in reason:  # it has heard us, and won't: as where a client certificate is asked for
        return _unable(f"remote error: tls: {reason}", None)
    return _unable(f"tls: {reason}", retrying.CUT)


def _certificate(error: ssl.SSLCertVerificationError, host: str) -> tuple[str, str]:
    said, code = error.verify_message, error.verify_code
    if code in _UNTRUSTED:
        hint = "compare certificate-authority of this cluster in the kubeconfig with the server's"
        return f"certificate signed by unknown authority ({said})", hint
    if code in _EXPIRED:
        return f"certificate has expired or is not yet valid ({said})", "compare the clocks"
    if code in _MISNAMED:
        hint = "name the one it is for: --tls-server-name NAME"
        return f"certificate is not valid for {host} ({said})", hint
    return said, ""


def _reason(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return reason.replace("_", " ").lower() if isinstance(reason, str) else str(error)


def _cause(error: BaseException) -> str:
    root = _root(error)
    if isinstance(root, OSError) and root.strerror:
        return root.strerror.lower()
    return " ".join(str(root).split()) or type(root).__name__


def _root(error: BaseException) -> BaseException:
    """Return what an exception was made of, through causes and arguments."""
    while True:
        inner = error.__cause__ or next(
            (each for each in error.args if isinstance(each, BaseException)), None
        )
        if inner is None:
            return error
        error = inner
