"""Text for terminals, as kubectl prints it."""

from __future__ import annotations

import math
import re
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.table import BLANK, Columns, age, clean, cut, duration, readable, table


def test_columns_are_upper_case_and_three_spaces_apart():
    """
    The layout is kubectl's: no borders, nothing padded after the last column.
    """
    text = table([["sess001-0001", "1e5", None], ["x", "12.10", ""]], ["name", "value", "node"])

    assert text == (
        "NAME           VALUE   NODE\n"
        "sess001-0001   1e5     <none>\n"
        "x              12.10   <none>\n"
    )


def test_narrow_columns_are_six_wide():
    """
    kubectl's writer makes no column narrower than that, its gap included.
    """
    assert table([[1, 2]], ["n", "m"]) == "N     M\n1     2\n"
    assert table([[1, 2]], ["n", "m"], no_headers=True) == "1     2\n"


def test_a_table_of_nothing_is_its_header():
    """
    Without headers, too, nothing is printed for nothing.
    """
    assert table([], ["name", "age"]) == "NAME   AGE\n"
    assert table([], ["name"], no_headers=True) == ""


def test_a_cell_is_one_line_whatever_its_value():
    """
    A name with line breaks, escape sequences or tabs can't draw rows of its own.
    """
    text = table([["a\nNAME\x1b[2J\tb", "c"]], ["name", "age"])

    assert text == "NAME              AGE\na\\nNAME^[[2J\\tb   c\n"


rows_of_words = st.lists(st.tuples(*[st.text("xyz", min_size=1, max_size=9)] * 2), min_size=1)


@given(rows_of_words, rows_of_words)
def test_rows_that_come_later_stay_in_their_columns(first, later):
    """
    The headers come once; a column grows with what it holds, and never shrinks.
    """
    columns = Columns(["A", "B"])

    before, after = columns.text(first).splitlines(), columns.text(later).splitlines()

    def second(lines):
        return {re.search(r"(?<=\s)\S", line).start() for line in lines}

    assert before[0].split() == ["A", "B"]
    assert [line.split() for line in (*before[1:], *after)] == [list(r) for r in (*first, *later)]
    assert len(second(before)) == len(second(after)) == 1
    assert max(second(before)) <= min(second(after))


def test_an_empty_cell_keeps_its_place():
    """
    As the label columns of kubectl, which pad what isn't there.
    """
    text = table([["a", "1", "q"], ["bcd", BLANK, BLANK]], ["name", "x", "last"])

    assert text == "NAME   X     LAST\na      1     q\nbcd          \n"


def test_colours_take_no_room():
    """
    Without them, a painted table is the table.
    """
    rows = [["a", "Failed", 1], ["b", "Succeeded", 2]]
    red = "\x1b[31m"

    text = table(rows, ["name", "state", "n"], paint=lambda header, text: red * (text == "Failed"))

    assert f" {red}Failed\x1b[0m      1\n" in text
    assert re.sub("\x1b[^m]*m", "", text) == table(rows, ["name", "state", "n"])


def test_a_line_is_cut_between_its_colours():
    """
    A colour that began on what is left of a line ends there.
    """
    line = "ab\x1b[31mcdef\x1b[0mgh"

    assert cut(line, 4) == "ab\x1b[31mcd\x1b[0m"
    assert cut(line, 7) == "ab\x1b[31mcdef\x1b[0mg"
    assert cut("abcdef", 4) == "abcd"


@given(st.text())
def test_cleaned_text_moves_no_cursor(text):
    """
    No control character, bidirectional override, line separator or half character is left.
    """
    assert not {category(char) for char in clean(text)} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "^[[31mred^[[0m"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("bell\x07", "bell^G"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202efdp.exe", "abc\\u202efdp.exe"),
        ("line\u2028sep", "line\\u2028sep"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("\x7f", "^?"),
        ("é 宽 🙂", "é 宽 🙂"),
    ],
)
def test_what_is_invisible_is_shown(text, shown):
    """
    Escape sequences read as kubectl shows them; ordinary letters of all scripts stay.
    """
    assert clean(text) == shown


def test_log_lines_may_keep_their_line_breaks():
    """
    What a view wants to keep is named, and nothing else is kept.
    """
    assert clean("a\tb\n\x1b", keep="\n\t") == "a\tb\n^["


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (10014.451891898148, "10014.5"),
        (1234567.891, "1234568"),
        (0.1, "0.1"),
        (1 / 3, "0.333333"),
        (30.0, "30"),
        (-0.0, "0"),
        (-14.45189, "-14.4519"),
        (1e-7, "1e-07"),
        (1e300, "1e+300"),
        (math.nan, "NaN"),
        (-math.inf, "-Inf"),
    ],
)
def test_floats_have_six_digits_and_all_before_the_point(value, text):
    """
    As C's %g, except that nothing before the point is rounded away, nor put as a power of ten.
    """
    assert readable(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_readable_number_is_near_the_number(value):
    """
    Rounding for the eye never changes a figure by more than its sixth digit.
    """
    assert float(readable(value)) == pytest.approx(value, rel=1e-5)


# The acceptance table of kubectl's ages, and the borders between its steps.
@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (-1, "0s"),
        (-2, "<invalid>"),
        (59, "59s"),
        (119.9, "119s"),
        (120, "2m"),
        (332, "5m32s"),
        (599, "9m59s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (28_799, "7h59m"),
        (29_000, "8h"),
        (172_799, "47h"),
        (172_800, "2d"),
        (273_600, "3d4h"),
        (864_000, "10d"),
        (729 * 86_400, "729d"),
        (800 * 86_400, "2y70d"),
        (730 * 86_400, "2y"),
        (8 * 365 * 86_400, "8y"),
        (None, "<unknown>"),
        (math.nan, "<unknown>"),
    ],
)
def test_durations_are_written_as_kubectl_writes_them(seconds, text):
    """
    Two units at the most, fewer the longer it is; a clock that runs behind is no error.
    """
    assert duration(seconds) == text


def test_an_age_is_the_time_since():
    """
    Of what has no time yet nothing is known.
    """
    assert age(100.0, now=432.5) == "5m32s"
    assert age(None, now=432.5) == "<unknown>"


UNITS = {"y": 365 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}


@given(st.integers(0, 40 * 365 * 86400))
def test_a_duration_says_how_long_it_was_but_for_what_it_leaves_out(seconds):
    """
    Never more than it was, and at most one of its smallest unit less; two units at the most.
    """
    parts = re.findall(r"(\d+)([ydhms])", duration(seconds))

    said = sum(int(number) * UNITS[unit] for number, unit in parts)
    assert "".join(map("".join, parts)) == duration(seconds) and 1 <= len(parts) <= 2
    finest = min((UNITS[unit] for _, unit in parts))
    finer = {31536000: 31536000, 86400: 86400, 3600: 3600, 60: 60, 1: 1}[finest]
    assert 0 <= seconds - said < finer
