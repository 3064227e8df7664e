"""Watches as the fake API server has them: what they tell, in which order, and how they end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from fakecluster import FakeClient, FakeCluster
from fakecluster.samples import config_map, job
from kubectl_tune.cluster import Change, Manifest
from kubectl_tune.errors import Gone, Unreachable


def told(changes: Iterator[Change]) -> list[tuple[str, str]]:
    return [(change.type, change.object["metadata"].get("name", "")) for change in changes]


def label(value: str) -> Manifest:
    return {"metadata": {"labels": {"l": value}}}


class Watching:
    """A watch in a thread of its own, as reflectors have it."""

    def __init__(self, changes: Iterator[Change]) -> None:
        self.seen: list[Change] = []
        self.error: Exception | None = None
        self._changes = changes
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.seen += self._changes
        except Exception as error:  # tests look at it
            self.error = error

    def end(self) -> list[tuple[str, str]]:
        self._thread.join(60)
        assert not self._thread.is_alive()
        return told(iter(self.seen))


def test_a_watch_goes_on_where_the_list_ended(client: FakeClient) -> None:
    """Nothing between a list and its watch is lost, nothing before it comes again."""
    client.create(config_map("before"))
    _, version = client.list("ConfigMap")
    client.create(config_map("after"))
    client.patch("ConfigMap", "before", label("x"))
    client.delete("ConfigMap", "before")

    seen = told(client.watch("ConfigMap", "", version, seconds=0))

    assert seen == [
        ("ADDED", "after"), ("MODIFIED", "before"), ("DELETED", "before"), ("BOOKMARK", ""),
    ]  # fmt: skip


def test_versions_grow(client: FakeClient) -> None:
    """Every change has a greater version, of deletions, too; the bookmark has the last."""
    _, version = client.list("ConfigMap")
    client.create(config_map("a"))
    client.delete("ConfigMap", "a")

    seen = [*client.watch("ConfigMap", "", version, seconds=0)]

    versions = [int(change.object["metadata"]["resourceVersion"]) for change in seen]
    assert versions == sorted(versions)
    assert len(set(versions[:2])) == 2


def test_leaving_the_selection_is_a_deletion(client: FakeClient) -> None:
    """Who watches by labels sees an object come and go with its labels, as it was there."""
    client.create(config_map("m", {"l": "out"}))
    _, version = client.list("ConfigMap")
    for value in ("in", "in", "out"):
        client.patch("ConfigMap", "m", label(value))
    client.patch("ConfigMap", "m", {"metadata": {"annotations": {"a": "1"}}})

    seen = [*client.watch("ConfigMap", "l=in", version, seconds=0)]

    assert told(iter(seen)) == [("ADDED", "m"), ("DELETED", "m"), ("BOOKMARK", "")]
    assert seen[1].object["metadata"]["labels"] == {"l": "in"}


def test_without_a_version_what_is_there_comes_first(client: FakeClient) -> None:
    """A watch from nowhere begins with what there is."""
    client.create(config_map("a"))

    assert told(client.watch("ConfigMap", "", "", seconds=0))[0] == ("ADDED", "a")


def test_a_forgotten_version_is_gone(client: FakeClient, cluster: FakeCluster) -> None:
    """After a compaction only the present can be watched; an open watch goes on."""
    _, version = client.list("ConfigMap")
    open_watch = client.watch("ConfigMap", "", version)
    client.create(config_map("first"))
    assert next(open_watch).type == "ADDED"

    cluster.compact()
    client.create(config_map("second"))

    assert next(open_watch).object["metadata"]["name"] == "second"
    with pytest.raises(Gone, match="too old resource version") as caught:
        next(client.watch("ConfigMap", "", version))
    assert (caught.value.reason, caught.value.code) == ("Expired", 410)
    assert client.watch("ConfigMap", "", client.list("ConfigMap")[1], seconds=0)


def test_changes_arrive_while_waiting(client: FakeClient, cluster: FakeCluster) -> None:
    """A watch sleeps until something happens, and ends when the server drops it."""
    watch = Watching(client.watch("ConfigMap", "", client.list("ConfigMap")[1]))

    client.create(config_map("a"))
    cluster.until(lambda: watch.seen, "the change")
    cluster.bookmark()
    cluster.until(lambda: len(watch.seen) == 2, "the bookmark")
    cluster.drop_watches()

    assert watch.end() == [("ADDED", "a"), ("BOOKMARK", "")]
    assert watch.error is None


def test_nothing_answers_while_the_server_is_down(client: FakeClient, cluster: FakeCluster) -> None:
    """Calls are refused and open watches break, until it is up again with all it had."""
    client.create(config_map("a"))
    watch = Watching(client.watch("ConfigMap", "", client.list("ConfigMap")[1]))

    cluster.api_down()
    watch.end()
    with pytest.raises(Unreachable, match="was refused - did you specify the right host"):
        client.get("ConfigMap", "a")
    cluster.api_up()

    assert isinstance(watch.error, Unreachable)
    assert client.get("ConfigMap", "a")


def test_an_answer_that_is_lost_leaves_its_deed(client: FakeClient, cluster: FakeCluster) -> None:
    """The caller can't know; the object is there, and the next call is answered."""
    cluster.lose_answer("create", "Job")

    with pytest.raises(Unreachable):
        client.create(job("j", suspend=True))

    assert client.get("Job", "j")


def test_errors_can_be_ordered(client: FakeClient, cluster: FakeCluster) -> None:
    """A request that fails on its way does nothing."""
    cluster.fail_next("create", "Job", Unreachable("no route to host"))

    with pytest.raises(Unreachable, match="no route"):
        client.create(job("j", suspend=True))

    assert not client.list("Job")[0]


def test_an_answer_can_be_held_back(client: FakeClient, cluster: FakeCluster) -> None:
    """Others see what was done before the caller hears of it."""
    gate = cluster.hold_answers("create", "ConfigMap")
    heard: list[Manifest] = []
    call = threading.Thread(target=lambda: heard.append(client.create(config_map("a"))))

    call.start()
    cluster.until(lambda: cluster.find("ConfigMap", "a"), "the object")
    assert not heard
    gate.set()
    call.join(60)

    assert heard
