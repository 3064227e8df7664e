"""Each option of the two-leg accounts, by numbers that are worked out in the comments."""

import math
from array import array

import pytest
from workloads import twoleg

from kubectl_tune.workloads.arbitrage.arbitrage_core import (
    ArbitrageConfig,
    ArbitrageEngine,
    OrderBookSnapshot,
)
from kubectl_tune.workloads.arbitrage.depth import ASK_A, Depth

NAN = math.nan
OPEN = (99.0, 100.0, 102.0, 103.0)  # long A at 100, short B at 102: 200 bps
STAY = (99.0, 100.0, 101.0, 103.0)  # opening edge 100 bps: no reversal
TURN = (101.0, 102.0, 100.0, 101.0)  # A sells at 101, B is bought back at 101
COSTS = (5.0, 4.0, 2.0)
NONE = {"min_spread_bps": 1e6}


def only(run):
    (trade,) = twoleg.trades(run)
    return trade


class TestAccounts:
    def test_each_leg_is_booked_at_its_own_prices_and_every_fill_pays(self):
        """
        Ten units: long 100 to 101 and short 102 to 101 earn 20; four fills and slippage cost 4.03.
        """
        run = twoleg.run(twoleg.quotes([OPEN, TURN]), costs=COSTS, min_spread_bps=150.0)

        # fees: 10 * (100 + 101) * 5 bps = 1.005; 10 * (102 + 101) * 4 bps = 0.812
        # slippage: 2 bps of 1,000, twice = 0.4
        trade = only(run)
        assert trade.pnl_usd == pytest.approx(20 - 1.005 - 0.812 - 0.4, rel=1e-12)
        assert trade.pnl_bps == pytest.approx(177.83, rel=1e-12)
        assert (trade.entry_spread_bps, trade.exit_spread_bps) == (200.0, 0.0)
        assert trade.exit_reason == "spread_reversal"
        assert run.extra["gross_pnl_usd"] == 20.0
        assert run.extra["fees_usd"] == pytest.approx(1.817, rel=1e-12)
        assert run.extra["slippage_usd"] == pytest.approx(0.4, rel=1e-12)
        assert run.result.final_balance_usd == pytest.approx(10_017.783, rel=1e-12)

    def test_the_other_side_is_booked_the_same_way(self):
        """
        With the venues exchanged, fees and all, the money is the same.
        """
        swapped = [row[2:] + row[:2] for row in (OPEN, TURN)]

        run = twoleg.run(twoleg.quotes(swapped), costs=(4.0, 5.0, 2.0), min_spread_bps=150.0)

        assert only(run).side == "LONG_B_SHORT_A"
        assert only(run).pnl_usd == pytest.approx(17.783, rel=1e-12)

    def test_an_exit_that_costs_more_than_the_edge_loses(self):
        """
        Where the first engine books 20 bps of profit the books of both venues take 1 % away.
        """
        wide = (98.0, 103.0, 100.0, 101.0)  # A sells at 98, B is bought back at 101

        run = twoleg.run(twoleg.quotes([OPEN, wide]), min_spread_bps=150.0)

        # 10 * ((98 - 100) + (102 - 101)) = -10
        assert only(run).pnl_usd == -10.0
        # and when it was open, closing it at once would have cost 10 * (1 + 1)
        assert (run.result.win_rate, run.result.max_drawdown_pct) == (0.0, pytest.approx(0.2))

    def test_constant_quotes_without_spread_cost_exactly_two_costs(self):
        """
        8 bps of fees and slippage for 1,024 USD are 0.8192 USD, paid at the opening and the close.
        """
        quotes = twoleg.quotes([(128.0, 128.0, 136.0, 136.0)] * 3)

        run = twoleg.run(quotes, costs=(4.0, 0.0, 4.0), max_position_usd=1024.0, close_at_end=True)

        assert only(run).pnl_usd == -2 * 0.8192
        assert run.result.realized_pnl_usd == run.extra["net_pnl_usd"] == -2 * 0.8192

    @pytest.mark.parametrize("costs", [(5.0, 5.0, 5.0), (0.2, 0.2, 0.1), (4.0, 4.0, 2.0)])
    def test_whatever_the_costs_are_a_round_trip_pays_them_twice(self, costs):
        """
        To the last bit, when nothing else changes.
        """
        rows = [(100.0, 100.0, 100.37, 100.37)] * 4
        opened = twoleg.run(twoleg.quotes(rows), costs=costs, exit_bps=-1e6)

        run = twoleg.run(twoleg.quotes(rows), costs=costs, exit_bps=-1e6, close_at_end=True)

        once = opened.extra["fees_usd"] + opened.extra["slippage_usd"]
        assert only(run).pnl_usd == -2 * once

    def test_bs_prices_count_times_the_rate(self):
        """
        At a rate of 2 half the prices of B are the same account.
        """
        halved = [(a, b, c / 2, d / 2) for a, b, c, d in (OPEN, TURN)]

        run = twoleg.run(
            twoleg.quotes(halved), costs=COSTS, min_spread_bps=150.0, exchange_a_to_b_rate=2.0
        )

        assert only(run).pnl_usd == pytest.approx(17.783, rel=1e-12)


class TestEquity:
    def test_open_positions_are_marked_at_what_closing_brings(self):
        """
        Ten units bought at 100 and sold at 102 are worth 10 * ((99 - 100) + (102 - 103)) at once.
        """
        run = twoleg.run(twoleg.quotes([OPEN, STAY]), costs=(5.0, 0.0, 0.0), min_spread_bps=150.0)

        # fees of the opening: 1,000 * 5 bps = 0.5
        assert run.extra["unrealized_pnl_usd"] == pytest.approx(-20.5, rel=1e-12)
        assert run.extra["net_pnl_usd"] == run.extra["unrealized_pnl_usd"]
        assert run.extra["final_equity_usd"] == pytest.approx(9979.5, rel=1e-12)
        assert run.result.max_drawdown_pct == pytest.approx(0.205, rel=1e-12)
        assert run.extra["max_drawdown_usd"] == pytest.approx(20.5, rel=1e-12)
        assert (run.result.realized_pnl_usd, run.result.open_trades) == (0.0, 1)

    def test_realized_equity_sees_closed_trades_only(self):
        """
        As the first engine does, if that is asked for.
        """
        wide = (98.0, 103.0, 100.0, 101.0)
        run = twoleg.run(twoleg.quotes([OPEN, STAY, wide]), min_spread_bps=150.0, equity="realized")

        assert run.result.max_drawdown_pct == pytest.approx(0.1)
        assert run.extra["equity"] == "realized"

    def test_a_fall_lasts_until_equity_is_back(self):
        """
        Under water from the row before the opening at 1 s to the close at 4 s.
        """
        idle = (99.0, 100.0, 99.0, 100.0)
        rows = [idle, OPEN, STAY, STAY, TURN, idle]

        run = twoleg.run(twoleg.quotes(rows), min_spread_bps=150.0)

        assert run.extra["max_drawdown_seconds"] == 4.0
        # of six seconds' rows, five apart, three with a position
        assert run.extra["exposure"] == pytest.approx(3 / 5)

    def test_a_stop_looks_at_marked_equity(self):
        """
        0.2 % are lost by the marks of row 0: the run ends there, before it counts as processed.
        """
        run = twoleg.run(
            twoleg.quotes([OPEN, STAY, TURN]), min_spread_bps=150.0, stop=0.2, initial=10_000.0
        )

        assert run.result.stats["steps_processed"] == 0
        assert (run.result.open_trades, run.result.realized_pnl_usd) == (1, 0.0)

    def test_what_is_open_at_the_end_is_closed_if_that_is_asked_for(self):
        """
        At the prices of the last row, costs included: -20 less 0.5 for opening, 0.495 for A's exit.
        """
        run = twoleg.run(
            twoleg.quotes([OPEN, STAY]),
            costs=(5.0, 0.0, 0.0),
            min_spread_bps=150.0,
            close_at_end=True,
        )

        assert only(run).exit_reason == "end_of_data"
        assert only(run).pnl_usd == pytest.approx(-20.995, rel=1e-12)
        assert (run.result.open_trades, run.extra["unrealized_pnl_usd"]) == (0, 0.0)

    def test_steps_bound_the_rows(self):
        """
        Rows behind the limit are not looked at.
        """
        run = twoleg.run(twoleg.quotes([OPEN, STAY, TURN]), min_spread_bps=150.0, steps=2)

        assert run.result.stats["steps_processed"] == 2
        assert run.result.stats["total_snapshots"] == 3
        assert run.result.open_trades == 1


class TestLeaving:
    def leave(self, *rows, **options):
        return twoleg.run(twoleg.quotes([OPEN, *rows]), min_spread_bps=150.0, **options)

    def test_the_closing_edge_decides_instead_of_the_reversal(self):
        """
        (98.5 - 99.5) / 100 are -100 bps: left at exit_bps 100, not at 99; a reversal is no reason.
        """
        row = (98.5, 99.0, 98.5, 99.5)  # and the opening edge is negative here

        assert only(self.leave(row, exit_bps=100.0)).exit_reason == "closing_edge"
        assert only(self.leave(row, exit_bps=99.0)).is_open
        assert only(self.leave(row)).exit_reason == "spread_reversal"

    def test_a_negative_exit_asks_to_be_paid_for_leaving(self):
        """
        Closing must bring 50 bps: (101 - 100.5) / 100.
        """
        paid = (101.0, 102.0, 100.0, 100.5)

        assert only(self.leave(paid, exit_bps=-50.0)).exit_reason == "closing_edge"
        assert only(self.leave(paid, exit_bps=-50.1)).is_open

    def test_a_profit_is_taken_after_all_costs(self):
        """
        200 bps of edges at TURN less 22.17 of costs: 177.83, as the account above says.
        """
        take = {"costs": COSTS, "close_on_spread_reversal": False}

        assert only(self.leave(TURN, take_profit_bps=177.82, **take)).exit_reason == "take_profit"
        assert only(self.leave(TURN, take_profit_bps=177.84, **take)).is_open

    def test_a_loss_is_stopped_after_all_costs(self):
        """
        STAY costs 200 bps at the books and fees of 9.95 bps: 5 for opening, 4.95 for closing.
        """
        lose = {"costs": (5.0, 0.0, 0.0)}

        assert only(self.leave(STAY, stop_loss_bps=209.94, **lose)).exit_reason == "stop_loss"
        assert only(self.leave(STAY, stop_loss_bps=209.96, **lose)).is_open

    def test_a_position_is_held_so_long_and_no_longer(self):
        """
        Opened at 0 s, it is left at the first row two seconds later.
        """
        run = self.leave(STAY, STAY, STAY, max_hold_seconds=2.0)

        assert (only(run).exit_reason, only(run).close_timestamp) == ("max_hold", "2")
        assert run.extra["mean_hold_seconds"] == 2.0
        assert run.extra["exits"] == {"max_hold": 1}

    def test_the_first_reason_that_applies_is_told(self):
        """
        A stop before a time-out of the same row.
        """
        run = self.leave(STAY, stop_loss_bps=1.0, max_hold_seconds=1.0)

        assert only(run).exit_reason == "stop_loss"


class TestRoundTripGate:
    # 200 bps, less costs of 11 twice, less the widths of both books, 2 / 100: -22 bps.
    @pytest.mark.parametrize(("min_spread_bps", "opened"), [(0.0, 0), (-22.1, 1), (-21.9, 0)])
    def test_costs_count_twice_and_the_books_must_be_crossed_back(self, min_spread_bps, opened):
        """
        Both engines ask the same of a row.
        """
        config = ArbitrageConfig(min_spread_bps, *COSTS, 1000.0, gate="round_trip")

        run = twoleg.run(
            twoleg.quotes([OPEN]), costs=COSTS, min_spread_bps=min_spread_bps, gate="round_trip"
        )
        seed = ArbitrageEngine(config).on_snapshot(OrderBookSnapshot("t", *OPEN))

        assert run.result.total_trades == len(seed) == opened


class TestLatency:
    ROWS = (OPEN, (99.5, 100.5, 101.5, 102.5), (99.0, 101.0, 101.0, 103.0), STAY)

    def test_each_leg_is_filled_at_the_first_quote_after_its_latency(self):
        """
        A decision at 0 s is filled on A at 1 s and on B at 2 s: bought at 100.5, sold at 101.
        """
        run = twoleg.run(
            twoleg.quotes(self.ROWS), min_spread_bps=150.0, latency_ms_a=1000, latency_ms_b=1500
        )

        trade = only(run)
        assert trade.entry_spread_bps == pytest.approx(0.5 / 100.5 * 1e4)
        assert trade.open_timestamp == "2"
        assert run.events[0].step == 2

    def test_a_close_is_late_as_well(self):
        """
        Decided at 2 s at a closing edge of 0, filled at 3 s where it is -400 bps.
        """
        rows = [OPEN, OPEN, TURN, STAY]
        run = twoleg.run(
            twoleg.quotes(rows), min_spread_bps=150.0, latency_ms_a=1000, latency_ms_b=1000
        )

        # 10 * ((99 - 100) + (102 - 103)) = -20
        assert (only(run).close_timestamp, only(run).pnl_usd) == ("3", -20.0)

    def test_what_can_not_be_filled_any_more_is_counted(self):
        """
        The quotes end before the order arrives: no position, no close.
        """
        opening = twoleg.run(twoleg.quotes([STAY, OPEN]), min_spread_bps=150.0, latency_ms_b=1)
        late = twoleg.run(
            twoleg.quotes([OPEN, STAY, TURN]), min_spread_bps=150.0, latency_ms_a=1000
        )

        assert (opening.result.total_trades, opening.extra["unfilled_openings"]) == (0, 1)
        assert (late.result.open_trades, late.extra["unfilled_closes"]) == (1, 1)

    def test_an_order_on_its_way_takes_a_place(self):
        """
        With one trade at once, the next row opens none while the first is being filled.
        """
        run = twoleg.run(
            twoleg.quotes([OPEN] * 5), min_spread_bps=150.0, latency_ms_a=3000, latency_ms_b=3000
        )

        assert run.result.total_trades == 1


def microseconds(*after):
    """Times of quotes so many microseconds after each of many moments of one second."""
    for moment in range(1_723_161_256_000_000, 1_723_161_257_000_000, 19_937):
        yield [(moment + each) / 1e6 for each in (0, *after)]


class TestMicroseconds:
    """Times are floats, but a quote that is a microsecond too early is too early."""

    def test_an_order_is_not_filled_at_the_quote_before_it_arrives(self):
        """
        It takes 50 ms; quotes come after 49.999 ms and after 50 ms.
        """
        for seconds in microseconds(49_999, 50_000):
            quotes = twoleg.quotes([OPEN] * 3, seconds)
            run = twoleg.run(quotes, min_spread_bps=150.0, latency_ms_a=50, latency_ms_b=50)

            assert run.events[0].step == 2

    def test_a_position_is_held_to_the_end_of_its_time(self):
        """
        The same for max_hold_seconds.
        """
        for seconds in microseconds(49_999, 50_000):
            run = twoleg.run(
                twoleg.quotes([OPEN] * 3, seconds), min_spread_bps=150.0, max_hold_seconds=0.05
            )

            assert run.events[1].step == 2

    def test_a_quote_is_stale_a_microsecond_after_its_time(self):
        """
        At 50 ms it isn't yet.
        """
        for seconds in microseconds(50_000, 50_001):
            run = twoleg.run(
                twoleg.quotes([OPEN] * 3, seconds),
                min_spread_bps=150.0,
                max_open_trades=3,
                max_quote_age_ms=50,
            )

            assert [event.step for event in run.events] == [0, 1]

    def test_a_rate_is_not_due_at_the_quote_before_its_stamp(self, tmp_path):
        """
        The position opens there, and pays at the next: 10 * 99.5 * 0.001.
        """
        file = tmp_path / "funding.csv"
        for seconds in microseconds(1, 2):
            file.write_text(f"timestamp,venue,rate\n{seconds[1]!r},a,0.001\n")
            run = twoleg.run(
                twoleg.quotes([OPEN] * 3, seconds), min_spread_bps=150.0, funding=str(file)
            )

            assert run.extra["funding_usd"] == pytest.approx(-0.995)


SIZES = ("best_bid_a_qty", "best_ask_a_qty", "best_bid_b_qty", "best_ask_b_qty")


def sized(rows, sizes, **more):
    columns = dict(zip(SIZES, zip(*sizes, strict=True), strict=True))
    return twoleg.quotes(rows, **columns, **more)


class TestSizes:
    FULL = (50.0, 50.0, 50.0, 50.0)

    def run(self, rows, sizes, **more):
        options = {"min_spread_bps": 150.0, "fill": "top_of_book"} | more
        return twoleg.run(sized(rows, sizes), **options)

    def test_an_opening_is_as_large_as_the_smaller_leg(self):
        """
        Ten units are wanted, A offers 8 and B takes 4: 400 USD are opened, 600 are refused.
        """
        run = self.run([OPEN, TURN], [(9.0, 8.0, 4.0, 9.0), self.FULL], costs=COSTS)

        assert only(run).notional_usd == pytest.approx(400.0)
        # all of 17.783 is proportional to the size
        assert only(run).pnl_usd == pytest.approx(0.4 * 17.783, rel=1e-12)
        assert (run.extra["reduced_trades"], run.extra["refused_usd"]) == (1, pytest.approx(600.0))

    @pytest.mark.parametrize("size", [0.0, NAN])
    def test_nothing_is_opened_where_there_is_no_size(self, size):
        """
        An empty cell offers nothing.
        """
        run = self.run([OPEN], [(9.0, size, 9.0, 9.0)])

        assert run.result.total_trades == 0
        assert run.extra["refused"]["no_size"] == 1

    def test_a_close_takes_what_there_is_and_the_rest_from_the_rows_after(self):
        """
        Of ten units 4 at TURN, and the rest where B is dearer by one.
        """
        dear = (101.0, 102.0, 100.0, 102.0)
        rows, sizes = [OPEN, TURN, dear], [self.FULL, (4.0, 9.0, 9.0, 9.0), (9.0, 9.0, 9.0, 9.0)]

        run = self.run(rows, sizes)

        # 4 * ((101 - 100) + (102 - 101)) + 6 * ((101 - 100) + (102 - 102)) = 14
        assert only(run).pnl_usd == pytest.approx(14.0)
        assert (only(run).close_timestamp, only(run).exit_reason) == ("2", "spread_reversal")
        # closing cost 4 * 0 + 6 * 1 of 10 * 100: 60 bps
        assert only(run).exit_spread_bps == pytest.approx(60.0)

    def test_a_part_that_is_left_stays_open_and_counts(self):
        """
        4 of 10 units are closed: +8; the other 6 are worth 2 each.
        """
        run = self.run([OPEN, TURN], [self.FULL, (4.0, 9.0, 9.0, 9.0)])

        assert (run.result.open_trades, run.result.realized_pnl_usd) == (1, 0.0)
        assert run.extra["unrealized_pnl_usd"] == pytest.approx(20.0)
        assert run.extra["final_equity_usd"] == pytest.approx(10_020.0)

    def test_two_fills_of_one_row_share_its_size(self):
        """
        Two trades of ten units close at a row of 12: the second gets 2, and 8 on the next row.
        """
        rows, sizes = [OPEN, OPEN, TURN, TURN], [self.FULL, self.FULL, (12.0,) * 4, (12.0,) * 4]

        run = self.run(rows, sizes, max_open_trades=2, close_at_end=True)

        closes = [event.trade.close_timestamp for event in run.events if event.kind == "close"]
        assert closes == ["2", "3"]

    def test_what_is_taken_of_a_row_stays_taken_when_an_earlier_row_is_filled_from(self):
        """
        As happens where the rest of a close comes between orders that have latency on one venue.
        """
        depth = Depth([array("d", [6.0, 6.0])] * 4)
        depth.take(4.0, (ASK_A, 1))
        depth.take(6.0, (ASK_A, 0))

        assert (depth.most((ASK_A, 1)), depth.most((ASK_A, 0))) == (2.0, 0.0)

    def test_a_rest_that_the_rows_end_before_is_counted(self):
        """
        4 of 10 units are closed; close_at_end leaves none.
        """
        rows, sizes = [OPEN, TURN], [self.FULL, (4.0, 9.0, 9.0, 9.0)]

        assert self.run(rows, sizes).extra["unfilled_closes"] == 1
        assert self.run(rows, sizes, close_at_end=True).extra["unfilled_closes"] == 0

    def test_a_file_without_sizes_is_refused(self):
        """
        With the names of the columns.
        """
        with pytest.raises(ValueError, match=r"fill: top_of_book needs .*missing: best_bid_a_qty"):
            twoleg.run(twoleg.quotes([OPEN]), fill="top_of_book")


class TestBalances:
    def run(self, rows, a, b, **more):
        options = {"min_spread_bps": 150.0, "balances": {"a": a, "b": b}} | more
        return twoleg.run(twoleg.quotes(rows), **options)

    def test_a_trade_is_as_large_as_both_venues_can_pay_for(self):
        """
        B can back 510 USD: 5 units sold at 102.
        """
        run = self.run([OPEN], 10_000.0, 510.0)

        assert only(run).notional_usd == pytest.approx(500.0)
        assert (run.extra["reduced_trades"], run.extra["refused_usd"]) == (1, pytest.approx(500.0))

    def test_costs_are_paid_from_the_balance(self):
        """
        On A each unit takes 100, 0.05 of fee and 0.01 for half the slippage.
        """
        run = self.run([OPEN], 1000.6, 10_000.0, costs=(5.0, 4.0, 2.0))
        less = self.run([OPEN], 900.54, 10_000.0, costs=(5.0, 4.0, 2.0))

        assert only(run).notional_usd == 1000.0
        assert only(less).notional_usd == pytest.approx(900.0)

    def test_what_nobody_can_pay_for_is_refused_and_counted(self):
        """
        While the first trade ties up all of A there is nothing for a second.
        """
        run = self.run([OPEN, OPEN, OPEN], 1000.0, 10_000.0, max_open_trades=3)

        assert run.result.total_trades == 1
        assert run.extra["refused"]["no_balance"] == 2

    def test_a_close_frees_what_was_tied_and_adds_what_was_earned(self):
        """
        A had 1,000, all tied, and gets 10 * 101 back: the next trade can be of 1,000 again, or of
        1,010 where that is asked for. B had 1,030, gets 1,020 back and 10 that it earned.
        """
        run = self.run([OPEN, TURN, OPEN], 1010.0, 1030.2, max_position_usd=1010.0)
        sizes = [trade.notional_usd for trade in twoleg.trades(run)]

        assert sizes == [1010.0, 1010.0]
        # and a second time after a loss of 10 * 2 on A it is not
        wide = (98.0, 103.0, 100.0, 101.0)
        run = self.run([OPEN, wide, OPEN], 1000.0, 1100.0)
        assert [t.notional_usd for t in twoleg.trades(run)] == [1000.0, pytest.approx(980.0)]


class TestFunding:
    ROWS = (OPEN, OPEN, TURN)

    def run(self, *, rows=ROWS, **columns):
        return twoleg.run(twoleg.quotes(rows, **columns), min_spread_bps=150.0)

    def test_a_long_pays_and_a_short_gets_it(self):
        """
        Ten units: A's long pays 0.001 of the mid 99.5, B's short gets 0.002 of 102.5.
        """
        run = self.run(funding_a=[NAN, 0.001, NAN], funding_b=[NAN, 0.002, NAN])

        assert run.extra["funding_usd"] == pytest.approx(10 * (0.002 * 102.5 - 0.001 * 99.5))
        assert only(run).pnl_usd == pytest.approx(20 + 10 * (0.205 - 0.0995))

    def test_a_negative_rate_turns_it_around(self):
        """
        A's long is paid.
        """
        run = self.run(funding_a=[NAN, -0.001, NAN])

        assert run.extra["funding_usd"] == pytest.approx(10 * 0.0995)

    def test_who_opens_at_the_stamp_does_not_pay_and_who_closes_there_does(self):
        """
        The stamp passes before the fills of its row.
        """
        opens = self.run(funding_a=[0.001, NAN, NAN])
        closes = self.run(funding_a=[NAN, NAN, 0.001])

        assert opens.extra["funding_usd"] == 0.0
        assert closes.extra["funding_usd"] == pytest.approx(-10 * 0.001 * 101.5)

    def test_equity_knows_of_it_while_the_position_is_open(self):
        """
        Marked at -20, and 0.995 paid.
        """
        run = self.run(rows=[OPEN, OPEN], funding_a=[NAN, 0.001])

        assert run.extra["unrealized_pnl_usd"] == pytest.approx(-20.995)
        assert run.extra["max_drawdown_usd"] == pytest.approx(20.995)

    @pytest.mark.parametrize(
        "text",
        [
            "timestamp,venue,rate\n0.5,a,0.001\n0.7,B,0.002\n",
            "timestamp,funding_a,funding_b\n0.5,0.001,\n0.7,,0.002\n",
        ],
    )
    def test_rates_of_a_file_count_at_the_first_row_after_them(self, tmp_path, text):
        """
        Stamps between two rows; both ways to write them.
        """
        file = tmp_path / "funding.csv"
        file.write_text(text)

        run = twoleg.run(twoleg.quotes(self.ROWS), min_spread_bps=150.0, funding=str(file))

        assert run.extra["funding_usd"] == pytest.approx(10 * (0.002 * 102.5 - 0.001 * 99.5))

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("time,rate\n1,2\n", "must have the columns timestamp, venue, rate or"),
            (
                "timestamp,venue,rate\n0,c,1\n1,a,much\n",
                "line 2: venue must be a or b, not 'c'; line 3: rate must be a number, not 'much'",
            ),
            (
                "timestamp,venue,rate\nnoon,a,1\n5,c,1\n",
                r"funding\.csv: line 2: timestamp 'noon' is neither a number nor ISO 8601; line",
            ),
            (
                "timestamp,venue,rate\n1,a,1\n2024-08-09,a,1\n",
                r"funding\.csv: timestamp '2024-08-09' is not a number, as the ones before it",
            ),
        ],
    )
    def test_a_file_that_is_none_is_refused(self, tmp_path, text, why):
        """
        With everything that is wrong with it.
        """
        file = tmp_path / "funding.csv"
        file.write_text(text)

        with pytest.raises(ValueError, match=why):
            twoleg.run(twoleg.quotes(self.ROWS), funding=str(file))

    def test_a_missing_file_is_named(self):
        """
        As a file that isn't there.
        """
        with pytest.raises(FileNotFoundError, match=r"funding file not found: nowhere\.csv"):
            twoleg.run(twoleg.quotes(self.ROWS), funding="nowhere.csv")


class TestRateColumn:
    def test_b_counts_times_the_rate_of_its_row(self):
        """
        B's 51 at 2.0 is sold for 102; bought back at 50.5 and 2.02 it costs 102.01.
        """
        rows = [(99.0, 100.0, 51.0, 51.5), (101.0, 102.01, 50.0, 50.5)]
        quotes = twoleg.quotes(rows, rate=[2.0, 2.02])

        run = twoleg.run(quotes, min_spread_bps=150.0, rate_column="fx")

        # 10 * ((101 - 100) + (102 - 50.5 * 2.02)) = 9.9
        assert only(run).pnl_usd == pytest.approx(9.9, rel=1e-12)

    def test_a_rate_stands_until_the_next_one(self):
        """
        Rows before the first are left out and counted.
        """
        rows = [(99.0, 100.0, 51.0, 51.5)] * 4
        quotes = twoleg.quotes(rows, rate=[NAN, 2.0, NAN, 1.0])

        run = twoleg.run(quotes, min_spread_bps=150.0, rate_column="fx", max_open_trades=9)

        assert [event.step for event in run.events if event.kind == "open"][:2] == [1, 2]
        assert run.extra["rows_left_out"] == 1

    def test_a_rate_that_moves_makes_no_price_of_b_young(self):
        """
        B has said the same for two seconds; only the currency moved.
        """
        rows = [(99.0, 100.0, 48.0, 48.5)] * 2 + [(100.0, 101.0, 48.0, 48.5)]
        quotes = twoleg.quotes(rows, rate=[2.0, 2.1, 2.2])

        run = twoleg.run(quotes, min_spread_bps=300.0, rate_column="fx", max_quote_age_ms=1500)

        assert run.result.total_trades == 0
        assert run.extra["refused"]["stale_quotes"] == 1

    @pytest.mark.parametrize("rate", [0.0, -1.0, math.inf])
    def test_a_rate_that_is_none_is_refused(self, rate):
        """
        No price counts times zero.
        """
        with pytest.raises(ValueError, match="rate_column must hold rates above zero"):
            twoleg.run(twoleg.quotes([OPEN], rate=[rate]), rate_column="fx")


class TestStaleQuotes:
    def test_nothing_is_opened_on_quotes_that_stand_for_too_long(self):
        """
        B hasn't moved for 2 s at the third row, when A makes an edge; B moves at the fourth.
        """
        still = (100.0, 101.0, 102.0, 103.0)
        rows = [still, still, OPEN, (99.0, 100.0, 102.1, 103.0)]

        fresh = twoleg.run(twoleg.quotes(rows), min_spread_bps=150.0)
        limited = twoleg.run(twoleg.quotes(rows), min_spread_bps=150.0, max_quote_age_ms=1500)

        assert fresh.events[0].step == 2
        assert limited.events[0].step == 3
        assert limited.extra["refused"]["stale_quotes"] == 1


class TestBadRows:
    @pytest.mark.parametrize(
        "bad",
        [
            (99.0, NAN, 102.0, 103.0),
            (99.0, 0.0, 102.0, 103.0),
            (100.0, 99.0, 102.0, 103.0),
            (99.0, math.inf, 102.0, 103.0),
        ],
    )
    def test_a_row_that_is_no_market_is_as_if_it_were_not_there(self, bad):
        """
        Nothing is opened, closed or marked there; steps still count all rows.
        """
        rows = [OPEN, STAY, TURN]
        spoilt = [OPEN, bad, STAY, bad, TURN]

        good = twoleg.run(twoleg.quotes(rows, [0, 2, 4]), costs=COSTS, min_spread_bps=150.0)
        run = twoleg.run(twoleg.quotes(spoilt), costs=COSTS, min_spread_bps=150.0)

        assert only(run).pnl_usd == only(good).pnl_usd
        assert [event.step for event in run.events] == [0, 4]
        assert run.extra["rows_left_out"] == 2
        assert run.result.stats["steps_processed"] == 5
        assert run.result.max_drawdown_pct == good.result.max_drawdown_pct

    def test_a_file_of_such_rows_alone_trades_nothing(self):
        """
        And says so, without a traceback.
        """
        run = twoleg.run(twoleg.quotes([(99.0, NAN, 102.0, 103.0)] * 2), close_at_end=True)

        assert run.result.total_trades == 0
        assert run.extra["rows_left_out"] == 2

    @pytest.mark.parametrize("columns", ["vectors_plain", "vectors_numpy"])
    def test_no_rows_at_all_are_no_trades(self, columns):
        """
        Whatever is asked of them.
        """
        module = pytest.importorskip(f"kubectl_tune.workloads.arbitrage.{columns}")
        every = {"max_quote_age_ms": 1.0, "take_profit_bps": 1.0, "rate_column": "fx"}
        quotes = twoleg.quotes([OPEN], rate=[1.0], funding_a=[0.1])

        run = twoleg.run(quotes, steps=0, stop=1.0, columns=module, **every)

        assert (run.result.total_trades, run.result.stats["steps_processed"]) == (0, 0)
        assert run.extra["final_equity_usd"] == 10_000.0

    def test_a_locked_book_is_a_market_only_beside_rules_of_its_own(self):
        """
        The first engine opens none at bid = ask, so two legs alone don't either.
        """
        rows = [(100.0, 100.0, 102.0, 102.0)] * 2

        assert twoleg.run(twoleg.quotes(rows)).result.total_trades == 0
        assert twoleg.run(twoleg.quotes(rows), close_at_end=True).result.total_trades == 1


class TestFigures:
    # Three trades: +20, -10, +20; LONG_A all of them.
    ROWS = (OPEN, TURN, OPEN, (98.0, 103.0, 100.0, 101.0), OPEN, TURN)

    def test_they_are_those_of_the_trades(self):
        """
        By hand: two winners of 20 and a loser of 10.
        """
        extra = twoleg.run(twoleg.quotes(self.ROWS), min_spread_bps=150.0).extra

        assert extra["profit_factor"] == 4.0
        assert (extra["expectancy_usd"], extra["expectancy_bps"]) == (10.0, 100.0)
        assert (extra["best_trade_usd"], extra["worst_trade_usd"]) == (20.0, -10.0)
        assert extra["by_side"] == {
            "LONG_A_SHORT_B": {
                "closed_trades": 3, "winning_trades": 2, "realized_pnl_usd": 30.0,
            },
            "LONG_B_SHORT_A": {
                "closed_trades": 0, "winning_trades": 0, "realized_pnl_usd": 0.0,
            },
        }  # fmt: skip
        assert extra["exits"] == {"spread_reversal": 3}
        assert (extra["mean_hold_seconds"], extra["longest_hold_seconds"]) == (1.0, 1.0)
        assert extra["exposure"] == 3 / 5

    def test_ratios_are_of_equity_row_by_row_where_there_are_few(self):
        """
        Marked, equity changes by -20, +40, -20, +10, -20, +40: mean 5, and nothing is annualised.
        """
        extra = twoleg.run(twoleg.quotes(self.ROWS), min_spread_bps=150.0).extra

        changes = [-20.0, 40.0, -20.0, 10.0, -20.0, 40.0]
        deviation = math.sqrt(sum((each - 5) ** 2 for each in changes) / 5)
        assert extra["buckets"] == 6
        assert extra["sharpe"] == pytest.approx(5 / deviation)
        assert extra["sortino"] == pytest.approx(5 / math.sqrt(3 * 400 / 6))
        # from 10,020 to 9,990: rows 1 to 4
        assert extra["max_drawdown_usd"] == pytest.approx(30.0)
        assert extra["calmar"] == pytest.approx(30 / 10_000 / (30 / 10_020))

    def test_without_trades_there_is_nothing_to_divide(self):
        """
        None, not an error.
        """
        extra = twoleg.run(twoleg.quotes([STAY, STAY]), **NONE).extra

        assert extra["profit_factor"] is extra["expectancy_usd"] is extra["sharpe"] is None
        assert (extra["net_pnl_usd"], extra["exposure"]) == (0.0, 0.0)
