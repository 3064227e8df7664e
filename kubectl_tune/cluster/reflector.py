"""
What a cluster holds of one kind, followed through everything that ends watches.

Its rule: a watch is trusted only as far as the last list. What a list no longer has is said to
be deleted, what has changed in between is said too, and nothing is said of what is as it was.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from kubectl_tune.cluster import Change, ClusterClient, Manifest
from kubectl_tune.errors import ClusterError, Forbidden, Gone, Unauthorized

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
WATCH_SECONDS = (240, 300)  # spread, so that not all watches end at once
LIST_SECONDS = (300.0, 600.0)  # after which a new list checks what watches have told
ASLEEP = 30.0  # seconds that the clock on the wall has gained: the machine has slept
SHORT = 2.0  # seconds of a watch that hardly began
LONG = 20.0  # of one that was cut, or kept from us by a proxy; connecting takes less
MUTE = 3  # watches in a row that told nothing, not even a bookmark: they don't work here
POLL_SECONDS = 10.0
POLLS = 60  # lists, before watching is tried again


class Reflector:
    """
    Follow the objects of a kind that a label selector finds, in a thread of its own.

    `deliver` is called in that thread and should only pass changes on. `error` is what has ended
    it, for its owner to raise; `trouble` what keeps it from knowing more now, "" for nothing.
    """

    def __init__(
        self,
        client: ClusterClient,
        kind: str,
        selector: str,
        *,
        deliver: Callable[[Change], object],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self.error: Exception | None = None
        self.trouble = ""
        self._client = client
        self._kind = kind
        self._selector = selector
        self._deliver = deliver
        self._clock = clock
        self._wall = wall
        self._closed = threading.Event()
        self._pause = pause or self._closed.wait
        self._known: dict[str, Manifest] = {}
        self._version: str | None = None  # where to watch from; None asks for a list
        self._due = 0.0  # when the next list is
        self._ahead = 0.0  # of the wall's clock, when last looked
        self._failures = 0  # in a row
        self._mute = 0  # watches in a row that told nothing
        self._open: Iterator[Change] | None = None

    def start(self) -> list[Manifest]:
        """Return what there is, and follow from there; errors of this first list are raised."""
        self._slept()
        self._list()
        there = list(self._known.values())
        threading.Thread(target=self._follow, name=f"watch {self._kind}", daemon=True).start()
        return there

    def close(self) -> None:
        self._closed.set()
        _close(self._open)

    # The thread

    def _follow(self) -> None:
        while not self._closed.is_set():
            try:
                self._turn()
            except (Forbidden, Unauthorized) as error:  # time won't mend these
                self._end(error)
            except Gone:
                self._version = None
                self._fail(at_once=not self._failures)
            except ClusterError as error:
                self._tell_trouble(error)
            except Exception as error:  # a bug of ours, which nobody would see in this thread
                self._end(error)

    def _turn(self) -> None:
        if self._slept() or self._version is None or self._clock() >= self._due:
            for change in self._list():
                self._deliver(change)
        elif self._mute >= MUTE + POLLS:
            self._mute = MUTE - 1  # once more: proxies come and go with networks
        elif self._mute >= MUTE:
            self._mute += 1
            self._version = None
            self._pause(POLL_SECONDS)
        else:
            self._watch()

    def _list(self) -> list[Change]:
        """List, and return what differs from what was known."""
        items, self._version = self._client.list(self._kind, self._selector)
        found = {_key(item): item for item in items}
        changes = list(differences(self._known, found))
        self._known = found
        self._due = self._clock() + random.uniform(*LIST_SECONDS)
        self.trouble = ""
        return changes

    def _watch(self) -> None:
        began = self._clock()
        told = ended = False
        try:
            for change in self._changes():
                told = True
                self._take(change)
                if self._closed.is_set():
                    return
                if self._slept():
                    self._version = None
                    return
            ended = True
        finally:
            _close(self._open)
            lasted = self._clock() - began
            self._judge(told, lasted, worked=ended or lasted >= LONG)
        if lasted < SHORT:
            self._fail()

    def _changes(self) -> Iterator[Change]:
        seconds = random.randint(*WATCH_SECONDS)
        version = self._version or ""
        self._open = self._client.watch(self._kind, self._selector, version, seconds=seconds)
        if self._closed.is_set():  # by somebody who hasn't seen this one open
            return
        self.trouble = ""
        yield from self._open

    def _judge(self, told: bool, lasted: float, *, worked: bool) -> None:
        if told:
            self._mute = 0
        elif worked:  # it was open, and yet nothing came: whatever it kept, a list has
            self._mute += 1
            self._version = None
        if told or lasted >= LONG:
            self._failures = 0

    def _take(self, change: Change) -> None:
        meta = change.object.get("metadata") or {}
        self._version = meta.get("resourceVersion") or self._version
        if change.type == "BOOKMARK":
            return
        if change.type == "DELETED":
            self._known.pop(_key(change.object), None)
        else:
            self._known[_key(change.object)] = change.object
        self._deliver(change)

    # What goes wrong

    def _end(self, error: Exception) -> None:
        if not self._closed.is_set():
            self.error = error
            self.trouble = str(error)
            self._closed.set()

    def _tell_trouble(self, error: ClusterError) -> None:
        if not self._closed.is_set():
            self.trouble = str(error)
            self._fail()

    def _fail(self, *, at_once: bool = False) -> None:
        """Wait longer from time to time; from the second failure on, list before watching."""
        self._failures += 1
        if self._failures > 1:
            self._version = None
        if not at_once:
            longest = min(FIRST_PAUSE * 2 ** min(self._failures - 1, 10), LONGEST_PAUSE)
            self._pause(longest * random.uniform(0.5, 1))

    def _slept(self) -> bool:
        """Say whether the machine has slept since this was last asked."""
        ahead, before = self._wall() - self._clock(), self._ahead
        self._ahead = ahead
        return ahead - before > ASLEEP


def differences(before: dict[str, Manifest], now: dict[str, Manifest]) -> Iterator[Change]:
    """Yield what must have happened between two lists, by key; deletions come first."""
    yield from (Change("DELETED", before[key]) for key in before.keys() - now.keys())
    for key, item in now.items():
        if key not in before:
            yield Change("ADDED", item)
        elif _version(item) != _version(before[key]):
            yield Change("MODIFIED", item)


def _key(item: Manifest) -> str:
    """An object made anew under an old name is another one."""
    meta = item["metadata"]
    return str(meta.get("uid") or meta["name"])


def _version(item: Manifest) -> object:
    return item["metadata"].get("resourceVersion")


def _close(changes: Iterator[Change] | None) -> None:
    with suppress(ValueError):  # a generator that another thread runs; it sees to its own end
        if close := getattr(changes, "close", None):
            close()
