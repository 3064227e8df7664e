"""A typo is told from a word of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.suggest import did_you_mean, near

KNOWN = (
    "learning_rate",
    "max_open_trades",
    "min_spread_bps",
    "taker_fee_a_bps",
    "data_file",
    "tag",
)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("learnig_rate", "learning_rate"),
        ("learning_rtae", "learning_rate"),
        ("LearningRate", "learning_rate"),
        ("learning-rate", "learning_rate"),
        ("learning rate", "learning_rate"),
        ("maxOpenTrades", "max_open_trades"),
        ("max_trades", "max_open_trades"),
        ("min_spread", "min_spread_bps"),
        ("takerFee", "taker_fee_a_bps"),
        ("tags", "tag"),
        ("datafile", "data_file"),
    ],
)
def test_what_is_nearly_a_known_word_means_it(word, meant):
    """
    Few letters, another spelling of the same words, or a lesser part left out.
    """
    assert near(word, KNOWN) == meant


@pytest.mark.parametrize(
    "word", ["", "x", "bag", "rate", "a_bps", "epochs", "exchange", "momentum"]
)
def test_what_is_another_word_means_nothing_known(word):
    """
    A suggestion that is wrong costs more than none.
    """
    assert near(word, KNOWN) == ""
    assert did_you_mean(word, KNOWN) == ""


def test_the_nearest_is_meant():
    """
    Of two candidates the one with fewer letters to change wins.
    """
    assert near("beta_2x", ["beta_1y", "beta_2y"]) == "beta_2y"


@given(st.text(max_size=100), st.lists(st.text(max_size=20), max_size=5))
def test_suggestion_is_always_another_known_word(word, known):
    """
    Whatever the words, the answer is one of the known ones, and not the word itself.
    """
    meant = near(word, known)

    assert meant == "" or (meant in known and meant != word)
