"""The example: data that the simulator makes, a spec, and a plan with its optimum inside."""

import gzip
import json
from pathlib import Path

import yaml

from kubectl_tune import workload
from kubectl_tune.workloads import arbitrage
from kubectl_tune.workloads.arbitrage import settings, simulate
from kubectl_tune.workloads.arbitrage.arbitrage_tuning import ArbitrageTuningRunner

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "arbitrage"


def plan():
    return [json.loads(line) for line in (FOLDER / "plan.jsonl").read_text().splitlines()]


def test_the_data_are_what_the_simulator_makes(capsys):
    """
    Twelve thousand rows of seed 7, small enough to travel.
    """
    simulate.main(["--rows", "12000", "--seed", "7"])

    packed = (FOLDER / "quotes.csv.gz").read_bytes()
    assert gzip.decompress(packed).decode() == capsys.readouterr().out
    assert len(packed) < 150_000


def test_the_best_trial_of_the_plan_lies_inside_its_grid(monkeypatch):
    """
    Neither the smallest nor the largest threshold wins, however many trades may be open.
    """
    monkeypatch.chdir(ROOT)
    configs = [line["config"] for line in plan()]
    assert 12 <= len(configs) <= 60

    pnl = {}
    for config in configs:
        runner = ArbitrageTuningRunner(settings.tuning_config(config, {}))
        place = (config["max_open_trades"], config["min_spread_bps"])
        pnl[place] = runner.run().realized_pnl_usd

    for limit in {limit for limit, _ in pnl}:
        curve = {spread: usd for (trades, spread), usd in pnl.items() if trades == limit}
        assert min(curve) < max(curve, key=curve.__getitem__) < max(curve)


def test_spec_and_plan_belong_together():
    """
    As many lines as the grids have combinations, over the data file of the spec.
    """
    spec = yaml.safe_load((FOLDER / "spec.yaml").read_text())
    lines = plan()

    first, second = (grid["values"] for grid in spec["grids"])
    assert len(lines) == len(first) * len(second)
    assert {line["config"]["data_file"] for line in lines} == {spec["data_file"]}
    assert [line["job_id"] for line in lines] == [
        f"arbitrage_{number:04d}" for number in range(1, len(lines) + 1)
    ]


def test_the_product_describes_the_workload_as_it_is():
    """
    Keys, metric and caveat of the description are those of the workload itself.
    """
    described = workload.ARBITRAGE

    assert described.caveat.startswith(arbitrage.CAVEAT)
    assert set(described.known_keys) - {"repeat"} == set(settings.CONVERT)
    assert described.required_keys == settings.REQUIRED
