"""The engine and the backtest give the documented numbers, to the last trade."""

import math
from dataclasses import asdict, fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workloads import literal
from workloads.series import SHORT, sine

from kubectl_tune.workloads.arbitrage.arbitrage_backtest import (
    ArbitrageBacktester,
    BacktestConfig,
    BacktestResult,
)
from kubectl_tune.workloads.arbitrage.arbitrage_core import (
    ArbitrageConfig,
    ArbitrageEngine,
    ArbitrageTrade,
    OrderBookSnapshot,
)

COSTS = {"taker_fee_a_bps": 5.0, "taker_fee_b_bps": 5.0, "slippage_bps": 5.0}
STRATEGY = {"min_spread_bps": 30.0, **COSTS, "max_position_usd": 1000.0}
A_CHEAP = (99.0, 100.0, 102.0, 103.0)
B_CHEAP = (102.0, 103.0, 99.0, 100.0)


def snapshots(*quotes):
    return [OrderBookSnapshot(f"t{number}", *quote) for number, quote in enumerate(quotes)]


def engine(**settings):
    return ArbitrageEngine(ArbitrageConfig(**{**STRATEGY, **settings}))


def backtest(series, config=None, **settings):
    return ArbitrageBacktester(engine(**settings), config or BacktestConfig()).run(series)


def events(backtester):
    return [
        (
            (event.trade.close_timestamp, "close", event.trade.side, event.trade.entry_spread_bps,
             event.trade.pnl_usd)
            if event.kind == "close"
            else (event.trade.open_timestamp, "open", event.trade.side,
                  event.trade.entry_spread_bps)
        )
        for event in backtester.ledger.events
    ]  # fmt: skip


def test_one_snapshot_closes_one_trade_and_opens_another():
    """
    A reversal closes what it ends and may open the other side on the same row.
    """
    arbitrage = engine()
    first, second = snapshots(A_CHEAP, B_CHEAP)

    (opened,) = arbitrage.on_snapshot(first)
    closed, reopened = arbitrage.on_snapshot(second)

    assert closed is opened
    assert (closed.pnl_bps, closed.pnl_usd) == (pytest.approx(185.0), pytest.approx(18.5))
    assert (closed.exit_spread_bps, closed.exit_reason) == (0.0, "spread_reversal")
    assert (reopened.side, reopened.entry_spread_bps) == ("LONG_B_SHORT_A", pytest.approx(200.0))
    assert arbitrage.get_open_trades() == [reopened]
    assert arbitrage.get_last_snapshot() is second


def test_a_short_series_gives_the_documented_result():
    """
    Two trades a side, closed together, with every figure known.
    """
    series = snapshots(*SHORT)
    backtester = ArbitrageBacktester(engine(max_open_trades=2), BacktestConfig())

    result = backtester.run(series)

    assert asdict(result) == {
        "total_trades": 4,
        "closed_trades": 4,
        "open_trades": 0,
        "final_balance_usd": pytest.approx(10014.451891898148, rel=1e-12),
        "realized_pnl_usd": pytest.approx(14.451891898148956, rel=1e-12),
        "max_drawdown_pct": 0.0,
        "win_rate": 1.0,
        "avg_pnl_per_trade_usd": pytest.approx(3.612972974537239, rel=1e-12),
        "stats": {
            "steps_processed": 9,
            "total_snapshots": 9,
            "winning_trades": 4,
            "losing_trades": 0,
        },
    }
    pnl = [event.trade.pnl_usd for event in backtester.ledger.events if event.kind == "close"]
    assert pnl == pytest.approx([3.4950049950, 3.9917623565, 3.4800796813, 3.4850448654])


@pytest.mark.parametrize("mode", [{"gate": "zero"}, {"min_spread_bps": 0.0}])
def test_the_published_mode_takes_bs_prices_times_a_rate(mode):
    """
    Rate 2.5 and a gate at zero: the other documented example.
    """
    series = snapshots(
        (99500, 100500, 40300, 40400),
        (100900, 101000, 40300, 40390),
        (101300, 101400, 40300, 40390),
    )
    config = {"exchange_a_to_b_rate": 2.5, **mode}
    backtester = ArbitrageBacktester(engine(**config), BacktestConfig())

    result = backtester.run(series)

    assert (result.total_trades, result.closed_trades, result.open_trades) == (2, 1, 1)
    assert result.final_balance_usd == pytest.approx(10000.987562189055, rel=1e-12)
    spreads = [event.trade.entry_spread_bps for event in backtester.ledger.events]
    assert spreads[0] == pytest.approx(24.87562189054726)
    assert spreads[2] == pytest.approx(32.18618469918297)


@pytest.mark.parametrize(
    ("min_spread_bps", "total", "closed", "pnl"),
    [
        (0, 65, 64, 17.502877779262764),
        (5, 59, 58, 43.89426089325093),
        (10, 47, 46, 56.94399516832385),
        (20, 30, 30, 65.6330032081927),
        (30, 17, 17, 53.001429593693906),
    ],
)
def test_a_grid_over_waves_has_its_optimum_inside(min_spread_bps, total, closed, pnl):
    """
    A thousand rows at five thresholds: counts exact, PnL to nine digits.
    """
    fees = {"taker_fee_a_bps": 4, "taker_fee_b_bps": 4, "slippage_bps": 2}

    result = backtest(snapshots(*sine()), min_spread_bps=min_spread_bps, **fees)

    assert (result.total_trades, result.closed_trades) == (total, closed)
    assert result.realized_pnl_usd == pytest.approx(pnl, rel=1e-9)


@pytest.mark.parametrize(
    ("entry", "exit", "pnl_bps", "pnl_usd"), [(50, 10, 25.0, 2.5), (30, 50, -35.0, -3.5)]
)
def test_a_trade_pays_its_costs_at_the_close(entry, exit, pnl_bps, pnl_usd):
    """
    Entry less exit less costs, on the notional.
    """
    trade = ArbitrageTrade("t0", entry_spread_bps=entry, notional_usd=1000.0)

    trade.close("t1", exit, 5, 5, 5)

    assert (trade.pnl_bps, trade.pnl_usd) == (pytest.approx(pnl_bps), pytest.approx(pnl_usd))
    assert (trade.is_open, trade.close_timestamp) == (False, "t1")


class Scripted:
    """An engine that closes one trade a step, with a given PnL."""

    def __init__(self, *pnl):
        self.pnl = list(pnl)

    def on_snapshot(self, snapshot):
        trade = ArbitrageTrade(snapshot.timestamp, is_open=False, pnl_usd=self.pnl.pop(0))
        return [trade]

    def get_open_trades(self):
        return []


@pytest.mark.parametrize(
    ("stop", "trades", "balance", "drawdown", "steps"),
    [
        (None, 6, 10800, 10.476190476190476, 6),
        (10, 3, 9400, 10.476190476190476, 2),
        (5, 2, 9700, 7.6190476190476195, 1),
    ],
)
def test_a_drawdown_ends_the_run_before_the_step_counts(stop, trades, balance, drawdown, steps):
    """
    The balance falls from its peak; the step that reaches the limit is not counted as processed.
    """
    scripted = Scripted(500, -800, -300, 100, 1500, -200)
    config = BacktestConfig(stop_on_drawdown_pct=stop)

    result = ArbitrageBacktester(scripted, config).run(snapshots(*[A_CHEAP] * 6))

    assert (result.total_trades, result.final_balance_usd) == (trades, balance)
    assert result.max_drawdown_pct == pytest.approx(drawdown, rel=1e-12)
    assert result.stats["steps_processed"] == steps
    if stop is None:
        assert result.win_rate == 0.5
        assert result.avg_pnl_per_trade_usd == pytest.approx(133.33333333333334)


def test_equal_trades_are_two_trades():
    """
    Two rows that agree in everything open two trades, and both are paid for.
    """
    row = OrderBookSnapshot("t", *A_CHEAP)
    series = [row, row, OrderBookSnapshot("t", 102.0, 103.0, 101.0, 103.0)]

    result = backtest(series, max_open_trades=2, min_spread_bps=30)

    assert (result.total_trades, result.closed_trades) == (2, 2)
    assert result.realized_pnl_usd == pytest.approx(2 * 18.5)


def test_a_trade_shown_again_counts_once():
    """
    What an engine reports twice, opened or closed, is one trade.
    """
    trade = ArbitrageTrade("t0", is_open=False, pnl_usd=1.0)

    class Forgetful(Scripted):
        def on_snapshot(self, snapshot):
            return [trade, trade]

    result = ArbitrageBacktester(Forgetful(), BacktestConfig()).run(snapshots(A_CHEAP, A_CHEAP))

    assert (result.total_trades, result.closed_trades, result.realized_pnl_usd) == (1, 1, 1.0)


NAN = math.nan
PRICES = st.one_of(
    st.integers(96, 104).map(float),
    st.floats(95, 105).map(lambda price: round(price, 2)),
    st.sampled_from([0.0, -1.0, NAN, math.inf]),
)
BOOKS = st.one_of(
    st.tuples(PRICES, PRICES, PRICES, PRICES),
    st.tuples(*[st.floats(95, 105)] * 2, *[st.floats(0.01, 1.0)] * 2).map(
        lambda m: (m[0] - m[2], m[0] + m[2], m[1] - m[3], m[1] + m[3])
    ),
)
STRATEGIES = st.fixed_dictionaries(
    {
        "min_spread_bps": st.sampled_from([0.0, 5.0, 30.0, -500.0]),
        "taker_fee_a_bps": st.sampled_from([0.0, 0.2, 5.0]),
        "taker_fee_b_bps": st.sampled_from([0.0, 5.0]),
        "slippage_bps": st.sampled_from([0.0, 2.0, 100.0]),
        "max_position_usd": st.sampled_from([1000.0, 333.3]),
        "max_open_trades": st.integers(0, 5),
        "close_on_spread_reversal": st.sampled_from([True, True, True, False]),
        "exchange_a_to_b_rate": st.sampled_from([1.0, 1.0, 1.01]),
        "gate": st.sampled_from(["min_spread", "zero"]),
    }
)
RUNS = st.fixed_dictionaries(
    {
        "initial": st.sampled_from([10_000.0, 100.0]),
        "max_steps": st.none() | st.integers(0, 30),
        "stop": st.none() | st.sampled_from([0.001, 0.1, 5.0]),
    }
)


def same(value):
    """Makes NaN equal to itself."""
    return repr(value)


@settings(max_examples=400)
@given(books=st.lists(BOOKS, max_size=60), config=STRATEGIES, run=RUNS)
def test_the_engine_does_what_the_formulas_say(books, config, run):
    """
    On any quotes, sane or not, a literal reading of the formulas makes the same trades in the
    same order, and the same sums to the last bit.
    """
    series = snapshots(*books)
    rows = [(f"t{number}", *book) for number, book in enumerate(books)]
    backtester = ArbitrageBacktester(
        ArbitrageEngine(ArbitrageConfig(**config)),
        BacktestConfig(run["initial"], run["max_steps"], run["stop"]),
    )

    try:
        expected, trades = literal.backtest(rows, config, **run)
    except ZeroDivisionError:
        with pytest.raises(ZeroDivisionError):
            backtester.run(series)
        return
    result = backtester.run(series)

    assert same(asdict(result)) == same(expected)
    assert same(events(backtester)) == same(trades)


@given(books=st.lists(BOOKS, max_size=20), config=STRATEGIES)
def test_open_trades_are_listed_by_opening_and_apart(books, config):
    """
    The list is a copy in the order of opening, and every open trade was once returned.
    """
    arbitrage = ArbitrageEngine(ArbitrageConfig(**{**config, "close_on_spread_reversal": False}))

    opened = [trade for each in snapshots(*books) for trade in arbitrage.on_snapshot(each)]
    arbitrage.get_open_trades().clear()

    assert arbitrage.get_open_trades() == opened


def test_nan_in_the_prices_that_open_opens_a_trade_without_an_edge():
    """
    NaN in A's ask or B's bid passes every check; in the other two it leaves the decision alone.
    """
    bid_a, ask_a, bid_b, ask_b = A_CHEAP
    for book in ((bid_a, NAN, bid_b, ask_b), (bid_a, ask_a, NAN, ask_b)):
        (trade,) = engine().on_snapshot(OrderBookSnapshot("t", *book))
        assert math.isnan(trade.entry_spread_bps)
    for book in ((NAN, 101.0, 100.0, 101.0), (100.0, 101.0, 100.0, NAN)):
        assert engine().on_snapshot(OrderBookSnapshot("t", *book)) == []


def test_an_open_trade_and_a_price_of_zero_raise():
    """
    Nothing is checked before a close: a zero divides, and the trade stays as it was.
    """
    arbitrage = engine()
    (trade,) = arbitrage.on_snapshot(OrderBookSnapshot("t0", *A_CHEAP))

    with pytest.raises(ZeroDivisionError):
        arbitrage.on_snapshot(OrderBookSnapshot("t1", 99.0, 0.0, 102.0, 103.0))

    assert arbitrage.get_open_trades() == [trade]
    assert trade.is_open


def test_a_spread_of_exactly_zero_closes_nothing():
    """
    Only a strictly negative spread is a reversal.
    """
    arbitrage = engine()
    arbitrage.on_snapshot(OrderBookSnapshot("t0", *A_CHEAP))

    assert arbitrage.on_snapshot(OrderBookSnapshot("t1", 99.0, 100.0, 100.0, 101.0)) == []


def test_a_crossed_book_closes_but_opens_nothing():
    """
    Prices are checked before an opening only.
    """
    arbitrage = engine()
    (trade,) = arbitrage.on_snapshot(OrderBookSnapshot("t0", *A_CHEAP))

    assert arbitrage.on_snapshot(OrderBookSnapshot("t1", 104.0, 103.0, 102.0, 102.5)) == [trade]


def test_the_edge_after_costs_opens_from_the_threshold_on():
    """
    Equal to the threshold opens, and the opportunity says what it is worth.
    """
    quote = OrderBookSnapshot("t", 99.0, 100.0, 102.0, 103.0)
    free = {"taker_fee_a_bps": 0, "taker_fee_b_bps": 0, "slippage_bps": 0}

    found = engine(min_spread_bps=200.0, **free).detect_opportunity(quote)

    assert found is not None
    assert asdict(found) == {
        "timestamp": "t",
        "side": "LONG_A_SHORT_B",
        "spread_bps": 200.0,
        "gross_edge_bps": 200.0,
        "net_edge_bps": 200.0,
        "notional_usd": 1000.0,
    }
    assert engine(min_spread_bps=200.1, **free).detect_opportunity(quote) is None


def test_any_iterable_of_snapshots_will_do():
    """
    A generator is taken as far as the run goes, and no further.
    """
    endless = (OrderBookSnapshot(f"t{n}", *A_CHEAP) for n in iter(int, 1))

    result = backtest(endless, BacktestConfig(max_steps=5))

    assert result.stats["steps_processed"] == 5


def test_the_defaults_are_the_documented_ones():
    """
    Fields, their order and their defaults are a contract.
    """
    config = ArbitrageConfig(1.0, 2.0, 3.0, 4.0, 5.0)

    assert asdict(config) | {"gate": None} == {
        "min_spread_bps": 1.0,
        "taker_fee_a_bps": 2.0,
        "taker_fee_b_bps": 3.0,
        "slippage_bps": 4.0,
        "max_position_usd": 5.0,
        "max_open_trades": 1,
        "close_on_spread_reversal": True,
        "exchange_a_to_b_rate": 1.0,
        "bid_ask_spread_bps": 100.0,
        "gate": None,
    }
    assert asdict(BacktestConfig()) == {
        "initial_balance_usd": 10_000.0,
        "max_steps": None,
        "stop_on_drawdown_pct": None,
    }
    assert asdict(ArbitrageTrade("t")) == {
        "open_timestamp": "t",
        "close_timestamp": None,
        "side": "LONG_A_SHORT_B",
        "entry_spread_bps": 0.0,
        "exit_spread_bps": None,
        "notional_usd": 0.0,
        "pnl_usd": None,
        "pnl_bps": None,
        "is_open": True,
        "meta": {},
        "exit_reason": None,
    }
    assert [field.name for field in fields(BacktestResult)] == [
        "total_trades",
        "closed_trades",
        "open_trades",
        "final_balance_usd",
        "realized_pnl_usd",
        "max_drawdown_pct",
        "win_rate",
        "avg_pnl_per_trade_usd",
        "stats",
    ]


def test_an_unknown_gate_is_refused():
    """
    A gate that the engine doesn't know is an error, not a default.
    """
    with pytest.raises(ValueError, match="gate must be one of min_spread, zero"):
        engine(gate="seed")


def test_work_grows_with_rows_and_trades_not_with_their_product():
    """
    With a thousand trades open, a row that closes none costs as many steps as with one.
    """

    class Counted(float):
        looks = 0

        def __lt__(self, other):
            Counted.looks += 1
            return float.__lt__(self, other)

        def __sub__(self, other):
            Counted.looks += 1
            return Counted(float.__sub__(self, other))

    def looks(trades):
        arbitrage = engine(max_open_trades=trades)
        for each in snapshots(*[A_CHEAP] * trades):
            arbitrage.on_snapshot(each)
        assert len(arbitrage.get_open_trades()) == trades
        Counted.looks = 0
        for each in snapshots(*[tuple(map(Counted, A_CHEAP))] * 10):
            arbitrage.on_snapshot(each)
        return Counted.looks

    assert looks(1000) == looks(1) > 0
