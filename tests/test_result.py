"""What counts as a result, and what it says."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.direction import direction_of
from kubectl_tune.errors import ResultError
from kubectl_tune.result import dig, dumps, finite, flat, number, parse

B = {"c": 2, "d.e": 3}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def test_metrics_are_the_object_of_that_name():
    """
    As it stands, whatever is in it; what else stands at the top is none.
    """
    result = parse('{"loss": 9, "metrics": {"loss": 1, "val": {"loss": 2}, "curve": [1, 2]}}')

    assert result.metrics == {"loss": 1, "val": {"loss": 2}, "curve": [1, 2]}


@pytest.mark.parametrize(
    ("name", "value"),
    [("a", 1), ("b.c", 2), ("b.d.e", 3), ("x.y", 4), ("x.y.z", None), ("b", B), ("c", None)],
)
def test_dots_lead_into_nested_objects(name, value):
    """
    A name finds what is nested, and keys that have dots of their own.
    """
    values = {"a": 1, "b": B, "x.y": 4, "x": {"y": 5}}

    assert dig(values, name) == value


def test_without_metrics_the_numbers_at_the_top_are_meant():
    """
    Any JSON object is a result: numbers and booleans count, texts and objects don't.
    """
    result = parse('{"loss": 0.5, "converged": true, "note": "x", "val": {"loss": 1}, "n": null}')

    assert result.metrics == {"loss": 0.5, "converged": True}
    assert result.ok


@pytest.mark.parametrize("metrics", ["null", "[]", '"x"', "3"])
def test_metrics_that_are_no_object_are_passed_over(metrics):
    """
    A `metrics` that holds no names leaves the numbers at the top.
    """
    assert parse(f'{{"metrics": {metrics}, "loss": 1}}').metrics["loss"] == 1


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"status": "error", "error": {"type": "ValueError", "message": "no"}}', "ValueError: no"),
        ('{"status": "error", "error": "broke"}', "broke"),
        ('{"status": "failed"}', 'its status is "failed"'),
        ('{"status": null}', "its status is null"),
        ('{"status": "SUCCESS"}', 'its status is "SUCCESS"'),
    ],
)
def test_any_status_but_success_is_an_error(text, error):
    """
    A result that has a status speaks for itself, and says why.
    """
    result = parse(text)

    assert not result.ok
    assert result.error == error


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", '"x"', "3", "null", "nonsense", '{"a": 1} {"b": 2}', "[" * 100_000],
    ids=lambda text: text[:10] or "nothing",
)
def test_what_is_no_object_is_no_result(text):
    """
    Whatever a trial wrote, reading it gives a result or says why not.
    """
    with pytest.raises(ResultError):
        parse(text)


def test_numbers_beyond_python_and_configs_beyond_reason_are_refused():
    """
    Neither a number of 5,000 digits nor 200 levels of config end in a traceback.
    """
    with pytest.raises(ResultError):
        parse('{"loss": ' + "1" * 5000 + "}")
    with pytest.raises(ResultError):
        parse('{"config": ' + '{"a":' * 200 + "1" + "}" * 201)


@given(JSON_VALUES)
def test_every_value_is_a_result_or_refused_and_can_be_written(value):
    """
    Nothing that JSON can hold breaks the reader, and what was read can be written.
    """
    try:
        result = parse(json.dumps(value))
    except ResultError:
        assert not isinstance(value, dict)
    else:
        json.loads(dumps(dict(result.metrics)), parse_constant=pytest.fail)


def test_numbers_that_json_lacks_are_read_and_written_as_null():
    """
    NaN and Infinity are accepted from trials; no reader of ours ever meets them.
    """
    result = parse('{"metrics": {"a": NaN, "b": -Infinity, "c": 1e999, "d": 1.5}}')

    assert math.isnan(result.metrics["a"])
    assert dumps(dict(result.metrics)) == '{"a": null, "b": null, "c": null, "d": 1.5}'


@given(JSON_VALUES)
def test_written_json_is_safe_on_a_terminal(value):
    """
    JSON of ours is printable ASCII, and reads back as what went in, but for NaN.
    """
    text = dumps(value)

    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == finite(value)


def test_a_number_can_be_ranked_only_if_it_is_one():
    """
    Texts, NaN, infinities and whole numbers beyond the floats have no place in an order.
    """
    assert number(True) == 1
    assert number(3) == 3
    assert [number(value) for value in ("3", None, math.nan, math.inf, 10**400, [1])] == [None] * 6


def test_a_key_with_dots_of_its_own_wins_over_a_nested_one():
    """
    Joining keys loses none that was spelled out.
    """
    assert flat({"a": {"b": 1, "c": 2}, "a.b": 3}) == {"a.b": 3, "a.c": 2}


class TestEngine:
    """Which engine computed a result decides whether its ranking needs a caveat."""

    SUMMARY = '"config_summary": {"min_spread_bps": 5, "snapshots_count": 9}'

    def test_results_of_the_first_engine_are_known_by_their_summary(self):
        """
        Results from before engines said their name have a summary like no other.
        """
        assert parse(f"{{{self.SUMMARY}}}").engine == "arbitrage/seed"
        plain = f'{{{self.SUMMARY}, "repro": {{"engine_version": "1.0"}}}}'
        assert parse(plain).engine == "arbitrage/seed"

    def test_an_engine_that_says_its_name_is_believed(self):
        """
        A later engine with the same summary isn't taken for the first one.
        """
        text = f'{{{self.SUMMARY}, "repro": {{"engine_version": "arbitrage/two_leg/1"}}}}'

        assert parse(text).engine == "arbitrage/two_leg/1"

    def test_other_results_have_none(self):
        """
        A result of somebody's own program is never said to flatter.
        """
        assert parse('{"loss": 1}').engine == ""


@pytest.mark.parametrize(
    ("metric", "direction"),
    [
        ("realized_pnl_usd", "maximize"),
        ("avg_pnl_per_trade_usd", "maximize"),
        ("win_rate", "maximize"),
        ("sharpe", "maximize"),
        ("valAccuracy", "maximize"),
        ("score", "maximize"),
        ("neg_mean_squared_error", "maximize"),
        ("return_over_max_drawdown", "maximize"),
        ("win_loss_ratio", "maximize"),
        ("max_drawdown_pct", "minimize"),
        ("val.loss", "minimize"),
        ("runtime_seconds", "minimize"),
        ("error_rate", "minimize"),
        ("latency_ms", "minimize"),
        ("neg_log_likelihood", "minimize"),
        ("total_trades", None),
        ("accuracy_loss", None),
        ("", None),
    ],
)
def test_the_name_of_a_metric_tells_which_end_is_best(metric, direction):
    """
    Where the name says both or nothing, nothing is guessed.
    """
    assert direction_of(metric) == direction
