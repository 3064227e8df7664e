"""A spec gives the plan that it always gave; what is new adds to it and repeats exactly."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from itertools import islice
from pathlib import Path
from random import Random

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune import planner, spec
from kubectl_tune.errors import PlanError
from kubectl_tune.plan import PlanProblems, Rules, check
from kubectl_tune.planfile import read_spec
from kubectl_tune.spectext import SyntaxProblem, read_json, read_yaml
from kubectl_tune.tuning_session.planner import (
    ParamGrid,
    TuningJobPlan,
    TuningSessionConfig,
    TuningSessionPlanner,
)

COSTS = {"taker_fee_a_bps": 5, "taker_fee_b_bps": 5, "slippage_bps": 2, "max_position_usd": 1000}
FOREIGN = {"command": ["train", "{config}"]}


def plan(data):
    return [json.loads(line) for line in planner.lines(data)]


def column(data, key):
    """Return what one config key has in the lines of a plan for a command of one's own."""
    return [line["config"][key] for line in plan({**FOREIGN, **data})]


def problems(data):
    with pytest.raises(PlanProblems) as caught:
        planner.lines(data)
    return [str(problem) for problem in caught.value.problems]


def warnings(data):
    return [str(problem) for problem in spec.read(data).warnings]


# Honest accounting


def test_words_of_honest_accounting_stand_beside_fixed_too():
    """
    `accounting: two_leg` is one word away, wherever it is put.
    """
    beside = {"data_file": "d.csv", "accounting": "two_leg", "exit_bps": 1, "fixed": COSTS}
    inside = {"data_file": "d.csv", "fixed": {**COSTS, "accounting": "two_leg", "exit_bps": 1}}

    (line,) = plan(beside)

    assert line["config"]["accounting"] == "two_leg"
    assert plan(inside)[0]["config"] == line["config"]
    assert problems({"data_file": "d.csv", "accountng": "two_leg"}) == [
        'unknown key "accountng" (did you mean accounting?)'
    ]


def test_settings_of_another_accounting_are_named():
    """
    What would fail each trial is said before the first one.
    """
    config = {"data_file": "d.csv", "min_spread_bps": 1, **COSTS, "exit_bps": 1, "fill": "full"}
    honest = {**config, "accounting": "two_leg"}
    lines = [
        json.dumps({"job_id": str(number), "config": each}).encode()
        for number, each in enumerate([honest, config])
    ]

    found = check(lines, Rules(needs_data=False))

    assert [(each.line, each.message) for each in found if "exit" in each.message] == [
        (2, "exit_bps needs accounting: two_leg")
    ]


# As it always was


def test_plan_of_a_spec_to_the_letter():
    """
    Order, names, types and separators are those of the first planner.
    """
    data = {
        "data_file": "d.csv",
        "fixed": {"taker_fee_a_bps": 5, "max_position_usd": 1000},
        "grids": [
            {"name": "min_spread_bps", "values": [20, 30]},
            {"name": "slippage_bps", "values": [3, 5.5]},
        ],
        "tag_prefix": "sess001",
    }

    lines = list(planner.lines(data))

    assert len(lines) == 4
    assert lines[0] == (
        '{"job_id": "sess001_0001", "config": {"data_file": "d.csv", "initial_balance_usd": '
        '10000.0, "max_open_trades": 1, "taker_fee_a_bps": 5, "max_position_usd": 1000, '
        '"min_spread_bps": 20, "slippage_bps": 3, "tag": "sess001"}, '
        '"output_json": "outputs/tuning/sess001/sess001_0001.json"}'
    )
    assert lines[3] == (
        '{"job_id": "sess001_0004", "config": {"data_file": "d.csv", "initial_balance_usd": '
        '10000.0, "max_open_trades": 1, "taker_fee_a_bps": 5, "max_position_usd": 1000, '
        '"min_spread_bps": 30, "slippage_bps": 5.5, "tag": "sess001"}, '
        '"output_json": "outputs/tuning/sess001/sess001_0004.json"}'
    )


def test_tuned_key_keeps_the_place_of_the_fixed_one():
    """
    A grid over a fixed parameter changes its value, not the order of the keys.
    """
    data = {
        "data_file": "d.csv",
        "slippage_bps": 1,
        "fixed": {"max_position_usd": 1000},
        "grids": [{"name": "slippage_bps", "values": [3]}],
    }

    (line,) = planner.lines(data)

    assert line == (
        '{"job_id": "job_0001", "config": {"data_file": "d.csv", "initial_balance_usd": 10000.0, '
        '"max_open_trades": 1, "slippage_bps": 3, "max_position_usd": 1000}, '
        '"output_json": "outputs/tuning/job_0001.json"}'
    )


def test_zero_is_a_value():
    """
    A fee of 0 is a fee, fixed or not, in a grid or not; null is none.
    """
    data = {
        "data_file": "d.csv",
        "taker_fee_a_bps": 0,
        "fixed": {"taker_fee_b_bps": 0, "slippage_bps": 0.0, "max_position_usd": None},
        "grids": [{"name": "min_spread_bps", "values": [0]}],
        "initial_balance_usd": 0,
        "max_open_trades": 0,
    }

    (line,) = plan(data)

    assert line["config"] == {
        "data_file": "d.csv",
        "initial_balance_usd": 0,
        "max_open_trades": 0,
        "taker_fee_a_bps": 0,
        "taker_fee_b_bps": 0,
        "slippage_bps": 0.0,
        "min_spread_bps": 0,
    }


@pytest.mark.parametrize(
    ("top", "inner", "value"), [(5, 7, 7), (5, 0, 0), (0, 5, 5), (5, None, 5), (None, 5, 5)]
)
def test_fixed_wins_over_the_top_level(top, inner, value):
    """
    What stands under fixed counts, unless it is null.
    """
    data = {"data_file": "d", "slippage_bps": top, "fixed": {"slippage_bps": inner}}

    assert plan(data)[0]["config"]["slippage_bps"] == value


def test_max_jobs_cuts_the_head():
    """
    The first lines stay, and 0 leaves none.
    """
    data = {"data_file": "d", "grids": [{"name": "min_spread_bps", "values": [1, 2, 3]}]}

    assert list(planner.lines({**data, "max_jobs": 2})) == list(planner.lines(data))[:2]
    assert list(planner.lines({**data, "max_jobs": 0})) == []
    assert list(planner.lines({**data, "max_jobs": 9})) == list(planner.lines(data))


def test_more_jobs_than_four_digits_count_on():
    """
    Job 10,000 has five digits, and a product of a billion is made line by line.
    """
    grids = [{"name": name, "values": list(range(1000))} for name in ("a", "b", "c")]

    lines = list(islice(planner.lines({**FOREIGN, "grids": grids}), 10_000))

    assert json.loads(lines[-1])["job_id"] == "job_10000"
    assert json.loads(lines[-1])["config"] == {"a": 0, "b": 9, "c": 999}


def test_classes_plan_as_the_spec_does():
    """
    Programs that build the session themselves get the same jobs.
    """
    config = TuningSessionConfig(
        data_file="d.csv",
        taker_fee_a_bps=0,
        max_position_usd=1000,
        grids=[ParamGrid("min_spread_bps", [20, 30]), ParamGrid("x", ["a"])],
        max_jobs=1,
        tag_prefix="s",
    )

    jobs = TuningSessionPlanner(config).generate_jobs()

    assert jobs == [
        TuningJobPlan(
            "s_0001",
            {
                "data_file": "d.csv",
                "initial_balance_usd": 10000.0,
                "max_open_trades": 1,
                "taker_fee_a_bps": 0,
                "max_position_usd": 1000,
                "min_spread_bps": 20,
                "x": "a",
                "tag": "s",
            },
            "outputs/tuning/s/s_0001.json",
        )
    ]
    assert list(jobs[0].config)[-3:] == ["min_spread_bps", "x", "tag"]


def test_session_without_grids_is_one_job():
    """
    There is one combination of nothing.
    """
    assert len(TuningSessionPlanner(TuningSessionConfig("d.csv")).generate_jobs()) == 1
    assert len(list(planner.lines({"data_file": "d.csv"}))) == 1


@pytest.mark.parametrize("file", ["", None])
def test_session_needs_a_data_file(file):
    """
    The classes say it with a ValueError, a spec with its other problems.
    """
    with pytest.raises(ValueError, match="data_file is required"):
        TuningSessionConfig(data_file=file)
    assert "data_file is required" in problems({"data_file": file})[0]


# Ranges


@pytest.mark.parametrize(
    ("low", "high", "step", "values"),
    [
        (1, 5, 2, [1, 3, 5]),
        (0.1, 0.5, 0.1, [0.1, 0.2, 0.3, 0.4, 0.5]),
        (0, 1, 0.25, [0.0, 0.25, 0.5, 0.75, 1.0]),
        (-1, 1, 1, [-1, 0, 1]),
        (1.0, 3.0, 1.0, [1.0, 2.0, 3.0]),
        (1e-5, 3e-5, 1e-5, [1e-05, 2e-05, 3e-05]),
        (0.7, 0.9, 0.1, [0.7, 0.8, 0.9]),
        ("1", "3", "1", [1, 2, 3]),
        ("0.5", "1.5", "0.5", [0.5, 1.0, 1.5]),
        (10**20, 10**20 + 2, 1, [10**20, 10**20 + 1, 10**20 + 2]),
    ],
)
def test_range_has_both_ends_and_no_drift(low, high, step, values):
    """
    Whole numbers stay whole; 0.1 + 2 steps of 0.1 is 0.3 and nothing beside it.
    """
    found = column({"grids": [{"name": "x", "min": low, "max": high, "step": step}]}, "x")

    assert [repr(value) for value in found] == [repr(value) for value in values]


def test_step_that_does_not_divide_is_rounded_down_and_said():
    """
    A range never goes beyond its end.
    """
    data = {**FOREIGN, "grids": [{"name": "x", "min": 1, "max": 6, "step": 2}]}

    assert column(data, "x") == [1, 3, 5]
    assert len(warnings(data)) == 1
    assert "the last value is 5" in warnings(data)[0]


@given(
    st.integers(-1000, 1000),
    st.integers(1, 500),
    st.integers(1, 100),
    st.sampled_from([1, 10, 1000]),
)
def test_range_is_the_one_of_its_decimals(low, steps, step, scale):
    """
    Whatever the decimals, the values are those that a person would write down.
    """
    entry = {
        "name": "x",
        "min": low / scale,
        "max": (low + steps * step) / scale,
        "step": step / scale,
    }

    found = column({"grids": [entry]}, "x")

    assert found == [(low + place * step) / scale for place in range(steps + 1)]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"min": 5, "max": 1, "step": 1}, "min 5 is not below max 1"),
        ({"min": 1, "max": 1, "step": 1}, "min 1 is not below max 1"),
        ({"min": 1, "max": 5, "step": 0}, "step must be more than 0"),
        ({"min": 1, "max": 5, "step": -1}, "step must be more than 0"),
        ({"min": 1, "max": 5}, "needs the step"),
        ({"min": 1, "step": 1}, "lacks max"),
        ({"min": 1, "max": True, "step": 1}, "max must be a number"),
        ({"min": 1, "max": "x", "step": 1}, "max must be a number"),
        ({"min": 1, "max": math.inf, "step": 1}, "max must be a number"),
        ({"min": 1, "max": 10**400, "step": 1}, "max must be a number"),
        ({"min": 0, "max": 1, "step": 1e-9}, "more than 1000000 values"),
        ({"min": 0, "max": 5, "log": True}, "log needs a min above 0"),
        ({"min": 1, "max": 5, "step": 1, "log": True}, "both log and step"),
        ({"min": 1, "max": 5, "log": 1}, "log must be true or false"),
        ({"min": 1, "max": 5, "distribution": "log_uniform"}, "two meanings"),
        ({"min": 1, "max": 5, "distribution": "normal"}, "unknown distribution"),
        ({"min": 1, "max": 5, "distribution": []}, "unknown distribution"),
        ({"values": [1], "min": 1, "max": 2}, "both values and min"),
        ({"values": 3}, "values must be a list, not a number"),
        ({"value": [1], "valeus": [1]}, "did you mean values?"),
        ({}, "neither values nor a range"),
        ({"parameterType": "int", "feasibleSpace": 3}, "feasibleSpace must be"),
    ],
)
def test_wrong_entry_is_named(entry, said):
    """
    An entry that means nothing, or two things, is refused with its place and name.
    """
    found = problems({**FOREIGN, "grids": [{"name": "x", **entry}]})

    assert any(said in problem and "grids[0] x" in problem for problem in found)


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "x", "values": [1, 2, 3]},
        {"name": "x", "choices": [1, 2, 3]},
        {"name": "x", "min": 1, "max": 3, "step": 1},
        {"name": "x", "low": 1, "high": 3, "q": 1},
        {
            "name": "x",
            "parameterType": "int",
            "feasibleSpace": {"min": "1", "max": "3", "step": "1"},
        },
        {"name": "x", "parameterType": "discrete", "feasibleSpace": {"list": ["1", "2", "3"]}},
    ],
)
def test_spaces_of_others_mean_the_same(entry):
    """
    W&B's, Katib's and Optuna's words are taken as they are.
    """
    table = {"x": {key: value for key, value in entry.items() if key != "name"}}

    assert column({"grids": [entry]}, "x") == [1, 2, 3]
    assert column({"grids": table}, "x") == [1, 2, 3]
    assert column({"search": {"method": "grid", "parameters": [entry]}}, "x") == [1, 2, 3]
    assert column({"search": {"parameters": table}}, "x") == [1, 2, 3]


def test_single_value_is_fixed():
    """
    W&B's `value` is in every config, and no parameter.
    """
    data = {"search": {"parameters": {"fee": {"value": 5}, "x": {"values": [1, 2]}}}}

    assert [line["config"] for line in plan({**FOREIGN, **data})] == [
        {"fee": 5, "x": 1},
        {"fee": 5, "x": 2},
    ]


# where, repeat, commands


def test_where_drops_combinations_and_ids_have_no_gaps():
    """
    Dropped combinations are not counted, neither by the ids nor by max_jobs.
    """
    data = {
        **FOREIGN,
        "fixed": {"limit": 5},
        "grids": [{"name": "a", "values": [1, 2, 3]}, {"name": "b", "values": [1, 2, 3]}],
        "where": "a < b and a + b <= limit",
        "max_jobs": 2,
    }

    lines = plan(data)

    assert [(line["job_id"], line["config"]["a"], line["config"]["b"]) for line in lines] == [
        ("job_0001", 1, 2),
        ("job_0002", 1, 3),
    ]
    assert len(plan({**data, "max_jobs": None})) == 3


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("a <", "can't be read"),
        ("aa > 1", "aa"),
        (3, "must be a text"),
        ("depht > 1", "mean depth?"),
    ],
)
def test_wrong_where_is_an_error(where, said):
    """
    A condition on a key that no config has would drop everything.
    """
    grids = [{"name": "a", "values": [1]}, {"name": "depth", "values": [1]}]

    (found,) = problems({**FOREIGN, "grids": grids, "where": where})

    assert said in found


def test_keys_that_where_may_use_are_named_once():
    """
    Also one that is fixed and tuned.
    """
    (problem,) = problems({**FOREIGN, "fixed": {"a": 1}, "grids": {"a": [1]}, "where": "b > 1"})

    assert problem.endswith("where: no config has b (there are a)")


def test_repeats_are_told_apart_by_a_key():
    """
    Each combination comes so many times in a row, numbered from 1; once adds nothing.
    """
    data = {**FOREIGN, "grids": [{"name": "a", "values": [7, 8]}], "tag_prefix": "t"}

    assert [list(line["config"].items()) for line in plan({**data, "repeat": 2})] == [
        [("a", 7), ("repeat", 1), ("tag", "t")],
        [("a", 7), ("repeat", 2), ("tag", "t")],
        [("a", 8), ("repeat", 1), ("tag", "t")],
        [("a", 8), ("repeat", 2), ("tag", "t")],
    ]
    assert plan({**data, "repeat": 1}) == plan(data)


def test_spec_for_any_command():
    """
    With a command of its own a spec has the keys it names, and every line what it takes to run.
    """
    data = {
        "command": ["train", "--lr={lr}"],
        "env": {"OMP_NUM_THREADS": "1"},
        "timeout": "5m",
        "fixed": {"epochs": 3, "layers": [8, 8]},
        "grids": [{"name": "lr", "values": [0.1]}],
    }

    (line,) = planner.lines(data)

    assert line == (
        '{"job_id": "job_0001", "config": {"epochs": 3, "layers": [8, 8], "lr": 0.1}, '
        '"output_json": "outputs/tuning/job_0001.json", "command": ["train", "--lr={lr}"], '
        '"env": {"OMP_NUM_THREADS": "1"}, "timeout": "5m"}'
    )
    assert list(check([line.encode()], Rules("/plans"))) == []


# Chance


RANDOM = {
    **FOREIGN,
    "search": {
        "method": "random",
        "max_trials": 20,
        "seed": 7,
        "parameters": {
            "x": {"min": 5, "max": 80.0},
            "n": {"min": 1, "max": 5},
            "q": {"min": 0.1, "max": 0.5, "step": 0.1},
            "side": {"values": ["a", "b"]},
        },
    },
}


def test_draws_are_those_of_pythons_generator():
    """
    One number of Random(seed) for each parameter, in the order of the spec.
    """
    chance = Random(7)
    expected = []
    for _ in range(20):
        x, n, q, side = (chance.random() for _ in range(4))
        expected.append(
            {
                "x": float(f"{5 + x * 75:.12g}"),
                "n": 1 + int(n * 5),
                "q": [0.1, 0.2, 0.3, 0.4, 0.5][int(q * 5)],
                "side": "ab"[int(side * 2)],
            }
        )

    assert [line["config"] for line in plan(RANDOM)] == expected


def test_equal_seeds_give_equal_plans():
    """
    The same spec gives the same bytes; another seed gives another plan.
    """
    other = {**RANDOM, "search": {**RANDOM["search"], "seed": 8}}

    assert list(planner.lines(RANDOM)) == list(planner.lines(RANDOM))
    assert list(planner.lines(RANDOM)) != list(planner.lines(other))


def test_seed_may_stand_at_the_top():
    """
    One seed for the whole spec, unless the search has its own.
    """
    search = {key: value for key, value in RANDOM["search"].items() if key != "seed"}

    assert plan({**RANDOM, "seed": 7, "search": search}) == plan(RANDOM)
    assert plan({**RANDOM, "seed": 8}) == plan(RANDOM)


@given(st.floats(1e-12, 1e12), st.floats(1.001, 1e6), st.booleans(), st.integers(0, 99))
def test_draws_stay_inside_their_range(low, ratio, log, seed):
    """
    Also after rounding, and also by ratio.
    """
    search = {
        "method": "random",
        "max_trials": 3,
        "seed": seed,
        "parameters": {"x": {"min": low, "max": low * ratio, "log": log}},
    }

    assert all(low <= x <= low * ratio for x in column({"search": search}, "x"))


def test_log_draws_spread_over_the_orders_of_magnitude():
    """
    As many fall between 1 and 10 as between 1,000 and 10,000.
    """
    search = {
        "method": "random",
        "max_trials": 4000,
        "parameters": {"x": {"min": 1, "max": 10_000.0, "distribution": "log_uniform_values"}},
    }

    logs = [int(math.log10(x)) for x in column({"search": search}, "x")]

    assert all(800 < logs.count(decade) < 1200 for decade in range(4))


def test_whole_numbers_drawn_by_ratio_stay_whole():
    """
    An integer range gives integers, with log, too.
    """
    search = {
        "method": "random",
        "max_trials": 9,
        "parameters": {"x": {"min": 1, "max": 99, "log": True}},
    }

    assert all(type(x) is int and 1 <= x <= 99 for x in column({"search": search}, "x"))


@pytest.mark.parametrize("high", [2, 5, 12])
def test_whole_numbers_drawn_by_ratio_are_as_likely_as_their_neighbours(high):
    """
    Each, the ends too, has the share that its cell from half below to half above has.
    """
    search = {
        "method": "lhs",
        "max_trials": 4000,
        "parameters": {"x": {"min": 1, "max": high, "log": True}, "y": {"min": 0.0, "max": 1.0}},
    }

    found = column({"search": search}, "x")

    for x in range(1, high + 1):
        share = math.log((x + 0.5) / (x - 0.5)) / math.log(2 * high + 1)
        assert abs(found.count(x) - 4000 * share) <= 1


def test_whole_numbers_drawn_by_ratio_come_to_an_end():
    """
    There are so many of them, however unlikely some are.
    """
    search = {
        "method": "random",
        "max_trials": 100,
        "parameters": {"x": {"min": 1, "max": 20, "log": True}},
    }

    assert sorted(column({"search": search}, "x")) == list(range(1, 21))


def test_choice_that_is_named_twice_is_drawn_once():
    """
    It is the same trial; 1, 1.0 and true are not.
    """
    search = {"method": "random", "max_trials": 9, "parameters": {"x": [5, 1, 5, 1.0, True]}}

    assert sorted(map(repr, column({"search": search}, "x"))) == ["1", "1.0", "5", "True"]


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"sample": 1_000_001}, "at most 1,000,000 trials are drawn, not 1,000,001"),
        ({"search": {"method": "random", "max_trials": 10**9}}, "not 1,000,000,000"),
    ],
)
def test_more_trials_than_memory_holds_are_not_drawn(limit, said):
    """
    A draw is held until all of it is found; only a product is made as it is written.
    """
    grids = {name: {"min": 1, "max": 1000, "step": 1} for name in "abc"}

    assert any(said in one for one in problems({**FOREIGN, "grids": grids, **limit}))
    assert len(list(planner.lines({**FOREIGN, "grids": {"a": [1, 2]}, **limit}))) == 2


def test_no_trial_is_drawn_twice():
    """
    A small space is gone through, and then there is no more.
    """
    search = {
        "method": "random",
        "max_trials": 50,
        "parameters": {"a": [1, 2, 3], "b": [1.0, True]},
    }

    found = [json.dumps(line["config"]) for line in plan({**FOREIGN, "search": search})]

    assert len(found) == len(set(found)) == 6


def test_draws_obey_where():
    """
    Dropped draws are replaced by others.
    """
    search = {**RANDOM["search"], "max_trials": 30}

    found = plan({**RANDOM, "search": search, "where": "x > 40 and side == 'a'"})

    assert len(found) == 30
    assert all(line["config"]["x"] > 40 and line["config"]["side"] == "a" for line in found)


def test_draws_that_never_fit_end_with_a_sentence():
    """
    A condition that drops all does not run for ever.
    """
    with pytest.raises(PlanError, match="only 0 of 20 different"):
        plan({**RANDOM, "where": "x > 80"})


def test_sample_takes_some_combinations_in_the_order_of_the_plan():
    """
    A sample of a grid is a part of its plan, with ids of its own.
    """
    grids = [{"name": "a", "values": list(range(10))}, {"name": "b", "values": list(range(10))}]
    full = [line["config"] for line in plan({**FOREIGN, "grids": grids})]

    found = [line["config"] for line in plan({**FOREIGN, "grids": grids, "sample": 12, "seed": 3})]

    places = [full.index(config) for config in found]
    assert len(set(places)) == 12
    assert places == sorted(places)
    assert found != full[:12]


def test_sample_of_everything_is_everything():
    """
    More than there are can't be drawn.
    """
    data = {**FOREIGN, "grids": [{"name": "a", "values": [3, 1, 2]}]}

    assert plan({**data, "sample": 9}) == plan(data)


@pytest.mark.parametrize("size", [10**6, 10**18, 10**30])
def test_sample_of_a_huge_product_is_quick(size):
    """
    Nobody has to count to a billion to draw ten.
    """
    grids = [
        {"name": f"p{i}", "values": list(range(1000))} for i in range(round(math.log10(size)) // 3)
    ]

    found = [json.dumps(line["config"]) for line in plan({**FOREIGN, "grids": grids, "sample": 10})]

    assert len(set(found)) == 10


def test_every_combination_is_as_likely():
    """
    Over many seeds each of six combinations is drawn first about as often.
    """
    search = {"method": "random", "max_trials": 1, "parameters": {"a": [1, 2, 3], "b": [0, 1]}}

    drawn = [
        plan({**FOREIGN, "search": {**search, "seed": seed}})[0]["config"] for seed in range(1200)
    ]

    counts = [drawn.count({"a": a, "b": b}) for a in (1, 2, 3) for b in (0, 1)]
    assert all(140 < count < 260 for count in counts)


# What is wrong


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"grid": []}, "did you mean grids?"),
        ({"max_job": 3}, "did you mean max_jobs?"),
        ({"parameters": {}}, "did you mean search.parameters?"),
        ({"slippage": 3}, "did you mean slippage_bps?"),
        ({"fixed": {"min_spread": 3}}, "did you mean min_spread_bps?"),
        ({"fixed": []}, "fixed must be a table"),
        ({"fixed": {"slippage_bps": "x"}}, "slippage_bps must be a number"),
        ({"fixed": {"slippage_bps": True}}, "slippage_bps must be a number"),
        ({"fixed": {"slippage_bps": math.nan}}, "nan is not a number that JSON has"),
        ({"grids": {"slippage_bps": [math.inf]}}, "inf is not a number that JSON has"),
        ({"grids": 3}, "grids must be a list"),
        ({"grids": [3]}, "grids[0] must be a table"),
        ({"grids": [{"values": [1]}]}, "grids[0] lacks a name"),
        ({"grids": [{"name": 3, "values": [1]}]}, "its name is a number"),
        ({"grids": {"min_spread_bp": [1]}}, "did you mean min_spread_bps?"),
        ({"grids": [{"name": "slippage_bps", "values": [1]}] * 2}, "tuned twice"),
        ({"max_jobs": -1}, "max_jobs must be at least 0"),
        ({"max_jobs": 1.5}, "max_jobs must be a whole number"),
        ({"max_jobs": True}, "max_jobs must be a whole number"),
        ({"repeat": 0}, "repeat must be at least 1"),
        ({"repeat": 2, "grids": {"repeat": [1]}}, "repeat is both"),
        ({"seed": "x"}, "seed must be a whole number"),
        ({"sample": 0}, "sample must be at least 1"),
        ({"tag_prefix": ["a"]}, "tag_prefix must be a text"),
        ({"tag_prefix": "a\n"}, "does not print"),
        ({"search": []}, "search must be a table"),
        ({"search": {"method": "tpe"}}, "made by grid, random, lhs or sobol"),
        ({"search": {"method": "randon"}}, "did you mean random?"),
        ({"search": {"method": "random"}}, "max_trials is required"),
        ({"search": {"max_trails": 3}}, "did you mean max_trials?"),
        ({"search": {"max_trials": "x"}}, "search.max_trials must be a whole number"),
        ({"search": {}, "sample": 3}, "exclude each other"),
        ({"command": "train"}, "command must be a list"),
        ({"command": ["x"], "timeout": "soon"}, "not a duration"),
        ({"command": ["x"], "env": {"TUNE_X": ""}}, "reserved"),
        ({3: 4}, "a key must be a text"),
        ({"fixed": {"tag": {1: 2}}}, "a key is no text"),
        ({"fixed": {"tag": {1, 2}}}, "can't be written as JSON"),
    ],
)
def test_wrong_spec_is_refused(more, said):
    """
    What would silently give another plan is an error.
    """
    assert any(said in problem for problem in problems({"data_file": "d", **more}))


def test_all_problems_of_a_spec_are_said_at_once():
    """
    One run shows all there is to correct.
    """
    data = {"grid": [], "max_jobs": -1, "grids": [{"name": "x"}], "where": "("}

    assert len(problems(data)) == 5


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"description": "x"}, "unknown key"),
        ({"fixed": {"colour": 3}}, "unknown fixed key"),
        ({"grids": {"colour": [1]}}, "unknown parameter"),
        ({"grids": {"slippage_bps": []}}, "has no values"),
        ({"slippage_bps": 3, "grids": {"slippage_bps": [1]}}, "fixed and tuned"),
        ({"slippage_bps": "3"}, "read as a number"),
        ({"objective": "pnl"}, "not used"),
    ],
)
def test_what_changes_nothing_is_a_warning(more, said):
    """
    Keys that nobody knows are ignored, as they always were, but not in silence.
    """
    (found,) = warnings({"data_file": "d", **more})

    assert said in found


@pytest.mark.parametrize("data", [None, [], "a", 3])
def test_spec_must_be_a_table(data):
    """
    A list or an empty file is no spec.
    """
    assert len(problems(data)) == 1


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 9)
    | st.floats()
    | st.sampled_from(["a", "x > 1", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                """
                name values min max step method parameters max_trials walk_forward holdout train
                test rows type goal metric distribution parameterType feasibleSpace
                """.split()  # noqa: SIM905 - a list would take twenty lines
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
KEYS = [
    "data_file",
    "fixed",
    "grids",
    "max_jobs",
    "tag_prefix",
    "where",
    "repeat",
    "seed",
    "sample",
    "validate",
    "objective",
    "constraints",
    "early_stop",
]


@given(st.dictionaries(st.sampled_from([*KEYS, "search", "command", "slippage_bps"]), VALUES))
def test_no_spec_gives_anything_but_a_plan_or_problems(data):
    """
    Whatever stands in a spec, it gives lines of JSON or a list of problems.
    """
    try:
        lines = list(islice(planner.lines(data), 20))
    except PlanProblems as error:
        assert error.problems
        return

    assert all(json.loads(line)["job_id"] for line in lines)


# The text of a spec


def test_numbers_in_yaml_are_what_they_look_like():
    """
    PyYAML takes 1e-4 for a text; a reader, and YAML 1.2, for a number.
    """
    value, found = read_yaml("x: [1e-4, 1E3, -2.5e+2, .5e1, '1e-4', 1.0e-4, 7, 2024-01-01]", "s")

    assert value == {"x": [1e-4, 1000.0, -250.0, 5.0, "1e-4", 1e-4, 7, "2024-01-01"]}
    assert [(one.column, str(one.severity)) for one in found] == [
        (5, "warning"), (11, "warning"), (25, "warning"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "meant"), [("1e-4", "1.0e-4"), ("1.5e3", "1.5e+3"), ("2E5", "2.0e+5")]
)
def test_number_that_yaml_takes_for_a_text_is_said(written, meant):
    """
    With what to write, which every reader of YAML takes for the same number.
    """
    value, (warning,) = read_yaml(f"x: {written}", "s")

    assert value == {"x": float(written)}
    assert warning.message == f"{written} is read as a number"
    assert warning.hint.endswith(f"write {meant}")
    assert yaml.safe_load(meant) == value["x"]


@pytest.mark.parametrize(
    ("text", "value", "column"),
    [
        ("x: on", True, 4),
        ("x: [1, No]", False, 8),
        ("x: 1:30", 90, 4),
        ("x: 1:30.5", 90.5, 4),
        ("x: 010", 8, 4),
        ("x: 08", "08", 4),
        ("x: 0o17", "0o17", 4),
        ("x: 1_000", 1000, 4),
    ],
)
def test_words_that_yaml_takes_for_others_are_named(text, value, column):
    """
    Who writes on may mean a text; the plan says what it took, and where.
    """
    read, (found,) = read_yaml(text, "s")

    assert value in (read["x"], *(read["x"] if isinstance(read["x"], list) else ()))
    assert (found.line, found.column, str(found.severity)) == (1, column, "warning")


@pytest.mark.parametrize(
    ("reader", "text"), [(read_yaml, "a: 1\nb: 2\na: 3"), (read_json, '{"a": 1,\n"b": 2,\n"a": 3}')]
)
def test_key_that_stands_twice_in_a_spec_is_an_error(reader, text):
    """
    One of the two would be lost.
    """
    _, (found,) = reader(text, "s")

    assert (found.line, found.column, str(found.severity)) == (3, 1, "error")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1", "line 1, column 6"),
        ("a: 1\nb: c: d", "line 2, column 5"),
        ("a: 1\n\tb: 2", "line 2"),
    ],
)
def test_yaml_syntax_errors_have_their_place(text, place):
    """
    The parser's own place is kept.
    """
    with pytest.raises(SyntaxProblem, match=place):
        read_yaml(text, "s.yaml")


@given(st.text(max_size=30) | st.text("{}[]:,-?&*!|>'\"#%@ \nab01.e_x~<", max_size=30))
def test_no_text_gives_anything_but_values_or_a_syntax_problem(text):
    """
    Whatever stands in the file, it ends in our words.
    """
    with suppress(SyntaxProblem):
        read_yaml(text, "s")


@pytest.mark.parametrize("name", ["s.yaml", "s.YML", "s.json"])
def test_yaml_and_json_give_the_same_plan(tmp_path, name):
    """
    The end of the name says which it is; JSON is YAML, too.
    """
    data = {
        "data_file": "d",
        "fixed": COSTS,
        "grids": [{"name": "min_spread_bps", "values": [1, 2.5]}],
    }
    path = tmp_path / name
    path.write_text(json.dumps(data))

    assert list(planner.lines(read_spec(str(path)))) == list(planner.lines(data))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("s.txt", b"", "must end in .yaml"),
        ("s.json", b"{", "in the middle"),
        ("s.json", b"", "in the middle"),
        ("s.yaml", b"", "the spec is empty"),
        ("s.yaml", b"a: \xff", "line 1: not UTF-8"),
    ],
)
def test_files_that_are_no_spec(tmp_path, name, content, said):
    """
    Each gives a sentence that names the file.
    """
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(PlanError) as caught:
        read_spec(str(path))

    assert said in f"{caught.value} {caught.value.hint}"
    assert str(path) in str(caught.value)


def test_missing_spec_is_named_as_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """
    The user finds the word that was typed.
    """
    monkeypatch.chdir(tmp_path)

    with pytest.raises(PlanError, match=r"^no/such\.yaml: no such file$"):
        read_spec("no/such.yaml")
