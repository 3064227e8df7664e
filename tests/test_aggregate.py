"""A folder of results, as the aggregator reads, ranks and prints it."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kubectl_tune import tuning_session
from kubectl_tune.errors import ResultError
from kubectl_tune.ranking import caveat, rank
from kubectl_tune.tuning_session import AggregatedJobResult, TuningResultsAggregator
from kubectl_tune.tuning_session.aggregate_command import format_summary, main
from kubectl_tune.tuning_session.result_files import rows
from kubectl_tune.workload import ARBITRAGE

ROOT = Path(__file__).resolve().parent.parent


def result(pnl=1.0, drawdown=0.0, trades=2, **other):
    """What the single tuning job writes, with the parts that matter here."""
    return {
        "status": "success",
        "config": {"data_file": "d.csv", "min_spread_bps": 30.0, "slippage_bps": 3.0, "tag": "s"},
        "metrics": {
            "realized_pnl_usd": pnl,
            "max_drawdown_pct": drawdown,
            "total_trades": trades,
        },
        "config_summary": {"min_spread_bps": 30.0, "snapshots_count": 9},
        **other,
    }


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "results"


@pytest.fixture
def save(folder):
    def save(name, content):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str | bytes) else json.dumps(content)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    return save


def top(folder, **limits):
    return [
        job.job_id for job in TuningResultsAggregator(str(folder), **limits).summarize().top_by_pnl
    ]


class TestLoading:
    def test_a_result_becomes_an_entry(self, folder, save):
        """
        Its name is the file's, its tag the config's; config and metrics stand as written.
        """
        save("sub/sess_0001.json", result(2.5))

        [entry] = TuningResultsAggregator(str(folder)).load_results()

        written = result(2.5)
        assert entry == AggregatedJobResult(
            "sess_0001", "s", written["config"], written["metrics"], "success"
        )

    def test_a_name_in_the_summary_wins_over_the_file_s(self, folder, save):
        """
        A result that was renamed is still called as its trial was.
        """
        save("x.json", result(config_summary={"job_id": "sess_0007"}))

        assert top(folder) == ["sess_0007"]

    @pytest.mark.parametrize(
        "content",
        [
            "{ invalid json }",
            "",
            "[1, 2]",
            "[]",
            '"text"',
            "null",
            "[" * 50_000,
            '{"metrics": {"realized_pnl_usd": 9}}',
            '{"status": "error", "error": {"type": "ValueError", "message": "no"}}',
            '{"status": "success", "metrics": [1]}',
            '{"status": 1}',
            b"\xff\xfe{}",
        ],
        ids=lambda content: repr(content[:20]),
    )
    def test_what_is_no_success_is_an_error_entry(self, folder, save, content):
        """
        Whatever lies in the folder is counted, and none of it stops the others.
        """
        save("a.json", content)
        save("b.json", result())

        entries = TuningResultsAggregator(str(folder)).load_results()

        assert [(entry.job_id, entry.status) for entry in entries] == [
            ("a", "error"),
            ("b", "success"),
        ]

    def test_odd_parts_of_a_success_are_read_as_absent(self, folder, save):
        """
        A config or a name of the wrong type isn't worth a crash.
        """
        save("a.json", {"status": "success", "config": [], "config_summary": [], "metrics": None})

        [entry] = TuningResultsAggregator(str(folder)).load_results()

        assert entry == AggregatedJobResult("a", None, {}, {}, "success")

    def test_summaries_beside_the_results_don_t_count(self, folder, save):
        """
        A second run over the folder that holds the first one's summary counts the same.
        """
        save("a.json", result())
        arguments = ["--results-dir", str(folder), "--output-json", str(folder / "summary.json")]
        assert main(arguments) == 0
        first = (folder / "summary.json").read_text()

        assert main(arguments) == 0

        assert (folder / "summary.json").read_text() == first
        assert json.loads(first)["total_jobs"] == 1

    def test_rankings_and_sessions_beside_the_results_don_t_count(self, folder, save):
        """
        They are JSON, and of ours, but no job.
        """
        save("a.json", result())
        entry = {"rank": 1, "job_id": "a", "metrics": {}, "config": {}, "output_json": None}
        save("ranking.json", [entry])
        save("session.json", {"kind": "Session", "name": "s"})

        assert len(TuningResultsAggregator(str(folder)).load_results()) == 1

    def test_unfinished_and_hidden_files_are_left_out(self, folder, save):
        """
        Neither drafts nor folders nor pipes are read, whatever they are called.
        """
        save(".a.json", result())
        save(".cache/b.json", result())
        save(".a.json.123.tmp", result())
        save("c.json.tmp", result())
        save("notes.txt", "x")
        (folder / "folder.json").mkdir()
        os.mkfifo(folder / "pipe.json")

        assert TuningResultsAggregator(str(folder)).load_results() == []

    def test_a_missing_folder_has_no_results(self, tmp_path):
        """
        The class, unlike its command, takes it for an empty one.
        """
        summary = TuningResultsAggregator(str(tmp_path / "none")).summarize()

        assert (summary.total_jobs, summary.top_by_pnl) == (0, [])

    def test_a_link_to_nowhere_is_an_error_entry(self, folder):
        """
        It counts as a job whose result can't be read.
        """
        folder.mkdir()
        (folder / "gone.json").symlink_to(folder / "nothing")

        [entry] = TuningResultsAggregator(str(folder)).load_results()

        assert entry.status == "error"


class TestSummary:
    def test_equal_pnl_stands_by_job_id(self, folder, save):
        """
        The order of the file system never shows.
        """
        for name, pnl in (("b", 1), ("a", 1), ("d", 2), ("c", 2)):
            save(f"{name}.json", result(pnl))

        assert top(folder) == ["c", "d", "a", "b"]

    def test_a_missing_pnl_is_zero_and_one_that_is_no_number_is_last(self, folder, save):
        """
        Nothing that can't be compared outranks a loss.
        """
        save("minus.json", result(-1))
        save("none.json", {"status": "success", "metrics": {}})
        save("nan.json", result(float("nan")))
        save("null.json", result(None))
        save("text.json", result("9"))
        save("plus.json", result(1))

        assert top(folder) == ["plus", "none", "minus", "nan", "null", "text"]

    def test_limits_include_their_ends(self, folder, save):
        """
        A drawdown at the limit passes, as does the least number of trades; 0 is a limit, too.
        """
        save("a.json", result(1, drawdown=5.0, trades=5))
        save("b.json", result(2, drawdown=5.1, trades=4))

        assert top(folder, max_drawdown_pct=5.0) == ["a"]
        assert top(folder, min_trades=5) == ["a"]
        assert top(folder, max_drawdown_pct=0, min_trades=0) == []

    def test_what_is_missing_counts_as_the_worst(self, folder, save):
        """
        A drawdown nobody told is 100 %, trades nobody counted are none; null and NaN too.
        """
        save("a.json", {"status": "success", "metrics": {}})
        save("b.json", result(drawdown=float("nan"), trades=None))

        assert top(folder, max_drawdown_pct=99.9) == []
        assert top(folder, min_trades=1) == []
        assert top(folder, max_drawdown_pct=100) == ["b", "a"]

    def test_counts_are_before_filters_and_limit(self, folder, save):
        """
        Totals tell of the folder, whatever is shown of it.
        """
        for n in range(15):
            save(f"job_{n:02}.json", result(float(n)))
        save("bad.json", "{")

        summary = TuningResultsAggregator(str(folder), 5, None, 1).summarize()

        assert (summary.total_jobs, summary.success_jobs, summary.error_jobs) == (16, 15, 1)
        assert [job.job_id for job in summary.top_by_pnl] == [f"job_{n}" for n in range(14, 9, -1)]
        assert summary.filters == {"min_trades": 1}


class TestCommand:
    def test_the_text_is_the_known_one(self, folder, save, capsys):
        """
        Programs read these lines: they stay to the letter.
        """
        save("sess001_0001.json", result(1.1924))
        save("sess001_0002.json", result(-1234.5, drawdown=3.456, trades=40))
        save("bad.json", "{")

        code = main(["--results-dir", str(folder), "--max-drawdown-pct", "15", "--min-trades", "1"])

        assert code == 0
        assert capsys.readouterr().out == (
            "======================================================================\n"
            "[D39_AGG] TUNING SESSION SUMMARY\n"
            "======================================================================\n"
            "\n"
            "Total Jobs:           3\n"
            "Success Jobs:         2\n"
            "Error Jobs:           1\n"
            "\n"
            "Filters:\n"
            "  max_drawdown_pct: 15.0\n"
            "  min_trades: 1\n"
            "\n"
            "Top 2 by Realized PnL (USD):\n"
            "  1) job_id=sess001_0001  PnL=$+1.19  DD=0.00%  trades=2"
            "  min_spread_bps=30.0  slippage_bps=3.0\n"
            "  2) job_id=sess001_0002  PnL=$-1,234.50  DD=3.46%  trades=40"
            "  min_spread_bps=30.0  slippage_bps=3.0\n"
            "\n"
            "======================================================================\n"
        )

    def test_the_json_is_the_known_one(self, folder, save, tmp_path, capsys):
        """
        Keys, their order and the indent stay as programs know them; the file is written whole.
        """
        save("a.json", result(1.5))
        target = tmp_path / "new" / "summary.json"

        assert main(["--results-dir", str(folder), "--output-json", str(target)]) == 0

        written = result(1.5)
        entry = {"job_id": "a", "tag": "s", "config": written["config"]}
        assert json.loads(target.read_text()) == {
            "total_jobs": 1,
            "success_jobs": 1,
            "error_jobs": 0,
            "filters": {},
            "top_by_pnl": [{**entry, "metrics": written["metrics"], "status": "success"}],
        }
        assert target.read_text().startswith('{\n  "total_jobs": 1,\n  "success_jobs"')
        assert f"[D39_AGG] Summary written to: {target}" in capsys.readouterr().err
        assert os.listdir(target.parent) == ["summary.json"]

    def test_what_is_missing_is_printed_as_such(self, folder, save, capsys):
        """
        N/A where a zero would be taken for a value.
        """
        save("a.json", {"status": "success", "metrics": {"realized_pnl_usd": None}})

        assert main(["--results-dir", str(folder)]) == 0

        assert (
            "  1) job_id=a  PnL=N/A  DD=0.00%  trades=0  min_spread_bps=N/A  slippage_bps=N/A\n"
            in capsys.readouterr().out
        )

    def test_names_can_t_drive_the_terminal(self, folder, save, capsys):
        """
        Control characters show, and no name makes a line of its own.
        """
        save("a.json", result(config_summary={"job_id": "x\x1b[2J\n  9) job_id=fake"}))

        assert main(["--results-dir", str(folder)]) == 0

        out = capsys.readouterr().out
        assert "job_id=x^[[2J\\n  9) job_id=fake" in out
        assert "\x1b" not in out

    def test_the_ranking_of_the_engine_that_flatters_says_so(self, folder, save, capsys):
        """
        On stderr, as stdout is to the letter; rankings of other engines say nothing.
        """
        save("a.json", result())
        assert main(["--results-dir", str(folder)]) == 0
        captured = capsys.readouterr()
        assert ARBITRAGE.caveat in captured.err
        assert ARBITRAGE.caveat not in captured.out

        save("a.json", result(repro={"engine_version": "arbitrage/two_leg/1"}))
        assert main(["--results-dir", str(folder)]) == 0
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize("name", ["none", "file.json"])
    def test_a_folder_that_isn_t_there_is_exit_1(self, tmp_path, capsys, name):
        """
        Also a file in its place; nothing is printed as a summary.
        """
        (tmp_path / "file.json").write_text("{}")

        assert main(["--results-dir", str(tmp_path / name)]) == 1

        expected = f"[D39_AGG] ERROR: Results directory not found: {tmp_path / name}\n"
        assert capsys.readouterr() == ("", expected)

    def test_a_summary_that_can_t_be_written_is_exit_2(self, folder, save, capsys):
        """
        The reason is on stderr.
        """
        save("a.json", result())

        assert main(["--results-dir", str(folder), "--output-json", str(folder)]) == 2

        assert "[D39_AGG] FATAL: can't write" in capsys.readouterr().err

    def test_wrong_usage_is_exit_2(self, capsys):
        """
        As argparse has it.
        """
        with pytest.raises(SystemExit) as caught:
            main(["--max-results", "x"])

        assert caught.value.code == 2

    def test_nothing_at_all_is_a_summary_too(self, folder, capsys):
        """
        An empty folder is exit 0, with a top of none.
        """
        folder.mkdir()

        assert main(["--results-dir", str(folder)]) == 0

        assert "Top 0 by Realized PnL (USD):\n\n=====" in capsys.readouterr().out

    @pytest.mark.parametrize(
        "command",
        [["-m", "scripts.aggregate_tuning_results"], ["scripts/aggregate_tuning_results.py"]],
        ids=["module", "path"],
    )
    def test_the_script_runs_from_a_checkout(self, folder, save, command):
        """
        By either of its old names, with the same output as the function.
        """
        save("a.json", result())

        done = subprocess.run(
            [sys.executable, *command, "--results-dir", str(folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )

        assert (
            done.stdout == format_summary(TuningResultsAggregator(str(folder)).summarize()) + "\n"
        )


class TestRows:
    """The same folder for the product's own rankings."""

    def test_results_of_any_program_are_rows(self, folder, save):
        """
        A result needs no status to have a rank; one with another status has none.
        """
        save("a.json", {"loss": 0.5})
        save("b.json", {"metrics": {"loss": 0.25}, "config": {"lr": 0.1}})
        save("c.json", {"status": "error", "metrics": {"loss": 0}, "error": "broke"})
        save("d.json", "{")

        found = rows(folder)

        assert [(place.rank, place.row.job_id) for place in rank(found, metric="loss")] == [
            (1, "b"),
            (2, "a"),
            (None, "c"),
            (None, "d"),
        ]
        assert found[1].config == {"lr": 0.1}
        assert found[1].output_json == str(folder / "b.json")
        assert found[2].extra["error"] == "broke"

    def test_rows_know_whether_they_need_the_caveat(self, folder, save):
        """
        By the engine that a result names, also where no session is known.
        """
        save("a.json", result())

        assert caveat(rows(folder), "s") == f"{ARBITRAGE.caveat} s"

    def test_a_missing_folder_is_said(self, tmp_path):
        """
        Rows of a folder that isn't there are an error, not none.
        """
        with pytest.raises(ResultError, match="no such folder"):
            rows(tmp_path / "none")


def test_the_names_of_the_package_are_loaded_when_asked_for():
    """
    Every name that has a home by now is found there; others don't exist.
    """
    assert tuning_session.TuningResultsAggregator is TuningResultsAggregator
    assert "TuningSessionPlanner" in dir(tuning_session)
    with pytest.raises(AttributeError):
        _ = tuning_session.Nothing


def test_the_aggregator_needs_no_network_and_no_cluster():
    """
    Aggregating is offline work: nothing on the way to it imports a client.
    """
    module = importlib.import_module("kubectl_tune.tuning_session.aggregate")
    tree = ast.parse(Path(module.__file__).read_text())

    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [*(alias.name for alias in node.names), getattr(node, "module", "") or ""]
    }

    assert not imported & {"requests", "http", "socket", "urllib", "kubernetes", "subprocess"}
