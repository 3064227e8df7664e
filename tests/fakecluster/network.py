"""The way to the API server, and what a test lets go wrong on it."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable

from kubectl_tune.errors import ClusterError

from . import answers

Request = tuple[str, str]  # a verb and a kind, as requests are counted


class Network:
    def __init__(self, changed: Callable[[], None]) -> None:
        self.up = True
        self.wires = 0  # grows whenever open watches are cut
        self.bookmarks = 0  # grows whenever open watches are to be told where they are
        self._changed = changed
        self._errors: dict[Request, list[ClusterError]] = defaultdict(list)
        self._lost: dict[Request, int] = defaultdict(int)
        self._gates: dict[Request, threading.Event] = {}

    def going(self, verb: str, what: str, server: str) -> None:
        """A request is on its way: what it fails by never reaches the server."""
        self.check(server)
        if errors := self._errors[verb, what]:
            raise errors.pop(0)

    def coming(self, verb: str, what: str, server: str) -> None:
        """An answer is on its way: it was done, whatever is heard of it."""
        if gate := self._gates.get((verb, what)):
            gate.wait()
        self.check(server)
        if self._lost[verb, what]:
            self._lost[verb, what] -= 1
            raise answers.no_answer(server)

    def check(self, server: str) -> None:
        if not self.up:
            raise answers.connection_refused(server)

    def switch(self, up: bool) -> None:
        self.up = up
        self.cut()

    def cut(self) -> None:
        self.wires += 1
        self._changed()

    def mark(self) -> None:
        self.bookmarks += 1
        self._changed()

    def fail(self, verb: str, kind: str, *errors: ClusterError) -> None:
        self._errors[verb, kind] += errors

    def lose(self, verb: str, kind: str, times: int) -> None:
        self._lost[verb, kind] += times

    def hold(self, verb: str, kind: str) -> threading.Event:
        return self._gates.setdefault((verb, kind), threading.Event())

    def open(self) -> None:
        """Let go whatever is held."""
        for gate in self._gates.values():
            gate.set()
