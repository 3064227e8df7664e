"""Windows over rows: what every fold and what is held out promise."""

from __future__ import annotations

import gzip
import json
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kubectl_tune import datarows, folds, planner, spec
from kubectl_tune.errors import PlanError
from kubectl_tune.folds import Walk, Window
from kubectl_tune.planfile import read_spec

FOREIGN = {"command": ["train", "{row_start}", "{row_stop}"]}
PROPOSED = {"walk_forward": {"train": 0.5, "test": 0.1, "step": 0.1}, "holdout": 0.2}


def windows(validate):
    return spec.read({**FOREIGN, "validate": validate}).windows


def said(validate, **more):
    with pytest.raises(spec.PlanProblems) as caught:
        spec.read({**FOREIGN, "validate": validate, **more})
    return [str(problem) for problem in caught.value.problems]


def warnings(validate):
    return [str(one) for one in spec.read({**FOREIGN, "validate": validate}).warnings]


@given(
    rows=st.integers(1, 500),
    walk=st.builds(
        Walk, st.integers(1, 200), st.integers(1, 100), st.integers(1, 100), st.booleans()
    ),
    holdout=st.integers(0, 200),
    gap=st.integers(0, 20),
)
def test_windows_keep_their_promises(rows, walk, holdout, gap):
    """
    Inside the file, tests behind their trains, nothing in what is held out or its gap, and
    no fold more or less than fits.
    """
    assume(holdout < rows)

    found = folds.windows(rows, walk, holdout, gap)

    trains, tests, held = (
        [one for one in found if one.part == part] for part in ("train", "test", "holdout")
    )
    assert all(0 <= one.start < one.stop <= rows for one in found)
    assert [one.fold for one in trains] == [one.fold for one in tests]
    assert [one.fold for one in trains] == list(range(1, len(trains) + 1))
    for train, test in zip(trains, tests, strict=True):
        assert test.start - train.stop == gap
        assert test.rows == walk.test
        assert train.start == 0 if walk.anchored else train.rows == walk.train
    for before, after in pairwise(tests):
        assert after.start - before.start == walk.step
    end = rows
    if holdout:
        assert held == [Window("holdout", rows - holdout, rows)]
        end = rows - holdout - gap
        used = {row for one in (*trains, *tests) for row in range(one.start, one.stop)}
        assert not used & set(range(end, rows))
    need = walk.train + gap + walk.test
    assert len(trains) == (0 if need > end else (end - need) // walk.step + 1)


@given(st.integers(1, 1000), st.data())
def test_hold_out_alone_trains_on_all_the_rest(rows, data):
    """
    Every row is in one of the two windows, or in the gap between them.
    """
    holdout = data.draw(st.integers(1, rows))
    gap = data.draw(st.integers(0, rows))

    found = folds.windows(rows, None, holdout, gap)

    assert found[-1] == Window("holdout", rows - holdout, rows)
    assert found[:-1] == (
        [Window("train", 0, rows - holdout - gap, 1)] if rows - holdout - gap > 0 else []
    )


def test_shares_are_of_all_rows():
    """
    The example of the page: three folds and a fifth held out use every row.
    """
    found = windows({**PROPOSED, "rows": 1000})

    assert found == (
        Window("train", 0, 500, 1),
        Window("test", 500, 600, 1),
        Window("train", 100, 600, 2),
        Window("test", 600, 700, 2),
        Window("train", 200, 700, 3),
        Window("test", 700, 800, 3),
        Window("holdout", 800, 1000),
    )


def test_rows_shares_and_defaults_mean_the_same():
    """
    Lengths may be rows; without a step the tests follow each other.
    """
    walk = {"train": 500, "test": 100}

    assert windows({"walk_forward": walk, "holdout": 200, "rows": 1000}) == windows(
        {**PROPOSED, "rows": 1000}
    )


def test_every_combination_runs_on_every_window():
    """
    Windows of one combination stand together; what is held out has no fold.
    """
    data = {
        **FOREIGN,
        "grids": {"lr": [0.1, 0.2]},
        "validate": {"walk_forward": {"train": 4, "test": 2}, "holdout": 2, "rows": 8},
        "tag_prefix": "t",
    }

    found = [json.loads(line) for line in planner.lines(data)]

    assert [one["job_id"] for one in found] == [f"t_{number:04d}" for number in range(1, 7)]
    assert [list(one["config"].items()) for one in found[:3]] == [
        [("lr", 0.1), ("row_start", 0), ("row_stop", 4), ("fold", 1), ("part", "train"),
         ("tag", "t")],
        [("lr", 0.1), ("row_start", 4), ("row_stop", 6), ("fold", 1), ("part", "test"),
         ("tag", "t")],
        [("lr", 0.1), ("row_start", 6), ("row_stop", 8), ("part", "holdout"), ("tag", "t")],
    ]  # fmt: skip
    assert len(found) == 6


def test_anchored_trains_grow():
    """
    Every train begins with the first row.
    """
    found = windows({"walk_forward": {"train": 2, "test": 1, "anchored": True}, "rows": 5})

    assert [(one.start, one.stop) for one in found if one.part == "train"] == [
        (0, 2), (0, 3), (0, 4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("validate", "message"),
    [
        (3, "validate must be a table"),
        ({"rows": 10}, "validate needs walk_forward or holdout"),
        ({"holdout": 0.2}, "that of no single data_file"),
        ({"holdout": 0.2, "rows": 0}, "validate.rows must be at least 1"),
        ({"holdout": 1.0, "rows": 9}, "holdout 1.0 is no length"),
        ({"holdout": 0, "rows": 9}, "holdout 0 is no length"),
        ({"holdout": "x", "rows": 9}, "holdout must be a number"),
        ({"holdout": True, "rows": 9}, "holdout must be a number"),
        ({"holdout": 0.01, "rows": 9}, "holdout 0.01 is 0 of 9 rows"),
        ({"holdout": 9, "rows": 9}, "holdout 9 is 9 of 9 rows"),
        ({"hold_out": 0.1, "rows": 9}, "did you mean holdout?"),
        ({"holdout": 2, "embargo": 3, "rows": 9}, "did you mean gap?"),
        ({"walk_forward": 0.5, "rows": 9}, "walk_forward must be a table"),
        ({"walk_forward": {"train": 3}, "rows": 9}, "walk_forward lacks test"),
        ({"walk_forward": {"train": 3, "tets": 3}, "rows": 9}, "did you mean test?"),
        ({"walk_forward": {"train": 0.5, "test": 0.01}, "rows": 9}, "test 0.01 is none of 9"),
        ({"walk_forward": {"train": 9, "test": 1}, "rows": 9}, "leave no fold in 9 of 9 rows"),
        ({"walk_forward": {"train": 1, "test": 1, "anchored": 1}, "rows": 9}, "true or false"),
        ({"walk_forward": {"train": 1, "test": 1}, "rows": 10**9}, "more than 100000 folds"),
        ({"holdout": 3, "gap": -1, "rows": 9}, "gap -1 is no length"),
        ({"holdout": 3, "gap": 6, "rows": 9}, "leave no fold in 6 of 9 rows"),
        ({"walk_forward": None, "rows": 9}, "validate needs walk_forward or holdout"),
    ],
)
def test_wrong_windows_are_refused(validate, message):
    """
    Each by name, and with the number of rows that they don't fit.
    """
    assert any(message in one for one in said(validate))


def test_keys_of_windows_are_nobody_elses():
    """
    What the windows write into a config may not stand there already.
    """
    found = said({"holdout": 2, "rows": 9}, fixed={"row_start": 3}, grids={"fold": [1]})

    assert [one.split(" (")[0] for one in found] == [
        "validate sets fold itself",
        "validate sets row_start itself",
    ]


@pytest.mark.parametrize(
    ("walk", "message"),
    [
        ({"train": 4, "test": 2, "step": 1}, "tests overlap"),
        ({"train": 2, "test": 1, "step": 2}, "tests leave rows out"),
        ({"train": 4, "test": 4}, "rows after the last test are in no fold, 2 of them"),
    ],
)
def test_windows_that_may_surprise_are_said(walk, message):
    """
    Rows that count twice, and rows that count never.
    """
    assert any(message in one for one in warnings({"walk_forward": walk, "rows": 10}))


@given(st.integers(100, 100_000))
def test_shares_that_fit_say_nothing(rows):
    """
    Whatever the number of rows, the proposed shares make three folds and leave no more than
    rounding does.
    """
    assert warnings({**PROPOSED, "rows": rows}) == []
    assert len(windows({**PROPOSED, "rows": rows})) == 7


def test_cut_inside_of_a_combination_is_said():
    """
    A combination that lacks some of its windows can't be compared.
    """
    data = {**FOREIGN, "validate": {"holdout": 2, "rows": 9}, "repeat": 2}

    assert [str(one) for one in spec.read({**data, "max_jobs": 6}).warnings] == [
        "max_jobs 6 ends inside of a combination (each comes to 4 trials)"
    ]
    assert spec.read({**data, "max_jobs": 8}).warnings == ()


def csv(rows, end="\n"):
    return "timestamp,a\n" + "".join(f"{row},1{end}" for row in range(rows))


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (csv(5).encode(), 5),
        (csv(5).strip().encode(), 5),
        (csv(3, "\r\n\r\n").encode(), 3),
        (gzip.compress(csv(7).encode(), mtime=0), 7),
        (b"\xef\xbb\xbf\na,b\n1,2\n", 1),
        (b'a,b\n"1\n2",3\n', 1),
        (b"", 0),
    ],
    ids=repr,
)
def test_rows_of_a_file_are_counted_as_the_workload_does(tmp_path, content, rows):
    """
    The header and blank lines are no rows.
    """
    path = tmp_path / "quotes"
    path.write_bytes(content)

    assert datarows.count_rows(str(path)) == rows


def test_rows_of_parquet_are_counted(tmp_path):
    """
    From the end of the file, where the number stands.
    """
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pytest.importorskip("pyarrow").table({"a": list(range(12))})
    parquet.write_table(table, tmp_path / "q.parquet")

    assert datarows.count_rows(str(tmp_path / "q.parquet")) == 12


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"\x1f\x8bxx", b"PAR1xx"], ids=repr)
def test_files_that_can_not_be_counted_are_a_sentence(tmp_path, content):
    """
    Missing, no text, damaged: with a hint to give the number.
    """
    path = tmp_path / "q"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(PlanError, match="q") as caught:
        datarows.count_rows(str(path))

    assert "rows: N" in caught.value.hint


@pytest.mark.parametrize(
    ("archive", "said"), [(False, "pip install"), (True, "this archive has no extras: give")]
)
def test_parquet_that_nothing_reads_says_what_to_do(tmp_path, monkeypatch, archive, said):
    """
    Into an archive nothing can be installed.
    """
    for name in ("pyarrow", "pyarrow.parquet", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(sys, "frozen", archive, raising=False)
    file = tmp_path / "d.parquet"
    file.write_bytes(b"PAR1")

    with pytest.raises(PlanError) as caught:
        datarows.count_rows(str(file))

    assert caught.value.hint.startswith(said)
    assert "rows: N" in caught.value.hint


def test_rows_are_those_of_the_data_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """
    Counted when the plan is made, from where it is made.
    """
    monkeypatch.chdir(tmp_path)
    Path("d.csv").write_text(csv(10))
    Path("s.yaml").write_text("data_file: d.csv\nvalidate: {holdout: 0.2}\n")

    assert read_spec("s.yaml").windows == (Window("train", 0, 8, 1), Window("holdout", 8, 10))


def test_missing_data_file_is_placed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """
    With the line that needs it, and what to do without the file.
    """
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text("data_file: d.csv\nvalidate: {holdout: 0.2}\n")

    with pytest.raises(spec.PlanProblems) as caught:
        read_spec("s.yaml")

    (found,) = caught.value.problems
    assert str(found).startswith("line 2, column 1: validate: data_file d.csv: no such file (")
    assert "rows: N" in found.hint
