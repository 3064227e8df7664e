"""Logs: which lines of a file are meant, and files that grow while they are read."""

from __future__ import annotations

import os
import re
from pathlib import Path
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.agent import Log
from kubectl_tune.cli.printer import bearable
from kubectl_tune.errors import UsageError
from kubectl_tune.logs import BLOCK, LogFile, Wanted, lines, pattern

ALL = Wanted()


def stamp(second: int) -> str:
    return f"2026-07-01T12:00:{second:02}.000000000Z"


def write(path: Path, *texts: str) -> Path:
    """Write a log by hand, a second between the lines; a text that ends with \\ goes on."""
    with path.open("a") as file:
        for second, text in enumerate(texts):
            whole = not text.endswith("\\")
            file.write(f"{stamp(second)} stdout {'F' if whole else 'P'} {text.rstrip(chr(92))}\n")
    return path


def texts(path: Path, wanted: Wanted = ALL) -> list[str]:
    return [line.text.decode() for line in lines(path, wanted)]


def test_a_log_that_is_not_there_is_empty(tmp_path):
    """
    The agent makes the file at the first byte: a trial that printed nothing has none.
    """
    assert texts(tmp_path / "t.1.log") == []


def test_parts_of_lines_become_lines(tmp_path):
    """
    What was printed in pieces is read as it was printed; the last line may lack its end.
    """
    path = write(tmp_path / "log", "one ", "tw\\", "o\\", "", "thr\\", "ee\\")

    read = list(lines(path, ALL))

    assert [(line.text, line.ended) for line in read] == [
        (b"one ", True), (b"two", True), (b"three", False)
    ]  # fmt: skip
    assert read[1].time == stamp(1)


def test_what_the_agent_wrote_comes_back_to_the_byte(tmp_path):
    """
    Of each stream every byte, whatever it is and wherever the reads have cut it.
    """
    log = Log(str(tmp_path / "log"))
    parts = [b"a\nb", b"\xff\x00\r", b"\n\n", b"\xc3", b"\xa9 end"]
    for part in parts:
        log.write(b"stdout", part)
        log.write(b"stderr", b"x")
    log.close()

    read = list(lines(tmp_path / "log", ALL))
    printed = {
        stream: b"".join(line.text + b"\n" * line.ended for line in read if line.stream == stream)
        for stream in ("stdout", "stderr")
    }

    assert printed == {"stdout": b"".join(parts), "stderr": b"xxxxx"}


def test_a_progress_bar_without_line_breaks_is_one_line(tmp_path):
    """
    Many parts are put together once, not once for each part.
    """
    path = write(tmp_path / "log", *(f"{number % 10}\\" for number in range(50)))
    path.write_bytes(path.read_bytes() * 2000)

    (line,) = lines(path, ALL)

    assert len(line.text) == 100_000


class TestTail:
    @given(
        st.lists(st.tuples(st.booleans(), st.booleans(), st.text("ab", max_size=3)), max_size=12),
        st.integers(0, 14),
    )
    def test_it_is_the_end_of_the_whole(self, tmp_path_factory, pieces, count):
        """
        The last lines are those that reading everything ends with.
        """
        path = tmp_path_factory.mktemp("log") / "log"
        path.write_text(
            "".join(
                f"{stamp(0)} {'stdout' if out else 'stderr'} {'F' if whole else 'P'} {text}\n"
                for out, whole, text in pieces
            )
        )
        every = list(lines(path, ALL))

        assert list(lines(path, Wanted(count))) == (every[-count:] if count else [])

    def test_it_reaches_back_as_far_as_it_must(self, tmp_path):
        """
        Lines that are longer than what is read at once are found too.
        """
        path = write(tmp_path / "log", "first", "x" * BLOCK, "y" * BLOCK, "last")

        assert [text[:1] for text in texts(path, Wanted(3))] == ["x", "y", "l"]

    def test_it_does_not_read_what_is_before(self, tmp_path):
        """
        The end of a log is found in no time, however large the log: here 64 GiB.
        """
        path = tmp_path / "log"
        with path.open("wb") as file:
            os.truncate(file.fileno(), 64 << 30)
        write(path, "", *(f"line {number}" for number in range(30)))

        assert texts(path, Wanted(2)) == ["line 28", "line 29"]

    def test_it_counts_what_is_found(self, tmp_path):
        """
        With a pattern, the last lines that match; with a time, no older ones.
        """
        path = write(tmp_path / "log", "a1", "a2", "b", "b", "b")
        since = list(lines(path, ALL))[3].at

        assert texts(path, Wanted(1, grep=pattern("a"))) == ["a2"]
        assert texts(path, Wanted(9, since=since)) == ["b", "b"]
        assert texts(path, Wanted(1, since=since)) == ["b"]


def test_a_time_that_makes_no_sense_leaves_its_line(tmp_path):
    """
    A damaged file is shown as far as it goes.
    """
    path = tmp_path / "log"
    path.write_bytes(b"2026-99-99T00Z stdout F odd\nnot a line\n\n\xff\xfe F F F\n")

    assert texts(path, Wanted(since=1e9)) == ["odd"]


@pytest.mark.parametrize("text", ["(", "*", "a{2,1}", "[b-a]", "(?P<n", "a{99999999999999999999}"])
def test_a_pattern_that_is_none_is_a_sentence(text):
    """
    The user reads what they typed, and what to do.
    """
    with pytest.raises(UsageError, match=re.escape(f"--grep '{text}': not a regular")) as said:
        pattern(text)

    assert "backslash" in said.value.hint


def test_a_pattern_finds_text_that_is_not_ascii(tmp_path):
    """
    Patterns look at what was printed, in UTF-8, and never warn of themselves.
    """
    path = write(tmp_path / "log", "größe", "grosse", "[[")

    assert texts(path, Wanted(grep=pattern("gr.+ß"))) == ["größe"]
    assert texts(path, Wanted(grep=pattern("[[]"))) == ["[["]


class TestGrowing:
    @pytest.fixture(autouse=True)
    def close(self):
        self.logs: list[LogFile] = []
        yield
        for log in self.logs:
            log.close()

    def opened(self, path: Path, wanted: Wanted) -> LogFile:
        self.logs.append(LogFile(path, wanted))
        return self.logs[-1]

    def news(self, log: LogFile, *, final: bool = False, whole: bool = True) -> list[str]:
        return [line.text.decode() for line in log.news(final=final, whole=whole)]

    def test_what_was_read_is_not_read_again(self, tmp_path):
        """
        A file may come late and grow at any byte; each line comes once.
        """
        path = tmp_path / "log"
        log = self.opened(path, Wanted(tail=0))
        assert self.news(log) == []

        write(path, "one")
        assert self.news(log) == ["one"]
        with path.open("a") as file:
            file.write(f"{stamp(1)} stdo")
        assert self.news(log) == []
        with path.open("a") as file:
            file.write("ut F two\n")
        assert self.news(log) == ["two"]
        assert self.news(log, final=True) == []

    def test_only_the_first_look_is_cut_short(self, tmp_path):
        """
        The tail is of what was there; what comes is shown in full.
        """
        path = write(tmp_path / "log", "a", "b", "c")
        log = self.opened(path, Wanted(tail=1))

        assert self.news(log) == ["c"]
        write(path, "d", "e")
        assert self.news(log) == ["d", "e"]

    @pytest.mark.parametrize(("whole", "seen"), [(True, []), (False, ["."])])
    def test_parts_come_at_once_or_with_the_rest_of_their_line(self, tmp_path, whole, seen):
        """
        Dots appear as they are printed, except where lines must be whole.
        """
        path = write(tmp_path / "log", ".\\")
        log = self.opened(path, ALL)

        assert self.news(log, whole=whole) == seen
        write(path, ".")
        assert self.news(log, whole=whole) == ([".."] if whole else ["."])

    def test_the_last_look_brings_what_has_not_ended(self, tmp_path):
        """
        The last words of a writer that was killed are not lost.
        """
        path = write(tmp_path / "log", "part\\")
        with path.open("a") as file:
            file.write(f"{stamp(1)} stdout F torn")
        log = self.opened(path, ALL)

        assert self.news(log) == []
        assert self.news(log, final=True) == ["parttorn"]


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (b"\x1b[1;31mred\x1b[0m\tblue\x1b[K", "red\tblue"),
        (b"\x1b]0;title\x07 \x1b[2J", "^[]0;title^G ^[[2J"),
        (b" 10%\r 20%\r", " 20%"),
        (b"dos\r", "dos"),
        (b"\xff\x9b31m", "��31m"),
        ("a\u202eb\u2028".encode(), "a\\u202eb\\u2028"),
    ],
)
def test_a_terminal_sees_no_control_sequence(printed, shown):
    """
    Colours are dropped, a progress bar is its last state, all else becomes visible.
    """
    assert bearable(printed) == shown


@given(st.binary(max_size=30))
def test_whatever_was_printed_is_bearable(printed):
    """
    No byte of a log can drive a terminal; tabs stay.
    """
    shown = bearable(printed).replace("\t", "")

    assert not {category(char) for char in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
