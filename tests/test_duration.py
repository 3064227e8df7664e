"""Lengths of time are read as people write them, and come out in seconds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.duration import seconds
from kubectl_tune.errors import UsageError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (90, 90.0),
        (0, 0.0),
        (0.5, 0.5),
        ("90", 90.0),
        (" 90 ", 90.0),
        ("1.5", 1.5),
        ("30s", 30.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1h30m15s", 5415.0),
        ("1.5h", 5400.0),
        ("0.1h", 360.0),
        (".5m", 30.0),
        ("250ms", 0.25),
        ("2d", 172800.0),
        ("1H30M", 5400.0),
    ],
)
def test_seconds_of_a_duration(text, value):
    """
    Bare numbers are seconds; units are those of Go and Kubernetes, and days.
    """
    assert seconds(text) == value


NO_TEXTS = ("", " ", "5x", "m", "1h30", "1 h", "-5", "-5s", "1e3", "5mm", "1:30", "nan", "1h-5m")
NO_NUMBERS = (True, None, [], -1, math.nan, math.inf, 10**400)
TOO_LONG = ("9" * 400, "1" * 100_000, "1s" * 50_000, "999999999d", "\u0663s")


@pytest.mark.parametrize(
    "text", [*NO_TEXTS, *NO_NUMBERS, *TOO_LONG], ids=lambda value: repr(value)[:12]
)
def test_anything_else_is_refused(text):
    """
    What is no length of time has one kind of error.
    """
    with pytest.raises(UsageError):
        seconds(text)


@given(st.text("0123456789.smhd -", max_size=12))
def test_every_text_is_a_length_or_an_error(text):
    """
    A length is a finite number, and never below 0.
    """
    try:
        value = seconds(text)
    except UsageError:
        return

    assert 0 <= value < math.inf
