"""Real quotes of two venues, where they are at hand: KUBECTL_TUNE_QUOTES names their folder."""

import os
from dataclasses import asdict
from pathlib import Path

import pytest
from workloads import literal

from kubectl_tune.workloads.arbitrage.arbitrage_backtest import ArbitrageBacktester, BacktestConfig
from kubectl_tune.workloads.arbitrage.arbitrage_core import ArbitrageConfig, ArbitrageEngine
from kubectl_tune.workloads.arbitrage.quotes import load_quotes

FOLDER = os.environ.get("KUBECTL_TUNE_QUOTES")
FILES = sorted(Path(FOLDER).glob("*.csv.gz")) if FOLDER else []

pytestmark = pytest.mark.skipif(not FILES, reason="KUBECTL_TUNE_QUOTES names no quotes")


def fees(min_spread_bps, **more):
    return {
        "min_spread_bps": min_spread_bps,
        "taker_fee_a_bps": 0.2,
        "taker_fee_b_bps": 0.2,
        "slippage_bps": 0.1,
        "max_position_usd": 1000.0,
    } | more


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@pytest.mark.parametrize(
    "config",
    [fees(0.0), fees(1.0, max_open_trades=5), fees(2.0, gate="zero", max_open_trades=50)],
    ids=["all", "five-at-once", "fifty-at-once"],
)
def test_real_quotes_give_what_the_formulas_say(path, config):
    """
    They load without a bad row, and a literal reading of the formulas agrees to the last bit.
    """
    quotes = load_quotes(path, "error")
    rows = list(zip(quotes.timestamps, *quotes.prices, strict=True))

    result = ArbitrageBacktester(ArbitrageEngine(ArbitrageConfig(**config)), BacktestConfig()).run(
        quotes
    )

    assert asdict(result) == literal.backtest(rows, config)[0]


@pytest.mark.skipif(
    not any(path.name == "btc_usdm_coinm.csv.gz" for path in FILES), reason="no such quotes"
)
@pytest.mark.parametrize(
    ("min_spread_bps", "closed", "pnl"),
    [(0, 47, 1.71), (0.5, 36, 2.83), (1, 27, 4.18), (2, 9, 2.68), (3, 5, 2.99)],
)
def test_a_known_table_comes_out(min_spread_bps, closed, pnl):
    """
    Counts and PnL that were computed by another implementation.
    """
    quotes = load_quotes(Path(FOLDER, "btc_usdm_coinm.csv.gz"))

    engine = ArbitrageEngine(ArbitrageConfig(**fees(min_spread_bps)))
    result = ArbitrageBacktester(engine, BacktestConfig()).run(quotes)

    assert result.closed_trades == closed
    assert result.realized_pnl_usd == pytest.approx(pnl, abs=0.005)
