"""YAML to the letter of kubectl's, and read alike by Go's readers and Python's."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.views.yamltext import yaml_text

# What `kubectl create --dry-run=client -o yaml` (v1.32.4) makes of these as values of a ConfigMap.
OF_KUBECTL = {
    "": '""', "1": '"1"', "1e3": '"1e3"', "12e45": '"12e45"', "1e-3": '"1e-3"', "+1": '"+1"',
    ".5": '".5"', "5.": '"5."', "1.e3": '"1.e3"', "08": '"08"', "0x1f": '"0x1f"',
    "0X1F": '"0X1F"', "0o17": '"0o17"', "0b1": '"0b1"', "1_000": '"1_000"', "1:30": '"1:30"',
    "y": '"y"', "N": '"N"', "No": '"No"', "ON": '"ON"', "true": '"true"', "null": '"null"',
    "~": '"~"', "-.INF": '"-.INF"', ".NaN": '".NaN"', "2026-11-24": '"2026-11-24"',
    "2026-11-24T17:11:28Z": '"2026-11-24T17:11:28Z"', "NaN": "NaN", "TrUe": "TrUe",
    "1.2.3": "1.2.3", "0.1e": "0.1e", "e3": "e3", "0xg": "0xg", "0o8": "0o8", "_1": "_1",
    "a: b": "'a: b'", "- a": "'- a'", "#x": "'#x'", "@x": "'@x'", "[a]": "'[a]'",
    " lead": "' lead'", "trail ": "'trail '", "a,b": "a,b", "a\tb": '"a\\tb"',
    "a\nb": "|-\n  a\n  b", "a\nb\n": "|\n  a\n  b", "  x\ny": "|2-\n    x\n  y",
}  # fmt: skip


@pytest.mark.parametrize("text", OF_KUBECTL, ids=repr)
def test_texts_are_written_as_kubectl_writes_them(text: str):
    """
    In double quotes what might be no text, several lines as lines.
    """
    assert yaml_text({"key": text}) == f"key: {OF_KUBECTL[text]}\n"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_what_is_written_can_be_read(value: object):
    """
    Whatever a text is made of.
    """
    assert yaml.safe_load(yaml_text([value])) == [value]


def test_what_a_terminal_would_obey_is_escaped():
    """
    What turns the direction of writing around, or moves a cursor, never reaches a terminal.
    """
    assert yaml_text("a\n\x1b[2J\u202e") == '"a\\n\\e[2J\\u202E"\n'
