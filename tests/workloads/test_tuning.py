"""The tuning job as a class: its checks, its metrics, its one error."""

import math
from dataclasses import asdict, fields

import pytest

from kubectl_tune.workloads.arbitrage.arbitrage_core import ArbitrageTrade
from kubectl_tune.workloads.arbitrage.arbitrage_tuning import (
    ArbitrageTuningRunner,
    TuningConfig,
    TuningMetrics,
)
from kubectl_tune.workloads.arbitrage.ledger import TradeEvent
from kubectl_tune.workloads.arbitrage.series import pnl_series

HEADER = "timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b\n"
ROWS = "2025-01-01T00:00:00Z,99,100,102,103\n2025-01-01T00:01:00Z,102,103,99,100\n"
STRATEGY = {
    "min_spread_bps": 30.0,
    "taker_fee_a_bps": 5.0,
    "taker_fee_b_bps": 5.0,
    "slippage_bps": 5.0,
    "max_position_usd": 1000.0,
}


@pytest.fixture
def data_file(tmp_path):
    path = tmp_path / "quotes.csv"
    path.write_text(HEADER + ROWS)
    return path


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"data_file": ""}, "data_file must be specified"),
        ({"min_spread_bps": -1}, "min_spread_bps must be non-negative"),
        ({"taker_fee_a_bps": -1}, "taker_fee_a_bps must be non-negative"),
        ({"taker_fee_b_bps": -1}, "taker_fee_b_bps must be non-negative"),
        ({"slippage_bps": -1}, "slippage_bps must be non-negative"),
        ({"max_position_usd": 0}, "max_position_usd must be positive"),
        ({"initial_balance_usd": 0}, "initial_balance_usd must be positive"),
        ({"max_open_trades": 0}, "max_open_trades must be at least 1"),
        ({"stop_on_drawdown_pct": 0}, "stop_on_drawdown_pct must be positive"),
        ({"exchange_a_to_b_rate": 0}, "exchange_a_to_b_rate must be positive"),
        ({"min_spread_bps": math.nan}, "min_spread_bps must be a finite number"),
        ({"stop_on_drawdown_pct": math.inf}, "stop_on_drawdown_pct must be a finite number"),
        ({"gate": "open"}, "gate must be one of min_spread, zero"),
        ({"bad_rows": "fix"}, "bad_rows must be one of seed, skip, error"),
    ],
)
def test_a_setting_out_of_range_is_named(setting, message):
    """
    A configuration that can't be meant is refused when it is made.
    """
    with pytest.raises(ValueError, match=message):
        TuningConfig(**{"data_file": "d.csv", **STRATEGY, **setting})


def test_all_settings_out_of_range_are_named_at_once():
    """
    Whoever has three mistakes reads of three mistakes.
    """
    with pytest.raises(ValueError) as caught:
        TuningConfig("", -1, -1, 0, 0, -5, 0)

    assert len(str(caught.value).split("; ")) == 5


def test_settings_of_zero_are_settings():
    """
    Fees, slippage and threshold may be nothing.
    """
    config = TuningConfig("d.csv", 0, 0, 0, 0, 1)

    assert (config.max_open_trades, config.initial_balance_usd) == (1, 10_000.0)
    assert (config.stop_on_drawdown_pct, config.tag, config.extra) == (None, None, {})


def test_a_job_returns_the_metrics_of_its_backtest(data_file):
    """
    The documented example, through the job.
    """
    metrics = ArbitrageTuningRunner(TuningConfig(str(data_file), **STRATEGY, tag="t")).run()

    assert asdict(metrics) | {"runtime_seconds": 0.0} == {
        "total_trades": 2,
        "closed_trades": 1,
        "open_trades": 1,
        "final_balance_usd": pytest.approx(10018.5, rel=1e-12),
        "realized_pnl_usd": pytest.approx(18.5, rel=1e-12),
        "max_drawdown_pct": 0.0,
        "win_rate": 1.0,
        "avg_pnl_per_trade_usd": pytest.approx(18.5, rel=1e-12),
        "runtime_seconds": 0.0,
        "config_summary": {
            "data_file": str(data_file),
            **STRATEGY,
            "max_open_trades": 1,
            "initial_balance_usd": 10_000.0,
            "stop_on_drawdown_pct": None,
            "tag": "t",
            "snapshots_count": 2,
        },
        "bad_rows": {"unparsable": 0, "nan": 0, "non_positive": 0, "crossed": 0, "time_back": 0},
    }
    assert metrics.runtime_seconds is not None
    assert metrics.runtime_seconds > 0


def test_metrics_need_only_the_eight_of_the_backtest():
    """
    The other fields have defaults, and come after.
    """
    metrics = TuningMetrics(1, 1, 0, 10_000.0, 0.0, 0.0, 0.0, 0.0)

    assert (metrics.runtime_seconds, metrics.config_summary) == (None, None)
    assert [field.name for field in fields(metrics)][8:10] == ["runtime_seconds", "config_summary"]


def test_snapshots_come_as_a_list(data_file):
    """
    In the order of the file, timestamps as they stand there.
    """
    loaded = ArbitrageTuningRunner(TuningConfig(str(data_file), **STRATEGY)).load_snapshots()

    assert isinstance(loaded, list)
    assert [each.timestamp for each in loaded] == ["2025-01-01T00:00:00Z", "2025-01-01T00:01:00Z"]


def test_loading_raises_what_is_wrong_and_running_says_that_the_job_failed(tmp_path):
    """
    A missing file is a FileNotFoundError of the loader and the cause of the job's RuntimeError.
    """
    runner = ArbitrageTuningRunner(TuningConfig(str(tmp_path / "none.csv"), **STRATEGY))

    with pytest.raises(FileNotFoundError, match="Data file not found"):
        runner.load_snapshots()
    with pytest.raises(RuntimeError, match="Tuning job failed: Data file not found") as caught:
        runner.run()
    assert isinstance(caught.value.__cause__, FileNotFoundError)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "Tuning job failed: CSV file is empty"),
        ("a,b\n1,2\n", "Tuning job failed: CSV must have columns"),
        (HEADER, "Tuning job failed: No valid snapshots"),
        (HEADER + ROWS + "t,x,1,1,1\n", "Tuning job failed: Invalid row 4: best_bid_a: could"),
        (HEADER + ROWS + "t,1,0,1,1\nt,1,0,1,0\n", "Tuning job failed: an open trade met a price"),
    ],
)
def test_whatever_goes_wrong_is_one_kind_of_error(data_file, content, message):
    """
    Everything after the checks of the configuration is a RuntimeError with its reason.
    """
    data_file.write_text(content)

    with pytest.raises(RuntimeError, match=message):
        ArbitrageTuningRunner(TuningConfig(str(data_file), **STRATEGY)).run()


def test_the_series_has_fixed_edges_and_adds_up():
    """
    Buckets come from the number of rows; PnL falls into the bucket of its row, the position holds
    until it changes.
    """
    long_a = ArbitrageTrade("t", pnl_usd=2.0)
    long_b = ArbitrageTrade("t", side="LONG_B_SHORT_A", pnl_usd=3.0)
    events = [
        TradeEvent(0, "open", long_a),
        TradeEvent(5, "close", long_a),
        TradeEvent(5, "open", long_b),
        TradeEvent(479, "close", long_b),
    ]

    series = pnl_series(events, 480)

    assert (series["bucket"], series["n"]) == ("rows", 240)
    assert {k: pnl for k, pnl in enumerate(series["pnl_usd"]) if pnl} == {2: 2.0, 239: 3.0}
    assert series["position"] == [1, 1, *[-1] * 237, 0]


def test_few_rows_spread_over_the_same_buckets():
    """
    There are always 240 buckets, so that series of one file compare.
    """
    events = [TradeEvent(8, "open", ArbitrageTrade("t"))]

    assert pnl_series(events, 9)["position"].index(1) == 8 * 240 // 9
