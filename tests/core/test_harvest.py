"""Taking home logs and records: what is whole is kept, and nobody is blamed for what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_tune import agent
from kubectl_tune.errors import ClusterError, Forbidden, NotFound, Unreachable
from kubectl_tune.harvest import Harvester, Source, last_object

RESULT = '{"m": 1}'
ENDED = {"code": 0, "why": "exit", "detail": "", "started": 1.0, "at": 2.0, "result": RESULT}


def log(attempt: int = 1) -> bytes:
    """A log with a record in it, as it is served."""
    lines = [b"out\n", *agent.block(ENDED, attempt, "nonce")]
    return b"".join(b"2026-11-24T12:00:00.0Z " + line for line in lines)


class Logs:
    """A client that serves one log after the other; an error is raised, the last one stays."""

    def __init__(self, *served: bytes | ClusterError) -> None:
        self.served = list(served)
        self.asked = 0

    def logs(self, request):
        self.asked += 1
        found = self.served.pop(0) if len(self.served) > 1 else self.served[0]
        if isinstance(found, ClusterError):
            raise found
        return iter([found])


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source("pod", 1, "nonce", tmp_path / "t0.1.log")


def take(client, source: Source, kept: bytes = b"", *, gone: bool = False):
    return Harvester(client, pauses=(0.0, 0.0)).take(source, kept, gone=gone)


def test_a_record_and_its_log_come_home(source: Source):
    """
    The log is on disk, without the record's own lines.
    """
    found = take(Logs(log()), source)

    assert found.record.result == RESULT
    assert source.path.read_bytes() == b"2026-11-24T12:00:00.000000000Z stdout F out\n"


def test_a_torn_record_is_read_again_until_it_is_whole(source: Source):
    """
    The kubelet may still be writing the last of it.
    """
    client = Logs(log()[:-60], log()[:-30], log())

    assert take(client, source).record.result == RESULT
    assert client.asked == 3


def test_a_record_that_stays_torn_is_none(source: Source):
    """
    No result is made of it; what was printed is kept all the same.
    """
    client = Logs(log()[:-60])

    found = take(client, source)

    assert found.record is None and "torn" in found.trouble
    assert client.asked == 3
    assert b"out" in source.path.read_bytes()


def test_who_can_not_be_asked_is_asked_until_there_is_an_answer(source: Source):
    """
    However often that takes; it says nothing of the attempt.
    """
    client = Logs(*[Unreachable("no route")] * 20, log())

    assert take(client, source).record.result == RESULT


def test_closing_ends_the_wait_and_finds_nothing(source: Source):
    """
    What was not found out is not told.
    """
    harvester = Harvester(Logs(Unreachable("no route")), pauses=(60.0,))
    harvester.close()

    assert harvester.take(source, b"", gone=False) is None


def test_a_log_that_may_not_be_read_is_no_fault_of_the_attempt(source: Source):
    """
    The driver hears of it.
    """
    with pytest.raises(Forbidden):
        take(Logs(Forbidden("pods/log")), source)


@pytest.mark.parametrize("gone", [True, False])
def test_what_was_read_while_the_pod_went_is_not_given_up(source: Source, gone: bool):
    """
    Also when its pod can't be asked any more.
    """
    found = take(Logs(NotFound("pod is gone")), source, log(), gone=gone)

    assert found.record.result == RESULT
    assert b"out" in source.path.read_bytes()


def test_a_record_of_another_attempt_is_none(source: Source):
    """
    Whoever left it.
    """
    assert take(Logs(log(attempt=2)), source).record is None


@pytest.mark.parametrize(
    ("printed", "found"),
    [
        ('{"a": 1}\n{"b": 2}\nbye', '{"b": 2}'),
        ('{"a": 1}\n{torn', '{"a": 1}'),
        ("[1]\n3\nnull", None),
        ("", None),
        ('  {"a": "\u00e9"}  ', '{"a": "\u00e9"}'),
    ],
)
def test_the_last_object_that_was_printed_is_found(printed: str, found: str | None):
    """
    Whatever else stands around it.
    """
    served = "".join(f"2026-11-24T12:00:00Z {line}\n" for line in printed.split("\n"))

    assert last_object(served.encode()) == found
