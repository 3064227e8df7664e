"""The comparison command: both accountings of one config, as JSON."""

import json
from pathlib import Path

import pytest

from kubectl_tune.workloads.arbitrage.compare import main

CONFIG = {
    "min_spread_bps": 150,
    "taker_fee_a_bps": 5,
    "taker_fee_b_bps": 4,
    "slippage_bps": 2,
    "max_position_usd": 1000,
}
HEADER = "timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b\n"


@pytest.fixture
def config(tmp_path):
    """The settings of a job over two rows: one opens, the next one reverses."""
    data = tmp_path / "quotes.csv"
    data.write_text(f"{HEADER}0,99,100,102,103\n1,101,102,100,101\n2,101,102,100,101\n")
    return CONFIG | {"data_file": str(data)}


def compared(config, capsys):
    assert main(["--config", json.dumps(config)]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_config_is_accounted_both_ways(config, capsys):
    """
    Seed: (200 - 11) bps of 1,000, costs once. Two legs: 20 of gross less 2.217 of costs.
    """
    books = compared(config, capsys)

    assert list(books) == ["seed", "two_leg"]
    assert books["seed"]["realized_pnl_usd"] == books["seed"]["net_pnl_usd"] == pytest.approx(18.9)
    assert books["seed"]["fees_usd"] == pytest.approx(0.9)
    assert books["seed"]["slippage_usd"] == pytest.approx(0.2)
    assert books["two_leg"]["realized_pnl_usd"] == pytest.approx(17.783)
    assert books["two_leg"]["net_pnl_usd"] == pytest.approx(17.783)
    assert books["two_leg"]["metrics_extra"]["gross_pnl_usd"] == pytest.approx(20.0)
    assert books["seed"]["closed_trades"] == books["two_leg"]["closed_trades"] == 1


def test_a_config_of_two_legs_is_its_own_and_the_seed_beside_it(config, capsys):
    """
    Options that the first engine has no word for are left out for it.
    """
    options = {"accounting": "two_leg", "gate": "round_trip", "max_hold_seconds": 2, "exit_bps": -5}

    books = compared(config | options | {"min_spread_bps": 0}, capsys)

    assert books["seed"]["total_trades"] == 1
    assert books["two_leg"]["total_trades"] == 0


def test_rows_that_a_config_of_two_legs_leaves_out_are_in_no_books(config, capsys):
    """
    A price of zero while a trade is open ends a run of the first engine that takes it.
    """
    data = Path(config["data_file"])
    data.write_text(f"{HEADER}0,99,100,102,103\n1,0,0,100,101\n2,101,102,100,101\n")

    books = compared(config | {"accounting": "two_leg"}, capsys)

    assert books["seed"]["realized_pnl_usd"] == pytest.approx(18.9)
    assert books["two_leg"]["realized_pnl_usd"] == pytest.approx(17.783)


def test_the_first_engine_gets_the_middle_one_of_a_column_of_rates(config, capsys):
    """
    At 2 the quotes of B are those of the other tests: 18.9.
    """
    rows = ["0,99,100,51,51.5,2", "1,101,102,50,50.5,2", "2,101,102,50,50.5,2.02"]
    header = HEADER.strip() + ",fx"
    Path(config["data_file"]).write_text("\n".join([header, *rows]) + "\n")

    books = compared(config | {"accounting": "two_leg", "rate_column": "fx"}, capsys)

    assert books["seed"]["realized_pnl_usd"] == pytest.approx(18.9)


@pytest.mark.parametrize(
    ("change", "code", "why"),
    [
        ({"data_file": "nowhere.csv"}, 1, "Data file not found: nowhere.csv"),
        ({"slippage_bps": None}, 1, "the config lacks slippage_bps"),
        ({"max_position_usd": -1}, 1, "max_position_usd must be positive"),
        ({"accounting": "two_leg", "fill": "top_of_book"}, 2, "best_bid_a_qty"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(config, capsys, change, code, why):
    """
    On stderr, with nothing on stdout.
    """
    assert main(["--config", json.dumps(config | change)]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert why in said.err
