"""A record comes back from a pod as its agent wrote it, or not at all."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import zlib
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune import agent
from kubectl_tune.log import parse
from kubectl_tune.record import Incomplete, Record, event, harvested_log, read
from kubectl_tune.trial import Failure, TrialState

NONCE = "0123456789abcdef"
LARGE = json.dumps({"blob": random.Random(1).randbytes(400_000).hex()})
MEBIBYTE = json.dumps({"é": "x" * ((1 << 20) - 9)}, ensure_ascii=False)


def record(result=None, **more):
    said = {"code": 0, "why": "exit", "detail": "", "started": 1e9, "at": 1e9 + 5.5}
    return {**said, "result": result, **more}


def as_read(said):
    return Record(**said)


def message(said, attempt=1):
    return agent.message(said, attempt)[0].decode("ascii")


def block(said, attempt=1, nonce=NONCE):
    return list(agent.block(said, attempt, nonce))


def served(lines):
    """A log as the API serves it with times."""
    times = count()
    return b"".join(b"2026-07-01T00:00:%02d.5Z " % (next(times) % 60) + line for line in lines)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
results = st.dictionaries(st.text(), json_values).map(json.dumps) | st.sampled_from(
    ["{}", LARGE, MEBIBYTE, '{"é": "\U0001f600", "\\ud800": 1e400}']
)
lines = st.binary(max_size=80).map(lambda data: data.replace(b"\n", b"@@KT1 ") + b"\n")
logs = st.lists(lines, max_size=5)


@given(results | st.none(), st.text(), st.integers(1, 9), logs, logs, st.randoms())
def test_every_record_comes_back(result, detail, attempt, before, after, chance):
    """
    From message and log together, whatever else is printed around and between its lines.
    """
    said = record(result, detail=detail)
    text, whole = agent.message(said, attempt)
    own = [] if whole else block(said, attempt)
    for line in before:
        own.insert(chance.randint(0, len(own)), line)

    found = read(text.decode("ascii"), served([*own, *after]), NONCE, attempt)

    assert isinstance(found, Record)
    assert found.result == result
    assert detail.startswith(found.detail) and (found.code, found.why) == (0, "exit")


@given(results | st.none(), st.text(), st.sampled_from([None, 0, 1, 137]), logs)
def test_a_log_alone_is_enough(result, detail, code, before):
    """
    When the message could not be written, the lines of the log have all of it.
    """
    said = record(result, detail=detail, code=code, why="whatever")

    assert read("", served([*before, *block(said)]), NONCE, 1) == as_read(said)


@pytest.mark.parametrize("result", [None, "{}", LARGE, MEBIBYTE])
@pytest.mark.parametrize("detail", ["", "x" * 5000, "\U0001f600" * 5000, "\0\x1b\udc80" * 900])
def test_messages_are_short_and_plain(result, detail):
    """
    At most 2048 bytes of ASCII, and the result is in it whole or not at all.
    """
    text, whole = agent.message(record(result, detail=detail), 1)

    assert len(text) <= 2048 and text.isascii()
    assert (json.loads(text)["gz"] != "") == (whole and result is not None)


def test_lines_of_a_record_fit_into_one_write():
    """
    No line is longer than what a pipe takes in one piece.
    """
    assert max(map(len, block(record(LARGE)))) < 4096


def test_a_log_served_without_times_is_read_as_well():
    """
    What comes before the marker is nothing to it.
    """
    said = record(LARGE)

    assert read(message(said), b"".join(block(said)), NONCE, 1) == as_read(said)


def test_a_line_that_the_other_stream_left_open_does_no_harm():
    """
    A piece of a long line may stand in front of a marker.
    """
    said = record(LARGE)
    own = [b"torn " + line for line in block(said)]

    assert read(message(said), served(own), NONCE, 1) == as_read(said)


def corrupted(said):
    """Ways in which a block can be damaged, by name."""
    lines = block(said)
    begin, pieces, end = lines[0], lines[1:-1], lines[-1]
    head, payload = pieces[3].rsplit(b" ", 1)
    wrong = payload[:100] + (b"A" if payload[100:101] != b"A" else b"B") + payload[101:]
    crc = b"%08x" % zlib.crc32(wrong.rstrip())
    return {
        "nothing": [],
        "no end": lines[:-1],
        "no begin": lines[1:],
        "half": lines[: len(lines) // 2],
        "torn": [*lines[:5], lines[5][:1000]],
        "one missing": [begin, *pieces[:3], *pieces[4:], end],
        "two swapped": [begin, pieces[1], pieces[0], *pieces[2:], end],
        "one twice": [begin, pieces[0], *pieces, end],
        "one changed": [begin, *pieces[:3], head + b" " + wrong, *pieces[4:], end],
        "changed, crc too": [
            begin, *pieces[:3], b" ".join([head.rsplit(b" ", 1)[0], crc, wrong]), *pieces[4:], end,
        ],
        "another end": [begin, *pieces, end.replace(b" E ", b" E 0")],
    }  # fmt: skip


@pytest.mark.parametrize("how", corrupted(record(LARGE)))
@pytest.mark.parametrize("with_message", [True, False])
def test_a_damaged_record_is_none(how, with_message):
    """
    Never a part of a result, and the reason is said.
    """
    said = record(LARGE)

    found = read(message(said) if with_message else "", served(corrupted(said)[how]), NONCE, 1)

    assert isinstance(found, Incomplete) and found.reason


@pytest.mark.parametrize("cut", [1, 10, 100, 300])
def test_a_message_cut_by_the_kubelet_is_none(cut):
    """
    Without a block there is nothing; with one, that counts.
    """
    said = record('{"a": 1}')
    text = message(said)[:-cut]

    assert isinstance(read(text, b"", NONCE, 1), Incomplete)
    assert read(text, served(block(said)), NONCE, 1) == as_read(said)


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "3", "{}", "{", "Traceback (most recent call last):", '{"kt": 2}',
        '{"kt": 1}', '{"kt": 1, "a": 1, "code": 0, "why": "exit"}', "[" * 5000,
        '{"kt":1,"a":"1","code":0,"why":"exit","detail":"","started":1,"at":2,"sha":"","size":0}',
        '{"kt":1,"a":1,"code":"0","why":"exit","detail":"","started":1,"at":2,"sha":"","size":0}',
        '{"kt":1,"a":1,"code":0,"why":"exit","detail":"","started":1,"at":NaN,"sha":"","size":0}',
        '{"kt":1,"a":1,"code":0,"why":"exit","detail":"","started":1,"at":1e999,"sha":"","size":0}',
        '{"kt":1,"a":1,"code":0,"why":"exit","detail":"","started":1,"at":2,"sha":"a","size":0}',
    ],
)  # fmt: skip
def test_messages_that_are_none_of_ours(text):
    """
    The kubelet puts the end of a log in its place; a trial may write into it what it likes.
    """
    assert isinstance(read(text, b"", NONCE, 1), Incomplete)


@given(st.text(), st.binary())
def test_nothing_is_made_of_noise(text, log):
    """
    Any message and any log are read without an exception.
    """
    marked = log.replace(b"\n", f"\n@@KT1 {NONCE} C ".encode())

    assert isinstance(read(text, marked, NONCE, 1), Incomplete)


def test_a_message_of_another_attempt_does_not_count():
    """
    Only one that could not learn its number may be anybody's.
    """
    said = record('{"a": 1}')

    assert isinstance(read(message(said, 2), b"", NONCE, 1), Incomplete)
    assert read(message(said, 0), b"", NONCE, 1) == as_read(said)


def test_lines_with_another_nonce_are_the_trial_s_own():
    """
    A trial that prints what looks like a record has printed something, no more.
    """
    forged = block(record('{"forged": 1}'), nonce="f" * 16)
    said = record(LARGE)

    assert isinstance(read("", served(forged), NONCE, 1), Incomplete)
    assert read("", served([*block(said), *forged]), NONCE, 1) == as_read(said)


def test_the_last_whole_record_wins():
    """
    The agent writes last.
    """
    first, last = record('{"a": 1}'), record('{"a": 2}')

    assert read("", served([*block(first), *block(last)]), NONCE, 1) == as_read(last)
    assert read("", served([*block(first)[:2], *block(last)]), NONCE, 1) == as_read(last)


def test_a_record_in_the_log_has_to_be_the_one_of_the_message():
    """
    Two results that differ are none.
    """
    found = read(message(record(LARGE)), served(block(record('{"a": 1}'))), NONCE, 1)

    assert isinstance(found, Incomplete)


def bomb(size):
    return gzip.compress(b" " * size, 9)


def test_a_bomb_is_not_unpacked():
    """
    What says one size and unpacks to another, or to more than any result has, is refused.
    """
    packed, sha = base64.b64encode(bomb(50 << 20)).decode(), hashlib.sha256(b"{}").hexdigest()
    small = base64.b64encode(bomb(1 << 20)).decode()
    for size, data in [(2, small), (1 << 20, packed), (50 << 20, packed), (-1, packed)]:
        head = json.loads(message(record())) | {"sha": sha, "size": size, "gz": data}
        assert isinstance(read(json.dumps(head), b"", NONCE, 1), Incomplete)

        pieces = [packed[at : at + 3000].encode() for at in range(0, len(packed), 3000)]
        lines = [f"@@KT1 {NONCE} B 1 {len(pieces)} {size} 1 {sha} gz+b64\n".encode()]
        lines += [
            f"@@KT1 {NONCE} C {i} {zlib.crc32(piece):08x} ".encode() + piece + b"\n"
            for i, piece in enumerate(pieces)
        ]
        lines += [f"@@KT1 {NONCE} E {sha}\n".encode()]
        assert isinstance(read("", served(lines), NONCE, 1), Incomplete)


# What is kept of a log


def test_a_log_is_kept_in_the_runtime_s_own_format():
    """
    With nine digits of a second in UTC, whatever the node's clock says; without our lines.
    """
    said = record(LARGE)
    log = (
        b"2026-07-01T01:02:03Z one\n"
        b"2026-07-01T01:02:03.5Z  two words \n"
        b"2026-07-01T01:02:03.123456789Z \n"
        b"2026-07-01T01:02:04.1Z\n"
        b"2026-07-01T03:02:05.25+02:00 \xff\x1b[0m\r\n"
        b"unable to retrieve container logs\n" + served(block(said)) + b"2026-07-01T01:02:06Z last"
    )

    assert list(harvested_log(log, NONCE)) == [
        b"2026-07-01T01:02:03.000000000Z stdout F one\n",
        b"2026-07-01T01:02:03.500000000Z stdout F  two words \n",
        b"2026-07-01T01:02:03.123456789Z stdout F \n",
        b"2026-07-01T01:02:04.100000000Z stdout F \n",
        b"2026-07-01T01:02:05.250000000Z stdout F \xff\x1b[0m\r\n",
        b"2026-07-01T01:02:05.250000000Z stdout F unable to retrieve container logs\n",
        b"2026-07-01T01:02:06.000000000Z stdout F last\n",
    ]


@given(st.lists(st.binary().map(lambda data: data.replace(b"\n", b""))))
def test_what_was_printed_is_what_is_kept(texts):
    """
    Any bytes but the end of a line, read back by the reader of all logs.
    """
    log = served([text + b"\n" for text in texts])

    assert [line.text for line in parse(harvested_log(log, NONCE))] == texts


@given(st.binary())
def test_any_log_can_be_kept(log):
    """
    Every line that is written has a time that can be read.
    """
    for line in parse(harvested_log(log, NONCE)):
        assert line.at >= 0


# What becomes of a trial


@pytest.mark.parametrize(
    ("said", "state", "failure", "words"),
    [
        (record("{}"), TrialState.SUCCEEDED, None, ""),
        (record(None, code=3), TrialState.FAILED, Failure.EXIT, "exit code 3"),
        (record(None, code=139), TrialState.FAILED, Failure.EXIT, "killed by SIGSEGV"),
        (record(None, code=143, why="timeout"), TrialState.TIMED_OUT, Failure.TIMEOUT, "time-out"),
        (record(None, code=0, why="sigterm"), TrialState.LOST, Failure.PREEMPTED, "asked to end"),
        (record(None, code=137, why="oom"), TrialState.FAILED, Failure.OOM, "memory"),
        (
            record(None, why="too-large", detail="larger than 1 MiB"),
            TrialState.FAILED, Failure.BAD_RESULT, "larger than 1 MiB",
        ),
        (
            record(None, code=125, why="machine", detail="no room"),
            TrialState.LOST, Failure.NODE_LOST, "no room",
        ),
        (
            record(None, code=125, why="setup", detail="no plan"),
            TrialState.FAILED, Failure.EXIT, "no plan",
        ),
        (record(None, code=None, why="a later word"), TrialState.FAILED, Failure.EXIT, "later"),
    ],
)  # fmt: skip
def test_what_a_record_says_of_a_trial(said, state, failure, words):
    """
    The pod's end is not the trial's fault; its memory and its result are.
    """
    told = event("a", 2, as_read(said))

    assert (told.trial, told.attempt, told.state, told.failure) == ("a", 2, state, failure)
    assert words in told.reason
    assert (told.exit_code, told.at, told.result) == (said["code"], said["at"], said["result"])
