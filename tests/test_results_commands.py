"""`results` and `best` as users run them, on sessions that were run."""

from __future__ import annotations

import csv
import io
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubectl_tune import beginning
from kubectl_tune.cli import accounts, main
from kubectl_tune.ledger import Ledger
from kubectl_tune.session import SessionInfo, Target
from kubectl_tune.store import Store
from kubectl_tune.trial import TrialEvent, TrialSpec, TrialState
from kubectl_tune.workload import ARBITRAGE

ROOT = Path(__file__).parent.parent

# Writes what its config says, the way a user's program would; without a result it fails.
PROGRAM = """\
import json, sys
config = json.load(open(sys.argv[1]))
result = config.get("result")
print("seed", config.get("seed"))
if result is None:
    sys.exit(3)
open(sys.argv[2], "w").write(result if isinstance(result, str) else json.dumps(result))
"""

QUOTES = """\
timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b
1,99,100,102,103
2,102,103,99,100
3,99,100,102,103
4,102,103,99,100
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECTL_TUNE_STATE", str(tmp_path / "state" / "state.db"))
    Path("program.py").write_text(PROGRAM)
    return tmp_path


@pytest.fixture
def run(capsys) -> Callable[..., None]:
    """Run trials with these configs, as session `demo`."""

    def run(*trials: dict[str, Any], flags: tuple[str, ...] = ("--metric", "loss")) -> None:
        lines = [{"job_id": f"t{n}", "output_json": f"out/t{n}.json", **trial}
                 for n, trial in enumerate(trials)]  # fmt: skip
        Path("plan.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        command = ["--", sys.executable, "program.py", "{config}", "{output_json}"]
        code = main(["run", "plan.jsonl", "--engine=local", "--name=demo", *flags, "-q", *command])
        assert code in (0, 1), capsys.readouterr().err
        capsys.readouterr()

    return run


def trial(loss: float | None = None, **config: Any) -> dict[str, Any]:
    result = {} if loss is None else {"result": {"metrics": {"loss": loss, "size": 10 * loss}}}
    return {"config": {**config, **result}}


def arbitrage(spread: float) -> dict[str, Any]:
    return {
        "data_file": "quotes.csv", "min_spread_bps": spread, "taker_fee_a_bps": 5,
        "taker_fee_b_bps": 5, "slippage_bps": 5, "max_position_usd": 1000,
    }  # fmt: skip


class TestResults:
    def test_the_best_comes_first(self, run, say):
        """
        By the session's metric, its better end, with the config that differs.
        """
        run(trial(0.3, lr=1, same=0), trial(0.1, lr=2, same=0), trial(lr=3, same=0))

        code, out, err = say("results", "--columns", "rank,trial,loss,lr")

        assert (code, err) == (0, "")
        assert [text.split() for text in out.splitlines()] == [
            ["RANK", "TRIAL", "LOSS", "LR"], ["1", "t1", "0.1", "2"], ["2", "t0", "0.3", "1"],
        ]  # fmt: skip

    def test_json_is_a_promise(self, run, say):
        """
        A list of objects with five keys; metrics and config as they were written.
        """
        run(trial(0.3, lr=1), trial(lr=3))

        code, out, _ = say("results", "-o", "json", "--all")

        first, failed = json.loads(out)
        metrics = {"loss": 0.3, "size": 3.0}
        assert code == 0
        assert first == {
            "rank": 1, "job_id": "t0", "metrics": metrics,
            "config": {"lr": 1, "result": {"metrics": metrics}}, "output_json": "out/t0.json",
        }  # fmt: skip
        assert (failed["rank"], failed["job_id"], failed["metrics"]) == (None, "t1", {})

    def test_conditions_orders_and_groups(self, run, say):
        """
        Each flag narrows or orders the same rows; of two conditions both must hold.
        """
        run(*(trial(loss / 10, lr=loss, side=loss % 2) for loss in range(1, 7)))

        def ids(*args: str) -> list[str]:
            code, out, err = say("results", "-o", "jsonl", *args)
            assert code == 0, err
            return [json.loads(text)["job_id"] for text in out.splitlines()]

        assert ids() == ["t0", "t1", "t2", "t3", "t4", "t5"]
        assert ids("--top", "2", "--direction", "maximize") == ["t5", "t4"]
        assert ids("--where", "loss > 0.2 and lr < 5") == ["t2", "t3"]
        assert ids("--where", "loss > 0.2", "--where", "lr < 5 or lr > 5") == ["t2", "t3", "t5"]
        assert ids("--sort", "side,-lr") == ["t5", "t3", "t1", "t4", "t2", "t0"]
        assert ids("--group-by", "side") == ["t0", "t1"]
        assert ids("--metric", "size", "--direction", "maximize", "--top=1") == ["t5"]

    def test_without_a_metric_the_ones_there_are_get_named(self, run, say):
        """
        Nobody can rank by an unknown measure; `--metric` or `--sort` says which.
        """
        run(trial(0.3), flags=())

        code, out, err = say("results")

        assert (code, out) == (2, "")
        assert err == (
            "error: nothing says what to rank session demo by\n"
            "hint: name one with --metric: loss, size\n"
        )
        assert say("results", "--metric", "loss", "--columns", "loss")[1].split() == ["LOSS", "0.3"]
        assert say("results", "--sort", "size", "--columns", "loss")[0] == 0

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["--metric", "los"], "did you mean loss?"),
            (["--where", "size >"], "error: 'size >', column 7"),
            (["--where", "sise > 1"], "did you mean size?"),
            (["--columns", "trial,lss"], "did you mean loss?"),
            (
                ["--metric", "size", "--direction", "up"],
                'invalid argument "up" for "--direction" flag: not one of',
            ),
            (["--metric", "size"], "doesn't tell which end of it is best"),
            (["--top", "-1"], 'invalid argument "-1" for "--top" flag: not in the range'),
            (["--dir", "nope"], "error: no such folder: nope"),
            (["demo", "--dir", "out"], "error: --dir ranks a folder, not a session"),
            (["nope"], "error: no session named nope"),
            (["-o", "xml"], "allowed formats are: csv,json,jsonl,md,parquet,table,wide"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_what_can_not_be_shown_is_a_sentence(self, args, said, run, say):
        """
        Exit 2, with the word that was wrong or the one that was meant.
        """
        run(trial(0.3))

        code, out, err = say("results", *args)

        assert (code, out) == (2, "")
        assert said in err

    def test_nothing_to_rank_is_said_and_no_error(self, run, say):
        """
        Programs get an empty list, people a sentence on stderr; the exit code is 0.
        """
        run(trial(), trial())

        code, out, err = say("results", "-o", "json")

        assert (code, out) == (0, "[]\n")
        assert err == "no trial of session demo has succeeded so far: 2 Failed\n"
        assert say("results")[:2] == (0, "")

    def test_before_any_session_there_is_a_hint(self, say):
        """
        There is nothing to show, and that is no traceback.
        """
        code, out, err = say("results")

        assert (code, out) == (2, "")
        assert err.startswith("error: no sessions yet in ")

    def test_a_file_is_written_in_the_format_of_its_name(self, run, say):
        """
        With its folders; -o wins where both say one.
        """
        run(trial(0.3), trial(0.1))

        assert say("results", "--to", "deep/r.csv") == (0, "", "results written to deep/r.csv\n")
        assert say("results", "--to", "r.txt", "-o", "json")[0] == 0

        rows = list(csv.DictReader(io.StringIO(Path("deep/r.csv").read_text())))
        assert [(row["rank"], row["job_id"], row["metrics.loss"]) for row in rows] == [
            ("1", "t1", "0.1"), ("2", "t0", "0.3"),
        ]  # fmt: skip
        assert json.loads(Path("r.txt").read_text())[0]["job_id"] == "t1"

    def test_headers_can_be_left_out(self, run, say):
        """
        Rows alone, for scripts.
        """
        run(trial(0.3))

        assert say("results", "--no-headers", "--columns", "trial,loss")[1].split() == ["t0", "0.3"]

    def test_a_folder_needs_no_session(self, say):
        """
        Result files of any origin, read like the aggregator reads them; no state file is made.
        """
        Path("results").mkdir()
        for name, loss in (("a", 0.2), ("b", 0.1), ("c", None)):
            text = "no json" if loss is None else json.dumps({"loss": loss})
            Path("results", f"{name}.json").write_text(text)

        code, out, _ = say("results", "--dir", "results", "--metric", "loss", "-o", "json", "--all")

        found = [(row["rank"], row["job_id"], row["output_json"]) for row in json.loads(out)]
        assert code == 0
        assert found == [(1, "b", "results/b.json"), (2, "a", "results/a.json"),
                         (None, "c", "results/c.json")]  # fmt: skip
        assert not Path("state").exists()

    def test_texts_of_trials_do_not_drive_the_terminal(self, run, say):
        """
        In every format names, keys and values come out printable.
        """
        run({"job_id": "a b", "config": {"\u202e": "\x1b[2J", "result": {"loss": 1, "x\x1b": 2}}},
            {"config": {"\u202e": "\x07", "result": {"loss": 2}}})  # fmt: skip

        for form in ("table", "wide", "csv", "md", "json", "jsonl"):
            code, out, err = say("results", "-o", form)
            assert code == 0
            assert (out + err).replace("\n", "").isprintable()

    @pytest.mark.parametrize("own", [True, False], ids=["its command", "a command of one's own"])
    def test_the_engine_that_flatters_is_never_without_its_caveat(self, own, say, capsys):
        """
        Under tables, on stderr with the formats for programs; whoever started the engine. The
        command at its end is of this place.
        """
        Path("quotes.csv").write_text(QUOTES)
        line = {"job_id": "a", "config": arbitrage(30), "output_json": "out/a.json"}
        Path("plan.jsonl").write_text(json.dumps(line))
        command = ["--", *ARBITRAGE.command]
        flags = [] if own else ["--metric", "realized_pnl_usd", *command]
        assert main(["run", "plan.jsonl", "--engine=local", "-q", "--name", "s", *flags]) == 0
        capsys.readouterr()

        for place in (["s"], ["--dir", "out"]):
            caveat = " ".join([ARBITRAGE.caveat, *place])
            assert say("results", *place)[1].endswith(f"\n{caveat}\n")
            _, out, err = say("results", *place, "-o", "json")
            assert len(json.loads(out)) == 1
            assert err == f"note: {caveat}\n"
        _, *explain = shlex.split(caveat.rpartition("kubectl ")[2])
        assert say(*explain)[0] == 0

    def test_what_was_accounted_honestly_has_no_caveat(self, run, say):
        """
        Whoever asks for both legs in the config gets a ranking without a word about the other way.
        """
        result = {
            "status": "success", "metrics": {"realized_pnl_usd": 1.0},
            "config_summary": {"min_spread_bps": 1, "snapshots_count": 2},
        }  # fmt: skip
        honest = {"repro": {"engine_version": "arbitrage/two_leg/1"}}

        run({"config": {"result": result | honest}}, flags=("--metric", "realized_pnl_usd"))

        for args in (["results"], ["results", "--dir", "out"], ["best"]):
            _, out, err = say(*args)
            assert "flatters" not in out + err


# Stands in for the command of the workload: the books of a config are those that it names.
BOOKS = """\
import json, sys
config = json.load(open(sys.argv[1]))
print(open(config["data_file"]).read(), file=sys.stderr)
print(json.dumps(config["books"]))
"""


class TestAccounting:
    @pytest.fixture(autouse=True)
    def workload(self, monkeypatch):
        Path("books.py").write_text(BOOKS)
        command = (sys.executable, str(Path("books.py").absolute()), "{config}")
        monkeypatch.setattr(accounts, "ARBITRAGE", replace(ARBITRAGE, comparison=command))

    @pytest.fixture
    def compared(self, run):
        """Run trials whose PnL is `seed` by one accounting and `two_leg` by the other."""

        def compared(*pnl: tuple[float, float]) -> None:
            Path("quotes.csv").write_text("")
            run(*(line(*each) for each in pnl), flags=("--metric", "realized_pnl_usd"))

        def line(seed: float, two_leg: float) -> dict[str, Any]:
            metrics = {"realized_pnl_usd": seed, "win_rate": 1.0, "total_trades": 9, "fees_usd": 2}
            honest = {**metrics, "realized_pnl_usd": 7, "win_rate": 0.25, "fees_usd": 4}
            result = {"metrics": metrics, "repro": {"engine_version": "arbitrage/seed/1"}}
            books = {
                "seed": {**metrics, "net_pnl_usd": seed},
                "two_leg": {**honest, "net_pnl_usd": two_leg},
            }
            own = {"data_file": "quotes.csv", "accounting": "seed"}
            return {"config": {**own, "books": books, "result": result}}

        return compared

    def test_both_accountings_stand_beside_each_other(self, compared, say):
        """
        Metrics and rank by either, for each of the best trials; without the hint to look here.
        """
        compared((3, -1), (5, -2), (4, 1))

        code, out, err = say("results", "--explain-accounting")

        assert (code, err) == (0, "")
        assert [text.split()[:7] for text in out.splitlines()[:7]] == [
            ["TRIAL", "ACCOUNTING", "RANK", "PNL-USD", "WIN-RATE", "FEES-USD", "TRADES"],
            ["t1", "seed", "1", "5", "1", "2", "9"],
            ["t1", "two_leg", "3", "-2", "0.25", "4", "9"],
            ["t2", "seed", "2", "4", "1", "2", "9"],
            ["t2", "two_leg", "1", "1", "0.25", "4", "9"],
            ["t0", "seed", "3", "3", "1", "2", "9"],
            ["t0", "two_leg", "2", "-1", "0.25", "4", "9"],
        ]
        assert "seed puts t1 first; two_leg puts t2 first" in out
        assert "net_pnl_usd of t1 is 5 by seed and -2 by two_leg" in out
        assert "flatters" not in out

    def test_only_one_column_is_named_accounting(self, compared, say):
        """
        A session may hold trials of both; what a line is about says more than what was asked for.
        """
        compared((3, -1))

        code, out, err = say("results", "--explain-accounting", "-o", "wide")

        assert (code, err) == (0, "")
        assert out.splitlines()[0].split().count("ACCOUNTING") == 1

    def test_the_best_five_unless_others_are_asked_for(self, compared, say):
        """
        --top, --where and --direction choose among all trials, as they do without a comparison.
        """
        compared(*((number, -number) for number in range(7)))

        def ids(*args: str) -> list[str]:
            code, out, err = say("results", "--explain-accounting", "-o", "jsonl", *args)
            assert code == 0, err
            return [json.loads(text)["job_id"] for text in out.splitlines()]

        assert ids() == ["t6", "t5", "t4", "t3", "t2"]
        assert ids("--top", "2") == ["t6", "t5"]
        assert ids("--where", "realized_pnl_usd < 2") == ["t1", "t0"]
        assert ids("--direction", "minimize", "--top", "1") == ["t0"]

    def test_json_is_a_promise(self, compared, say):
        """
        Keys are promised, in their order, and each accounting has its own rank and metrics.
        """
        compared((3, -1), (5, -2))

        code, out, _ = say("results", "--explain-accounting", "-o", "json")

        first, _ = json.loads(out)
        assert code == 0
        assert list(first) == ["job_id", "metric", "rank", "accounting", "config"]
        assert (first["job_id"], first["metric"]) == ("t1", "net_pnl_usd")
        assert first["rank"] == {"seed": 1, "two_leg": 2}
        assert {name: books["net_pnl_usd"] for name, books in first["accounting"].items()} == {
            "seed": 5, "two_leg": -2,
        }  # fmt: skip
        assert first["config"]["data_file"] == "quotes.csv"

    def test_other_formats_have_a_line_for_each_accounting(self, compared, say):
        """
        A file and Markdown name the accounting, and the rank in it, in columns.
        """
        compared((3, -1))

        assert say("results", "--explain-accounting", "--to", "r.csv")[0] == 0
        rows = list(csv.DictReader(io.StringIO(Path("r.csv").read_text())))
        marked = say("results", "--explain-accounting", "-o", "md")[1]

        assert [(row["accounting"], row["rank"], row["metrics.fees_usd"]) for row in rows] == [
            ("seed", "1", "2"), ("two_leg", "1", "4"),
        ]  # fmt: skip
        cells = [[cell.strip() for cell in line.split("|")] for line in marked.splitlines()]
        assert any(line[1:5] == ["t0", "two_leg", "1", "-1"] for line in cells)

    def test_a_folder_of_results_compares_as_well(self, compared, say):
        """
        Where its results say by which config they were computed.
        """
        compared((3, -1))
        path = Path("out/t0.json")
        config = json.loads(Path("plan.jsonl").read_text())["config"]
        path.write_text(json.dumps({**json.loads(path.read_text()), "config": config}))

        code, out, err = say("results", "--dir", "out", "--explain-accounting")

        assert (code, err) == (0, "")
        assert "t0      two_leg" in out

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["--columns", "loss"], "error: --explain-accounting takes no --columns\n"),
            (["--group-by", "a", "--all"], "takes no --group-by or --all"),
            (["-o", "parquet", "--to", "x"], "error: --explain-accounting has no -o parquet"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_what_it_can_not_heed_is_refused(self, args, said, compared, say):
        """
        A flag that could only be ignored is an error that names it.
        """
        compared((3, -1))

        code, out, err = say("results", "--explain-accounting", *args)

        assert (code, out) == (2, "")
        assert said in err

    def test_a_program_of_ones_own_is_refused(self, run, say):
        """
        It has no second accounting: that is said, with the command that shows its results.
        """
        run(trial(0.3), trial(0.1))

        code, out, err = say("results", "--explain-accounting")

        assert (code, out) == (2, "")
        assert err == (
            "error: 2 trials (t1, t0) of session demo ran a program of your own, "
            "and only the built-in workload has two accountings\n"
            "hint: kubectl tune results demo\n"
        )

    def test_data_that_are_not_here_are_named(self, compared, say):
        """
        By their whole path, with what to do, and without a half comparison.
        """
        compared((3, -1), (4, -1))
        Path("quotes.csv").unlink()

        code, out, err = say("results", "--explain-accounting")

        assert (code, out) == (2, "")
        assert err.startswith("error: the comparison needs a data file that isn't here: ")
        assert str(Path("quotes.csv").absolute()) in err.splitlines()[0]
        assert "put the file there" in err

    def test_data_are_found_from_elsewhere(self, compared, say, monkeypatch):
        """
        Where the session was started decides what a relative name means.
        """
        compared((3, -1))
        Path("elsewhere").mkdir()
        monkeypatch.chdir("elsewhere")

        assert say("results", "--explain-accounting")[0] == 0

    def test_a_session_that_ran_on_a_cluster_compares_here(self, here, compared, say):
        """
        Its configs are on record, and the data that travelled to its pods came from here.
        """
        compared((3, -1))
        line = json.loads(Path("plan.jsonl").read_text())
        target = Target("jobs", "far", "https://far", "default", workdir=str(here))
        info = SessionInfo(
            "there", "x7k2p", "plan.jsonl", target, workload="arbitrage",
            metric="realized_pnl_usd", direction="maximize",
        )  # fmt: skip
        store = Store.open(here / "state" / "state.db")
        beginning.begin(store, info, [TrialSpec("far", 0, line["config"])])
        ledger = Ledger(store.load("there"), store, store.claim("there"))
        result = json.dumps(line["config"]["result"])
        ledger.keep([TrialEvent("far", 1, TrialState.SUCCEEDED, 2.0, result=result)])
        ledger.save(ended="done")
        store.close()

        code, out, err = say("results", "there", "--explain-accounting", "-o", "json")

        assert (code, err) == (0, "")
        assert json.loads(out)[0]["accounting"]["two_leg"]["net_pnl_usd"] == -1

    def test_nothing_to_compare_is_said_and_no_error(self, compared, say):
        """
        Exit 0 and valid output, as of any ranking that is empty.
        """
        compared((3, -1))

        code, out, err = say(
            "results", "--explain-accounting", "--where", "win_rate > 1", "-o", "json"
        )

        assert (code, out) == (0, "[]\n")
        assert err == "nothing of session demo passes --where\n"
        assert say("results", "--explain-accounting", "--top", "0")[:2] == (0, "")


def test_the_workloads_own_command_compares_its_trials(say, capsys):
    """
    Three times 200 bps less 15 of 1,000 USD by the seed, as on record. With both legs booked, 10
    coins earn 2 USD on each venue; four fills of 1,000 or 1,020 pay fees, and twice slippage is
    due. A fourth trade is open: it has paid for its opening.
    """
    Path("quotes.csv").write_text(QUOTES)
    lines = [{"job_id": f"t{n}", "config": arbitrage(n)} for n in (1, 30)]
    Path("plan.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["run", "plan.jsonl", "--engine=local", "-q"]) == 0
    capsys.readouterr()
    recorded = {
        row["job_id"]: row["metrics"] for row in json.loads(say("results", "-o", "json")[1])
    }

    code, out, err = say("results", "--explain-accounting", "-o", "json")

    assert (code, err) == (0, "")
    for each in json.loads(out):
        seed, two_leg = each["accounting"]["seed"], each["accounting"]["two_leg"]
        for key in ("realized_pnl_usd", "win_rate", "max_drawdown_pct", "total_trades"):
            assert seed[key] == recorded[each["job_id"]][key]
        assert seed["realized_pnl_usd"] == pytest.approx(3 * 18.5)
        assert seed["fees_usd"] == pytest.approx(3 * 1.0)
        assert two_leg["realized_pnl_usd"] == pytest.approx(3 * (40 - 2.02 - 1.0))
        assert two_leg["fees_usd"] == pytest.approx(3 * 2.02 + 1.01)
        assert two_leg["total_trades"] == seed["total_trades"]

    code, out, err = say("results", "--explain-accounting", "--metric", "runtime_seconds")
    assert (code, err) == (0, "")  # another time is no sign of other data

    by_key = ("--metric", "min_spread_bps", "--direction", "minimize")
    code, out, err = say("results", "--explain-accounting", *by_key)
    assert (code, err) == (0, "")
    assert out.endswith("\n\nNeither seed nor two_leg has a min_spread_bps to rank by.\n")


class TestBest:
    def test_it_names_the_trial_and_all_about_it(self, run, say):
        """
        Its value among how many, its file, metrics and config, and how to run it again.
        """
        run(trial(0.3, lr=1), trial(0.1, lr=2), trial(lr=3))

        code, out, err = say("best")

        assert (code, err) == (0, "")
        lines = [" ".join(text.split()) for text in out.splitlines()]
        assert lines[:4] == [
            "Trial: t1", "Session: demo", "loss: 0.1 (minimize, best of 2)",
            f"Result: {Path('out/t1.json').absolute()}",
        ]  # fmt: skip
        assert {"size: 1", "lr: 2", "Reproduce it with:"} <= set(lines)

    def test_json_is_a_promise(self, run, say):
        """
        Keys are promised, in their order, those without a value too.
        """
        run(trial(0.3, lr=1))

        found = json.loads(say("best", "-o", "json")[1])

        assert list(found) == [
            "kind", "session", "job_id", "metric", "direction", "value", "among", "metrics",
            "config", "output_json", "result", "command", "caveat",
        ]  # fmt: skip
        assert (found["job_id"], found["value"], found["caveat"]) == ("t0", 0.3, None)

    def test_parts_of_it_for_scripts(self, run, say):
        """
        A name or a config alone, under the conditions and the metric that are asked for.
        """
        run(trial(0.3, lr=1), trial(0.1, lr=2))

        assert say("best", "-o", "name")[1] == "demo/t1\n"
        assert json.loads(say("best", "--config")[1])["lr"] == 2
        assert json.loads(say("best", "--config", "--where", "lr < 2")[1])["lr"] == 1
        assert say("best", "--metric", "size", "--direction", "maximize", "-o", "name")[1] == (
            "demo/t0\n"
        )

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            ([], "error: no trial of session demo has succeeded so far: 1 Failed\n"),
            (["--config", "-o", "json"], "error: --config has no -o json"),
        ],
    )
    def test_none_is_an_error(self, args, said, run, say):
        """
        Where there is no best, or no such form of it, it is exit 2 and an empty stdout.
        """
        run(trial())

        code, out, err = say("best", *args)

        assert (code, out) == (2, "")
        assert err.startswith(said)

    def test_the_command_reproduces_the_built_in_workload(self, say, capsys):
        """
        Pasted into a shell, the printed line computes the recorded metrics again, and leaves the
        recorded result as it is.
        """
        Path("quotes.csv").write_text(QUOTES)
        lines = [{"job_id": f"it's {n}", "config": {**arbitrage(n), "tag": "a'b"},
                  "output_json": f"out/{n}.json"} for n in (1, 30)]  # fmt: skip
        Path("plan.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        assert main(["run", "plan.jsonl", "--engine=local", "-q"]) == 0
        capsys.readouterr()
        best = json.loads(say("best", "-o", "json")[1])
        recorded = Path(best["result"]).read_text()

        printed = say("best")[1].partition("Reproduce it with:\n")[2].splitlines()[0]

        assert printed.strip() == best["command"]
        assert " -m kubectl_tune.workloads.arbitrage.tune --config '{" in printed
        subprocess.run(printed, shell=True, check=True, capture_output=True)  # noqa: S602
        (again,) = Path("reproduced").iterdir()
        metrics = json.loads(again.read_text())["metrics"]
        for found in (metrics, best["metrics"]):
            found.pop("runtime_seconds")
        assert metrics == best["metrics"]
        assert Path(best["result"]).read_text() == recorded

    def test_the_command_works_from_elsewhere(self, run, say, monkeypatch, here):
        """
        A program of one's own gets its config file and environment again, from any folder.
        """
        run({**trial(0.3, lr="a b"), "env": {"MARK": "x'y"}})
        Path("elsewhere").mkdir()
        monkeypatch.chdir("elsewhere")

        command = json.loads(say("best", "-o", "json")[1])["command"]
        subprocess.run(command, shell=True, check=True, capture_output=True)  # noqa: S602

        again = here / "reproduced" / "t0" / "result.json"
        assert json.loads(again.read_text())["metrics"] == {"loss": 0.3, "size": 3.0}
        assert """MARK='x'"'"'y'""" in command


def test_honest_trials_are_ranked_by_what_open_positions_are_worth_too(here, say):
    """
    A loser that is still open at the end would hide in the realized PnL; nothing flatters there.
    """
    shutil.copy(ROOT / "examples" / "arbitrage" / "quotes.csv.gz", "q.csv.gz")
    costs = {"taker_fee_a_bps": 0.2, "taker_fee_b_bps": 0.2, "slippage_bps": 0.1}
    config = {"data_file": "q.csv.gz", "max_position_usd": 1000, **costs, "accounting": "two_leg"}
    lines = [{"job_id": f"t{x}", "config": {**config, "min_spread_bps": x}} for x in (1, 2)]
    Path("plan.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    code, out, err = say("run", "plan.jsonl", "--engine", "local", "-q", "--name", "honest")
    assert code == 0, err

    ranked = json.loads(say("results", "honest", "-o", "json")[1])
    values = [each["metrics"]["net_pnl_usd"] for each in ranked]
    assert f"net_pnl_usd={values[0]:.6g}" in out
    assert values == sorted(values, reverse=True)
    assert "flatters" not in say("results", "honest")[1]
