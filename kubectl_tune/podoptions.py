"""
How the pods of a session are made: plain values, as the options of `run` give them.

They are kept with the session, in `SessionInfo.extra["pod"]`, so that a resumed session makes
the same pods. Units and formats are those of Kubernetes manifests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from kubectl_tune.session import SessionInfo

STOCK_IMAGE = "python:3.11"
DAY = 86400
KEPT = ("failed", "all", "none")  # which ended Jobs may stay


@dataclass(frozen=True, slots=True)
class PodOptions:
    image: str = STOCK_IMAGE
    cpu: str = ""  # requested; "" is 500m, with a limit of 2000m
    memory: str = ""  # requested and the limit; "" is 512Mi, with a limit of 2Gi
    gpus: int = 0  # of nvidia.com/gpu
    env: Mapping[str, str] = field(default_factory=dict)
    secret_env: tuple[str, ...] = ()  # SECRET, all of its keys; or NAME=SECRET/KEY
    volumes: tuple[str, ...] = ()  # CLAIM:/path, or CLAIM:/path:ro
    service_account: str = ""
    image_pull_secrets: tuple[str, ...] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[str, ...] = ()  # KEY[=VALUE][:EFFECT], as kubectl taint has them
    priority_class: str = ""
    queue: str = ""  # Kueue's LocalQueue
    labels: Mapping[str, str] = field(default_factory=dict)
    run_as_user: int | None = None
    template: Mapping[str, Any] = field(default_factory=dict)  # a pod template, merged over ours
    agent: bool = True
    sync: str = ""  # a folder to take along, absolute
    keep: str = "failed"  # which ended Jobs stay: one of KEPT
    ttl: int | None = None  # seconds until the cluster removes an ended Job by itself
    pending_timeout: float = 600.0  # seconds that an attempt may wait for its pod to run

    def lasting(self, *, detached: bool) -> PodOptions:
        """Say how long ended Jobs stay where nothing was said: longer if nobody waits for them."""
        return self if self.ttl is not None else replace(self, ttl=7 * DAY if detached else DAY)

    def as_json(self) -> dict[str, Any]:
        """What differs from the defaults."""
        plain = PodOptions()
        return {key: value for key, value in asdict(self).items() if value != getattr(plain, key)}


def pod_options(info: SessionInfo) -> PodOptions:
    """Return a session's pod options, with a TTL; keys of a later version are left alone."""
    known = {each.name for each in fields(PodOptions)}
    given = {key: _value(value) for key, value in info.extra.get("pod", {}).items()}
    options = PodOptions(**{key: value for key, value in given.items() if key in known})
    return options.lasting(detached=False)


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
