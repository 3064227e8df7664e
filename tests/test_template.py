"""Placeholders are filled once and wherever they stand; other braces are the user's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.template import bindings, placeholders, render


@pytest.mark.parametrize(
    ("argument", "filled"),
    [
        ("{lr}", "0.1"),
        ("--lr={lr}", "--lr=0.1"),
        ("a{lr}b{n}c", "a0.1b3c"),
        ('{"lr": {lr}}', '{"lr": 0.1}'),
        ("{{n}}", "{3}"),
        ("{model.depth}", "5"),
        ("{learning-rate}", "1e-05"),
        ("{}", "{}"),
        ('{"a": 1}', '{"a": 1}'),
        ("${n}", "${n}"),
        ("$(n)", "$(n)"),
        ("{unknown}", "{unknown}"),
        ("{ n }", "{ n }"),
        ("{n", "{n"),
    ],
)
def test_only_known_names_in_braces_are_replaced(argument, filled):
    """
    A placeholder is a name we have a value for, between braces, without a dollar before it.
    """
    values = {"lr": 0.1, "n": 3, "model.depth": 5, "learning-rate": 1e-5}

    assert render([argument], values) == (filled,)


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        ("a b", "a b"),
        ("", ""),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (0, "0"),
        (-0.5, "-0.5"),
        (1e22, "1e+22"),
        (10.0, "10.0"),
        ([1, "é"], '[1,"é"]'),
        ({"a": {"b": [None, True]}}, '{"a":{"b":[null,true]}}'),
    ],
)
def test_text_stands_as_it_is_and_the_rest_as_json(value, spelled):
    """
    A value is spelled as a program that reads JSON or numbers expects it.
    """
    assert render(["{x}"], {"x": value}) == (spelled,)


def test_values_are_not_expanded_again():
    """
    A value that looks like a placeholder is data.
    """
    assert render(["{a}{b}"], {"a": "{b}", "b": "{a}"}) == ("{b}{a}",)


def test_reserved_names_win_over_config_keys():
    """
    `{config}` means the file, whatever a plan calls its parameters.
    """
    values = bindings(
        {"config": "mine", "lr": 1, "job_id": "other"},
        job_id="a",
        index=7,
        attempt=2,
        config_file="/c.json",
        output_json="/r.json",
    )

    line = render(["{config} {lr} {job_id} {index} {attempt} {output_json}"], values)

    assert line == ("/c.json 1 a 7 2 /r.json",)


def test_placeholders_are_the_names_that_look_like_ones():
    """
    Braces of JSON and of the shell ask for nothing.
    """
    command = ["--lr={lr}", '{"a": 1}', "${HOME}", "{}", "{model.depth}-{lr}", "{learning-rate}"]

    assert placeholders(command) == {"lr", "model.depth", "learning-rate"}


@given(st.lists(st.text("{}$ab ", max_size=12)), st.dictionaries(st.text("ab"), st.text("{}ab")))
def test_every_argument_gives_one_argument(arguments, values):
    """
    Values never split an argument, and without values nothing changes.
    """
    assert len(render(arguments, values)) == len(arguments)
    assert render(arguments, {}) == tuple(arguments)
