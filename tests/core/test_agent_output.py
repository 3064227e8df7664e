"""What commands print is kept, within a budget; what they found is their result."""

from __future__ import annotations

import json
import os
import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest
from core.agents import python, started
from core.conftest import fill
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.agent import LINE_LIMIT, RESULT_LIMIT, LastObject, Log
from kubectl_tune.log import LogLine, parse

OMITTED = b"bytes of the log left out"


@pytest.fixture
def agent(tmp_path):
    with started(tmp_path) as agent:
        yield agent


def pieces_of(path: Path) -> list[LogLine]:
    with path.open("rb") as file:
        return list(parse(file))


def lines_of(path: Path) -> list[bytes]:
    return [line.text for line in pieces_of(path)]


def test_both_streams_are_kept_with_their_times(agent):
    """
    In the order in which each was printed, as CRI log lines.
    """
    before = datetime.now(UTC).timestamp()
    agent.sh("a", "echo 1; echo 2; echo error >&2; printf 3")
    record = agent.ended("a")

    printed = agent.printed("a")
    assert [p.text for p in printed if p.stream == "stdout"] == [b"1", b"2", b"3"]
    assert [p.text for p in printed if p.stream == "stderr"] == [b"error"]
    assert all(before - 1 <= line.at <= record["at"] + 1 for line in printed)
    assert [p.ended for p in printed if p.text == b"3"] == [False]


def test_a_command_that_prints_nothing_has_no_log(agent):
    """
    Thousands of silent trials make no thousands of empty files.
    """
    agent.ends("a", "true")

    assert not (agent.folder / "a.log").exists()


def test_bytes_that_are_no_text_are_kept_as_they_are(agent):
    """
    Control characters, NULs and broken UTF-8 included.
    """
    agent.sh("a", r"printf '\000\377\033[31m\r\n\n\200'")
    agent.ended("a")

    assert [line.text for line in agent.printed("a")] == [b"\0\xff\x1b[31m\r", b"", b"\x80"]


@given(
    st.lists(st.tuples(st.sampled_from([b"stdout", b"stderr"]), st.binary(min_size=1)), max_size=9)
)
def test_what_was_printed_can_be_put_together_again(tmp_path_factory, chunks):
    """
    However the pipes cut it.
    """
    path = tmp_path_factory.mktemp("log") / "a.log"
    log = Log(str(path))
    for stream, data in chunks:
        log.write(stream, data)
    log.close()

    found = pieces_of(path) if chunks else []
    for stream in (b"stdout", b"stderr"):
        whole = b"".join(data for name, data in chunks if name == stream)
        pieces = [p.text + b"\n" * p.ended for p in found if p.stream == stream.decode()]
        assert b"".join(pieces) == whole


def flood(path: Path, chunk: bytes, count: int, *, head: int = 10_000, tail: int = 5_000) -> None:
    log = Log(str(path), head, tail)
    log.write(b"stdout", b"the first line\n")
    for _ in range(count):
        log.write(b"stdout", chunk)
    log.write(b"stdout", b"the last line\n")
    log.close()


@pytest.mark.parametrize(
    "chunk",
    [b"y\n" * 30_000, b"x" * 65_536, b"\n" * 65_536, b"some words\n", b"a" * 4_000 + b"\n"],
    ids=["yes", "no newline", "only newlines", "short chunks", "long lines"],
)
def test_a_flood_of_output_keeps_its_beginning_and_its_end(tmp_path, chunk):
    """
    The middle is left out, with a line that says how much that was.
    """
    path = tmp_path / "a.log"

    flood(path, chunk, max(20, 100_000 // len(chunk)))

    lines = lines_of(path)
    assert lines[0] == b"the first line"
    assert any(line.endswith(b"the last line") for line in lines[-2:])
    [note] = [line for line in lines if OMITTED in line]
    assert int(note.split()[1]) > 0
    longest = 46 * len(chunk)  # a chunk of newlines, each with its stamp
    assert path.stat().st_size <= 10_000 + 5_000 + longest + 1_000


def test_the_bytes_left_out_are_all_that_is_missing(tmp_path):
    """
    The number in the note is exact: size kept and size left out make the whole.
    """
    whole, cut = tmp_path / "whole.log", tmp_path / "cut.log"
    flood(whole, b"some words\n" * 50, 300, head=1 << 30)
    flood(cut, b"some words\n" * 50, 300)

    [note] = [line for line in cut.read_bytes().splitlines(keepends=True) if OMITTED in line]
    left_out = int(note.split(b"... ")[1].split()[0])
    assert cut.stat().st_size - len(note) + left_out == whole.stat().st_size


def test_output_without_end_costs_bounded_memory_and_disk(agent):
    """
    25 MB of `yes`: the log keeps its budget, and so does the agent.
    """
    agent.sh("a", "echo first; yes | head -c 25000000; echo last")

    assert agent.ended("a")["code"] == 0
    path = agent.folder / "a.log"
    assert path.stat().st_size < 80 << 20
    with path.open("rb") as file:
        assert file.readline().endswith(b"first\n")
        file.seek(-100, os.SEEK_END)
        assert file.read().endswith(b"last\n")
    status = Path(f"/proc/{agent.process.pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < 60_000  # KiB


@pytest.mark.parametrize(
    ("printed", "result"),
    [
        ('{"a": 1}', {"a": 1}),
        ('{"a": 1}\n', {"a": 1}),
        ('  {"a": 1}  \r\n', {"a": 1}),
        ('noise\n{"a": 1}\nnoise\n', {"a": 1}),
        ('{"a": 1}\n{"a": 2}\n', {"a": 2}),
        ('{"a": 1}\n[1, 2]\n"text"\n3\nnull\n', {"a": 1}),
        ('{"a": 1}\n{broken}\n{"b": \n', {"a": 1}),
        ('{"a": 1}\n' + "{'a': 'python'}\n" * 50, {"a": 1}),
        ('{"a": 1}\nloss={"b": 2}\n', {"a": 1}),
        ('{"a": "é\\u4e2d", "b": NaN}\n', ...),
        ('{"deep": ' * 30 + "1" + "}" * 30 + "\n", ...),
        ("{" * 100_000 + "}" * 100_000 + "\n", None),
        ('{"long": "' + "x" * LINE_LIMIT + '"}\n{"a": 1}\n', {"a": 1}),
        ('{"a": 1}\n{"long": "' + "x" * 3 * LINE_LIMIT + '"}\n', {"a": 1}),
        ("", None),
        ("\n\n\n", None),
        ("[1]\n", None),
        ("{}\n", {}),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 65536])
def test_the_last_line_that_is_a_json_object_is_the_result(printed, result, size):
    """
    Found among noise, however the output comes in; never a list, never a torn line.
    """
    found, data = LastObject(), printed.encode()
    if size == 1 and len(data) > 300_000:
        size = 4096
    for at in range(0, len(data), size):
        found.feed(data[at : at + size])

    text = found.text()
    if result is ...:
        assert text == printed.strip()
    else:
        assert (text and json.loads(text)) == result


def test_many_lines_that_look_like_results_cost_no_memory():
    """
    A training loop that prints JSON a million times keeps the last.
    """
    found = LastObject()
    for i in range(5000):
        found.feed(b'{"step": %d}\n' % i)

    assert len(found._found) <= 8
    assert found.text() == '{"step": 4999}'


def test_stderr_is_no_result(agent):
    """
    Only stdout is looked through.
    """
    agent.sh("a", """echo '{"a": 1}' >&2""")

    assert agent.ended("a")["result"] is None


def test_the_result_file_wins_over_stdout(agent):
    """
    A program that writes the file may print what it likes.
    """
    agent.sh("a", """echo '{"a": 1}'; echo '{"b": 2}' > $TUNE_RESULT_FILE; echo '{"c": 3}'""")

    assert json.loads(agent.ended("a")["result"]) == {"b": 2}


def test_the_result_is_taken_byte_for_byte(agent):
    """
    Line ends and escapes stay as they were written; a byte order mark is none of the text.
    """
    text = '{"a":\r\n "\\ud83d\\ude00\\u0000é",\r "b": 1e400}\n'
    agent.ends("a", *python(
        "import os; open(os.environ['TUNE_RESULT_FILE'], 'w', newline='', encoding='utf-8-sig')"
        f".write({text!r})"
    ))  # fmt: skip

    assert agent.ended("a")["result"] == text


@pytest.mark.parametrize(
    "write",
    [
        "echo '{\"a\": 1' > $TUNE_RESULT_FILE",
        "echo '[1]' > $TUNE_RESULT_FILE",
        "echo null > $TUNE_RESULT_FILE",
        ": > $TUNE_RESULT_FILE",
        "printf '\\377' > $TUNE_RESULT_FILE",
        "mkfifo $TUNE_RESULT_FILE",
        "mkdir $TUNE_RESULT_FILE",
        "mkdir $TUNE_RESULT_FILE; touch $TUNE_RESULT_FILE/x",
        "ln -s /dev/zero $TUNE_RESULT_FILE",
        "ln -s /dev/stdin $TUNE_RESULT_FILE",
        "ln -s result.json $TUNE_RESULT_FILE",
        f"truncate -s {RESULT_LIMIT + 1} $TUNE_RESULT_FILE",
        "rm $TUNE_CONFIG_FILE; cd /; rmdir ${TUNE_RESULT_FILE%/*}; : > ${TUNE_RESULT_FILE%/*}",
    ],
)
def test_a_result_file_that_is_no_result_fails_the_trial(agent, write):
    """
    At once, with a reason, and the next attempt is none the worse.
    """
    agent.sh("a", f"echo '{{\"printed\": 1}}'; {write}")

    record = agent.ended("a")
    assert (record["code"], record["why"], record["result"]) == (0, "bad-result", None)
    assert record["detail"]
    agent.sh("b", """echo '{"a": 1}' > $TUNE_RESULT_FILE""")
    assert json.loads(agent.ended("b")["result"]) == {"a": 1}


def test_a_link_to_a_result_is_a_result(agent, tmp_path):
    """
    A program may write somewhere else and link it.
    """
    agent.sh("a", f"""echo '{{"a": 1}}' > {tmp_path}/r; ln -s {tmp_path}/r $TUNE_RESULT_FILE""")

    assert json.loads(agent.ended("a")["result"]) == {"a": 1}
    assert (tmp_path / "r").exists()


def test_a_failure_is_no_bad_result(agent):
    """
    The exit code is the reason, whatever the file holds.
    """
    agent.sh("a", "echo broken > $TUNE_RESULT_FILE; exit 3")

    record = agent.ended("a")
    assert (record["code"], record["why"]) == (3, "exit")


@pytest.mark.parametrize(
    "leave",
    [
        "true",
        "echo '{\"a\": 1}' > $TUNE_RESULT_FILE",
        "touch ${TUNE_RESULT_FILE%/*}/more",
        "rm -r ${TUNE_RESULT_FILE%/*}",
        "chmod 500 ${TUNE_RESULT_FILE%/*}",
        "mv ${TUNE_RESULT_FILE%/*} ${TUNE_RESULT_FILE%/*}.old",
        "rm -r ${TUNE_RESULT_FILE%/*}; mkdir {elsewhere}; ln -s {elsewhere} ${TUNE_RESULT_FILE%/*}",
        "mkdir $TUNE_RESULT_FILE",
        "echo other > $TUNE_CONFIG_FILE",
        "mv $TUNE_CONFIG_FILE $TUNE_RESULT_FILE",
    ],
)
def test_an_attempt_s_folder_holds_its_own_config_and_nothing_else(tmp_path, leave):
    """
    Whatever the attempt before it did to its own.
    """
    look = (
        "cat $TUNE_CONFIG_FILE; echo; ls -A ${TUNE_RESULT_FILE%/*};"
        " stat -c %a%F ${TUNE_RESULT_FILE%/*}"
    )
    with started(tmp_path, parallel=1) as agent:
        agent.sh("a", leave.replace("{elsewhere}", str(tmp_path / "elsewhere")), config='{"x": 1}')
        agent.sh("b", look, config='{"x": 2}')
        agent.ended("b")

        printed = [line.text for line in agent.printed("b")]
        assert printed == [b'{"x": 2}', b"config.json", b"700directory"]


def test_a_full_disk_ends_the_log_and_not_the_attempt(small_disk, tmp_path):
    """
    The record says that the log was cut short.
    """
    fill(small_disk, 20_000)
    with started(tmp_path) as agent:
        agent.sh("a", "yes | head -c 1000000; echo '{\"a\": 1}'", log=str(small_disk / "a.log"))

        record = agent.ended("a")

    assert record["code"] == 0
    assert "log cut short: No space left on device" in record["detail"]
    assert json.loads(record["result"]) == {"a": 1}


def test_a_limit_on_the_size_of_files_ends_the_log_and_not_the_attempt(tmp_path):
    """
    As a full disk does, for those who can't make one.
    """

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    with started(tmp_path, preexec_fn=limit) as agent:
        agent.sh("a", "yes | head -c 1000000; echo '{\"a\": 1}'")

        record = agent.ended("a")

    assert record["code"] == 0
    assert "log cut short: File too large" in record["detail"]
