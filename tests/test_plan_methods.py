"""Designs, their bytes, and what they promise of their points."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from importlib.util import find_spec
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_tune import design, planner, spec
from kubectl_tune.errors import PlanError

FOREIGN = {"command": ["train", "{config}"]}
SPACE = {
    "x": {"min": 5, "max": 80.0},
    "size": {"min": 100, "max": 10_000, "log": True},
    "n": {"min": 1, "max": 5},
    "q": {"min": 0.1, "max": 0.5, "step": 0.1},
    "side": ["a", "b"],
}
needs_scipy = pytest.mark.skipif(
    find_spec("scipy") is None, reason="Sobol points need the extra: kubectl-tune[sobol]"
)
METHODS = ["grid", "random", "lhs", pytest.param("sobol", marks=needs_scipy)]


def search(method, trials=16, seed=7, **space):
    parameters = space or SPACE
    return {"method": method, "max_trials": trials, "seed": seed, "parameters": parameters}


def configs(method, trials=16, seed=7, **space):
    data = {**FOREIGN, "search": search(method, trials, seed, **space)}
    return [json.loads(line)["config"] for line in planner.lines(data)]


def stratum(share, points):
    """Return which of so many equal parts a share lies in, by exact arithmetic."""
    return int(Fraction(share) * points)


@given(st.integers(1, 200), st.integers(0, 5), st.integers(0, 2**32))
def test_each_stratum_of_a_latin_hypercube_holds_one_point(points, axes, seed):
    """
    On every axis, whatever the count, and never on a border.
    """
    found = design.latin_hypercube(points, axes, seed)

    assert len(found) == points
    for column in zip(*found, strict=True):
        assert sorted(stratum(share, points) for share in column) == list(range(points))


@given(st.integers(1, 8), st.integers(1, 12), st.integers(0, 99))
def test_latin_hypercube_takes_values_evenly(values, times, seed):
    """
    With a multiple of as many points as there are values, each comes equally often.
    """
    points = design.latin_hypercube(values * times, 1, seed)

    assert Counter(int(share * values) for (share,) in points) == dict.fromkeys(
        range(values), times
    )


def test_latin_hypercube_covers_the_orders_of_magnitude():
    """
    A logarithmic range of four decades gets a quarter of the points in each.
    """
    found = configs("lhs", 40, lr={"min": 0.0001, "max": 1.0, "log": True})

    decades = [sum(low <= one["lr"] < low * 10 for one in found) for low in (1e-4, 1e-3, 1e-2, 0.1)]
    assert decades == [10, 10, 10, 10]


@pytest.mark.parametrize("method", ["lhs", pytest.param("sobol", marks=needs_scipy)])
def test_design_keeps_to_its_ranges(method):
    """
    Whole numbers stay whole, steps are met, choices are those of the list.
    """
    found = configs(method, 64)

    assert len(found) == 64
    for one in found:
        assert 5 <= one["x"] <= 80
        assert type(one["size"]) is int
        assert 100 <= one["size"] <= 10_000
        assert one["n"] in (1, 2, 3, 4, 5)
        assert one["q"] in (0.1, 0.2, 0.3, 0.4, 0.5)
        assert one["side"] in ("a", "b")


@needs_scipy
@given(st.integers(0, 6), st.integers(1, 4), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_sobol_points_are_balanced(power, axes, seed):
    """
    Of a power of two of points each stratum holds one, whatever the seed.
    """
    points = 2**power

    found = design.sobol(points, axes, seed)

    for column in zip(*found, strict=True):
        assert sorted(stratum(share, points) for share in column) == list(range(points))


@needs_scipy
def test_sobol_points_are_scipys_but_for_their_shift():
    """
    The difference of two points, digit by digit, is that of the plain sequence.
    """
    from scipy.stats import qmc

    bits = 2**30
    plain = [int(row[0] * bits) for row in qmc.Sobol(1, scramble=False, bits=30).random(8)]

    found = [int(share * bits) for (share,) in design.sobol(8, 1, 3)]

    assert [one ^ found[0] for one in found] == [one ^ plain[0] for one in plain]
    assert found != plain


def test_sobol_without_scipy_says_what_to_do(monkeypatch):
    """
    The sentence has the command that installs it, and a method that needs nothing.
    """
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.stats", None)

    with pytest.raises(PlanError, match="needs scipy, which is not installed") as caught:
        configs("sobol")

    assert "pip install 'kubectl-tune[sobol]'" in caught.value.hint
    assert "lhs" in caught.value.hint


def test_archive_without_scipy_has_nothing_to_install(monkeypatch):
    """
    Where pip can't help, the method that needs nothing is what is left.
    """
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    with pytest.raises(PlanError) as caught:
        configs("sobol")

    assert caught.value.hint.startswith("this archive has no extras: take method: lhs")
    assert "pip" not in caught.value.hint


@pytest.mark.parametrize(("trials", "said"), [(16, []), (20, ["16 and 32"])])
def test_sobol_counts_that_unbalance_are_said(trials, said):
    """
    No power of two is needed, but it is told that one would be better.
    """
    read = spec.read({**FOREIGN, "search": search("sobol", trials)})

    assert [one in str(warning) for one, warning in zip(said, read.warnings, strict=True)] == [
        True for _ in said
    ]


def test_points_that_repeat_are_left_out_and_said():
    """
    A trial is not paid for twice: of ten points on three values seven go.
    """
    read = spec.read({**FOREIGN, "search": search("lhs", 9, n={"values": [1, 2, 3]})})

    chosen = planner.choose(read)

    assert sorted(chosen.points) == [(1,), (2,), (3,)]
    assert chosen.remarks == ("6 of 9 points of the design repeat an earlier one and are left out",)


def test_grid_keeps_what_it_repeats():
    """
    A value that stands twice in a grid is tried twice, as it always was.
    """
    data = {**FOREIGN, "grids": [{"name": "a", "values": [1, 1]}]}

    assert len(list(planner.lines(data))) == 2


def test_where_thins_a_design_and_says_so():
    """
    Points that are dropped are not replaced; ids have no gaps.
    """
    read = spec.read({**FOREIGN, "search": search("lhs", 10, x={"min": 0.0, "max": 1.0}),
                      "where": "x < 0.5"})  # fmt: skip

    chosen = planner.choose(read)

    assert len(chosen.points) == 5
    assert "where drops 5 of 10 points" in chosen.remarks[0]
    assert [one["job_id"] for one in planner.trials(read)][-1] == "job_0005"


@pytest.mark.parametrize("method", METHODS)
def test_equal_spec_and_seed_give_equal_bytes_in_every_process(method, tmp_path):
    """
    Whatever seed Python's hashes have.
    """
    space = {k: v for k, v in SPACE.items() if method != "grid" or k in ("q", "side")}
    (tmp_path / "s.json").write_text(
        json.dumps({**FOREIGN, "search": search(method, **space), "where": "q > 0.1"})
    )
    code = "import sys; from kubectl_tune.cli import main; sys.exit(main(['plan', 's.json']))"

    plans = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }

    assert len(plans) == 1
    assert plans.pop().count(b"\n") > 5


@pytest.mark.parametrize("method", ["random", "lhs", pytest.param("sobol", marks=needs_scipy)])
def test_another_seed_gives_another_plan(method):
    """
    And the same seed the same one.
    """
    assert configs(method, seed=1) == configs(method, seed=1) != configs(method, seed=2)


@pytest.mark.parametrize(
    "word", ["tpe", "bayes", "nsga2", "CMA-ES", "bayesianoptimization", "asha"]
)
def test_methods_that_learn_are_refused(word):
    """
    The hint names what makes a plan without feedback, and ranges are not blamed for it.
    """
    with pytest.raises(spec.PlanProblems) as caught:
        spec.read({**FOREIGN, "search": search(word)})

    (found,) = caught.value.problems
    assert "learns from results" in found.message
    assert found.hint == "a plan without feedback is made by grid, random, lhs or sobol"


@pytest.mark.parametrize(
    "word", ["max_trials", "run_cap", "maxTrialCount", "num_samples", "epochs"]
)
def test_number_of_trials_has_many_names(word):
    """
    W&B's, Katib's, Ray's and freqtrade's mean the same.
    """
    named = {"method": "random", word: 3, "parallelTrialCount": 8, "parameters": SPACE}

    read = spec.read({**FOREIGN, "search": named})

    assert (read.most, read.parallel) == (3, 8)


def test_a_long_product_is_made_line_by_line():
    """
    The first lines of 10**12 take no longer than those of ten.
    """
    grids = {name: {"min": 1, "max": 1000, "step": 1} for name in "abcd"}

    assert len(list(islice(planner.lines({**FOREIGN, "grids": grids}), 100))) == 100
