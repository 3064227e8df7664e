"""Sessions as commands use them: find one, find its trials, say how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import NamedTuple

from kubectl_tune.errors import SessionNotFound
from kubectl_tune.lock import Driver as Holder
from kubectl_tune.lock import current_driver
from kubectl_tune.rows import Summary
from kubectl_tune.selection import choose
from kubectl_tune.session import SessionState, Target, session_state
from kubectl_tune.store import Store
from kubectl_tune.suggest import did_you_mean


class Standing(NamedTuple):
    """How a session stands: what the store knows, and whether somebody drives it now."""

    summary: Summary
    driver: Holder | None

    @property
    def state(self) -> SessionState:
        return session_state(
            self.summary.counts,
            driven=self.driver is not None,
            ended=self.summary.ended,
            begun=self.summary.attempts > 0,
        )


def standing(store: Store, name: str) -> Standing:
    return Standing(store.summary(name), current_driver(store.folder(name)))


def needs_look(store: Store, name: str) -> bool:
    """Say whether a cluster may know more of a session than the state file does."""
    if store.info(name).target.engine == "local" or current_driver(store.folder(name)):
        return False
    summary = store.summary(name)
    return not summary.ended and any(
        count for state, count in summary.counts.items() if state.in_flight
    )


# The namespace and the context that -n and --context name: they choose among sessions, and never
# lead one elsewhere.
_among: ContextVar[tuple[str, str]] = ContextVar("among", default=("", ""))


def choose_among(namespace: str, context: str) -> None:
    """Let sessions that aren't named in full be those of a namespace and a context; "" is any."""
    _among.set((namespace, context))


def is_among(target: Target) -> bool:
    namespace, context = _among.get()
    return namespace in ("", target.namespace) and context in ("", target.context)


def find(store: Store, asked: str = "") -> str:
    """Return the session meant by a name, by the beginning of one, or by none: the newest."""
    names = store.names()
    if not names:
        raise SessionNotFound(
            f"no sessions yet in {store.path}", hint="start one with: kubectl tune run PLAN"
        )
    if asked in names:
        return asked
    if any(_among.get()):
        names = _narrowed(store, names)
    return names[0] if asked in ("", "last") else _begun(asked, names)


def _narrowed(store: Store, names: Sequence[str]) -> list[str]:
    among = [name for name in names if is_among(store.info(name).target)]
    if not among:
        named = zip(("namespace", "context"), _among.get(), strict=True)
        raise SessionNotFound(
            f"no sessions of {' and '.join(f'{what} {name}' for what, name in named if name)}",
            hint="kubectl tune list shows them all",
        )
    return among


def _begun(asked: str, names: Sequence[str]) -> str:
    begun = [name for name in names if name.startswith(asked)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        raise SessionNotFound(
            f"{asked} may mean {len(begun)} sessions: {', '.join(begun[:5])}",
            hint="write more of its name",
        )
    raise SessionNotFound(
        f"no session named {asked}",
        hint=did_you_mean(asked, names) or "kubectl tune list shows them all",
    )


def addressed(store: Store, words: Sequence[str]) -> tuple[str, list[str]]:
    """
    Return the session and the trials that a command's words mean.

    `SESSION/TRIAL` is always clear; else an exact session name in front is one, and all
    other words are trials, of the newest session where none is named. No trials: all.
    """
    names = store.names()
    if words and "/" in words[0] and (session := words[0].partition("/")[0]) in names:
        trials = [word.removeprefix(f"{session}/") for word in words]
        return session, choose(trials, store.ids(session))
    if words and words[0] in names:
        return words[0], choose(words[1:], store.ids(words[0]))
    name = find(store)
    return name, choose(words, store.ids(name)) if words else []
