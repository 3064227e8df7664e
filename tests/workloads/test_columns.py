"""Columns beyond the five: read where they are asked for, empty cells told apart from numbers."""

import json
from math import isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.workloads.arbitrage import quotes
from kubectl_tune.workloads.arbitrage.accounting import Options
from kubectl_tune.workloads.arbitrage.columns import FUNDING, QUANTITIES, Wanted, wanted
from kubectl_tune.workloads.arbitrage.quotes import load_quotes
from kubectl_tune.workloads.arbitrage.tables import COLUMNS

HEADER = "fx,timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b,funding_b\n"
ROWS = "1.5,0,99,100,99,100,\n,1,99,100,99,100,-0.0001\nnan,2,99,100,99,100,  \n"
RATE = Wanted({"rate": "fx"}, FUNDING)


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "quotes.csv"
        path.write_text(content)
        return path

    return write


def known(values):
    return [None if isnan(value) else value for value in values]


def test_columns_come_by_name_with_nan_where_a_cell_is_empty(file):
    """
    The rate goes by its own name, an optional column that the file lacks is not there.
    """
    loaded = load_quotes(file(HEADER + ROWS), "error", columns=RATE)

    assert {name: known(values) for name, values in loaded.columns.items()} == {
        "rate": [1.5, None, None],
        "funding_b": [None, -0.0001, None],
    }


def test_only_what_is_asked_for_is_read(file):
    """
    Nonsense in a column that nobody wants harms nobody.
    """
    loaded = load_quotes(file(HEADER + "x,0,99,100,99,100,y\n"), "error")

    assert (loaded.columns, loaded.bad_rows.total) == ({}, 0)


@pytest.mark.parametrize(
    ("options", "required", "optional"),
    [
        ({}, {}, ()),
        ({"rate_column": "fx"}, {}, ()),  # refused elsewhere; the first engine reads nothing more
        ({"accounting": "two_leg"}, {}, FUNDING),
        ({"accounting": "two_leg", "rate_column": "fx"}, {"rate": "fx"}, FUNDING),
        (
            {"accounting": "two_leg", "fill": "top_of_book"},
            {name: name for name in QUANTITIES},
            FUNDING,
        ),
    ],
)
def test_options_say_which_columns(options, required, optional):
    """
    Sizes for fills that keep to them, a rate by its name, funding wherever there is some.
    """
    asked = wanted(Options(**options))

    assert (asked.required, asked.optional) == (required, optional)


def test_a_missing_column_is_named_with_those_there_are(file):
    """
    All missing ones at once, and what may have been meant.
    """
    asked = Wanted({"rate": "fxx", "best_bid_a_qty": "best_bid_a_qty"})
    told = "CSV has no column 'fxx' (did you mean 'fx'?), 'best_bid_a_qty'; it has: fx, timestamp, "

    with pytest.raises(ValueError, match="CSV has no column") as caught:
        load_quotes(file(HEADER + ROWS), columns=asked)

    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("library", ["pyarrow", "polars"])
def test_parquet_has_them_too(tmp_path, monkeypatch, library):
    """
    A null is an empty cell and zero a number; a missing column is named with all there are.
    """
    pytest.importorskip(library)
    pyarrow = pytest.importorskip("pyarrow")
    from kubectl_tune.workloads.arbitrage import parquet

    table = {name: ["0", "1"] if name == "timestamp" else [99.0, 99.0] for name in COLUMNS}
    table |= {"best_ask_a": [100.0, 100.0], "best_ask_b": [100.0, 100.0], "note": ["x", "y"]}
    table |= {"funding_a": [None, 0.0], "fx": [2.0, None]}
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(table), tmp_path / "q")
    if library == "polars":
        monkeypatch.setattr(parquet, "_with_pyarrow", absent)

    loaded = load_quotes(tmp_path / "q", "error", columns=RATE)

    assert {name: known(values) for name, values in loaded.columns.items()} == {
        "rate": [2.0, None],
        "funding_a": [None, 0.0],
    }
    with pytest.raises(ValueError, match=r"Parquet has no column 'zz'; it has: .*note"):
        load_quotes(tmp_path / "q", columns=Wanted({"rate": "zz"}))


def absent(*_):
    raise ImportError


ALL = Wanted({"rate": "fx", "best_bid_a_qty": "best_bid_a_qty"}, FUNDING)


@pytest.mark.parametrize(
    ("cells", "kind", "why"),
    [
        ("x,1,", "unparsable", "fx: could not convert string to float: 'x'"),
        ("inf,1,", "nan", "fx is inf"),
        ("0,1,", "non_positive", "fx is 0"),
        ("1,-2,", "non_positive", "best_bid_a_qty is -2"),
        ("1,1,-inf", "nan", "funding_a is -inf"),
        ("1,0,-0.1", "", ""),
        (",,", "", ""),
    ],
)
def test_a_cell_that_no_market_sends_makes_a_bad_row(file, cells, kind, why):
    """
    A rate is positive, a size not negative, all is finite; an empty cell is no fault.
    """
    header = ",".join(COLUMNS) + ",fx,best_bid_a_qty,funding_a\n"
    good = "0,99,100,99,100,1,1,0\n"

    loaded = load_quotes(file(header + good + f"0,99,100,99,100,{cells}\n"), "skip", columns=ALL)

    assert loaded.bad_rows.named == ([f"3: {why}"] if kind else [])
    assert {k: n for k, n in loaded.bad_rows.counts.items() if n} == ({kind: 1} if kind else {})
    assert len(loaded.columns["rate"]) == len(loaded) == (1 if kind else 2)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("noon,nan,0,99,100,1,1,0", "unparsable"),
        ("0,0,100,99,100,inf,1,0", "nan"),
        ("0,100,99,99,100,0,1,0", "non_positive"),
        ("-1,100,99,99,100,1,1,0", "crossed"),
    ],
)
def test_a_row_counts_under_the_first_kind_that_applies(file, row, kind):
    """
    In the order of the page, whether a price, another cell or the time is to blame.
    """
    header = ",".join(COLUMNS) + ",fx,best_bid_a_qty,funding_a\n"
    good = "0,99,100,99,100,1,1,0\n"

    loaded = load_quotes(file(f"{header}{good}{row}\n{good}"), "skip", columns=ALL)

    assert {kind: n for kind, n in loaded.bad_rows.counts.items() if n} == {kind: 1}


CELL = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["", " ", "nan", "inf", "-inf", "0", "-0", "-1", "x"]),
)


def readable(text):
    try:
        return float(text) if text.strip() else nan
    except ValueError:
        return None


def allowed(key, value):
    """What the pages say of a cell, once more."""
    if value is None or value in (float("inf"), float("-inf")):
        return False
    if key == "rate":
        return not value <= 0
    return key != "best_bid_a_qty" or not value < 0


@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=30),
    block=st.sampled_from([1, 4, 1024]),
)
def test_rows_are_good_or_bad_whatever_the_blocks(tmp_path_factory, rows, block):
    """
    What is kept is what was written, in its order, and each row left out has a fault.
    """
    path = tmp_path_factory.mktemp("columns") / "q.csv"
    header = ",".join(COLUMNS) + ",fx,best_bid_a_qty,funding_a\n"
    path.write_text(header + "".join(f"7,99,100,99,100,{','.join(row)}\n" for row in rows))
    keys = ("rate", "best_bid_a_qty", "funding_a")
    expected = [
        values
        for row in rows
        if all(map(allowed, keys, values := [readable(text) for text in row]))
    ]
    before, quotes.BLOCK = quotes.BLOCK, block
    try:
        loaded = load_quotes(path, "skip", columns=ALL)
        kept = [list(row) for row in zip(*(loaded.columns[key] for key in keys), strict=True)]
        assert loaded.bad_rows.total == len(rows) - len(expected)
    except ValueError as error:
        assert str(error).startswith("No valid snapshots loaded from CSV file; bad rows: 2: ")
        kept = []
    finally:
        quotes.BLOCK = before

    assert json.dumps(kept) == json.dumps(expected)
