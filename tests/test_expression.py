"""Conditions are a small, safe part of Python; what is missing decides nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.errors import UsageError
from kubectl_tune.expression import parse

VALUES = {
    "pnl": 12.5,
    "trades": 31,
    "zero": 0,
    "side": "long",
    "won": True,
    "none": None,
    "nan": math.nan,
    "inf": math.inf,
    "list": [1],
    "metrics": {"pnl": 3, "deep": {"x": 7}},
    "config.lr": 0.1,
    "config": {"lr": 99, "n": 2},
}


@pytest.mark.parametrize(
    "text",
    [
        "pnl > 12",
        "pnl < 13 and trades > 30",
        "pnl > 13 or trades >= 31",
        "not pnl > 13",
        "12 < pnl <= 12.5 < trades",
        "pnl == 12.5 and pnl != 12",
        "side == 'long' and side != \"short\"",
        "side < 'short'",
        "side in ('long', 'short')",
        "trades in [30, 31,]",
        "side not in ('short',)",
        "trades not in ()",
        "(trades + 1) * 2 == 64",
        "trades // 2 == 15 and trades % 2 == 1 and -trades == -31 and +trades == 31",
        "2 ** 10 == 1024 and 2 ** -1 == 0.5",
        "pnl / 5 == 2.5 - zero",
        "won and won == true and not (won == false)",
        "won",
        "metrics.pnl == 3 and metrics.deep.x == 7",
        "config.lr == 0.1",
        "config.n == 2",
        "inf > 1e308",
        "none == null and null == absent and nan == None",
        "pnl != null and pnl not in (null, 3)",
        "none in (1, null)",
        "  pnl\n > 12",
        "pnl > 1e1 and pnl < 0x10",
        "trades == 31.0",
    ],
)
def test_condition_that_holds(text):
    """
    Operators mean what they mean in Python.
    """
    assert parse(text).test(VALUES)


@pytest.mark.parametrize(
    "text",
    [
        "absent > 1",
        "absent < 1",
        "absent == 1",
        "absent != 1",
        "absent == absent",
        "none >= 0",
        "nan != nan",
        "nan < 1 or nan >= 1",
        "absent in (1, 2)",
        "absent not in (1, 2)",
        "absent + 1 > 0",
        "-none < 1",
        "1 / zero > 0",
        "1 % zero == 0",
        "zero ** -1 > 0",
        "(0 - 8) ** 0.5 != 1",
        "inf - inf == 0",
        "side > 1",
        "side + 1 > 0",
        "side * 3 == 'longlonglong'",
        "list < 3",
        "metrics.absent == 1",
        "pnl.x == 1",
        "absent",
        "nan",
        "none",
        "zero",
        "metrics.deep.x.y == 7",
        "10.0 ** 999 > 0",
        "9 ** 9 ** 9 > 0",
    ],
)
def test_condition_that_does_not_hold(text):
    """
    A comparison with something missing, or with what has no result, is false.
    """
    assert not parse(text).test(VALUES)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("pnl * 2", 25.0),
        ("trades - 1", 30),
        ("side", "long"),
        ("absent * 2", None),
        ("pnl > 1", True),
        ("2 ** 100", 2**100),
        ("won + won", 2),
    ],
)
def test_value_of_an_expression(text, value):
    """
    An expression can be shown as a column, too; whole numbers stay whole.
    """
    assert parse(text).value(VALUES) == value


def test_names_are_what_a_condition_asks_for():
    """
    The caller can tell which columns it takes, and which of them are misspelt.
    """
    expression = parse("metrics.pnl > 1 and (lr < 2 or side in ('a', b)) and x != null and true")

    assert expression.names == {"metrics.pnl", "lr", "side", "b", "x"}


@pytest.mark.parametrize(
    ("text", "column", "hint"),
    [
        ("a && b", 3, "write and"),
        ("a & b", 3, "write and"),
        ("a || b", 3, "write or"),
        ("a = 3", 3, "write =="),
        ("a === 3", 3, "write =="),
        ("a <> 3", 3, "write !="),
        ("!a", 1, "write not"),
        ("a > 1 AND b", 7, "write and"),
        ("a is null", 3, "write =="),
        ("a ^ 2 > 3", 3, "write **"),
        ("  a = 3", 5, "write =="),
        ("t == 'x = y' and a = 3", 20, "write =="),
        ("len(a) > 3", 1, "no functions"),
        ("b + len(a) > 3", 5, "no functions"),
        ("é + len(a) > 3", 5, "no functions"),
        ("a[0] > 3", 1, "no indexes"),
        ("(1, 2) == a", 1, "only after in"),
        ("a in b", 6, "a list"),
        ("a in 'abc'", 6, "a list"),
        ("a if b else c", 1, "no if"),
        ("a >", 4, "can't be read"),
        ("a > > b", 5, "can't be read"),
        ("a) or (b", 2, "can't be read"),
        ("'a", 1, "can't be read"),
        ("lambda: 1", 1, "means nothing"),
        ("f'{a}'", 1, "means nothing"),
        ("b'a' == a", 1, "means nothing"),
        ("1j == a", 1, "means nothing"),
        ("... == a", 1, "means nothing"),
        ("a @ b", 3, "means nothing"),
        ("~a", 1, "means nothing"),
        ("a << b", 1, "means nothing"),
        ("*a", 1, ""),
        ("{'a': 1} == b", 1, "means nothing"),
        ("(1).real == 1", 2, "no name"),
        ("x > 1 # y", 7, "means nothing"),
    ],
)
def test_what_can_t_be_read_is_placed(text, column, hint):
    """
    The error has the column, and the word of this language for those of others.
    """
    with pytest.raises(UsageError) as caught:
        parse(text)

    assert f"column {column}:" in str(caught.value)
    assert hint in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "(" * 300 + "1" + ")" * 300,
        "-" * 1900 + "1",
        "1" * 3000,
        "1+" * 900 + "1",
    ],
)
def test_empty_and_outsize_conditions_are_refused(text):
    """
    Nothing that is typed makes the reader run deep or long.
    """
    with pytest.raises(UsageError):
        parse(text)


WORDS = "a b.c ( ) 1 2.5 'x' + - ** / < == != and or not in , null true [ ] . é : ="


@given(st.text(max_size=40) | st.lists(st.sampled_from(WORDS.split()), max_size=20).map(" ".join))
def test_no_text_gives_anything_but_a_condition_or_a_usage_error(text):
    """
    Any text is either refused in our words or can be tested, on any values.
    """
    try:
        expression = parse(text)
    except UsageError:
        return

    for values in ({}, {"a": 3, "b": {"c": "x"}}, {"a": None, "b": math.nan}, {"a": [1], "b.c": 2}):
        assert expression.test(values) in (True, False)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_comparisons_are_those_of_numbers(a, b):
    """
    Where both are there, a comparison is Python's.
    """
    values = {"a": a, "b": b}

    assert parse("a < b").test(values) == (a < b)
    assert parse("a == b or a > b").test(values) == (a >= b)
