"""The settings of honest accounting: as keys and as flags, checked together, told in results."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from kubectl_tune.workloads.arbitrage import backtest, settings, tune
from kubectl_tune.workloads.arbitrage.accounting import Options
from kubectl_tune.workloads.arbitrage.tuning_config import config_block

STRATEGY = {
    "data_file": "d.csv",
    "min_spread_bps": 30.0,
    "taker_fee_a_bps": 5.0,
    "taker_fee_b_bps": 5.0,
    "slippage_bps": 5.0,
    "max_position_usd": 1000.0,
}
ALL = {
    "accounting": "two_leg",
    "exit_bps": -1.5,
    "take_profit_bps": 10.0,
    "stop_loss_bps": 20.0,
    "max_hold_seconds": 60.0,
    "equity": "realized",
    "close_at_end": True,
    "latency_ms_a": 5.0,
    "latency_ms_b": 100.0,
    "fill": "top_of_book",
    "funding": "funding.csv",
    "rate_column": "fx",
    "balances": {"a": 5000.0, "b": 2500.0},
    "max_quote_age_ms": 250.0,
}
DATA = {"order": "file", "row_start": 5, "row_stop": 900}
LABELS = {"fold": 3, "part": "test"}
HEADER = "timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b\n"
ROWS = "".join(
    f"{second},{prices}\n" for second, prices in enumerate(["99,100,102,103", "102,103,99,100"] * 3)
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("JOB_ID", "TUNE_TRIAL_ID"):
        monkeypatch.delenv(name, raising=False)
    Path("d.csv").write_text(HEADER + ROWS)


def flags(values):
    for name, value in values.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            yield flag
        elif isinstance(value, dict):
            yield f"{flag}={','.join(f'{venue}={usd}' for venue, usd in value.items())}"
        else:
            yield f"{flag}={value}"


def config_of(values):
    return settings.tuning_config(settings.merged(values, {}), {})


def test_every_option_is_a_key_and_a_flag_of_both_commands():
    """
    And means the same wherever it stands.
    """
    assert {*ALL} == {option.name for option in fields(Options)}
    by_key = config_of({**STRATEGY, **ALL, **DATA})

    for parser in (tune.parser(), backtest._parser()):
        args = parser.parse_args([*flags({**STRATEGY, **ALL, **DATA})])
        assert config_of(settings.merged({}, vars(args))) == by_key

    assert by_key.options == Options(**ALL)
    assert (by_key.row_order, by_key.row_start, by_key.row_stop) == ("file", 5, 900)


def test_only_what_differs_from_the_default_stands_in_a_result():
    """
    And all that does, so that a result says how to repeat it.
    """
    plain = config_of({**STRATEGY, "accounting": "seed", "bad_rows": "seed", "gate": "seed"})
    full = config_of({**STRATEGY, **ALL, **DATA, **LABELS, "gate": "round_trip"})

    ten = config_block(plain)
    assert len(ten) == 10
    expected = {**ten, **ALL, **DATA, **LABELS, "gate": "round_trip"}
    assert config_block(full) == expected
    assert config_of(config_block(full)) == full
    assert json.loads(json.dumps(config_block(full))) == expected


@pytest.mark.parametrize(
    ("given", "policy", "order", "told"),
    [
        ({}, "seed", None, {}),
        ({"bad_rows": "skip"}, "skip", None, {"bad_rows": "skip"}),
        ({"order": "check"}, "seed", "check", {"order": "check"}),
        ({"accounting": "two_leg"}, "skip", "check", {"accounting": "two_leg"}),
        (
            {"accounting": "two_leg", "bad_rows": "skip", "order": "check"},
            "skip",
            "check",
            {"accounting": "two_leg", "bad_rows": "skip"},
        ),
        (
            {"accounting": "two_leg", "bad_rows": "seed", "order": "file"},
            "seed",
            "file",
            {"accounting": "two_leg", "bad_rows": "seed", "order": "file"},
        ),
    ],
)
def test_the_accounting_implies_what_becomes_of_odd_rows(given, policy, order, told):
    """
    Honest accounts leave bad rows out and say so; the first ones keep them.
    """
    config = config_of({**STRATEGY, **given})

    assert (config.policy, config.row_order) == (policy, order)
    assert {k: v for k, v in config_block(config).items() if k not in STRATEGY and v} == {
        "max_open_trades": 1,
        "initial_balance_usd": 10_000.0,
        **told,
    }


BALANCES = 'must be {"a": USD, "b": USD}, or a=USD,b=USD, with no amount below zero'


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({"accounting": "honest"}, ["accounting must be one of seed, two_leg"]),
        (
            {"accounting": "two-leg", "exit_bps": 1, "gate": "round_trip"},
            ["accounting must be one of seed, two_leg"],  # the others were meant for it
        ),
        ({"accounting": True, "fill": "top_of_book"}, ["accounting must be text, not true"]),
        ({"accounting": "two_leg", "funding": ""}, ["funding must not be empty"]),
        ({"accounting": "two_leg", "rate_column": ""}, ["rate_column must not be empty"]),
        ({"exit_bps": 1}, ["exit_bps needs accounting: two_leg"]),
        ({"close_at_end": True}, ["close_at_end needs accounting: two_leg"]),
        ({"gate": "round_trip"}, ["gate: round_trip needs accounting: two_leg"]),
        ({"gate": "wide"}, ["gate must be one of min_spread, zero, round_trip, seed"]),
        ({"order": "time"}, ["order must be one of check, sort, file"]),
        ({"close_at_end": 1}, ["close_at_end must be true or false, not 1"]),
        ({"row_start": 1.5}, ["row_start must be a whole number, not 1.5"]),
        ({"row_start": -1}, ["row_start must be non-negative"]),
        ({"row_stop": -1}, ["row_stop must be non-negative"]),
        ({"row_stop": 0}, ["row_stop must be greater than row_start, which is 0"]),
        (
            {"row_start": 7, "row_stop": 7},
            ["row_stop must be greater than row_start, which is 7"],
        ),
        ({"fold": "x"}, ['fold must be a number, not "x"']),
        *(
            ({"accounting": "two_leg", "balances": value}, [f"balances {BALANCES}, not {text}"])
            for value, text in [
                ({"a": 1}, '{"a": 1}'),
                ({"a": 1, "b": -1}, '{"a": 1, "b": -1}'),
                ({"a": 1, "b": 1, "c": 1}, '{"a": 1, "b": 1, "c": 1}'),
                ("a=1", '"a=1"'),
                ("a=1,a=2,b=1", '"a=1,a=2,b=1"'),
                (5, "5"),
            ]
        ),
        (
            {"accounting": "two_leg", "rate_column": "fx", "exchange_a_to_b_rate": 2},
            ["rate_column and exchange_a_to_b_rate exclude each other"],
        ),
        (
            {
                "slippage_bps": "much",
                "min_spread_bps": -1,
                "accounting": "two_leg",
                "latency_ms_a": -1,
                "stop_loss_bps": 0,
                "fill": "half",
                "row_start": 9,
                "row_stop": 3,
            },
            [
                'slippage_bps must be a number, not "much"',
                "min_spread_bps must be non-negative",
                "stop_loss_bps must be positive",
                "latency_ms_a must be non-negative",
                "fill must be one of full, top_of_book",
                "row_stop must be greater than row_start, which is 9",
            ],
        ),
    ],
)
def test_all_that_is_wrong_is_said_at_once(given, problems, capsys):
    """
    By the tuning command as text and as a result, with exit code 1.
    """
    argv = ["--config", json.dumps({**STRATEGY, **given}), "--output-json", "r.json"]

    assert tune.main(argv) == 1

    assert capsys.readouterr().err == f"[D38_TUNING] ERROR: {'; '.join(problems)}\n"
    assert json.loads(Path("r.json").read_text())["error"]["message"] == "; ".join(problems)


def test_what_is_missing_is_said_with_all_that_is_wrong(capsys):
    """
    So that one look is enough; what is missing is no value that could be wrong.
    """
    given = {"data_file": "d.csv", "min_spread_bps": -1, "exit_bps": 2, "slippage_bps": 1}

    assert tune.main(["--config", json.dumps(given)]) == 2

    assert capsys.readouterr().err.splitlines()[-1] == (
        "run_arbitrage_tuning: error: the following arguments are required: --taker-fee-a-bps,"
        " --taker-fee-b-bps, --max-position-usd; min_spread_bps must be non-negative; exit_bps"
        " needs accounting: two_leg"
    )


def test_the_backtest_says_all_problems_too(capsys):
    """
    Once one of the new flags is given, all of them are checked.
    """
    argv = [*flags({**STRATEGY, "min_spread_bps": -1.0, "exit_bps": 1.0, "row_start": -2})]

    assert backtest.main(argv) == 1

    assert capsys.readouterr().err == (
        "[ERROR] min_spread_bps must be non-negative; exit_bps needs accounting: two_leg;"
        " row_start must be non-negative\n"
    )


@pytest.mark.parametrize("value", [{"a": 1, "b": 2.5}, "a=1,b=2.5", " b = 2.5, a=1"])
def test_balances_are_written_either_way(value):
    """
    As an object and as text.
    """
    assert settings.balances(value) == {"a": 1.0, "b": 2.5}


def test_a_flag_of_balances_says_how_they_are_written(capsys):
    """
    As a config does.
    """
    assert tune.main(["--balances", "a=5"]) == 2

    assert 'must be {"a": USD, "b": USD}, or a=USD,b=USD' in capsys.readouterr().err


def read(path="r.json"):
    return json.loads(Path(path).read_text())


def tuned(**more):
    config = json.dumps({**STRATEGY, **more})
    assert tune.main(["--config", config, "--output-json", "r.json"]) == 0
    return read()


def test_a_part_of_the_rows_is_a_job_over_that_part(capsys):
    """
    As if the file had no others; the checksum stays that of the file.
    """
    whole = tuned()
    part = tuned(row_start=1, row_stop=5, **LABELS)
    lines = (HEADER + ROWS).splitlines(keepends=True)
    Path("d.csv").write_text(lines[0] + "".join(lines[2:6]))
    alone = tuned()

    assert part["metrics"] | {"runtime_seconds": 0} == alone["metrics"] | {"runtime_seconds": 0}
    assert part["series"] == alone["series"]
    assert (part["repro"]["rows"], part["config_summary"]["snapshots_count"]) == (4, 4)
    assert part["repro"]["data_sha256"] == whole["repro"]["data_sha256"]
    assert part["config"] == {**whole["config"], "row_start": 1, "row_stop": 5, **LABELS}


def test_bounds_beyond_the_file_are_told(capsys):
    """
    A part that has no row fails; one that ends early goes on with a warning, with the file's rows.
    """
    beyond = "row_stop 9 is beyond the end: the file has 6 rows"
    assert tuned(row_start=4, row_stop=9)["warnings"] == [beyond]
    assert capsys.readouterr().err == f"[D38_TUNING] WARNING: {beyond}\n"

    argv = ["--config", json.dumps({**STRATEGY, "row_start": 6}), "--output-json", "r.json"]
    assert tune.main(argv) == 2
    assert read()["error"]["message"] == (
        "Tuning job failed: row_start 6 leaves no row: the file has 6"
    )
    assert backtest.main([*flags({**STRATEGY, "row_start": 6})]) == 1
    assert "[ERROR] row_start 6 leaves no row: the file has 6\n" in capsys.readouterr().err


def test_sorting_needs_no_other_accounts(capsys):
    """
    The first engine over sorted rows is what it is over a sorted file.
    """
    expected = tuned()["metrics"]
    lines = ROWS.splitlines(keepends=True)
    Path("d.csv").write_text(HEADER + "".join(lines[::-1]))

    found = tuned(order="sort")

    assert found["metrics"] | {"runtime_seconds": 0} == expected | {"runtime_seconds": 0}
    assert found["warnings"] == ["time goes back at 5 rows, first at line 3: sorted by time"]
