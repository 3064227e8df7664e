"""What may be said of the accounts, and what is said of it when it is wrong."""

import pytest

from kubectl_tune.workloads.arbitrage.accounting import Options


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ({}, []),
        ({"accounting": "two_leg", "exit_bps": -3.0, "balances": {"a": 0.0, "b": 1.0}}, []),
        ({"accounting": "two_legs"}, ["accounting must be one of seed, two_leg"]),
        (
            {"accounting": "two_leg", "stop_loss_bps": 0.0, "latency_ms_b": -1.0},
            ["stop_loss_bps must be positive", "latency_ms_b must be non-negative"],
        ),
        (
            {"accounting": "two_leg", "balances": {"a": 1.0}},
            ["balances must name a and b, with no amount below zero"],
        ),
        (
            {"accounting": "two_leg", "balances": {"a": -1.0, "b": 1.0}},
            ["balances must name a and b, with no amount below zero"],
        ),
        ({"close_at_end": True}, ["close_at_end needs accounting: two_leg"]),
    ],
)
def test_all_that_is_wrong_is_said(options, problems):
    """
    In the order of the fields.
    """
    assert list(Options(**options).problems()) == problems


def test_two_legs_are_marked_to_market_unless_told_otherwise():
    """
    And the first engine's books never are.
    """
    assert Options(accounting="two_leg").marks
    assert not Options(accounting="two_leg", equity="realized").marks
    assert not Options().marks
