"""The tuning command: settings from flags and config, results and failures as JSON, exit codes."""

import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kubectl_tune.workloads.arbitrage import result, tune

ROOT = Path(__file__).parents[2]
HEADER = "timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b\n"
ROWS = "2025-01-01T00:00:00Z,99,100,102,103\n2025-01-01T00:01:00Z,102,103,99,100\n"
STRATEGY = {
    "min_spread_bps": 30.0,
    "taker_fee_a_bps": 5.0,
    "taker_fee_b_bps": 5.0,
    "slippage_bps": 5.0,
    "max_position_usd": 1000.0,
}
TEN = {
    **STRATEGY,
    "max_open_trades": 1,
    "initial_balance_usd": 10_000.0,
    "stop_on_drawdown_pct": None,
    "tag": None,
}


def flags(**settings):
    return [
        part
        for name, value in settings.items()
        for part in (f"--{name.replace('_', '-')}", str(value))
    ]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("JOB_ID", "TUNE_TRIAL_ID"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "d.csv").write_text(HEADER + ROWS)
    return tmp_path


@pytest.fixture
def config():
    return {"data_file": "d.csv", **STRATEGY}


def strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def read(path="r.json"):
    return strict(Path(path).read_text())


def test_flags_give_a_result_on_stdout(capsys):
    """
    The whole result, key by key, with nothing of chance in it but the run time.
    """
    argv = flags(data_file="d.csv", **STRATEGY)

    assert tune.main(argv) == 0

    printed = capsys.readouterr()
    outcome = strict(printed.out)
    assert printed.err == ""
    assert outcome["metrics"].pop("runtime_seconds") > 0
    series = outcome.pop("series")
    assert outcome == {
        "status": "success",
        "config": {"data_file": "d.csv", **TEN},
        "metrics": {
            "total_trades": 2,
            "closed_trades": 1,
            "open_trades": 1,
            "final_balance_usd": 10018.5,
            "realized_pnl_usd": 18.5,
            "max_drawdown_pct": 0.0,
            "win_rate": 1.0,
            "avg_pnl_per_trade_usd": 18.5,
            "bad_rows": dict.fromkeys(
                ["unparsable", "nan", "non_positive", "crossed", "time_back"], 0
            ),
        },
        "config_summary": {"data_file": "d.csv", **TEN, "snapshots_count": 2},
        "repro": {
            "engine_version": "1.0",
            "data_sha256": hashlib.sha256(Path("d.csv").read_bytes()).hexdigest(),
            "rows": 2,
            "bad_rows": 0,
            "seed": None,
            "argv": argv,
        },
    }
    assert list(outcome) == ["status", "config", "metrics", "config_summary", "repro"]
    assert sum(series["pnl_usd"]) == 18.5
    assert (len(series["pnl_usd"]), len(series["position"])) == (240, 240)


def test_a_result_file_is_written_with_its_folder(capsys):
    """
    One line on stdout says where; no draft stays behind.
    """
    argv = [*flags(data_file="d.csv", **STRATEGY), "--output-json", "out/deep/r.json"]

    assert tune.main(argv) == 0

    assert capsys.readouterr().out == "[D38_TUNING] Result written to: out/deep/r.json\n"
    assert os.listdir("out/deep") == ["r.json"]
    assert read("out/deep/r.json")["status"] == "success"
    text = Path("out/deep/r.json").read_text()
    assert text.startswith('{\n  "status": "success",\n  "config": {\n    "data_file": "d.csv",')
    assert len(text.splitlines()) < 80


@pytest.mark.parametrize("form", ["json", "at-file", "file", "file-with-mark"])
def test_a_config_comes_as_text_or_as_a_file(config, form):
    """
    JSON, @FILE, and the bare name of a file mean the same.
    """
    text = json.dumps(config)
    Path("c.json").write_text("\ufeff" * (form == "file-with-mark") + text)
    argument = {"json": text, "at-file": "@c.json"}.get(form, "c.json")

    assert tune.main(["--config", argument, "--output-json", "r.json"]) == 0

    assert read()["config"] == {"data_file": "d.csv", **TEN}


def test_flags_win_over_the_config(config):
    """
    What is typed counts more than what is in the file.
    """
    config |= {"min_spread_bps": 1, "tag": "config", "max_open_trades": 3}

    argv = ["--config", json.dumps(config), "--tag", "flag", "--min-spread-bps", "0"]
    assert tune.main([*argv, "--output-json", "r.json"]) == 0

    settled = read()["config"]
    assert (settled["min_spread_bps"], settled["tag"]) == (0.0, "flag")
    assert settled["max_open_trades"] == 3


@pytest.mark.parametrize("value", [2, 2.0, "2"])
def test_whole_numbers_may_be_written_with_a_point(config, value):
    """
    2.0 trades are 2 trades, in a config and as a flag.
    """
    config["max_open_trades"] = value
    argv = ["--config", json.dumps(config), "--output-json", "r.json"]

    assert tune.main(argv) == 0
    assert read()["config"]["max_open_trades"] == 2
    assert tune.main([*argv, "--max-open-trades", "2.0"]) == 0


def test_config_and_flags_give_the_same_result(config, capsys):
    """
    Integers of a config become the numbers that flags would have given.
    """
    config = {name: int(value) if name != "data_file" else value for name, value in config.items()}

    assert tune.main(["--config", json.dumps(config)]) == 0
    first = capsys.readouterr().out
    assert tune.main(flags(**config)) == 0
    second = capsys.readouterr().out

    keep = ("config", "config_summary", "series")
    assert {k: json.dumps(strict(first)[k]) for k in keep} == {
        k: json.dumps(strict(second)[k]) for k in keep
    }


MISSPELT = (
    "[D38_TUNING] WARNING: config key 'max-position-usd' is not known;"
    " did you mean 'max_position_usd'?"
)


def test_unknown_keys_are_left_alone_but_misspelt_ones_named(config, capsys):
    """
    A warning for what looks like a slip; the job runs all the same.
    """
    config |= {
        "colour": "red",
        "slipage_bps": 1,
        "max-position-usd": 3,
        "stop_on_drawdown_pct": None,
    }

    assert tune.main(["--config", json.dumps(config), "--output-json", "r.json"]) == 0

    warnings = capsys.readouterr().err.splitlines()
    assert warnings == [
        "[D38_TUNING] WARNING: config key 'slipage_bps' is not known; did you mean 'slippage_bps'?",
        MISSPELT,
    ]


@pytest.mark.parametrize(
    ("in_config", "environment", "expected"),
    [
        ({"job_id": "c"}, {"TUNE_TRIAL_ID": "t", "JOB_ID": "j"}, "c"),
        ({}, {"TUNE_TRIAL_ID": "t", "JOB_ID": "j"}, "t"),
        ({}, {"JOB_ID": "j"}, "j"),
    ],
)
def test_a_known_job_id_reaches_the_summary(config, monkeypatch, in_config, environment, expected):
    """
    From the config, else from the environment of the trial.
    """
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    tune.main(["--config", json.dumps(config | in_config), "--output-json", "r.json"])

    assert read()["config_summary"]["job_id"] == expected
    assert "job_id" not in read()["config"]


def test_settings_beyond_the_ten_show_where_they_differ(config):
    """
    A result says all that it takes to repeat it.
    """
    config |= {"exchange_a_to_b_rate": 1.01, "gate": "zero", "bad_rows": "skip", "seed": 5}

    tune.main(["--config", json.dumps(config), "--output-json", "r.json"])

    extra = {"exchange_a_to_b_rate": 1.01, "gate": "zero", "bad_rows": "skip"}
    assert read()["config"] == {"data_file": "d.csv", **TEN, **extra}
    assert read()["repro"]["seed"] == 5


def test_a_missing_data_file_is_exit_1_with_a_result(config, capsys):
    """
    The error is told on stderr and left as JSON.
    """
    config["data_file"] = "none.csv"

    assert tune.main(["--config", json.dumps(config), "--output-json", "r.json"]) == 1

    assert capsys.readouterr().err == "[D38_TUNING] ERROR: Data file not found: none.csv\n"
    assert read() == {
        "status": "error",
        "config": {"data_file": "none.csv", **TEN},
        "metrics": {},
        "error": {"type": "FileNotFoundError", "message": "Data file not found: none.csv"},
    }


FAILURES = {
    "out-of-range": ({"min_spread_bps": -1}, 1, "ERROR: min_spread_bps must be non-negative"),
    "two-mistakes": (
        {"slippage_bps": "much", "max_open_trades": 1.5},
        1,
        'ERROR: slippage_bps must be a number, not "much"; max_open_trades must be a whole',
    ),
    "not-a-number": ({"max_position_usd": True}, 1, "ERROR: max_position_usd must be a number"),
    "infinite": ({"min_spread_bps": 1e999}, 1, "ERROR: min_spread_bps must be a finite number"),
    "bad-policy": ({"bad_rows": "fix"}, 1, "ERROR: bad_rows must be one of"),
    "bad-row": (
        {"data_file": "bad.csv"},
        2,
        "FATAL: Tuning job failed: Invalid row 4: best_bid_a: could not convert string",
    ),
    "empty-file": ({"data_file": "empty.csv"}, 2, "FATAL: Tuning job failed: CSV file is empty"),
    "folder": ({"data_file": "."}, 2, "FATAL: Tuning job failed: Cannot read data file ."),
}


@pytest.mark.parametrize("name", FAILURES)
def test_every_failure_has_a_sentence_a_code_and_a_result(config, capsys, name):
    """
    Bad settings are exit 1, bad data exit 2; both leave a result that says why.
    """
    setting, code, message = FAILURES[name]
    Path("bad.csv").write_text(HEADER + ROWS + "t,x,1,2,3\n")
    Path("empty.csv").touch()

    argv = ["--config", json.dumps(config | setting), "--output-json", "r.json"]
    assert tune.main(argv) == code

    assert capsys.readouterr().err.startswith(f"[D38_TUNING] {message}")
    assert read()["status"] == "error"
    assert read()["error"]["message"].startswith(message.partition(": ")[2])


@pytest.mark.parametrize(
    "argument", ["{", "[]", "7", "no-such-file.json", "@no-such-file.json", '"d.csv"', "@.", ""]
)
def test_a_config_that_is_none_is_exit_1(argument, capsys):
    """
    Neither JSON nor a file: a sentence, a result, no traceback.
    """
    assert tune.main(["--config", argument, "--output-json", "r.json"]) == 1

    assert capsys.readouterr().err.startswith("[D38_TUNING] ERROR: --config")
    assert read()["status"] == "error"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["--data-file=d.csv", "--min-spread-bps=1", "--taker-fee-b-bps=1"],
            "the following arguments are required: --taker-fee-a-bps, --slippage-bps, --max",
        ),
        (["--min-spread-bps", "x"], "argument --min-spread-bps: invalid float value: 'x'"),
        (
            ["--row-start", "1.5"],
            "argument --row-start: must be a whole number, not '1.5'",
        ),
        (["--no-such-flag"], "unrecognized arguments: --no-such-flag"),
        (["--bad-rows", "fix"], "argument --bad-rows: invalid choice"),
    ],
)
def test_wrong_usage_is_exit_2_with_a_result(argv, message, capsys):
    """
    Usage goes to stderr, as ever, and the reason into the result file.
    """
    assert tune.main([*argv, "--output-json=r.json"]) == 2

    assert f"run_arbitrage_tuning: error: {message}" in capsys.readouterr().err
    assert read()["error"]["message"].startswith(message)


def test_all_that_is_wrong_with_a_command_line_is_said_at_once(capsys):
    """
    Values that can't be read, words that there aren't, and flags that nobody knows.
    """
    assert tune.main(["--exit-bps=x", "--gate=wide", "--order", "y", "--no-such-flag"]) == 2

    last = capsys.readouterr().err.splitlines()[-1]
    for flag in ("argument --exit-bps: ", "argument --gate: ", "argument --order: "):
        assert flag in last
    assert last.endswith("; unrecognized arguments: --no-such-flag")


def test_bad_rows_are_counted_named_and_kept_out_of_the_json(config, capsys):
    """
    Quotes that are no numbers make metrics that are null, never NaN, in the file.
    """
    bad = "2025-01-01T00:02:00Z,99,nan,102,103\n" + "2025-01-01T00:03:00Z,99,100,102,103\n" * 2
    Path("d.csv").write_text(HEADER + ROWS + bad)
    config["max_open_trades"] = 2

    assert tune.main(["--config", json.dumps(config), "--output-json", "r.json"]) == 0

    outcome = read()
    assert outcome["metrics"]["bad_rows"]["nan"] == outcome["repro"]["bad_rows"] == 1
    assert outcome["metrics"]["realized_pnl_usd"] is None
    assert outcome["warnings"] == [
        "bad row 4: best_ask_a is nan",
        "bad rows in all: 1 (nan 1)",
    ]
    warned = capsys.readouterr().err.splitlines()
    assert warned == [f"[D38_TUNING] WARNING: {each}" for each in outcome["warnings"]]

    assert tune.main(["--config", json.dumps(config), "--bad-rows=skip", "--output-json=s"]) == 0
    assert read("s")["metrics"]["realized_pnl_usd"] > 0
    assert read("s")["config_summary"]["snapshots_count"] == 4
    assert tune.main(["--config", json.dumps(config), "--bad-rows=error", "--output-json=e"]) == 2
    assert read("e")["error"]["message"].startswith("Tuning job failed: Invalid row 4: best_ask_a")


def test_a_result_that_cannot_be_written_is_said(config, capsys):
    """
    A file where a folder should be, a folder where the file should be: exit 2 and a sentence.
    """
    Path("file").touch()
    Path("folder").mkdir()

    for target in ("file/r.json", "folder"):
        assert tune.main(["--config", json.dumps(config), "--output-json", target]) == 2
        assert f"[D38_TUNING] FATAL: cannot write {target}: " in capsys.readouterr().err
    assert os.listdir("folder") == []


def test_a_result_replaces_the_old_one_whole(monkeypatch):
    """
    Until the new text is complete on disk the old file stays; a failure leaves it alone.
    """
    path = Path("r.json")
    result.write(path, "old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        result.write(path, "new")

    assert path.read_text() == "old"
    assert sorted(os.listdir()) == ["d.csv", "r.json"]


def test_a_link_and_a_pipe_are_written_through():
    """
    The file behind a link changes, not the link; a device or pipe is never replaced.
    """
    Path("link").symlink_to("target")
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)

    result.write(Path("link"), "text")
    result.write(Path("pipe"), "text")

    assert Path("target").read_text() == "text"
    assert Path("link").is_symlink()
    assert os.read(reader, 10) == b"text"
    os.close(reader)
    assert stat.S_ISFIFO(os.stat("pipe").st_mode)


def test_lists_of_numbers_stand_on_one_line():
    """
    The rest is indented by two, and strings stay as they are.
    """
    value = {
        "a": [1, 2.5, None],
        "b": ["[\n1,\n2]", "x"],
        "c": [],
        "d": [[1], {"e": [float("inf")]}],
    }

    text = result.to_json(value)

    assert '"a": [1, 2.5, null]' in text
    assert strict(text) == value | {"d": [[1], {"e": [None]}]}


@pytest.mark.parametrize(
    ("command", "cwd"),
    [
        (["-m", "kubectl_tune.workloads.arbitrage.tune"], ROOT),
        (["-m", "scripts.run_arbitrage_tuning"], ROOT),
        ([str(ROOT / "scripts" / "run_arbitrage_tuning.py")], None),
    ],
)
def test_the_command_runs_by_each_of_its_names(tmp_path, command, cwd):
    """
    As a module and as a script, from the checkout or elsewhere, without anything installed.
    """
    settings = {"data_file": str(tmp_path / "d.csv"), **STRATEGY}
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    done = subprocess.run(
        [sys.executable, "-S", *command, *flags(**settings)],
        cwd=cwd or tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert strict(done.stdout)["metrics"]["realized_pnl_usd"] == 18.5


def test_a_config_too_deep_is_refused_like_any_other():
    """
    Nesting without end is bad JSON, not a crash.
    """
    Path("deep.json").write_text('{"a":' * 100_000)

    assert tune.main(["--config", "deep.json"]) == 1


def test_an_empty_output_name_means_stdout(capsys):
    """
    As if the flag were not there.
    """
    assert tune.main([*flags(data_file="d.csv", **STRATEGY), "--output-json", ""]) == 0

    assert strict(capsys.readouterr().out)["status"] == "success"
