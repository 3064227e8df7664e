"""The order of rows, their times in seconds, and the bounds between which they are read."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.workloads.arbitrage import quotes
from kubectl_tune.workloads.arbitrage.clock import seconds
from kubectl_tune.workloads.arbitrage.columns import Wanted
from kubectl_tune.workloads.arbitrage.quotes import load_quotes

HEADER = "timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b,mark\n"
MARK = Wanted({"mark": "mark"})


@pytest.fixture
def file(tmp_path):
    def write(times, header=HEADER):
        path = tmp_path / "quotes.csv"
        rows = (f"{time},99,100,99,100,{number}\n" for number, time in enumerate(times))
        path.write_text(header + "".join(rows))
        return path

    return write


def marks(loaded):
    return list(loaded.columns["mark"])


LATE = ["5", "7", "6", "7", "5.5", "10"]
ADVICE = " (order sort puts rows in the order of their times)"


@pytest.mark.parametrize(
    ("order", "policy", "kept", "remarks"),
    [
        (None, "skip", [0, 1, 3, 5], []),
        (None, "seed", [0, 1, 2, 3, 4, 5], []),
        (
            "check",
            "skip",
            [0, 1, 3, 5],
            ["time goes back at 2 rows, first at line 4: left out" + ADVICE],
        ),
        (
            "check",
            "seed",
            [0, 1, 2, 3, 4, 5],
            ["time goes back at 2 rows, first at line 4: used in the order of the file" + ADVICE],
        ),
        (
            "sort",
            "error",
            [0, 4, 2, 1, 3, 5],
            ["time goes back at 2 rows, first at line 4: sorted by time"],
        ),
        ("file", "error", [0, 1, 2, 3, 4, 5], []),
    ],
)
def test_each_order_has_its_way_with_late_rows(file, order, policy, kept, remarks):
    """
    A row is late if any before it was later; equal times keep the order of the file.
    """
    loaded = load_quotes(file(LATE), policy, columns=MARK, order=order)

    assert marks(loaded) == kept
    assert loaded.remarks == remarks
    assert loaded.bad_rows.counts["time_back"] == (2 if order in (None, "check") else 0)
    assert loaded.timestamps == [LATE[place] for place in kept]


def test_late_rows_are_told_of_however_many_other_bad_rows_there_are(file):
    """
    The sentence stands after the five bad rows that are named.
    """
    path = file(["9"] + ["soon"] * 6 + ["8"])

    warnings = load_quotes(path, "skip", columns=MARK, order="check").warnings()

    assert warnings[-1] == "time goes back at 1 row, first at line 9: left out" + ADVICE


def test_what_cannot_be_sorted_is_a_sentence(file):
    """
    A row that is no time, kept by the policy, has no place among the others.
    """
    path = file(["2", "soon", "1"])

    with pytest.raises(ValueError, match=r"timestamp 'soon' is not a number.*skip leaves"):
        load_quotes(path, "seed", order="sort")
    assert marks(load_quotes(path, "skip", columns=MARK, order="sort")) == [2, 0]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["2025-01-01T00:00:00Z", "2025-01-01T01:00:00+01:00"], [1735689600.0] * 2),
        (["2025-01-01 00:00:00.25", "2025-01-01T00:00:01Z"], [1735689600.25, 1735689601.0]),
        (["1735689600", "1735689600.5"], [1735689600.0, 1735689600.5]),
        (["1735689600250"], [1735689600.25]),
        (["1735689600250000"], [1735689600.25]),
        (["1735689600250000000"], [1735689600.25]),
        (["0", "1", "-2.5"], [0.0, 1.0, -2.5]),
        (["0", "1735689600250"], [0.0, 1735689600.25]),
        ([], []),
    ],
)
def test_times_become_seconds(texts, expected):
    """
    ISO 8601 with its zone or UTC; numbers by the unit that the largest of them tells.
    """
    assert list(seconds(texts)) == expected


@given(
    st.integers(946684800 * 10**6, 4102444800 * 10**6), st.sampled_from(["iso", "ms", "us", "ns"])
)
def test_seconds_are_those_of_any_way_to_write_them(microseconds, form):
    """
    From 2000 to 2100 every unit is told apart from the others.
    """
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    text = {
        "iso": moment.isoformat(),
        "ms": f"{microseconds // 1000}",
        "us": f"{microseconds}",
        "ns": f"{microseconds}000",
    }[form]

    (second,) = seconds([text])

    assert second == pytest.approx(moment.timestamp(), abs=0.001 if form == "ms" else 1e-6)


@pytest.mark.parametrize("texts", [["soon"], ["1", "2025-01-01"], ["2025-01-01", "1"], ["nan"]])
def test_what_is_no_time_is_a_sentence(texts):
    """
    One way of writing in a file, as everywhere.
    """
    with pytest.raises(ValueError, match="timestamp"):
        seconds(texts)


STAMP = st.integers(0, 20)


@given(
    times=st.lists(STAMP, min_size=1, max_size=40),
    form=st.sampled_from(["second", "iso"]),
    block=st.sampled_from([1, 3, 1024]),
)
def test_sorting_is_stable_and_by_time(tmp_path_factory, times, form, block):
    """
    What Python's own sort makes of the rows, for numbers and dates, whatever the blocks.
    """
    path = tmp_path_factory.mktemp("order") / "q.csv"
    # Text would put 9 behind 10, and the zone differs from row to row.
    zones = ["Z", "+00:00", "-00:00"]
    written = [
        str(time) if form == "second" else f"2025-01-01T00:00:{time:02d}{zones[time % 3]}"
        for time in times
    ]
    rows = (f"{text},99,100,99,100,{number}\n" for number, text in enumerate(written))
    path.write_text(HEADER + "".join(rows))
    before, quotes.BLOCK = quotes.BLOCK, block
    try:
        loaded = load_quotes(path, "error", columns=MARK, order="sort")
    finally:
        quotes.BLOCK = before

    assert marks(loaded) == sorted(range(len(times)), key=times.__getitem__)
    assert list(loaded.seconds()) == sorted(loaded.seconds())


@given(
    lines=st.lists(st.sampled_from(["good", "bad", "blank", "late"]), max_size=25),
    start=st.integers(0, 12),
    length=st.none() | st.integers(1, 12),
    block=st.sampled_from([1, 4, 1024]),
)
def test_bounds_cut_the_rows_of_the_file(tmp_path_factory, lines, start, length, block):
    """
    They count rows before any is dropped, and a blank line is none; lines stay those of the file.
    """
    path = tmp_path_factory.mktemp("bounds") / "q.csv"
    texts = {"good": "9,99,100,99,100,{}", "late": "3,99,100,99,100,{}", "bad": "9,0,1,1,2,{}"}
    path.write_text(
        HEADER + "".join(texts.get(k, "").format(i) + "\n" for i, k in enumerate(lines))
    )
    stop = None if length is None else start + length
    numbered = [(i, kind) for i, kind in enumerate(lines) if kind != "blank"]
    inside = numbered[start:stop]
    kept, bad, seen = [], [], False
    for number, kind in inside:
        good = kind == "good" or (kind == "late" and not seen)
        (kept if good else bad).append(number)
        seen = seen or kind == "good"
    before, quotes.BLOCK = quotes.BLOCK, block
    try:
        loaded = load_quotes(path, "skip", columns=MARK, row_start=start, row_stop=stop)
    except ValueError as error:
        assert not kept
        if not inside and (start or stop is not None):
            assert str(error) == f"row_start {start} leaves no row: the file has {len(numbered)}"
        return
    finally:
        quotes.BLOCK = before

    assert marks(loaded) == kept
    assert loaded.rows == len(inside)
    assert [int(named.split(":")[0]) for named in loaded.bad_rows.named] == [n + 2 for n in bad[:5]]
    beyond = stop is not None and stop > len(numbered)
    assert loaded.remarks == (
        [f"row_stop {stop} is beyond the end: the file has {len(numbered)} rows"] if beyond else []
    )


def test_bounds_keep_the_checksum_of_the_whole_file(file):
    """
    A fold is a part of the same data.
    """
    path = file(range(3000))

    part = load_quotes(path, columns=MARK, row_start=1500, row_stop=2600)

    assert marks(part) == list(range(1500, 2600))
    assert part.sha256 == load_quotes(path).sha256


@given(st.lists(st.sampled_from(["a", "nan", "late", "odd", ""]), min_size=1, max_size=40))
def test_times_are_the_same_whether_noted_while_reading_or_read_again(tmp_path_factory, kinds):
    """
    Whatever rows are left out or kept, and in whichever order they come.
    """
    rows, start = [], datetime(2024, 8, 8, tzinfo=UTC)
    for number, kind in enumerate(kinds):
        moment = start + timedelta(seconds=number - (5 if kind == "late" else 0))
        stamp = "odd" if kind == "odd" else moment.isoformat()
        rows.append(f"{stamp},{'nan' if kind == 'nan' else 1},2,1,2" if kind else "")
    path = tmp_path_factory.mktemp("q") / "q.csv"
    path.write_text("\n".join(["timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b", *rows]))
    for order in (None, "check", "sort", "file"):
        try:
            noted = load_quotes(path, "skip", order=order, columns=Wanted(times=True))
        except ValueError:
            continue
        assert noted.seconds() == load_quotes(path, "skip", order=order).seconds()
