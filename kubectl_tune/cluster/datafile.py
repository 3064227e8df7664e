"""
What a kubeconfig holds itself, or names a file for: certificates, their keys, tokens.

Its rule: a file is read anew each time, and why it can't be read is said as Go says it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kubectl_tune.errors import ClusterError

Certificate = tuple[bytes, bytes]  # PEM, and the key to it


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A client certificate and its key, each as data or as the path of a file."""

    certificate: bytes | str
    key: bytes | str = field(repr=False)

    def read(self) -> Certificate:
        return contents(self.certificate), contents(self.key)


def contents(source: bytes | str) -> bytes:
    """Return data, or what a file holds."""
    if isinstance(source, bytes):
        return source
    try:
        with open(source, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise ClusterError(f"open {source}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Say what went wrong with a file in Go's words: `no such file or directory`."""
    said = error.strerror if isinstance(error, OSError) else None
    return (said or str(error)).lower()
