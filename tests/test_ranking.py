"""Which trial is best, and which have no place."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.errors import UsageError
from kubectl_tune.expression import parse
from kubectl_tune.ranking import Group, Row, best, caveat, rank, sort_keys
from kubectl_tune.trial import TrialState
from kubectl_tune.workload import ARBITRAGE


def row(job_id: str, pnl: Any = None, /, *, state: str = "Succeeded", **config: Any) -> Row:
    return Row(job_id, {} if pnl is None else {"pnl": pnl, "trades": 3}, config, state=state)


def places(ranked):
    return [(place.rank, place.row.job_id) for place in ranked]


def test_the_best_value_is_first():
    """
    What is best depends on the direction; the name of the metric tells it where it can.
    """
    rows = [row("a", 1), row("b", 3.5), row("c", -2)]

    assert places(rank(rows, metric="pnl")) == [(1, "b"), (2, "a"), (3, "c")]
    assert places(rank(rows, metric="pnl", direction="minimize")) == [(1, "c"), (2, "a"), (3, "b")]


@given(st.permutations([row("a", 1), row("b", 2), row("c", 1), row("d", 2), row("e"), row("f")]))
def test_equal_trials_stand_by_their_job_id(rows):
    """
    The order in which files or rows arrive never shows in a ranking, in either direction.
    """
    up = rank(rows, metric="pnl", direction="minimize")
    down = rank(rows, metric="pnl", direction="maximize")

    assert [place.row.job_id for place in up] == ["a", "c", "b", "d", "e", "f"]
    assert [place.row.job_id for place in down] == ["b", "d", "a", "c", "e", "f"]


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf, "99", [1], 10**400])
def test_without_a_finite_number_there_is_no_rank(value):
    """
    Whatever stands in place of the metric comes last and unranked, in both directions.
    """
    rows = [row("a", value), row("b", 1)]

    for direction in ("maximize", "minimize"):
        assert places(rank(rows, metric="pnl", direction=direction)) == [(1, "b"), (None, "a")]


def test_only_a_success_has_a_rank():
    """
    A trial that failed may have left a number; it doesn't win with it.
    """
    rows = [row("a", 9, state=TrialState.FAILED), row("b", 1), row("c", state=TrialState.LOST)]

    assert places(rank(rows, metric="pnl")) == [(1, "b"), (None, "a"), (None, "c")]


def test_without_a_metric_rows_stand_as_in_the_plan():
    """
    Where nothing says what is best, no rank is made up.
    """
    rows = [Row("z", {"m": 1}, index=0), Row("a", {"m": 2}, index=1)]

    assert places(rank(reversed(rows))) == [(None, "z"), (None, "a")]
    assert places(rank(rows, top=1)) == [(None, "z")]


def test_top_counts_ranks():
    """
    The best N are never filled up with trials that have no place; 0 is a number.
    """
    rows = [row("a", 1), row("b", 2), row("c")]

    assert places(rank(rows, metric="pnl", top=1)) == [(1, "b")]
    assert places(rank(rows, metric="pnl", top=5)) == [(1, "b"), (2, "a")]
    assert rank(rows, metric="pnl", top=0) == []
    with pytest.raises(UsageError):
        rank(rows, metric="pnl", top=-1)


def test_ranks_are_those_of_the_rows_that_pass():
    """
    A condition filters before ranks are given; rows that lack its name don't pass.
    """
    rows = [row("a", 1), row("b", 2), row("c", 3), row("d")]

    assert places(rank(rows, metric="pnl", where=parse("pnl >= 2"))) == [(1, "c"), (2, "b")]


@pytest.mark.parametrize("name", ["x", "config.x", "deep.er.x", "config.deep.er.x"])
def test_a_condition_may_ask_for_config(name):
    """
    Names find config keys too, also nested ones, by their dots.
    """
    rows = [row("a", 1, x=1, deep={"er": {"x": 1}}), row("b", 2, x=5, deep={"er": {"x": 5}})]

    assert places(rank(rows, metric="pnl", where=parse(f"{name} >= 2"))) == [(1, "b")]


def test_metrics_come_before_config():
    """
    Where both have a name the metric is meant; the prefix says which exactly.
    """
    rows = [Row("a", {"x": 1.0}, {"x": 9}), Row("b", {"x": 2.0}, {"x": 3})]

    assert places(rank(rows, sort="x:desc")) == [(1, "b"), (2, "a")]
    assert places(rank(rows, sort="metrics.x:desc")) == [(1, "b"), (2, "a")]
    assert places(rank(rows, sort="config.x:desc")) == [(1, "a"), (2, "b")]


class TestNames:
    """A name that no trial has is a mistake, not an empty ranking."""

    ROWS = (row("a", 1, min_spread_bps=20), row("b", 2, min_spread_bps=30))

    def test_a_typo_is_named_with_what_was_meant(self):
        """
        A metric that no row has is an error, and not an empty ranking.
        """
        with pytest.raises(UsageError, match='"trads"') as caught:
            rank(self.ROWS, metric="trads")

        assert "did you mean trades?" in caught.value.hint

    def test_all_typos_are_named_at_once(self):
        """
        The metric, the condition, the order and the groups are read in one go.
        """
        with pytest.raises(UsageError) as caught:
            rank(self.ROWS, metric="q1", where=parse("q2 >= 0"), sort="q3", group_by=["q4"])

        assert all(f'"q{n}"' in str(caught.value) for n in (1, 2, 3, 4))
        assert "pnl" in caught.value.hint

    def test_one_trial_that_has_it_is_enough(self):
        """
        The others stand behind it without a rank.
        """
        assert places(rank([row("a"), row("b", 1)], metric="pnl")) == [(1, "b"), (None, "a")]

    def test_as_long_as_nothing_has_ended_any_name_may_come(self):
        """
        A ranking of a session that has just begun is empty, not an error.
        """
        rows = [row("a", x=1)]

        assert places(rank(rows, metric="pnl", where=parse("pnl >= 0"))) == []
        assert places(rank(rows, metric="pnl")) == [(None, "a")]
        assert rank([], metric="pnl", group_by=["x"]) == []


def test_a_metric_whose_name_tells_nothing_needs_a_direction():
    """
    Rather than rank upside down, ask.
    """
    with pytest.raises(UsageError) as caught:
        rank([row("a", 1)], metric="trades")

    assert "--direction" in caught.value.hint


class TestSort:
    ROWS = (
        row("a", 1, spread=20, pair="btc"),
        row("b", 2, spread=10, pair="eth"),
        row("c", 3, spread=20, pair="eth"),
    )

    @pytest.mark.parametrize(
        ("sort", "order"),
        [
            ("pnl", "cba"),  # best first, as the name tells
            ("-pnl", "cba"),
            ("pnl:asc", "abc"),
            ("pnl:desc", "cba"),
            ("spread", "bac"),  # upwards where the name tells nothing
            ("-spread", "acb"),
            ("spread,pnl", "bca"),
            ("pair:desc,pnl:asc", "bca"),
            ("job_id:desc", "cba"),
            ("config.pair, -job_id", "acb"),
        ],
    )
    def test_keys_are_read_in_their_order(self, sort, order):
        """
        Metrics, config keys and the trial's name may be mixed, each with its own end first.
        """
        assert "".join(place.row.job_id for place in rank(self.ROWS, sort=sort)) == order

    def test_ranks_follow_the_order_that_was_asked_for(self):
        """
        Rank 1 is always the first line.
        """
        assert places(rank(self.ROWS, metric="pnl", sort="pnl:asc")) == [
            (1, "a"),
            (2, "b"),
            (3, "c"),
        ]

    def test_the_direction_of_the_metric_holds_for_its_key(self):
        """
        Sorted by the metric itself, the best is first, also where less is better.
        """
        ranked = rank(self.ROWS, metric="pnl", direction="minimize", sort="pnl")

        assert [place.row.job_id for place in ranked] == ["a", "b", "c"]

    @pytest.mark.parametrize("text", ["", "a,,b", ","])
    def test_an_empty_key_is_refused(self, text):
        """
        A comma too many is a mistake, and no key.
        """
        with pytest.raises(UsageError):
            sort_keys(text)


class TestGroups:
    """The best of each group, and how far it stands out there."""

    ROWS = (
        row("a", 1, pair="btc", fee=1),
        row("b", 5, pair="eth", fee=1),
        row("c", 4, pair="btc", fee=2),
        row("d", 1, pair="btc", fee=1),
        row("e", pair="sol"),
    )

    def test_each_group_gives_its_best_row_with_the_figures_of_all(self):
        """
        Groups are ranked by their best; n, median and mean are of the rows with a rank.
        """
        ranked = rank(self.ROWS, metric="pnl", group_by=["pair"])

        assert places(ranked) == [(1, "b"), (2, "c"), (None, "e")]
        assert ranked[1].group == Group({"pair": "btc"}, "pnl", n=3, median=1.0, mean=2.0)
        assert ranked[2].group == Group({"pair": "sol"}, "pnl", n=0, median=None, mean=None)

    def test_groups_may_have_several_keys_and_lack_some(self):
        """
        Rows are together where all keys are equal, and a missing one is a value of its own.
        """
        ranked = rank(self.ROWS, metric="pnl", group_by=["pair", "fee"])

        assert places(ranked) == [(1, "b"), (2, "c"), (3, "a"), (None, "e")]
        assert ranked[3].group.by == {"pair": "sol", "fee": None}

    def test_top_counts_groups(self):
        """
        A group is one place, however many rows it has.
        """
        assert places(rank(self.ROWS, metric="pnl", group_by=["pair"], top=1)) == [(1, "b")]

    @pytest.mark.parametrize("values", [(True, 1), ("true", True), ([1], [2]), (None, "")])
    def test_values_of_another_kind_are_another_group(self, values):
        """
        What looks alike once written is kept apart, and lists can be grouped by.
        """
        rows = [row(str(n), 1, key=value) for n, value in enumerate(values)]

        assert len(rank(rows, metric="pnl", group_by=["key"])) == 2

    def test_figures_that_overflow_are_left_out(self):
        """
        None, where the sum of two numbers is none; the group is ranked all the same.
        """
        rows = [row("a", 1.7e308), row("b", 1.7e308)]

        [place] = rank(rows, metric="pnl", group_by=["trades"])

        assert place.group == Group({"trades": 3}, "pnl", n=2, median=None, mean=None)

    def test_groups_need_to_know_what_is_best(self):
        """
        Without a metric no row can stand for its group.
        """
        with pytest.raises(UsageError):
            rank(self.ROWS, group_by=["pair"])


def test_the_best_row_is_the_first_of_the_ranking():
    """
    None is best where none has a number.
    """
    assert best([row("a", 1), row("b", 2)], "pnl").job_id == "b"
    assert best([row("a", math.nan)], "pnl") is None
    assert best([], "pnl") is None


def test_rows_of_the_engine_that_flatters_need_the_caveat():
    """
    One such row in a ranking is enough; rankings of other programs have none.
    """
    flattered = Row("a", {}, extra={"engine": "arbitrage/seed/1"})
    honest = Row("b", {}, extra={"engine": "arbitrage/two_leg/1"})

    assert caveat([honest, flattered], "s") == f"{ARBITRAGE.caveat} s"
    assert caveat([honest, row("c", 1)], "s") == ""


def test_what_was_accounted_honestly_needs_no_caveat():
    """
    Whatever name its engine goes by: the config says how its books were kept.
    """
    asked = Row("a", {}, {"accounting": "two_leg"}, extra={"engine": "arbitrage/seed/1"})

    assert caveat([asked], "s") == ""


@given(
    st.lists(
        st.builds(
            Row,
            st.text(max_size=3),
            st.dictionaries(st.sampled_from(["pnl", "x"]), st.floats() | st.integers() | st.text()),
        ),
        max_size=8,
    ),
    st.sampled_from(["maximize", "minimize"]),
)
def test_a_ranking_keeps_every_row_and_counts_from_one(rows, direction):
    """
    Ranks are 1, 2, 3, ... without a gap, their values in order, and no row is lost.
    """
    if not any("pnl" in entry.metrics for entry in rows):
        return

    ranked = rank(rows, metric="pnl", direction=direction)

    ranks = [place.rank for place in ranked if place.rank is not None]
    values = [place.row.metrics["pnl"] for place in ranked[: len(ranks)]]
    assert len(ranked) == len(rows)
    assert ranks == list(range(1, len(ranks) + 1))
    assert values == sorted(values, reverse=direction == "maximize")
