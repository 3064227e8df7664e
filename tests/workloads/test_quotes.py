"""Data files become quotes, whatever their form; rows gone bad are counted and named."""

import gzip
import hashlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.workloads.arbitrage import parquet, quotes
from kubectl_tune.workloads.arbitrage.arbitrage_core import OrderBookSnapshot
from kubectl_tune.workloads.arbitrage.quotes import load_quotes
from kubectl_tune.workloads.arbitrage.tables import COLUMNS

HEADER = "timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b\n"
ROWS = "2025-01-01T00:00:00Z,99,100,102,103\n2025-01-01T00:00:01Z,102,103,99,100\n"
QUOTES = [
    OrderBookSnapshot("2025-01-01T00:00:00Z", 99.0, 100.0, 102.0, 103.0),
    OrderBookSnapshot("2025-01-01T00:00:01Z", 102.0, 103.0, 99.0, 100.0),
]


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "quotes.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


OTHER_ORDER = (
    "volume,best_ask_b,best_bid_b,timestamp,best_ask_a,best_bid_a\n"
    "7,103,102,2025-01-01T00:00:00Z,100,99\n"
    ",100,99,2025-01-01T00:00:01Z,103,102\n"
)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(HEADER + ROWS, id="plain"),
        pytest.param("\ufeff" + HEADER + ROWS, id="byte-order-mark"),
        pytest.param((HEADER + ROWS).replace("\n", "\r\n"), id="crlf"),
        pytest.param("\n" + HEADER + "\n" + ROWS.replace("\n", "\n\n"), id="blank-lines"),
        pytest.param((HEADER + ROWS).rstrip("\n"), id="no-newline-at-the-end"),
        pytest.param(OTHER_ORDER, id="other-order-and-more-columns"),
        pytest.param(HEADER.replace(",", " , ") + ROWS, id="spaces-in-the-header"),
        pytest.param(gzip.compress((HEADER + ROWS).encode()), id="gzip-under-another-name"),
        pytest.param(gzip.compress(("\ufeff" + HEADER + ROWS).encode()), id="gzip-with-mark"),
    ],
)
def test_a_file_reads_the_same_in_every_form(file, content):
    """
    Order of columns, compression, line ends and marks make no difference.
    """
    path = file(content)

    loaded = load_quotes(path)

    assert list(loaded) == QUOTES
    assert loaded.rows == len(loaded) == 2
    assert loaded.bad_rows.total == 0
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


STAMPS = {
    "text": ["2025-01-01T00:00:00Z", "2025-01-01T00:00:01Z"],
    "moments": [datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, 0, 0, 1, tzinfo=UTC)],
    "numbers": [1735689600000, 1735689601000],
}


def absent(*_):
    raise ImportError


@pytest.mark.parametrize("library", ["pyarrow", "polars"])
@pytest.mark.parametrize("stamps", STAMPS)
def test_parquet_reads_the_same(tmp_path, monkeypatch, library, stamps):
    """
    Parquet gives the quotes that CSV gives, with either library and any type of timestamp.
    """
    pytest.importorskip(library)
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    table = {"best_bid_b": [102.0, 99], "timestamp": STAMPS[stamps], "more": ["x", None]}
    table |= {"best_ask_a": [100.0, 103], "best_bid_a": [99.0, 102], "best_ask_b": [103.0, 100]}
    pyarrow.parquet.write_table(pyarrow.table(table), tmp_path / "quotes.pq")
    if library == "polars":
        monkeypatch.setattr(parquet, "_with_pyarrow", absent)

    loaded = load_quotes(tmp_path / "quotes.pq", "error")

    columns = [list(column) for column in loaded.prices]
    assert columns == [[99.0, 102.0], [100.0, 103.0], [102.0, 99.0], [103.0, 100.0]]
    if stamps == "text":
        assert list(loaded) == QUOTES


def test_a_hole_in_parquet_is_an_unparsable_row(tmp_path):
    """
    A missing price is a bad row, named as if the table had come as CSV.
    """
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    table = {name: ["1", "2", None] if name == "timestamp" else [1.0, 1, 1] for name in COLUMNS}
    table |= {"best_ask_a": [2.0, None, 2], "best_ask_b": [2.0, 2, 2]}
    pyarrow.parquet.write_table(pyarrow.table(table), tmp_path / "quotes.pq")

    loaded = load_quotes(tmp_path / "quotes.pq", "skip")

    assert loaded.bad_rows.counts["unparsable"] == 2
    assert [named.split(":")[0] for named in loaded.bad_rows.named] == ["3", "4"]


def test_parquet_without_a_library_says_what_to_install(file, monkeypatch):
    """
    Where neither library is installed a sentence says so, with the ways out.
    """
    monkeypatch.setattr(parquet, "_with_pyarrow", absent)
    monkeypatch.setattr(parquet, "_with_polars", absent)

    with pytest.raises(ValueError, match="pip install pyarrow"):
        load_quotes(file(b"PAR1...."))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "CSV file is empty"),
        ("\n\n", "CSV file is empty"),
        (HEADER, "No valid snapshots"),
        ("timestamp,best_bid_a\n1,2\n", "CSV must have columns.*missing: best_ask_a, best_bid_b"),
        (HEADER + ROWS + "t,1,x,3,4\n", "^Invalid row 4: best_ask_a: could not convert"),
        (HEADER + ROWS + "\n\nt,1,,3,4\n", "^Invalid row 6: best_ask_a: could not convert"),
        (HEADER + ROWS + "t,1,2\n", "^Invalid row 4: 3 values for 5 columns"),
        (HEADER.encode() + b"\xff,1,2,3,4\n", "is not UTF-8"),
        (gzip.compress((HEADER + ROWS).encode(), mtime=0)[:-9], "damaged gzip"),
        (b"\x1f\x8bnothing", "damaged gzip"),
        (b"PAR1nothing", "damaged Parquet"),
    ],
)
def test_a_broken_file_is_a_sentence(file, content, message):
    """
    Whatever is wrong with a file comes as one ValueError that says it.
    """
    with pytest.raises(ValueError, match=message):
        load_quotes(file(content))


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    """
    No file is one error, a file that can't be read another.
    """
    with pytest.raises(FileNotFoundError, match=r"Data file not found: .*none\.csv"):
        load_quotes(tmp_path / "none.csv")
    with pytest.raises(OSError, match="Cannot read data file"):
        load_quotes(tmp_path)


BAD = [
    ("2025-01-01T00:00:02Z,x,100,102,103", "unparsable"),
    ("2025-01-01T00:00:02Z,99,100,102", "unparsable"),
    ("soon,99,100,102,103", "unparsable"),
    ("2025-01-01T00:00:02Z,99,100,nan,103", "nan"),
    ("2025-01-01T00:00:02Z,99,inf,102,103", "nan"),
    ("2025-01-01T00:00:02Z,0,100,102,103", "non_positive"),
    ("2025-01-01T00:00:02Z,99,100,102,-103", "non_positive"),
    ("2025-01-01T00:00:02Z,101,100,102,103", "crossed"),
    ("2025-01-01T00:00:02Z,99,100,102,102", "crossed"),
    ("2024-12-31T23:59:59Z,99,100,102,103", "time_back"),
]
GOOD = "2025-01-01T00:00:03Z,99,100,102,103\n"


@pytest.mark.parametrize(("row", "kind"), BAD)
def test_each_kind_of_bad_row_is_counted_and_named(file, row, kind):
    """
    One row, one kind, and the line it stands on; skipping leaves exactly that row out.
    """
    path = file(HEADER + ROWS + row + "\n" + GOOD)

    skipped = load_quotes(path, "skip")

    assert {k: n for k, n in skipped.bad_rows.counts.items() if n} == {kind: 1}
    assert skipped.bad_rows.named[0].startswith("4: ")
    assert list(skipped)[:2] == QUOTES
    assert (len(skipped), skipped.rows) == (3, 4)
    with pytest.raises(ValueError, match=r"^Invalid row 4: "):
        load_quotes(path, "error")


@pytest.mark.parametrize(("row", "kind"), BAD[2:])
def test_rows_that_have_numbers_are_kept_and_counted_by_default(file, row, kind):
    """
    The default policy changes nothing about a run; it only counts.
    """
    kept = load_quotes(file(HEADER + ROWS + row + "\n" + GOOD))

    assert (len(kept), kept.bad_rows.counts[kind], kept.bad_rows.total) == (4, 1, 1)


def test_rows_without_numbers_can_be_left_out(file):
    """
    The backtest command goes on where a tuning job would fail.
    """
    path = file(HEADER + "t,x,1,1,1\n" + ROWS + "t,1,1\n")

    loaded = load_quotes(path, "seed", fail_on_unparsable=False)

    assert list(loaded) == QUOTES
    assert loaded.bad_rows.counts["unparsable"] == 2


def test_many_bad_rows_are_named_briefly(file):
    """
    The first five by line, and how many more there are.
    """
    loaded = load_quotes(file(HEADER + "1,5,4,3,4\n" * 12))

    sentences = loaded.bad_rows.sentences()

    assert [sentence.split(":")[0] for sentence in sentences] == [
        *(f"bad row {line}" for line in range(2, 7)),
        "and 7 more bad rows",
        "bad rows in all",
    ]
    with pytest.raises(ValueError, match=r"; and 7 more$"):
        load_quotes(file(HEADER + "1,5,4,3,4\n" * 12), "error")


def test_lines_are_those_of_an_editor(file):
    """
    Blank lines count, and so do line breaks inside of quotes.
    """
    path = file("note," + HEADER + '"two\nlines",1,1,2,1,2\n\n,2,3,2,1,2\n')

    assert load_quotes(path).bad_rows.named[0].startswith("5: the book of A is crossed")


@pytest.mark.parametrize(
    ("times", "back"),
    [
        (["9", "10"], 0),
        (["10", "9"], 1),
        (["1e1", "9.5", "10.5"], 1),
        (["1700000000000000001", "1700000000000000000"], 1),
        (["2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z"], 0),
        (["2025-01-01T01:00:00+01:00", "2025-01-01T00:30:00Z"], 0),
        (["2025-01-01T00:30:00Z", "2025-01-01T01:00:00+01:00"], 1),
        (["2025-01-01", "2025-01-01 00:00:01", "2025-01-01T00:00:00.5Z"], 1),
        (["3", "1", "2", "3"], 2),
    ],
)
def test_times_are_compared_as_times(file, times, back):
    """
    Numbers as numbers, ISO 8601 with its zone; a row is late if any good one before was later.
    """
    loaded = load_quotes(file(HEADER + "".join(f"{time},1,2,1,2\n" for time in times)))

    assert loaded.bad_rows.counts["time_back"] == loaded.bad_rows.total == back


def test_a_file_has_one_way_of_writing_times(file):
    """
    A number among dates can't be compared with them, and is no time there.
    """
    loaded = load_quotes(file(HEADER + "2025-01-01,1,2,1,2\n17,1,2,1,2\n2025-01-02,1,2,1,2\n"))

    assert loaded.bad_rows.counts["unparsable"] == loaded.bad_rows.total == 1


CELL = st.one_of(
    st.integers(90, 110).map(str),
    st.sampled_from(["nan", "inf", "0", "-1", "x", "", "1e2"]),
)
TIMES = st.one_of(
    st.integers(0, 9).map(lambda second: f"2025-01-01T00:00:0{second}Z"),
    st.sampled_from(["2025-01-01T00:00:05", "2025-01-01T01:00:05+01:00", "7", "?"]),
)
LINE = st.one_of(
    st.just(["2025-01-01T00:00:05Z", "99", "100", "99", "100"]),
    st.tuples(TIMES, CELL, CELL, CELL, CELL).map(list),
    st.lists(CELL, max_size=3),
)


@given(lines=st.lists(LINE, max_size=40), policy=st.sampled_from(["seed", "skip", "error"]))
def test_blocks_make_no_difference(tmp_path_factory, lines, policy):
    """
    Whether rows are taken whole blocks at a time or one by one, the outcome is the same.
    """
    path = tmp_path_factory.mktemp("blocks") / "quotes.csv"
    path.write_text(HEADER + "".join(",".join(line) + "\n" for line in lines))

    def outcome(block):
        before, quotes.BLOCK = quotes.BLOCK, block
        try:
            loaded = load_quotes(path, policy, fail_on_unparsable=False)
        except ValueError as error:
            return str(error)
        finally:
            quotes.BLOCK = before
        return json.dumps(
            [
                [repr(snapshot) for snapshot in loaded],
                loaded.bad_rows.counts,
                loaded.bad_rows.named,
                loaded.rows,
            ]
        )

    assert outcome(1) == outcome(3) == outcome(1024)
