"""Jobs with honest accounts, from data file to result: the numbers calculated by hand."""

import hashlib
import json
from pathlib import Path

import pytest

from kubectl_tune import result as results
from kubectl_tune.workload import ARBITRAGE
from kubectl_tune.workloads.arbitrage import CAVEAT, backtest, settings, tune

HEADER = "timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b"
TURN = ["99,100,102,103", "102,103,99,100"]
CONFIG = {
    "data_file": "d.csv",
    "min_spread_bps": 30,
    "taker_fee_a_bps": 5,
    "taker_fee_b_bps": 5,
    "slippage_bps": 5,
    "max_position_usd": 1000,
    "accounting": "two_leg",
}
# Ten coins: bought on A at 100 and sold at 102, sold on B at 102 and bought back at 100. Of the
# 4,040 USD of all four fills 5 bps are fees, and slippage is 5 bps of 1,000 USD, twice.
TURN_USD = 40 - 4040 * 5e-4 - 2 * 1000 * 5e-4


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("JOB_ID", "TUNE_TRIAL_ID"):
        monkeypatch.delenv(name, raising=False)


def write(rows, header=HEADER):
    lines = (f"2025-01-01T00:00:{number:02d}Z,{row}" for number, row in enumerate(rows))
    Path("d.csv").write_text("\n".join([header, *lines, ""]))


def job(**more):
    config = json.dumps({**CONFIG, **more})
    assert tune.main(["--config", config, "--output-json", "r.json"]) == 0
    return json.loads(Path("r.json").read_text())


def test_a_result_says_whose_books_it_shows():
    """
    The usual metrics, the further ones in a block of their own, and the name of the engine.
    """
    write(TURN)

    outcome = job()

    assert outcome["metrics"]["realized_pnl_usd"] == pytest.approx(TURN_USD, abs=1e-9)
    assert outcome["metrics_extra"]["fees_usd"] == pytest.approx(4040 * 5e-4 + 2020 * 5e-4)
    assert outcome["config"]["accounting"] == "two_leg"
    assert outcome["config_summary"]["accounting"] == "two_leg"
    assert outcome["repro"]["engine_version"].startswith("arbitrage/two_leg/")
    assert sum(outcome["series"]["pnl_usd"]) == pytest.approx(TURN_USD, abs=1e-9)


def test_a_ranking_finds_the_further_metrics_and_has_no_caveat():
    """
    By their bare names; what is no number stays in its block.
    """
    write(TURN)
    job()

    found = results.parse(Path("r.json").read_text())

    extra = found.extra["metrics_extra"]
    assert {"sharpe", "profit_factor", "exposure"} <= extra.keys() & found.metrics.keys()
    assert all(found.metrics[name] == extra[name] for name in extra.keys() & found.metrics.keys())
    assert not any(isinstance(found.metrics.get(name), str) for name in extra)
    assert not found.engine.startswith(results.SEED_ENGINE)
    assert ARBITRAGE.caveat_of([found.config], "s") == ""


def test_two_equal_markets_cost_two_ways_and_nothing_else():
    """
    Without a spread, and with prices that stand still, all that is left is the price of trading.
    """
    write(["100,100,101,101"] * 4)

    metrics = job(max_hold_seconds=2, row_stop=3)["metrics"]

    assert metrics["bad_rows"]["crossed"] == 0
    assert metrics["closed_trades"] == 1
    assert metrics["realized_pnl_usd"] == pytest.approx(-2 * (2010 + 1000) * 5e-4, abs=1e-9)


def test_a_locked_book_is_a_bad_row_where_bad_rows_are_asked_for():
    """
    `skip` by name means every row that the page calls bad.
    """
    write(["100,100,102,103", *TURN])

    assert job(bad_rows="skip")["metrics"]["bad_rows"]["crossed"] == 1
    assert job()["metrics"]["bad_rows"]["crossed"] == 0


@pytest.mark.parametrize("bad", ["99,nan,102,103", "99,0,102,103", "101,100,150,151", "x,1,2,3"])
@pytest.mark.parametrize("more", [{}, {"bad_rows": "skip"}])
def test_rows_that_no_market_sends_trade_nothing(bad, more, capsys):
    """
    They are left out, counted and named, and the numbers are those of the others.
    """
    write([bad, *TURN, bad])

    outcome = job(**more)

    assert outcome["metrics"]["realized_pnl_usd"] == pytest.approx(TURN_USD, abs=1e-9)
    assert sum(outcome["metrics"]["bad_rows"].values()) == outcome["repro"]["bad_rows"] == 2
    assert outcome["warnings"][0].startswith("bad row 2: ")
    assert outcome["config_summary"]["snapshots_count"] == 2


@pytest.mark.parametrize(
    ("usd", "row"), [(1e200, TURN[0]), (1e-300, "1e300,1.1e300,2e300,2.1e300")]
)
def test_numbers_beyond_all_measure_are_told_of_in_a_sentence(usd, row, capsys):
    """
    Whichever way a float gives up on them.
    """
    write([row] * 3)
    config = json.dumps({**CONFIG, "max_position_usd": usd, "close_at_end": True})

    assert tune.main(["--config", config]) == 2

    told = "prices, rates or settings are too large or too small to calculate with\n"
    assert capsys.readouterr().err.endswith(f"Tuning job failed: {told}")


def test_order_makes_the_trade(capsys):
    """
    A file whose rows stand the wrong way round is told of, and sorted on request.
    """
    Path("d.csv").write_text(
        f"{HEADER}\n1735689601000,{TURN[1]}\n1735689600000,{TURN[0]}\n1735689602000,{TURN[1]}\n"
    )

    late = job()
    assert late["metrics"]["closed_trades"] == 0
    assert "time goes back at 1 row, first at line 3: left out" in late["warnings"][-1]
    assert "time goes back at 1 row" in capsys.readouterr().err

    assert job(order="sort")["metrics"]["realized_pnl_usd"] == pytest.approx(TURN_USD, abs=1e-9)


def test_columns_of_the_file_reach_the_accounts():
    """
    A rate of its own for each row, and sizes: five coins are bid for on B when the trade opens.
    """
    header = HEADER + ",best_bid_a_qty,best_ask_a_qty,best_bid_b_qty,best_ask_b_qty,krw"
    write(["99,100,204,206,99,99,5,99,0.5", "102,103,198,200,99,99,99,99,0.5"], header)

    metrics = job(fill="top_of_book", rate_column="krw")["metrics"]

    assert metrics["realized_pnl_usd"] == pytest.approx(TURN_USD / 2, abs=1e-9)
    argv = ["--config", json.dumps({**CONFIG, "rate_column": "krv"}), "--output-json", "e.json"]
    assert tune.main(argv) == 2
    message = json.loads(Path("e.json").read_text())["error"]["message"]
    assert message.startswith(
        "Tuning job failed: CSV has no column 'krv' (did you mean 'krw'?); it has: timestamp, "
    )


def test_a_result_names_the_file_of_rates_that_shaped_it():
    """
    By its checksum, beside that of the quotes; a job without one has none.
    """
    write(TURN)
    Path("f.csv").write_text("timestamp,venue,rate\n2025-01-01T00:00:01Z,a,0.001\n")

    with_rates, without = job(funding="f.csv"), job()

    digest = hashlib.sha256(Path("f.csv").read_bytes()).hexdigest()
    assert with_rates["repro"]["funding_sha256"] == digest
    assert "funding_sha256" not in without["repro"]
    # Ten coins long on A at a mid of 102.5 pay a thousandth.
    assert with_rates["metrics_extra"]["funding_usd"] == pytest.approx(-1.025, abs=1e-9)


def test_times_are_told_to_the_microsecond():
    """
    As differences of the times in the file: what a float has beyond is no news.
    """
    Path("d.csv").write_text(
        f"{HEADER}\n2025-01-01T00:00:00.123Z,{TURN[0]}\n2025-01-01T00:00:03.6725Z,99,100,99,100\n"
        "2025-01-01T00:00:07.223Z,99,100,99,100\n"
    )

    extra = job()["metrics_extra"]

    assert extra["longest_hold_seconds"] == extra["median_hold_seconds"] == 3.5495
    assert extra["exposure"] == 3.5495 / 7.1


def test_a_missing_funding_file_is_the_users_mistake(capsys):
    """
    Exit code 1, as for the data file.
    """
    write(TURN)
    argv = ["--config", json.dumps({**CONFIG, "funding": "none.csv"}), "--output-json", "e.json"]

    assert tune.main(argv) == 1

    assert "none.csv" in json.loads(Path("e.json").read_text())["error"]["message"]


def test_the_backtest_shows_the_same_books_as_text(capsys):
    """
    The block with the metrics of these accounts below it, and no caveat.
    """
    write(TURN)
    numbers = {name: value for name, value in CONFIG.items() if name != "accounting"}
    argv = [f"--{name.replace('_', '-')}={value}" for name, value in numbers.items()]

    assert backtest.main([*argv, "--accounting", "two_leg"]) == 0

    printed = capsys.readouterr()
    assert f"Realized PnL (USD):        ${TURN_USD:,.2f}\n" in printed.out
    assert "\nMetrics of two-leg accounting:\n" in printed.out
    assert "\n  fees_usd: 3.03\n" in printed.out
    assert CAVEAT not in printed.err


def test_the_product_knows_which_keys_are_numbers():
    """
    So that a plan is checked before it runs.
    """
    numbers = {name for name, kind in settings.CONVERT.items() if kind is settings.number}
    whole = {name for name, kind in settings.CONVERT.items() if kind is settings.whole_number}

    assert {*ARBITRAGE.number_keys} == numbers | whole
    assert {key for key, one in ARBITRAGE.settings.items() if one.kind == "whole"} == whole
