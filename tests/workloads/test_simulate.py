"""Simulated quotes: equal for equal seeds, sane, and as lively as real ones."""

import csv
import hashlib
import io
import math
from itertools import islice, pairwise

import pytest

from kubectl_tune.workloads.arbitrage import market, portable, simulate
from kubectl_tune.workloads.arbitrage.quotes import load_quotes


def rows(capsys, *flags):
    assert simulate.main(list(flags)) == 0
    return capsys.readouterr().out


def test_equal_seeds_give_equal_rows_everywhere(capsys):
    """
    The checksum is a fact of the model: a machine that gets another one breaks the promise.
    """
    text = rows(capsys, "--rows", "2000", "--seed", "7")

    assert text == rows(capsys, "--rows", "2000", "--seed", "7")
    assert text != rows(capsys, "--rows", "2000", "--seed", "8")
    assert hashlib.sha256(text.encode()).hexdigest().startswith(CHECKSUM)


CHECKSUM = "c0b90fcc369b4a8b"


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


def test_bad_rows_come_when_asked_for(tmp_path):
    """
    Every kind of fault shows, and none of them keeps the file from loading.
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
    assert 60 < sum(counts.values()) < 180


@pytest.mark.parametrize(
    "flags",
    [["--rows", "0"], ["--rows", "x"], ["--price", "1"], ["--price", "nan"], ["--seed", "x"]],
)
def test_options_that_make_no_market_are_refused(flags):
    """
    Exit 2 and the usage.
    """
    with pytest.raises(SystemExit) as caught:
        simulate.main(flags)

    assert caught.value.code == 2


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


def describe(quotes):
    """What data of two venues look like on a grid of 100 ms, in bps."""
    ticks = {quote.time_ms // 100: quote for quote in quotes}
    last, mids = None, []
    for step in range(max(ticks)):
        last = ticks.get(step, last)
        a, b = (last.bid_a + last.ask_a) / 200, (last.bid_b + last.ask_b) / 20
        mids.append((math.log(a) * 1e4, math.log(b) * 1e4))
    moves_a = [after[0] - before[0] for before, after in pairwise(mids)]
    moves_b = [after[1] - before[1] for before, after in pairwise(mids)]
    basis = [b - a for a, b in mids]
    return {
        "rows a second": 10 * len(quotes) / len(mids),
        "sd of the basis": deviation(basis),
        "volatility": deviation(moves_a) * math.sqrt(10),
        "kurtosis": moment(moves_a, 4) / moment(moves_a, 2) ** 2,
        "still A": sum(abs(x) < 1e-9 for x in moves_a) / len(moves_a),
        "still B": sum(abs(x) < 1e-9 for x in moves_b) / len(moves_b),
        "together": correlation(moves_a, moves_b),
        "A first": correlation(moves_a[:-1], moves_b[1:]),
        "width": sum(
            (q.ask_a - q.bid_a) / q.bid_a * 1e4 + (q.ask_b - q.bid_b) / q.bid_b * 1e4
            for q in quotes
        ) / len(quotes),
    }  # fmt: skip


def moment(values, order):
    mean = sum(values) / len(values)
    return sum((value - mean) ** order for value in values) / len(values)


def deviation(values):
    return math.sqrt(moment(values, 2))


def correlation(x, y):
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    together = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / len(x)
    return together / deviation(x) / deviation(y)


# What was measured on real quotes, with some room: a simulated hour is one draw of many.
LIVELY = {
    "rows a second": (8, 15),
    "sd of the basis": (0.5, 1.1),
    "volatility": (0.8, 1.5),
    "kurtosis": (50, 400),
    "still A": (0.84, 0.94),
    "still B": (0.82, 0.94),
    "together": (0.4, 0.75),
    "A first": (0.12, 0.35),
    "width": (0.2, 0.45),
}


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_the_market_is_as_lively_as_a_real_one(seed):
    """
    Events, volatility, jumps, lead of A over B and width of the books are as on real venues.
    """
    quotes = list(islice(market.quotes(market.MarketConfig(seed=seed)), 15000))

    found = describe(quotes)

    assert {
        name: round(value, 3)
        for name, value in found.items()
        if not LIVELY[name][0] <= value <= LIVELY[name][1]
    } == {}


def test_prices_keep_to_the_ticks_of_their_venue(capsys):
    """
    Two decimal places on A, one on B.
    """
    for row in csv.DictReader(io.StringIO(rows(capsys, "--rows", "50"))):
        places = [len(value.partition(".")[2]) for value in list(row.values())[1:]]
        assert places == [2, 2, 1, 1]
