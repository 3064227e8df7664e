"""What the product knows of the built-in workload, held against what the job itself refuses."""

import json
from itertools import product

import pytest

from kubectl_tune.plan import Rules, check
from kubectl_tune.planconfig import KnownConfigs
from kubectl_tune.workload import ARBITRAGE
from kubectl_tune.workloads.arbitrage import settings

CONFIG = {
    "data_file": "d.csv",
    "min_spread_bps": 1,
    "taker_fee_a_bps": 0.2,
    "taker_fee_b_bps": 0.2,
    "slippage_bps": 0.1,
    "max_position_usd": 1000,
}
VALUES = [
    None, True, False, 0, 1, -1, 2.0, 1.5, -0.5, 10**400, -(10**400), 1e308, "", " ", "x", "1",
    "-1", "1.5", "1e999", "nan", "true", "TRUE", "no", "seed", "two_leg", "two-leg", "TWO_LEG",
    "zero", "min_spread", "round_trip", "skip", "error", "drop", "check", "sort", "file", "full",
    "top_of_book", "top", "realized", "mark_to_market", "mtm", [], [1], {}, {"a": 1},
    {"a": 1, "b": 0}, {"a": 1, "b": -1}, {"a": 1, "b": True}, {"a": 1, "b": "2"},
    {"a": 1, "b": "x"}, {"a": 1, "b": None}, {"a": 1, "b": 2, "c": 3}, {"A": 1, "B": 2},
    {"a": 10**400, "b": 1}, "a=1,b=2", " b = 2, a=1", "a=1", "a=1,a=2", "a=1,a=2,b=3",
    "a=1,b=x", "a=1,b=-1", "a=1,b=nan", "a=1,b=1e999", "a=1,b=2,c=3", "a=1,b=",
]  # fmt: skip
QUOTED = ("number", "whole", "switch")


def refused_before(config):
    return [fault.message for fault in KnownConfigs(ARBITRAGE).faults(config)]


def refused_by_the_job(config):
    given = settings.merged(config, {})
    lacking = settings.missing(given)
    return lacking or settings.problems(given)


@pytest.mark.parametrize("books", [{}, {"accounting": "two_leg"}], ids=["seed", "two_leg"])
@pytest.mark.parametrize("key", settings.CONVERT)
def test_a_plan_refuses_what_the_job_refuses(key, books):
    """
    Whatever value a key has, in either accounting; of quoted numbers a plan takes none.
    """
    kind = ARBITRAGE.settings[key].kind
    values = [one for one in VALUES if not (isinstance(one, str) and kind in QUOTED)]

    configs = [{**CONFIG, **books, key: value} for value in values]

    assert [c[key] for c in configs if bool(refused_before(c)) != bool(refused_by_the_job(c))] == []


def test_a_plan_refuses_pairs_that_the_job_refuses():
    """
    Keys that exclude each other, bounds that leave no row, and a gate of the other accounting.
    """
    choices = {
        "accounting": [None, "seed", "two_leg"],
        "gate": [None, "zero", "round_trip"],
        "rate_column": [None, "fx"],
        "exchange_a_to_b_rate": [None, 1, 2],
        "row_start": [None, 0, 5],
        "row_stop": [None, 0, 3, 5, 6],
    }
    configs = [
        {**CONFIG, **dict(zip(choices, values, strict=True))}
        for values in product(*choices.values())
    ]

    assert [c for c in configs if bool(refused_before(c)) != bool(refused_by_the_job(c))] == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"accounting": "two-leg", "fill": "top_of_book", "gate": "round_trip"}, ["accounting"]),
        ({"accounting": 2, "exit_bps": 1}, ["accounting"]),
        ({"acounting": "two_leg", "exit_bps": 1}, ["unknown config key"]),
        ({"fill": "top", "equity": "mtm", "exit_bps": "1"}, ["fill", "equity", "exit_bps"]),
        ({"row_start": "5", "row_stop": 3}, ["row_start"]),
        ({"rate_column": 3, "exchange_a_to_b_rate": 2}, ["rate_column"]),
    ],
)
def test_no_key_is_blamed_for_another(given, said):
    """
    A key that is wrong, or misspelt, is told alone.
    """
    found = refused_before({**CONFIG, **given})

    assert len(found) == len(said)
    assert all(one.startswith(start) for one, start in zip(found, said, strict=True))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_json_number_is_told_once(number):
    """
    As it was written, and not as what it would be read as.
    """
    config = {**CONFIG, "accounting": "two_leg", "take_profit_bps": 7}
    text = json.dumps({"job_id": "a", "config": config}).replace("7", number)

    (problem,) = check([text.encode()], Rules())

    assert problem.message.startswith(f"{number} is ")


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("accounting", "two-leg", "did you mean two_leg?"),
        ("equity", "mark-to-market", "did you mean mark_to_market?"),
        ("close_at_end", "true", "leave out the quotes"),
        ("exit_bps", "1.5", "leave out the quotes"),
        ("exit_bps", "much", ""),
        ("max_open_trades", "1.5", ""),
    ],
)
def test_the_value_is_told_as_it_was_written(key, value, hint):
    """
    With what was meant, where that can be told.
    """
    (fault,) = KnownConfigs(ARBITRAGE).faults({**CONFIG, "accounting": "two_leg", key: value})

    assert fault.message.endswith(f", not {json.dumps(value)}")
    assert (fault.path, fault.hint) == (("config", key), hint)
