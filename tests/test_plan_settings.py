"""Settings of the built-in workload in a spec: what its job would refuse is refused before."""

from __future__ import annotations

import pytest

from kubectl_tune.planfile import read_spec
from kubectl_tune.problem import PlanProblems

COSTS = "min_spread_bps: 1, taker_fee_a_bps: 0, taker_fee_b_bps: 0, slippage_bps: 0"
NEEDS = "needs accounting: two_leg (add accounting: two_leg to the spec)"
HONEST = "accounting: two_leg\n"


def said(tmp_path, text):
    """Return all that is said of a spec whose own text begins in line 3."""
    path = tmp_path / "s.yaml"
    path.write_text(f"data_file: q.csv\nfixed: {{{COSTS}, max_position_usd: 1000}}\n{text}")
    try:
        return list(map(str, read_spec(str(path)).warnings))
    except PlanProblems as error:
        return list(map(str, [*error.problems, *error.warnings]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "accounting: two-leg\nfill: top_of_book\n",
            ['3, column 1: fixed accounting must be one of seed, two_leg, not "two-leg"'],
        ),
        ("acounting: two_leg\nfill: top_of_book\n", ['3, column 1: unknown key "acounting"']),
        (
            f"{HONEST}fill: top\nbalances: {{a: 1}}\nclose_at_end: 1\n",
            [
                '4, column 1: fixed fill must be one of full, top_of_book, not "top"',
                '5, column 1: fixed balances must be {"a": USD, "b": USD}',
                "6, column 1: fixed close_at_end must be true or false, not 1",
            ],
        ),
        (
            f"{HONEST}grids: {{gate: [zero, x], bad_rows: [drop]}}\n",
            [
                "4, column 9: grids[0] gate must be one of",
                "4, column 26: grids[1] bad_rows must be one of",
            ],
        ),
        (
            f"{HONEST}grids: {{take_profit_bps: {{min: -5, max: 5, step: 5}}}}\n",
            ["4, column 9: grids[0] take_profit_bps must be positive, not -5"],
        ),
        (
            "grids: {row_start: {min: 0, max: 2, step: 0.5}}\n",
            ["3, column 9: grids[0] row_start must be a whole number, not 0.5"],
        ),
        (
            "grids: {row_stop: [x], exit_bps: [x, 0], balances: [3]}\n",
            [
                "3, column 9: grids[0] row_stop must be a number",
                "3, column 24: grids[1] exit_bps must be a number",
                f"3, column 24: exit_bps {NEEDS}",
                "3, column 42: grids[2] balances must be",
            ],
        ),
        (
            "grids: {accounting: [seed, two-leg], exit_bps: [1]}\n",
            ['3, column 9: grids[0] accounting must be one of seed, two_leg, not "two-leg"'],
        ),
        (f"fill: top_of_book\n{HONEST}", []),
        ("fill: full\n", []),
        (
            "fill: top_of_book\ngrids: {exit_bps: [1, 2]}\n",
            [f"3, column 1: fill: top_of_book {NEEDS}", f"4, column 9: exit_bps {NEEDS}"],
        ),
        (
            "grids: {accounting: [seed, two_leg], gate: [zero, round_trip], fill: [full]}\n",
            [
                "3, column 38: gate: round_trip needs accounting: two_leg (not all of its trials",
            ],
        ),
        ("grids: {gate: [zero, round_trip]}\n", [f"3, column 9: gate: round_trip {NEEDS}"]),
        (
            "search: {parameters: {row_start: {value: 5}, row_stop: {value: 3}}}\n",
            ["3, column 46: row_stop must be greater than row_start, which is 5, not 3"],
        ),
    ],
)
def test_wrong_settings_are_told_at_their_places(tmp_path, text, expected):
    """
    All at once, and no key for what is wrong with another one.
    """
    found = said(tmp_path, text)

    assert len(found) == len(expected)
    assert all(f"line {start}" in one for one, start in zip(found, expected, strict=True))


def test_what_the_first_planner_took_still_makes_a_plan(tmp_path):
    """
    With a warning: its trials would fail.
    """
    found = said(tmp_path, "initial_balance_usd: 0\ngrids: {min_spread_bps: [-1, 1]}\n")

    assert [one.partition(": ")[2] for one in found if "(its trials fail)" in one] == [
        "fixed initial_balance_usd must be positive, not 0 (its trials fail)",
        "grids[0] min_spread_bps must be non-negative, not -1 (its trials fail)",
    ]
