"""Simulated quotes: equal for equal seeds, sane, and spoilt where that is asked for."""

import csv
import hashlib
import io
import math
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from kubectl_tune.workloads.arbitrage import portable, simulate
from kubectl_tune.workloads.arbitrage.quotes import load_quotes


def rows(capsys, *flags):
    assert simulate.main(list(flags)) == 0
    return capsys.readouterr().out


def test_equal_seeds_give_equal_rows(capsys):
    """
    And others other ones.
    """
    text = rows(capsys, "--rows", "2000", "--seed", "7")

    assert text == rows(capsys, "--rows", "2000", "--seed", "7")
    assert text != rows(capsys, "--rows", "2000", "--seed", "8")


@pytest.mark.parametrize(
    ("flags", "checksum"),
    [
        ((), "68f26d9269574b1b"),
        (("--sizes", "--funding", "60", "--fx", "1350"), "636b978f264dddd2"),
        (("--bad-rows-per-million", "20000"), "e3c8fad5e03c90ba"),
    ],
    ids=["plain", "every-column", "bad-rows"],
)
def test_rows_are_equal_on_every_machine(capsys, flags, checksum):
    """
    The checksum is a fact of the model: a machine that gets another one breaks the promise.
    """
    text = rows(capsys, "--rows", "2000", "--seed", "7", *flags)

    assert hashlib.sha256(text.encode()).hexdigest().startswith(checksum)


def test_more_rows_continue_the_same_market(capsys):
    """
    Fewer rows are the beginning of more.
    """
    more = rows(capsys, "--rows", "500")

    assert more.startswith(rows(capsys, "--rows", "100"))
    assert len(more.splitlines()) == 501


def test_simulated_files_have_no_bad_rows(tmp_path):
    """
    Nothing crossed, nothing late, whatever the form of the file.
    """
    for name in ("q.csv", "q.csv.gz", "q.parquet"):
        if name.endswith("parquet"):
            pytest.importorskip("pyarrow")
        assert simulate.main(["--rows", "3000", "--out", str(tmp_path / name)]) == 0
        assert len(load_quotes(tmp_path / name, "error")) == 3000

    texts = [list(load_quotes(tmp_path / name)) for name in ("q.csv", "q.csv.gz")]
    assert texts[0] == texts[1]


def table(capsys, *flags):
    return list(csv.DictReader(io.StringIO(rows(capsys, *flags))))


def faults(found):
    """Kinds of bad rows in a table, counted without the code that loads quotes."""
    count, latest, last = Counter(), "", None
    for row in found:
        prices = [float(row[name]) for name in PRICES]
        if row == last:
            count["twice"] += 1
        elif row["timestamp"] < latest:
            count["late"] += 1
        elif any(math.isnan(price) for price in prices):
            count["nan"] += 1
        elif 0 in prices:
            count["zero"] += 1
        elif prices[0] >= prices[1] or prices[2] >= prices[3]:
            count["crossed"] += 1
        latest, last = max(latest, row["timestamp"]), row
    return count


PRICES = ("best_bid_a", "best_ask_a", "best_bid_b", "best_ask_b")


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_bad_rows_come_as_often_as_asked_for(capsys, seed):
    """
    Each of the five kinds a fifth of so many in a million, within five deviations of chance, in as
    many rows as were asked for.
    """
    found = table(
        capsys, "--rows", "20000", "--seed", seed, "--bad-rows-per-million", "20000",
        "--sizes", "--funding", "60", "--fx", "0.5",
    )  # fmt: skip

    counts = faults(found)

    assert len(found) == 20_000
    assert set(counts) == {"nan", "zero", "crossed", "twice", "late"}
    for kind, count in counts.items():
        assert abs(count - 80) < 5 * math.sqrt(80), kind


def test_there_are_no_bad_rows_unless_asked_for(capsys):
    """
    Whatever else the file has.
    """
    assert not faults(table(capsys, "--rows", "5000", *EXTRAS))


def test_a_file_of_bad_rows_loads(tmp_path):
    """
    Every kind that a loader knows shows, and none of them keeps the file from loading.
    """
    path = tmp_path / "bad.csv"

    simulate.main(["--rows", "3000", "--bad-rows-per-million", "50000", "--out", str(path)])

    counts = load_quotes(path).bad_rows.counts
    assert {kind for kind, count in counts.items() if count} == {
        "nan",
        "non_positive",
        "crossed",
        "time_back",
    }


EXTRAS = ("--sizes", "--funding", "60", "--fx", "1350")
SIZES = tuple(f"{name}_qty" for name in PRICES)


def test_columns_come_only_when_asked_for(capsys):
    """
    Each option adds its own, behind those that are always there.
    """
    always = ["timestamp", *PRICES]
    for flags, more in {
        (): [],
        ("--sizes",): SIZES,
        ("--funding", "60"): ["funding_a", "funding_b"],
        ("--fx", "0.9"): ["rate"],
        EXTRAS: [*SIZES, "funding_a", "funding_b", "rate"],
    }.items():
        assert list(table(capsys, "--rows", "1", *flags)[0]) == [*always, *more]


def test_more_columns_leave_the_market_as_it_is(capsys):
    """
    Sizes and funding are drawn apart from prices.
    """
    plain = table(capsys, "--rows", "300")

    more = table(capsys, "--rows", "300", "--sizes", "--funding", "5")

    assert [{name: row[name] for name in plain[0]} for row in more] == plain


def test_funding_is_paid_once_in_every_interval(capsys):
    """
    At the first row from each full interval on, counted from midnight; other cells are empty.
    """
    found = table(capsys, "--rows", "6000", "--funding", "60")

    due = [row["timestamp"] for row in found if row["funding_a"]]
    for before, row in pairwise(found):
        crossed = before["timestamp"][:16] != row["timestamp"][:16]  # to another minute
        assert bool(row["funding_a"]) == bool(row["funding_b"]) == crossed
        if crossed:
            assert abs(float(row["funding_a"])) < 0.001
    assert len(due) > 5


def test_a_short_file_has_a_stamp_of_eight_hours(capsys):
    """
    The market begins six minutes before midnight, when real venues settle.
    """
    found = table(capsys, "--rows", "6000", "--funding", "28800")

    (due,) = [row["timestamp"] for row in found if row["funding_a"]]
    midnight = datetime.fromisoformat("2024-08-09T00:00:00Z")
    assert timedelta(0) <= datetime.fromisoformat(due) - midnight < timedelta(seconds=10)


@pytest.mark.parametrize("rate", [0.00072, 0.9, 1.0, 1350.0])
def test_prices_times_the_rate_are_the_same_market(capsys, rate):
    """
    B is quoted in its own currency, rounded outwards by at most two of its ticks.
    """
    plain = table(capsys, "--rows", "3000")

    found = table(capsys, "--rows", "3000", "--fx", str(rate))

    for here, there in zip(plain, found, strict=True):
        now = float(there["rate"])
        assert now == pytest.approx(rate, rel=0.02)
        assert float(there["best_bid_b"]) * now <= float(here["best_bid_b"]) + 1e-6
        assert float(there["best_ask_b"]) * now >= float(here["best_ask_b"]) - 1e-6
        assert float(there["best_ask_b"]) * now - float(here["best_ask_b"]) < 0.2
        assert there["best_bid_a"] == here["best_bid_a"]
    assert len({row["rate"] for row in found}) > 50


def test_sizes_are_there_to_be_had(capsys):
    """
    Always more than nothing, often too little for a large order, and they change.
    """
    found = table(capsys, "--rows", "3000", "--sizes")

    for name in SIZES:
        worth = sorted(60_000 * float(row[name]) for row in found)
        assert worth[0] > 0
        assert worth[300] < 15_000 < worth[1500] < 60_000 < worth[2700]


@pytest.mark.parametrize("name", ["q.csv", "q.csv.gz", "q.parquet"])
def test_equal_options_give_equal_bytes(tmp_path, name):
    """
    Whatever the format, and with every option.
    """
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    flags = ["--rows", "2000", "--seed", "3", "--bad-rows-per-million", "9000", *EXTRAS]

    for folder in ("one", "two"):
        assert simulate.main([*flags, "--out", str(tmp_path / folder / name)]) == 0

    one, two = ((tmp_path / folder / name).read_bytes() for folder in ("one", "two"))
    assert one == two
    assert [path.name for path in (tmp_path / "one").iterdir()] == [name]


def test_the_format_may_be_said(tmp_path, capsys):
    """
    Then the name does not count, and Parquet holds what CSV holds.
    """
    parquet = pytest.importorskip("pyarrow.parquet")
    flags = ["--rows", "500", "--funding", "5", "--out"]

    simulate.main([*flags, str(tmp_path / "a.dat"), "--format", "parquet"])
    simulate.main([*flags, str(tmp_path / "b.parquet"), "--format", "csv"])

    packed = parquet.read_table(tmp_path / "a.dat").to_pylist()
    plain = list(csv.DictReader((tmp_path / "b.parquet").read_text().splitlines()))
    stamps = [row.pop("timestamp") for row in packed]
    assert stamps == [row.pop("timestamp") for row in plain]
    assert packed == [
        {name: float(cell) if cell else None for name, cell in row.items()} for row in plain
    ]


@pytest.mark.parametrize(
    "flags",
    [
        ["--rows", "0"],
        ["--rows", "x"],
        ["--price", "1"],
        ["--price", "nan"],
        ["--seed", "x"],
        ["--basis-bps", "nan"],
        ["--basis-bps", "inf"],
        ["--funding", "0"],
        ["--fx", "-1"],
        ["--fx", "nan"],
        ["--bad-rows-per-million", "-1"],
        ["--bad-rows-per-million", "1000001"],
        ["--format", "parquet"],
        ["--format", "xml"],
    ],
)
def test_options_that_make_no_market_are_refused(flags):
    """
    Exit 2 and the usage.
    """
    with pytest.raises(SystemExit) as caught:
        simulate.main(flags)

    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--rows", "x"], "argument --rows: must be a whole number of at least 1, not 'x'"),
        (["--price", "x"], "argument --price: must be from 100 to 1e+09, not 'x'"),
    ],
)
def test_a_refused_option_is_told_in_words_of_the_user(flags, told, capsys):
    """
    What it must be, and what it was.
    """
    with pytest.raises(SystemExit):
        simulate.main(flags)

    assert capsys.readouterr().err.endswith(f"{told}\n")


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path, capsys):
    """
    Exit 1, and the name of the file.
    """
    assert simulate.main(["--rows", "1", "--out", str(tmp_path)]) == 1

    assert f"error: cannot write {tmp_path}" in capsys.readouterr().err


def test_portable_functions_are_what_their_names_say():
    """
    Near enough for a model, and made of operations that round alike everywhere.
    """
    for x in (1e-9, 0.1, 0.5, 1.0, 2.0, 1e9):
        assert portable.log(x) == pytest.approx(math.log(x), abs=1e-12)
    for x in (-2.0, -0.01, 0.0, 0.5, 2.0):
        assert portable.exp(x) == pytest.approx(math.exp(x), rel=x * x / 1000 + 1e-12)
    draw = portable.Portable(1)
    normal = [draw.normal() for _ in range(4000)]
    assert sum(normal) / 4000 == pytest.approx(0, abs=0.05)
    assert sum(x * x for x in normal) / 4000 == pytest.approx(1, abs=0.08)
    laplace = [draw.laplace(2.0) for _ in range(4000)]
    assert sum(map(abs, laplace)) / 4000 == pytest.approx(2, abs=0.1)
    assert sum(draw.geometric(3.0) for _ in range(4000)) / 4000 == pytest.approx(3, abs=0.2)


def test_prices_keep_to_the_ticks_of_their_venue(capsys):
    """
    Two decimal places on A, one on B.
    """
    for row in csv.DictReader(io.StringIO(rows(capsys, "--rows", "50"))):
        places = [len(value.partition(".")[2]) for value in list(row.values())[1:]]
        assert places == [2, 2, 1, 1]
