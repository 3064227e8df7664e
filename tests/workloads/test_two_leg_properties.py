"""The two-leg accounts over chance data: against a literal reading, and against themselves."""

from array import array
from itertools import accumulate

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from workloads import literal_two_leg, twoleg

from kubectl_tune.workloads.arbitrage import vectors_plain
from kubectl_tune.workloads.arbitrage.arbitrage_backtest import ArbitrageBacktester, BacktestConfig
from kubectl_tune.workloads.arbitrage.arbitrage_core import ArbitrageConfig, ArbitrageEngine
from kubectl_tune.workloads.arbitrage.series import pnl_series

CENTS = st.integers(-40, 40)
WIDTHS = st.integers(1, 15)


@st.composite
def markets(draw, longest=40):
    """Prices about 100 that move by cents, and times some milliseconds apart."""
    count = draw(st.integers(1, longest))
    rows, seconds = [], []
    mids = [10_000, 10_000]
    time = 0
    for _ in range(count):
        for venue in (0, 1):
            if draw(st.booleans()):
                mids[venue] = 10_000 + draw(CENTS)
        width_a, width_b = draw(WIDTHS), draw(WIDTHS)
        rows.append(
            (
                mids[0] / 100,
                (mids[0] + width_a) / 100,
                mids[1] / 100,
                (mids[1] + width_b) / 100,
            )
        )
        time += draw(st.sampled_from([0, 10, 40, 100, 1000]))
        seconds.append(time / 1000)
    return rows, seconds


# Limits that no difference of whole cents hits exactly, where rounding would decide.
LIMITS = st.sampled_from([None, None, 0.7371, 3.3713, 11.9371])

OPTIONS = st.fixed_dictionaries(
    {
        "exit_bps": st.sampled_from([None, None, -5.1377, 2.3713, 9.1713]),
        "take_profit_bps": LIMITS,
        "stop_loss_bps": LIMITS,
        "max_hold_seconds": st.sampled_from([None, None, 0.04, 0.5]),
        "latency_ms_a": st.sampled_from([0.0, 0.0, 30.0, 100.0]),
        "latency_ms_b": st.sampled_from([0.0, 0.0, 10.0, 250.0]),
        "close_at_end": st.booleans(),
        "max_quote_age_ms": st.sampled_from([None, 60.0]),
        "gate": st.sampled_from(["min_spread", "round_trip"]),
        "max_open_trades": st.sampled_from([1, 2, 50]),
        "close_on_spread_reversal": st.booleans(),
    }
)
COSTS = (0.3137, 0.1931, 0.2117)


@settings(max_examples=150)
@given(markets(), OPTIONS, st.sampled_from([0.0, 1.1713]), st.booleans())
def test_it_does_what_a_literal_reading_says(market, options, least, funded):
    """
    The same trades at the same rows for the same reasons, and the same money, whatever is asked.
    """
    rows, seconds = market
    rates = [(0.001 * (i % 3 == 1), -0.0007 * (i % 5 == 2)) for i in range(len(rows))]
    columns = {"funding_a": [a or float("nan") for a, _ in rates],
               "funding_b": [b or float("nan") for _, b in rates]}  # fmt: skip

    run = twoleg.run(
        twoleg.quotes(rows, seconds, **(columns if funded else {})),
        costs=COSTS,
        min_spread_bps=least,
        **options,
    )
    told = literal_two_leg.backtest(
        rows,
        seconds,
        COSTS,
        least=least,
        at_once=options["max_open_trades"],
        reversal=options["close_on_spread_reversal"],
        round_trip=options["gate"] == "round_trip",
        exit_bps=options["exit_bps"],
        take=options["take_profit_bps"],
        lose=options["stop_loss_bps"],
        hold=options["max_hold_seconds"],
        late=(options["latency_ms_a"] / 1000, options["latency_ms_b"] / 1000),
        close_at_end=options["close_at_end"],
        funding=rates if funded else None,
        age=None if options["max_quote_age_ms"] is None else 0.06,
    )

    opened = [(event.step, event.trade.side) for event in run.events if event.kind == "open"]
    assert opened == [(trade["row"], trade["side"]) for trade in told["trades"]]
    closed = {id(event.trade): event.step for event in run.events if event.kind == "close"}
    for trade, literal in zip(twoleg.trades(run), told["trades"], strict=True):
        assert closed.get(id(trade)) == literal["closed"]
        if literal["closed"] is not None:
            assert trade.exit_reason == literal["why"]
            assert trade.pnl_usd == pytest.approx(literal["pnl"], abs=1e-9)
    assert run.extra["final_equity_usd"] == pytest.approx(told["equity"][-1], abs=1e-9)
    assert run.result.max_drawdown_pct == pytest.approx(told["drawdown"], abs=1e-9)
    assert run.extra["refused"]["stale_quotes"] == told["stale"]


@settings(max_examples=60)
@given(markets(), OPTIONS, st.sampled_from([0.003, 0.0171, 0.05]))
def test_a_stop_ends_the_run_where_equity_fell_so_far(market, options, stop):
    """
    As if there were no rows after it, which count as not processed.
    """
    rows, seconds = market
    options |= {"close_at_end": False, "gate": "min_spread", "close_on_spread_reversal": True}
    told = literal_two_leg.backtest(
        rows,
        seconds,
        COSTS,
        stop=stop,
        at_once=options["max_open_trades"],
        exit_bps=options["exit_bps"],
        take=options["take_profit_bps"],
        lose=options["stop_loss_bps"],
        hold=options["max_hold_seconds"],
        late=(options["latency_ms_a"] / 1000, options["latency_ms_b"] / 1000),
        age=None if options["max_quote_age_ms"] is None else 0.06,
    )

    run = twoleg.run(twoleg.quotes(rows, seconds), costs=COSTS, stop=stop, **options)

    assert run.result.stats["steps_processed"] == told["steps"]
    assert run.result.total_trades == len(told["trades"])
    assert run.extra["final_equity_usd"] == pytest.approx(told["equity"][-1], abs=1e-9)


@settings(max_examples=100)
@given(markets(), st.sampled_from([1, 2, 50]), st.sampled_from([0.0, 2.0]))
def test_alone_it_keeps_the_decisions_of_the_first_engine(market, at_once, least):
    """
    Trade for trade and row for row, at the same opening spreads.
    """
    quotes = twoleg.quotes(*market)
    config = ArbitrageConfig(least, *COSTS, 1000.0, at_once)
    backtester = ArbitrageBacktester(ArbitrageEngine(config), BacktestConfig())

    backtester.run(quotes)
    run = twoleg.run(quotes, costs=COSTS, min_spread_bps=least, max_open_trades=at_once)

    assert [(e.step, e.kind, e.trade.side, e.trade.entry_spread_bps) for e in run.events] == [
        (e.step, e.kind, e.trade.side, e.trade.entry_spread_bps) for e in backtester.ledger.events
    ]


@settings(max_examples=100)
@given(markets(), OPTIONS)
def test_a_trade_earns_both_edges_less_both_costs(market, options):
    """
    PnL in bps is opening edge + closing edge - costs of opening - costs of closing, but for what
    fees differ where the four prices do: here at most 3 parts in 100.
    """
    options |= {"close_at_end": True, "gate": "min_spread"}
    run = twoleg.run(twoleg.quotes(*market), costs=COSTS, **options)

    for trade in twoleg.trades(run):
        identity = trade.entry_spread_bps - trade.exit_spread_bps - 2 * sum(COSTS)
        assert trade.pnl_bps == pytest.approx(identity, abs=2 * sum(COSTS) * 0.03)


@settings(max_examples=100)
@given(markets(), OPTIONS, st.booleans())
def test_the_account_adds_up(market, options, funded):
    """
    Net is gross less costs plus funding, and what is realized plus what is not.
    """
    rows, seconds = market
    rates = {"funding_a": [0.0002] * len(rows)} if funded else {}
    run = twoleg.run(twoleg.quotes(rows, seconds, **rates), costs=COSTS, **options)

    extra = run.extra
    costs = extra["fees_usd"] + extra["slippage_usd"]
    assert extra["net_pnl_usd"] == pytest.approx(
        extra["gross_pnl_usd"] - costs + extra["funding_usd"], abs=1e-9
    )
    assert extra["net_pnl_usd"] == pytest.approx(
        run.result.realized_pnl_usd + extra["unrealized_pnl_usd"], abs=1e-9
    )
    series = pnl_series(run.events, len(rows))
    assert sum(series["pnl_usd"]) == pytest.approx(run.result.realized_pnl_usd, abs=1e-9)


@settings(max_examples=100)
@given(
    st.floats(1.0, 1e5),
    st.floats(0.0, 0.01),
    st.floats(0.0, 20.0),
    st.floats(0.0, 20.0),
    st.floats(0.0, 20.0),
    st.integers(2, 20),
)
def test_constant_quotes_without_spread_cost_two_costs_a_round_trip(
    price, edge, fee_a, fee_b, slippage, count
):
    """
    What the opening edge gives the close takes back: fees on all four fills remain, and slippage.
    """
    assume(edge * 1e4 > fee_a + fee_b + slippage + 1e-6)
    high = price * (1 + edge)
    quotes = twoleg.quotes([(price, price, high, high)] * count)

    run = twoleg.run(quotes, costs=(fee_a, fee_b, slippage), max_hold_seconds=1.0)

    assert run.result.closed_trades == count - 1
    once = 1000.0 * (fee_a + fee_b * high / price + slippage) / 1e4
    for trade in twoleg.trades(run)[:-1]:
        assert trade.pnl_usd == pytest.approx(-2 * once, abs=1e-9)
    assert run.result.realized_pnl_usd == pytest.approx(-2 * once * (count - 1), abs=1e-8)


@settings(max_examples=150)
@given(markets(), OPTIONS, st.sampled_from([None, 0.0171]), st.sampled_from(["realized", None]))
def test_numpy_gives_the_same_bits(market, options, stop, equity):
    """
    Every figure is equal, not nearly equal.
    """
    vectors_numpy = pytest.importorskip("kubectl_tune.workloads.arbitrage.vectors_numpy")
    rows, seconds = market
    quotes = twoleg.quotes(rows, seconds, funding_b=[1e-4 * (i % 2) for i in range(len(rows))])

    plain, fast = (
        twoleg.run(quotes, costs=COSTS, stop=stop, equity=equity, columns=columns, **options)
        for columns in (vectors_plain, vectors_numpy)
    )

    assert plain.result == fast.result
    assert plain.extra == fast.extra
    assert [vars(t) for t in twoleg.trades(plain)] == [vars(t) for t in twoleg.trades(fast)]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=30))
def test_numpy_knows_the_same_markets(prices):
    """
    Also of prices that are none.
    """
    vectors_numpy = pytest.importorskip("kubectl_tune.workloads.arbitrage.vectors_numpy")
    bid, ask = array("d", prices), array("d", reversed(prices))

    assert vectors_plain.markets(bid, ask) == vectors_numpy.markets(bid, ask)


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.3, 2.0]), st.sampled_from([1.0, 2.0]), st.booleans()),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from([0.2, 1.0, 3.0]),
)
def test_numpy_knows_the_same_stale_quotes(steps, limit):
    """
    How long a price has stood decides, not how many rows.
    """
    vectors_numpy = pytest.importorskip("kubectl_tune.workloads.arbitrage.vectors_numpy")
    seconds = array("d", accumulate(step for step, _, _ in steps))
    bid = array("d", [price for _, price, _ in steps])
    ask = array("d", [price + 1 + moved for _, price, moved in steps])

    assert vectors_plain.stale(seconds, bid, ask, limit) == vectors_numpy.stale(
        seconds, bid, ask, limit
    )
