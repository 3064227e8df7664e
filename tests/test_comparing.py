"""Trials computed anew in the books of each accounting, by a command that is asked for them."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubectl_tune.comparing import Compared, compare, moved, ranks
from kubectl_tune.errors import ResultError
from kubectl_tune.resultrow import Row
from kubectl_tune.workload import ARBITRAGE

# Doubles what the config says in one accounting's books, and halves it in the other's.
PROGRAM = """\
import json, sys
config = json.load(open(sys.argv[1]))
print("reading", open(config["data_file"]).read())
exec(config.get("do", ""))
x = config["x"]
print(json.dumps({"seed": {"pnl": 2 * x}, "two_leg": {"pnl": x / 2}}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "quotes.csv").write_text("quotes")
    return tmp_path


@pytest.fixture
def workload(folder: Path) -> Any:
    return replace(ARBITRAGE, comparison=(sys.executable, "program.py", "{config}"))


def row(index: int, **config: Any) -> Row:
    config = {"data_file": "quotes.csv", "x": index, **config}
    return Row(f"t{index}", {"pnl": 2 * index}, config, index=index)


def test_each_trial_is_computed_with_its_own_config(folder, workload):
    """
    In the folder of its session, several at once; the order stays.
    """
    rows = [row(index) for index in (4, 1, 3, 2, 9, 7)]

    found = compare(rows, workload, str(folder))

    assert [each.row for each in found] == rows
    assert [each.books for each in found] == [
        {"seed": {"pnl": 2 * x}, "two_leg": {"pnl": x / 2}} for x in (4, 1, 3, 2, 9, 7)
    ]


def test_a_config_goes_there_to_the_letter(folder, workload):
    """
    Braces, quotes and letters of any kind are the config's.
    """
    text = "{config} {x} $(X) 'ä' \u202e \ud800"

    do = f"assert config['text'] == json.loads({json.dumps(json.dumps(text))})"

    (found,) = compare([row(1, text=text, do=do)], workload, str(folder))
    assert found.books["seed"] == {"pnl": 2}


def test_python_is_the_one_that_runs_this(folder, workload):
    """
    As in commands of trials: another Python may lack the workload.
    """
    command = replace(workload, comparison=("python", *workload.comparison[1:]))

    (found,) = compare(
        [row(1, do=f"assert sys.executable == {sys.executable!r}")], command, str(folder)
    )

    assert found.books["two_leg"] == {"pnl": 0.5}


def test_files_that_are_missing_are_all_named(folder, workload):
    """
    By where they should be, and before anything is begun.
    """
    rows = [row(n, data_file=f"no{n}.csv", do="open('begun', 'w')") for n in (1, 2)] + [row(3)]

    with pytest.raises(ResultError) as caught:
        compare(rows, workload, str(folder))

    assert str(caught.value) == (
        "the comparison needs data files that aren't here: "
        f"{folder / 'no1.csv'}, {folder / 'no2.csv'}"
    )
    assert "put the file there" in caught.value.hint
    assert not (folder / "begun").exists()


def test_what_went_wrong_is_said_once_for_all_it_holds_for(folder, workload):
    """
    In the command's own last words.
    """
    fail = "sys.exit('error: no such column: rate')"
    rows = [row(1, do=fail), row(2), row(3, do=fail), row(4, do="sys.exit(3)")]

    with pytest.raises(ResultError) as caught:
        compare(rows, workload, str(folder))

    assert str(caught.value) == (
        "can't compare t1, t3: no such column: rate; t4: it printed no comparison (exit code 3)"
    )


@pytest.mark.parametrize(
    "do",
    ["print('[1]'); sys.exit()", "print('{'); sys.exit()", "print('{\"seed\": 1}'); sys.exit()"],
)
def test_what_is_no_comparison_is_not_taken_for_one(do, folder, workload):
    """
    Neither a list, nor half an object, nor one whose accounting is no table of metrics.
    """
    with pytest.raises(ResultError, match="can't compare t1: it printed no comparison"):
        compare([row(1, do=do)], workload, str(folder))


def test_a_trial_that_takes_too_long_is_ended(folder, workload):
    """
    It ends with the time allowed, not with what it waits for.
    """
    wait = "import threading; threading.Event().wait()"

    with pytest.raises(ResultError, match="can't compare t1: it took longer than 0s"):
        compare([row(1, do=wait)], workload, str(folder), limit=0.5)


def test_a_folder_that_is_gone_is_said(folder, workload):
    """
    The trial is named with the reason, as for any comparison that fails.
    """
    rows = [Row("t1", {}, {"x": 1})]

    with pytest.raises(ResultError, match="can't compare t1: No such file or directory"):
        compare(rows, workload, str(folder / "gone"))


def test_each_accounting_has_an_order_of_its_own():
    """
    Books without a number have no rank.
    """
    pairs = {"a": (1, 5), "b": (2, None), "c": (3, 7)}
    compared = [
        Compared(Row(id, {}), {"seed": {"pnl": seed}, "two_leg": {"pnl": two_leg}})
        for id, (seed, two_leg) in pairs.items()
    ]

    assert ranks(compared, "seed", "pnl", "maximize") == [3, 2, 1]
    assert ranks(compared, "two_leg", "pnl", "maximize") == [2, None, 1]
    assert ranks(compared, "two_leg", "pnl", "minimize") == [1, None, 2]


def test_trials_of_one_name_have_ranks_of_their_own():
    """
    As a folder with several sessions' results has them.
    """
    compared = [Compared(Row("t1", {}), {"seed": {"pnl": pnl}}) for pnl in (1.0, 3.0, 2.0)]

    assert ranks(compared, "seed", "pnl", "maximize") == [3, 1, 2]


def test_a_metric_that_one_accounting_lacks_gives_no_ranks_there():
    """
    The first engine has no Sharpe ratio; the other one ranks by it all the same.
    """
    books = {"seed": {"pnl": 1.0}, "two_leg": {"pnl": 1.0, "sharpe": 0.5}}

    assert ranks([Compared(Row("a", {}), books)], "seed", "sharpe", "maximize") == [None]
    assert ranks([Compared(Row("a", {}), books)], "two_leg", "sharpe", "maximize") == [1]


def test_what_is_another_number_now_is_noticed():
    """
    Each by the books that it ran with, open positions too; rounding is no change.
    """
    seed = {"seed": {"pnl": 0.1 + 0.2}, "two_leg": {"pnl": -1.0, "net": 2.0}}
    honest = {"accounting": "two_leg"}
    compared = [
        Compared(Row("same", {"pnl": 0.3, "seconds": 1}), seed),
        Compared(Row("moved", {"pnl": 0.4}), seed),
        Compared(Row("honest", {"pnl": -1.0, "net": 2.0}, honest), seed),
        Compared(Row("honest-moved", {"pnl": 0.3}, honest), seed),
        Compared(Row("open-moved", {"pnl": -1.0, "net": 2.5}, honest), seed),
        Compared(Row("unknown", {}), seed),
    ]
    workload = replace(ARBITRAGE, metric="pnl", honest_metric="net")

    assert moved(compared, workload) == ["moved", "honest-moved", "open-moved"]
