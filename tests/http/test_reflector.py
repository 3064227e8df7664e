"""A reflector against a server that drops, forgets, refuses and falls silent."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from kubectl_tune.cluster import Change
from kubectl_tune.cluster.reflector import MUTE, POLL_SECONDS, POLLS, Reflector, differences
from kubectl_tune.errors import Forbidden, Unauthorized
from tests.http.server import CUT, ApiServer, Reply, line, refused, stream
from tests.http.ways import Clock, Way, client

PODS = "/api/v1/namespaces/lab/pods"


def pod(name: str, version: str, uid: str = "") -> dict[str, object]:
    meta = {"name": name, "resourceVersion": version, "uid": uid or name}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta}


def listed(version: str, *pods: object) -> Reply:
    return Reply(body={"metadata": {"resourceVersion": version}, "items": list(pods)})


def told(type: str, name: str, version: str) -> bytes:
    return line(type, name=name, resourceVersion=version, uid=name)


class Watched:
    """A reflector of pods, whose waits take no time, and what it has told."""

    def __init__(self, api: ApiServer, stack: ExitStack) -> None:
        self.api = api
        self.clock = Clock()
        self.wall = 0.0  # ahead of the clock
        self.parked = threading.Event()
        self._changes: queue.SimpleQueue[Change] = queue.SimpleQueue()
        kube = client(Way(api.url))
        self.reflector = Reflector(
            kube, "Pod", "a=b", deliver=self._changes.put, clock=self.clock,
            wall=lambda: self.clock.now + self.wall, pause=self.clock.sleep,
        )  # fmt: skip
        stack.callback(kube.close)
        stack.callback(self.reflector.close)
        stack.callback(self.parked.set)

    def given(self, *replies: Reply) -> None:
        """Write down all answers; the last is a watch that stays open."""
        self.api.on("GET", PODS, *replies, stream(then=self.parked))

    def next(self, number: int = 1) -> list[tuple[str, str, str]]:
        changes = [self._changes.get(timeout=60) for _ in range(number)]
        metas = [(each.type, each.object["metadata"]) for each in changes]
        return [(type, meta["name"], meta["resourceVersion"]) for type, meta in metas]

    def asked(self) -> list[str]:
        """What it has asked for: lists, and watches from where."""
        return [
            f"watch {each.value('resourceVersion')}" if each.value("watch") else "list"
            for each in self.api.heard
        ]

    def settled(self, number: int) -> list[str]:
        self.api.wait_for(number)
        return self.asked()


@pytest.fixture
def watched(api: ApiServer) -> Iterator[Watched]:
    with ExitStack() as stack:
        yield Watched(api, stack)


def finished(condition: Callable[[], object]) -> None:
    """Wait until something holds, for as long as a slow machine may take."""
    waiting = threading.Event()
    for _ in range(2000):
        if condition():
            return
        waiting.wait(0.01)
    raise AssertionError("it never came to hold")


def test_it_begins_with_what_there_is_and_goes_on_from_there(watched):
    """
    What `start` returns isn't told again, and nothing between list and watch is missed.
    """
    changes = stream(told("ADDED", "y", "6") + told("DELETED", "x", "7"), then=watched.parked)
    watched.given(listed("5", pod("x", "3")), changes)

    assert watched.reflector.start() == [pod("x", "3")]

    assert watched.next(2) == [("ADDED", "y", "6"), ("DELETED", "x", "7")]
    assert watched.asked() == ["list", "watch 5"]
    assert {each.value("labelSelector") for each in watched.api.heard} == {"a=b"}
    assert watched.api.heard[1].value("allowWatchBookmarks") == "true"
    assert 240 <= int(watched.api.heard[1].value("timeoutSeconds")) <= 300


@pytest.mark.parametrize(
    ("reply", "error"),
    [(refused(403, "Forbidden"), Forbidden), (refused(401, "Unauthorized"), Unauthorized)],
    ids=["forbidden", "unauthorized"],
)
def test_errors_of_the_first_list_are_raised(watched, reply, error):
    """
    Whoever starts hears at once that it can't work.
    """
    watched.given(reply)

    with pytest.raises(error):
        watched.reflector.start()


@pytest.mark.parametrize("cut", [False, True], ids=["ended", "lost in the middle of a line"])
def test_a_watch_that_ends_is_taken_up_where_it_was(watched, cut):
    """
    From the last version told, bookmarks included: nothing is lost, nothing comes twice.
    """
    tail = told("ADDED", "z", "9")[:20] if cut else b""
    watched.given(
        listed("5"),
        stream(told("ADDED", "x", "6") + line("BOOKMARK", resourceVersion="8") + tail, cut=cut),
        stream(told("ADDED", "z", "9"), then=watched.parked),
    )

    watched.reflector.start()

    assert watched.next(2) == [("ADDED", "x", "6"), ("ADDED", "z", "9")]
    assert watched.asked() == ["list", "watch 5", "watch 8"]


GONE = b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n'


@pytest.mark.parametrize("gone", [refused(410, "Expired"), stream(GONE)], ids=["status", "event"])
def test_what_was_missed_is_found_by_a_list(watched, gone):
    """
    Missing objects are told as deleted, as they last were; what is as it was isn't told.
    """
    watched.given(
        listed("5", pod("same", "1"), pod("changed", "2"), pod("gone", "3"), pod("again", "4")),
        gone,
        listed("50", pod("same", "1"), pod("changed", "20"), pod("again", "40", "other"),
               pod("new", "41")),
    )  # fmt: skip

    watched.reflector.start()

    assert set(watched.next(5)) == {
        ("DELETED", "gone", "3"),
        ("DELETED", "again", "4"),
        ("ADDED", "again", "40"),
        ("MODIFIED", "changed", "20"),
        ("ADDED", "new", "41"),
    }
    assert watched.settled(4)[2:] == ["list", "watch 50"]


def test_a_place_that_is_always_too_old_is_no_hot_loop(watched):
    """
    The first 410 is answered at once, those that follow after growing waits.
    """
    watched.given(*[listed("5"), refused(410, "Expired")] * 6, listed("5"))

    watched.reflector.start()

    watched.settled(14)
    assert len(watched.clock.slept) == 5
    assert watched.clock.slept[-1] > watched.clock.slept[0]


def test_watches_that_close_at_once_are_no_hot_loop(watched):
    """
    Even where each tells something.
    """
    events = [stream(told("MODIFIED", "x", str(n))) for n in range(10, 20)]
    watched.given(listed("5"), *[reply for each in events for reply in (each, listed("5"))])

    watched.reflector.start()

    finished(lambda: len(watched.clock.slept) >= 5)
    assert sum(watched.clock.slept) > 3


@pytest.mark.parametrize(
    "trouble",
    [
        refused(500, "InternalError"),
        refused(503, "ServiceUnavailable"),
        refused(429, "TooManyRequests"),
        CUT,
        Reply(200, pieces=lambda: [b"<html>log in</html>\n"]),
        Reply(200, pieces=lambda: [b'{"type": "ADDED", "object": {"kind": "Pod"}}\n']),
    ],
    ids=["500", "503", "429", "cut", "no watch", "nameless"],
)
def test_other_errors_are_borne_for_ever(watched, trouble):
    """
    It goes on after waits of up to 30 s, and meanwhile says what the trouble is.
    """
    troubles: list[str] = []
    watched.reflector._pause = lambda seconds: (
        watched.clock.sleep(seconds), troubles.append(watched.reflector.trouble)
    )  # fmt: skip
    down = [refused(500, "InternalError", "etcd")] * 4
    watched.given(
        listed("5"), trouble, trouble, *down * 8,
        listed("5"), stream(told("ADDED", "x", "6"), then=watched.parked),
    )  # fmt: skip

    watched.reflector.start()

    assert watched.next() == [("ADDED", "x", "6")]
    assert troubles[0] != ""
    assert 15 <= max(watched.clock.slept) <= 30
    assert "etcd" in troubles[-1]
    assert watched.reflector.trouble == ""
    assert watched.reflector.error is None


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refused(403, "Forbidden", "no more"), Forbidden),
        (refused(401, "Unauthorized"), Unauthorized),
    ],
    ids=["forbidden", "unauthorized"],
)
def test_lost_rights_are_told_to_the_owner(watched, reply, error):
    """
    Time won't mend them, so it ends and keeps the error for its owner to raise.
    """
    watched.given(listed("5"), reply)

    watched.reflector.start()

    finished(lambda: watched.reflector.error)
    assert isinstance(watched.reflector.error, error)
    assert watched.clock.slept == []
    assert watched.asked() == ["list", "watch 5"]


def test_a_bug_in_its_thread_is_not_silent(watched):
    """
    Nobody looks at threads: what can't be explained is kept for the owner too.
    """
    watched.reflector._deliver = lambda change: 1 / 0
    watched.given(listed("5"), stream(told("ADDED", "x", "6")))

    watched.reflector.start()

    finished(lambda: watched.reflector.error)
    assert isinstance(watched.reflector.error, ZeroDivisionError)


def test_a_list_checks_now_and_then(watched):
    """
    Ten minutes later all is listed again, however well the watch seems to work.
    """
    watched.given(
        listed("5", pod("x", "1")),
        stream(line("BOOKMARK", resourceVersion="6")),
        listed("7"),
    )
    watched.reflector._pause = lambda seconds: watched.clock.sleep(600)

    watched.reflector.start()

    assert watched.next() == [("DELETED", "x", "1")]


def test_after_a_sleep_of_the_machine_all_is_listed(watched):
    """
    A wall clock that has run ahead of the other says that nobody watched.
    """
    more = threading.Event()

    def pieces():
        yield told("ADDED", "x", "6")
        more.wait(60)
        yield line("BOOKMARK", resourceVersion="7")
        watched.parked.wait(60)

    watched.given(listed("5"), Reply(pieces=pieces), listed("9"))

    watched.reflector.start()
    watched.next()
    watched.wall = 3600.0
    more.set()

    assert watched.next() == [("DELETED", "x", "6")]
    assert watched.settled(4) == ["list", "watch 5", "list", "watch 9"]


def test_where_watches_tell_nothing_it_lists_instead(watched):
    """
    A proxy that keeps or cuts streams costs ten seconds of freshness, not the session.
    """
    lists = [listed(str(n), pod("x", str(n))) for n in range(10, 16)]
    mute = stream()
    watched.given(lists[0], mute, lists[1], mute, lists[2], mute, *lists[3:], listed("99"))

    watched.reflector.start()

    assert watched.next(6) == [("MODIFIED", "x", str(n)) for n in range(11, 16)] + [
        ("DELETED", "x", "15")
    ]
    assert watched.clock.slept.count(POLL_SECONDS) >= 3
    assert watched.asked()[6:] == ["list"] * len(watched.asked()[6:])


def test_watching_is_tried_again_after_a_while(watched):
    """
    Networks change: ten minutes of lists later a watch may work.
    """
    lists = [listed(str(n)) for n in range(POLLS + 1)]
    mute = [listed("0"), stream()] * MUTE
    watched.given(*mute, *lists, stream(told("ADDED", "x", "99"), then=watched.parked))

    watched.reflector.start()

    assert watched.next() == [("ADDED", "x", "99")]
    assert watched.asked()[-1].startswith("watch")


def test_a_second_failure_asks_for_a_list(watched):
    """
    Who knows what became of a server that was away; one lost connection is no such thing.
    """
    watched.given(listed("5"), CUT, CUT, listed("7"))

    watched.reflector.start()

    assert watched.settled(5) == ["list", "watch 5", "watch 5", "list", "watch 7"]


def test_closing_ends_it_while_it_waits_for_a_change(watched):
    """
    The open answer is closed with it, and its end is no trouble.
    """
    watched.given(listed("5"))
    watched.reflector.start()
    watched.settled(2)
    thread = next(t for t in threading.enumerate() if t.name == "watch Pod")

    watched.reflector.close()

    thread.join(60)
    assert not thread.is_alive()
    assert watched.reflector.error is None
    assert watched.reflector.trouble == ""


def test_differences_tell_deletions_first():
    """
    A name is free before it is taken again.
    """
    before = {"1": pod("x", "1", "1")}
    now = {"2": pod("x", "9", "2")}

    assert list(differences(before, now)) == [
        Change("DELETED", before["1"]),
        Change("ADDED", now["2"]),
    ]
