"""Ways to a server, as a kubeconfig would give them, and clients that wait for nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kubectl_tune.cluster.kubernetes import KubernetesClient


@dataclass
class Tokens:
    """Credentials that can be renewed as often as there are tokens left."""

    tokens: list[str] = field(default_factory=list)
    certificate: tuple[bytes, bytes] | None = None
    asked: int = 0

    def authorization(self) -> str | None:
        self.asked += 1
        return f"Bearer {self.tokens[0]}" if self.tokens else None

    def refresh_after_401(self) -> bool:
        if len(self.tokens) < 2:
            return False
        self.tokens.pop(0)
        return True

    def client_certificate(self) -> tuple[bytes, bytes] | None:
        return self.certificate


@dataclass
class Way:
    server: str
    namespace: str = "lab"
    certificate_authority: bytes | None = None
    insecure: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    impersonation: tuple[tuple[str, str], ...] = ()
    disable_compression: bool = False
    credentials: Tokens = field(default_factory=Tokens)


class Clock:
    """Time that passes only while somebody sleeps, and what it was slept for."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def client(way: Any, clock: Clock | None = None, **more: Any) -> KubernetesClient:
    clock = clock or Clock()
    return KubernetesClient(way, clock=clock, sleep=clock.sleep, jitter=lambda: 0.0, **more)
