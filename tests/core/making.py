"""Trials, sessions and stores for tests, with what a test doesn't say left as users leave it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubectl_tune.session import Policy, Session, SessionInfo, Target
from kubectl_tune.store import Store
from kubectl_tune.trial import TrialSpec

PLAIN = Policy()


def specs(count: int, **common: Any) -> list[TrialSpec]:
    """Trials t0, t1, ... as a store has them: with slugs and hashes."""
    return [
        TrialSpec(f"t{i}", i, {"x": i}, **common).named(f"t{i}", f"hash{i}") for i in range(count)
    ]


def info(
    name: str = "demo",
    *,
    policy: Policy = PLAIN,
    workdir: str | Path = "/w",
    command: Sequence[str] = ("true",),
    **more: Any,
) -> SessionInfo:
    more = {"uid": "bcdfg", "plan": "plan.jsonl", "created": 1.0} | more
    target = Target("local", workdir=str(workdir))
    return SessionInfo(name, target=target, policy=policy, command=tuple(command), **more)


def session(count: int = 3, **policy: Any) -> Session:
    return Session.of(info(policy=Policy(**policy), total=count), specs(count))


@contextmanager
def opened(path: Path) -> Iterator[Store]:
    store = Store.open(path)
    try:
        yield store
    finally:
        store.close()
