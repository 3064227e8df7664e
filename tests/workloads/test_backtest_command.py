"""The backtest command: a block of text, and rows that can't be read left out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kubectl_tune.workloads.arbitrage import CAVEAT, backtest

ROOT = Path(__file__).parents[2]
ROWS = (
    "timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b\n"
    "2025-01-01T00:00:00Z,99,100,102,103\n"
    "2025-01-01T00:00:30Z,x,100,102,103\n"
    "2025-01-01T00:01:00Z,102,103,99,100\n"
)
FLAGS = [
    "--min-spread-bps=30",
    "--taker-fee-a-bps=5",
    "--taker-fee-b-bps=5",
    "--slippage-bps=5",
    "--max-position-usd=1000",
]
BLOCK = """
================================================================================
[D37_BACKTEST] RESULT SUMMARY
================================================================================
Total Trades:              2
Closed Trades:             1
Open Trades:               1
Final Balance (USD):       $10,018.50
Realized PnL (USD):        $18.50
Max Drawdown (%):          0.00%
Win Rate:                  100.00%
Avg PnL per Trade (USD):   $18.50
================================================================================

Additional Stats:
  steps_processed: 2
  total_snapshots: 2
  winning_trades: 1
  losing_trades: 0
================================================================================

"""


@pytest.fixture
def data_file(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text(ROWS)
    return path


def test_the_summary_is_a_block_of_text(data_file, capsys):
    """
    The block goes to stdout, what is left out and the caveat to stderr.
    """
    assert backtest.main(["--data-file", str(data_file), *FLAGS]) == 0

    printed = capsys.readouterr()
    assert printed.out == BLOCK
    assert "[WARNING] bad row 3: best_bid_a: could not convert string to float: 'x'" in printed.err
    assert CAVEAT in printed.err


def test_steps_can_be_limited(data_file, capsys):
    """
    The run ends before the step beyond the limit.
    """
    assert backtest.main(["--data-file", str(data_file), *FLAGS, "--max-steps", "1"]) == 0

    assert "steps_processed: 1\n  total_snapshots: 2\n" in capsys.readouterr().out


def test_nothing_to_load_is_exit_1(tmp_path, data_file, capsys):
    """
    A missing file, an empty one, one with a header alone, and one refused for its bad rows.
    """
    (tmp_path / "empty.csv").touch()
    (tmp_path / "header.csv").write_text(ROWS.splitlines()[0])

    for name in ("none.csv", "empty.csv", "header.csv"):
        assert backtest.main(["--data-file", str(tmp_path / name), *FLAGS]) == 1
    assert backtest.main(["--data-file", str(data_file), *FLAGS, "--bad-rows", "error"]) == 1

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("[ERROR]") == 4


def test_the_loader_never_raises(tmp_path, data_file):
    """
    Rows that can't be read are left out, files that can't be read give nothing.
    """
    assert len(backtest.load_snapshots_from_csv(data_file)) == 2
    assert backtest.load_snapshots_from_csv(str(tmp_path / "none.csv")) == []
    assert backtest.load_snapshots_from_csv(tmp_path) == []


def test_a_missing_flag_is_exit_2(capsys):
    """
    All five numbers and the file are required here.
    """
    with pytest.raises(SystemExit) as caught:
        backtest.main(["--data-file", "d.csv"])

    assert caught.value.code == 2
    assert "--min-spread-bps" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["-m scripts.run_arbitrage_backtest", "by path"])
def test_the_script_runs_by_each_of_its_names(data_file, name):
    """
    From the checkout as a module, from elsewhere by its path.
    """
    script = [str(ROOT / "scripts" / "run_arbitrage_backtest.py")]
    command, folder = (name.split(), ROOT) if name.startswith("-m") else (script, "/")

    done = subprocess.run(
        [sys.executable, "-S", *command, "--data-file", str(data_file), *FLAGS],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, BLOCK)
