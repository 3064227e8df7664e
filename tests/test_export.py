"""A ranking in each of its formats."""

from __future__ import annotations

import csv
import io
import json
import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.errors import TuneError, UsageError
from kubectl_tune.export import BINARY, FORMATS, render
from kubectl_tune.parquet import typed_column
from kubectl_tune.ranking import Ranked, Row, rank

CAVEAT = "this engine flatters"

ROWS = (
    Row(
        "sess_0001",
        {"pnl": 18.5, "total_trades": 2, "win_rate": 1.0, "note": "x"},
        {"data_file": "d.csv", "min_spread_bps": 20, "model": {"lr": 0.1}},
        "out/sess_0001.json",
    ),
    Row(
        "sess_0002",
        {"pnl": 10014.451891898148, "total_trades": 40, "win_rate": math.nan, "note": None},
        {"data_file": "d.csv", "min_spread_bps": 30, "model": {"lr": 0.25}},
    ),
    Row("sess_0003", {}, {"data_file": "d.csv", "min_spread_bps": 40}),
)
RANKED = rank(ROWS, metric="pnl")

HOSTILE = st.text() | st.sampled_from(
    [
        "=1+1",
        "@SUM(A1)",
        "+cmd|'/c calc'!A0",
        "-2+3",
        "a|b\nc",
        "\x1b[31m",
        '"',
        ",",
        "`x` <b>",
        "\\|",
    ]
)


def read_csv(text):
    return list(csv.DictReader(io.StringIO(text)))


class TestJson:
    def test_the_keys_are_a_promise(self):
        """
        Whoever reads our JSON finds these five keys, and null where there is no number.
        """
        entries = json.loads(render(RANKED, "json").body)

        assert [list(entry) for entry in entries] == [
            ["rank", "job_id", "metrics", "config", "output_json"]
        ] * 3
        assert entries[0]["rank"] == 1
        assert entries[0]["metrics"] == {
            "pnl": 10014.451891898148,
            "total_trades": 40,
            "win_rate": None,
            "note": None,
        }
        assert entries[1]["output_json"] == "out/sess_0001.json"
        assert entries[1]["config"]["model"] == {"lr": 0.1}
        assert (entries[2]["rank"], entries[2]["output_json"]) == (None, None)

    def test_groups_add_one_key(self):
        """
        With groups, what is known of each stands beside its best row.
        """
        [best, *_] = json.loads(
            render(rank(ROWS, metric="pnl", group_by=["data_file"]), "json").body
        )

        assert best["group"] == {
            "by": {"data_file": "d.csv"},
            "metric": "pnl",
            "n": 2,
            "median": pytest.approx(5016.475945949074),
            "mean": pytest.approx(5016.475945949074),
        }

    def test_jsonl_has_the_same_objects_one_a_line(self):
        """
        Programs may read either: both promise the same keys and values.
        """
        lines = render(RANKED, "jsonl").body.splitlines()

        assert list(map(json.loads, lines)) == json.loads(render(RANKED, "json").body)

    def test_nothing_is_an_empty_list(self):
        """
        No rows are valid JSON, and no lines of it.
        """
        assert json.loads(render([], "json").body) == []
        assert render([], "jsonl").body == ""

    def test_columns_don_t_change_the_promise(self):
        """
        --columns is for readers; programs get every key whatever is shown.
        """
        assert render(RANKED, "json", columns=["pnl"]) == render(RANKED, "json")


class TestCsv:
    def test_every_metric_and_config_key_is_a_column(self):
        """
        Prefixes keep metrics, config and our own columns apart; floats keep all digits.
        """
        first, second, third = read_csv(render(RANKED, "csv").body)

        assert list(first) == [
            "rank",
            "job_id",
            "metrics.pnl",
            "metrics.total_trades",
            "metrics.win_rate",
            "metrics.note",
            "config.data_file",
            "config.min_spread_bps",
            "config.model.lr",
            "output_json",
        ]
        assert first["metrics.pnl"] == "10014.451891898148"
        assert first["metrics.win_rate"] == ""
        assert second["config.model.lr"] == "0.1"
        assert (third["rank"], third["metrics.pnl"]) == ("", "")

    def test_a_metric_may_have_the_name_of_a_config_key_or_of_ours(self):
        """
        Prefixes keep apart what has the same name, so that no value hides another.
        """
        ranked = [Ranked(1, Row("a", {"rank": 7, "x": 1}, {"job_id": "b", "x": 2}))]

        [entry] = read_csv(render(ranked, "csv").body)

        assert entry == {
            "rank": "1",
            "job_id": "a",
            "metrics.rank": "7",
            "metrics.x": "1",
            "config.job_id": "b",
            "config.x": "2",
            "output_json": "",
        }

    @given(HOSTILE, HOSTILE)
    def test_no_text_breaks_a_line_or_runs_as_a_formula(self, name, text):
        """
        Whatever a trial is called or says, it is one record of inert text.
        """
        ranked = [Ranked(1, Row(text, {name: text}, {name: [text]}))]

        body = render(ranked, "csv").body
        header, record = list(csv.reader(io.StringIO(body)))

        assert body.count("\n") == 2
        assert body.replace("\n", "").isascii() or "\x1b" not in body
        assert len(header) == len(record) == 5
        assert not any(cell[:1] in tuple("=@\t\r") for cell in header + record)

    @pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@A1", "\uff1d1"])
    def test_a_formula_is_led_by_an_apostrophe(self, text):
        """
        A spreadsheet must show what a trial wrote, and not calculate it.
        """
        [entry] = read_csv(render([Ranked(1, Row(text, {}))], "csv").body)

        assert entry["job_id"] == f"'{text}"

    @pytest.mark.parametrize("text", ["-1.5", "+3", "-1e-05", "a=1"])
    def test_a_text_that_is_a_number_is_left_alone(self, text):
        """
        A sign alone makes no formula, and an apostrophe would make a number a text.
        """
        [entry] = read_csv(render([Ranked(1, Row(text, {}))], "csv").body)

        assert entry["job_id"] == text

    def test_negative_numbers_stay_numbers(self):
        """
        A loss begins with a minus and is none of the formulas.
        """
        [entry] = read_csv(render([Ranked(1, Row("a", {"pnl": -5.25}))], "csv").body)

        assert entry["metrics.pnl"] == "-5.25"

    def test_columns_are_those_asked_for(self):
        """
        Under the names that were asked for, each once.
        """
        text = render(RANKED, "csv", columns=["job_id", "pnl", "config.model.lr", "pnl"]).body

        assert text.splitlines()[:2] == [
            "job_id,pnl,config.model.lr",
            "sess_0002,10014.451891898148,0.25",
        ]

    def test_states_are_told_where_they_differ(self):
        """
        A column of states is there as soon as one row did not succeed.
        """
        ranked = rank([*ROWS, Row("z", {}, state="Failed")], metric="pnl")

        assert [entry["state"] for entry in read_csv(render(ranked, "csv").body)] == [
            *["Succeeded"] * 3,
            "Failed",
        ]


class TestTable:
    def test_a_reader_gets_the_metric_first_and_the_config_that_varies(self):
        """
        What is the same for all trials isn't shown; numbers are rounded, config isn't.
        """
        lines = render(RANKED, "table", metric="pnl").body.splitlines()

        assert lines[0].split() == [
            "RANK",
            "TRIAL",
            "PNL",
            "TOTAL-TRADES",
            "WIN-RATE",
            "MIN-SPREAD-BPS",
            "MODEL.LR",
        ]
        assert lines[1].split() == ["1", "sess_0002", "10014.5", "40", "NaN", "30", "0.25"]
        assert lines[3].split() == ["<none>", "sess_0003", *["<none>"] * 3, "40", "<none>"]

    def test_the_config_of_the_head_is_what_varies_among_all(self):
        """
        The best trial alone still shows what it differs in from the others.
        """
        body = render(RANKED[:1], "table", metric="pnl", among=ROWS).body

        assert body.splitlines()[0].endswith("MIN-SPREAD-BPS   MODEL.LR")

    def test_a_column_may_be_empty_in_the_head(self):
        """
        A name that only trials further down have is no mistake.
        """
        body = render(RANKED[2:], "table", columns=["trial", "pnl"], among=ROWS).body

        assert body.splitlines()[1].split() == ["sess_0003", "<none>"]

    def test_wide_shows_everything(self):
        """
        What the table leaves out, too: texts, what is equal in all rows, nested keys.
        """
        header = render(RANKED, "wide", metric="pnl").body.splitlines()[0].split()

        assert {"NOTE", "DATA-FILE", "MODEL.LR"} <= set(header)

    def test_groups_show_their_figures(self):
        """
        Beside the best of each group stand its size, median and mean.
        """
        ranked = rank(ROWS, metric="pnl", group_by=["data_file"])

        header = render(ranked, "table", metric="pnl").body.splitlines()[0].split()

        assert header[:6] == ["RANK", "TRIAL", "PNL", "N", "MEDIAN", "MEAN"]

    def test_columns_are_those_asked_for(self):
        """
        No more than those, in the order in which they were asked for.
        """
        body = render(RANKED, "table", columns=["trial", "min_spread_bps"]).body

        assert body.splitlines()[:2] == ["TRIAL       MIN-SPREAD-BPS", "sess_0002   30"]

    @pytest.mark.parametrize("form", ["table", "csv", "md", "parquet"])
    def test_an_unknown_column_is_refused(self, form):
        """
        In every format that has columns, with the one that was meant.
        """
        with pytest.raises(UsageError) as caught:
            render(RANKED, form, columns=["job_id", "min_spred_bps"])

        assert "did you mean min_spread_bps?" in caught.value.hint

    def test_no_rows_are_no_table(self):
        """
        Not even headers: what there is to say stands on stderr.
        """
        assert render([], "table", metric="pnl").body == ""

    @given(HOSTILE)
    def test_no_text_breaks_a_line_or_drives_a_terminal(self, text):
        """
        Whatever a trial is called or writes, each row stays one line without control sequences.
        """
        ranked = [Ranked(1, Row(text, {"m": text}, {text: text})), Ranked(2, Row("b", {}))]

        body = render(ranked, "wide").body

        assert body.count("\n") == 3
        assert body.replace("\n", "").replace("\u00a0", " ").find("\x1b") == -1


class TestMarkdown:
    def test_it_is_a_github_table(self):
        """
        Numbers stand right, texts left, and every row has all cells.
        """
        assert render(RANKED[:2], "md", columns=["rank", "trial", "pnl", "note"]).body == (
            "|   rank | trial     |     pnl | note   |\n"
            "|-------:|:----------|--------:|:-------|\n"
            "|      1 | sess_0002 | 10014.5 |        |\n"
            "|      2 | sess_0001 |    18.5 | x      |\n"
        )

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("a|b", "a\\|b"),
            ("a\\|b", "a\\\\\\|b"),
            ("<b>&", "&lt;b>&amp;"),
            ("a\nb", "a\\\\nb"),
            ("[x](y)", "\\[x\\](y)"),
            ("`*`", "\\`\\*\\`"),
        ],
    )
    def test_markup_is_escaped(self, text, shown):
        """
        A cell can't end early, nor become a tag, a link or a picture.
        """
        body = render([Ranked(1, Row(text, {}))], "md", columns=["job_id"]).body

        assert body.splitlines()[2].strip("| ") == shown


class TestParquet:
    @pytest.fixture(params=["pyarrow", "polars"])
    def library(self, request, monkeypatch):
        pytest.importorskip(request.param)
        other = {"pyarrow": "polars", "polars": "pyarrow"}[request.param]
        monkeypatch.setitem(sys.modules, other, None)
        return request.param

    def test_columns_keep_their_types(self, library):
        """
        Whichever library writes, readers find numbers as numbers and nulls as nulls.
        """
        body = render(RANKED, "parquet").body

        entries = read_parquet(library, body)
        assert entries[0]["metrics.pnl"] == 10014.451891898148
        assert entries[0]["metrics.total_trades"] == 40
        assert entries[0]["metrics.win_rate"] is None
        assert entries[1]["metrics.note"] == "x"
        assert entries[2]["rank"] is None

    def test_hostile_texts_are_stored(self, library):
        """
        Half a character can't be UTF-8: it is stored as an escape, not refused.
        """
        entries = read_parquet(library, render([Ranked(1, Row("a\ud800\n|", {}))], "parquet").body)

        assert entries[0]["job_id"] == "a\\ud800\n|"

    def test_nothing_is_a_file_too(self, library):
        """
        No rows make a Parquet file that readers open.
        """
        assert read_parquet(library, render([], "parquet").body) == []

    def test_without_a_library_a_sentence_says_what_to_install(self, monkeypatch):
        """
        The extra is named, as it is written for pip.
        """
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        monkeypatch.setitem(sys.modules, "polars", None)

        with pytest.raises(TuneError) as caught:
            render(RANKED, "parquet")

        assert caught.value.hint == "pip install 'kubectl-tune[analysis]'"

    @pytest.mark.parametrize(
        ("values", "kind", "stored"),
        [
            ([1, None], "int", [1, None]),
            ([1, 2.5, math.nan], "float", [1.0, 2.5, None]),
            ([True, None], "bool", [True, None]),
            ([True, 1], "text", ["true", "1"]),
            ([2**63], "float", [2.0**63]),
            ([10**400], "text", [str(10**400)]),
            ([1, "x"], "text", ["1", "x"]),
            ([[1], {"a": 1}], "text", ["[1]", '{"a": 1}']),
            ([None], "text", [None]),
            ([], "text", []),
        ],
    )
    def test_a_column_has_the_narrowest_type_that_holds_it(self, values, kind, stored):
        """
        Whole numbers of 64 bits, floats, truths, else texts in which no value is lost.
        """
        assert typed_column(values) == (kind, stored)


def read_parquet(library, body):
    if library == "pyarrow":
        from pyarrow import parquet

        return parquet.read_table(io.BytesIO(body)).to_pylist()
    import polars

    return polars.read_parquet(io.BytesIO(body)).to_dicts()


@pytest.mark.parametrize("form", FORMATS)
def test_the_caveat_goes_with_every_ranking(form):
    """
    In one line: under what people read, and as a notice beside what machines read.
    """
    body, notice = render(RANKED, form, metric="pnl", caveat=CAVEAT)

    if form in ("table", "wide", "md"):
        assert str(body).splitlines()[-1].endswith(CAVEAT)
        assert notice == ""
    else:
        assert notice == CAVEAT
        assert render(RANKED, form, metric="pnl").body == body


def test_only_bytes_are_binary():
    """
    What BINARY says of a format decides whether a terminal may get it.
    """
    for form in FORMATS:
        assert isinstance(render(RANKED, form).body, bytes) == (form in BINARY)


def test_an_unknown_format_is_refused_in_kubectl_s_words():
    """
    Whatever format is asked for is written, or named as none.
    """
    with pytest.raises(UsageError, match="unable to match a printer suitable for"):
        render(RANKED, "xml")
