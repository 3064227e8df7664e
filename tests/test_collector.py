"""`collect`: a session as files, whatever its trials are called."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.filenames import file_names
from kubectl_tune.names import slugs
from kubectl_tune.trial import TrialSpec

ROOT = Path(__file__).resolve().parent.parent

# Prints its name and fails where its config says so; what it leaves is the config's `result`.
PROGRAM = """\
import json, os, sys
config = json.load(open(os.environ["TUNE_CONFIG_FILE"]))
print("trial", config.get("says", ""), end=config.get("end", "\\n"))
if "result" in config:
    open(os.environ["TUNE_RESULT_FILE"], "w").write(config["result"])
sys.exit(0 if os.path.exists("mended") else config.get("code", 0))
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECTL_TUNE_STATE", str(tmp_path / "state" / "state.db"))
    Path("program.py").write_text(PROGRAM)
    return tmp_path


@pytest.fixture
def run(say) -> Callable[..., None]:
    def run(*lines: dict[str, Any], name: str = "demo", flags: tuple[str, ...] = ()) -> None:
        Path("plan.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        flags = ("--engine=local", f"--name={name}", "--metric=loss", "-q", *flags)
        code, _, err = say("run", "plan.jsonl", *flags, "--", sys.executable, "program.py")
        assert code in (0, 1), err

    return run


def line(job_id: str, loss: float | None = None, **config: Any) -> dict[str, Any]:
    if loss is not None:
        config["result"] = f'{{"loss":   {loss}}}'
    return {"job_id": job_id, "config": config, "output_json": f"out/{loss}.json"}


def files(folder: str) -> set[str]:
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}


OURS = {"summary.csv", "plan.jsonl", "session.json", ".kubectl-tune.json"}


class TestCollect:
    def test_everything_of_a_session_is_there(self, run, say):
        """
        Results to the byte, logs as printed, every trial in the summary, the plan, the state.
        """
        run(line("a_1", 0.5, lr=2, says="one"), line("b", 0.25, end="", says="two"),
            line("c", code=3, end=""))  # fmt: skip

        code, out, err = say("collect", "--to", "all")

        assert (code, err) == (0, "")
        assert out == "session/demo collected in all: 2 results, 3 logs\n"
        assert files("all") == OURS | {
            "results/a_1.json", "results/b.json", "logs/a_1.log", "logs/b.log", "logs/c.log",
        }  # fmt: skip
        assert Path("all/results/a_1.json").read_text() == '{"loss":   0.5}'
        assert Path("all/logs/a_1.log").read_bytes() == b"trial one\n"
        assert Path("all/logs/b.log").read_bytes() == b"trial two"
        rows = list(csv.DictReader(io.StringIO(Path("all/summary.csv").read_text())))
        assert [(row["rank"], row["job_id"], row["state"], row["class"], row["exit_code"],
                 row["metrics.loss"], row["config.lr"]) for row in rows] == [
            ("1", "b", "Succeeded", "", "0", "0.25", ""),
            ("2", "a_1", "Succeeded", "", "0", "0.5", "2"),
            ("", "c", "Failed", "exit", "3", "", ""),
        ]  # fmt: skip
        assert all(row["attempt"] == "1" and float(row["seconds"]) >= 0 for row in rows)
        written = Path("plan.jsonl").read_text().splitlines()
        assert [json.loads(text) for text in Path("all/plan.jsonl").read_text().splitlines()] == [
            json.loads(text) for text in written
        ]
        session = json.loads(Path("all/session.json").read_text())
        assert (session["kind"], session["counts"]["Succeeded"]) == ("Session", 2)

    def test_the_aggregator_reads_the_results(self, run, say):
        """
        What is collected is a folder of results to the script and to `results --dir`.
        """
        run(line("a", 0.5), line("b", 0.25), line("c", 9, code=3))
        assert say("collect", "--to", "all")[0] == 0

        done = subprocess.run(
            [sys.executable, ROOT / "scripts" / "aggregate_tuning_results.py",
             "--results-dir", "all/results"],
            capture_output=True, text=True,
        )  # fmt: skip

        assert done.returncode == 0, done.stderr
        assert "Total Jobs:           2\n" in done.stdout
        assert say("results", "--dir", "all/results", "--metric", "loss", "-o", "jsonl")[0] == 0

    def test_what_a_failed_trial_left_is_no_result(self, run, say):
        """
        It looks like a result, and must not be ranked among them.
        """
        run(line("a", 0.5, code=3))

        _, out, _ = say("collect", "--to", "all")

        assert out == "session/demo collected in all: 0 results, 1 of failed trials, 1 logs\n"
        assert files("all") == OURS | {"failed/a.json", "logs/a.log"}

    def test_a_log_has_all_attempts(self, run, say):
        """
        One after the other, each under its number.
        """
        run(line("a", code=3, end=""), flags=("--retries=1",))

        assert say("collect", "--to", "all")[0] == 0

        assert Path("all/logs/a.log").read_text() == (
            "=== attempt 1 ===\ntrial \n=== attempt 2 ===\ntrial \n"
        )

    def test_collecting_again_brings_the_folder_up_to_date(self, run, say):
        """
        Files of a trial that has become another one don't stay; the user's own do.
        """
        run(line("a", 0.5, code=3), line("b", 0.25))
        assert say("collect", "--to", "all")[0] == 0
        Path("all/notes.md").write_text("mine")
        Path("mended").touch()
        assert say("retry", "-q")[0] == 0

        assert say("collect", "--to", "all")[0] == 0

        assert files("all") == OURS | {
            "notes.md", "results/a.json", "results/b.json", "logs/a.log", "logs/b.log",
        }  # fmt: skip

    def test_a_collection_cut_short_can_be_made_again(self, run, say):
        """
        A log that can't be read ends the first one; what it had written is known to the second.
        """
        run(line("a", 0.5, code=3))
        (log,) = Path("state/sessions/demo").glob("a.1.log")
        log.rename("a.1.log")
        log.mkdir()
        code, _, err = say("collect", "--to", "all")
        assert (code, err[:18]) == (2, "error: can't read ")
        assert files("all") == {".kubectl-tune.json", "failed/a.json"}
        log.rmdir()
        Path("mended").touch()
        assert say("retry", "-q")[0] == 0

        assert say("collect", "--to", "all")[0] == 0

        assert files("all") == OURS | {"results/a.json", "logs/a.log"}

    def test_a_folder_of_others_is_left_alone(self, run, say):
        """
        Without `--force` nothing is written where something else lies, or another session.
        """
        run(line("a", 0.5))
        Path("theirs").mkdir()
        Path("theirs/x").write_text("x")

        code, out, err = say("collect", "--to", "theirs")
        assert (code, out) == (2, "")
        assert err.startswith("error: theirs is not empty\nhint: ")
        assert files("theirs") == {"x"}

        assert say("collect", "--to", "theirs", "--force")[0] == 0
        assert {"x", "results/a.json"} <= files("theirs")
        run(line("z", 0.5), name="other")
        assert "holds what was collected of session demo" in say("collect", "--to", "theirs")[2]
        assert say("collect", "--to", "theirs", "--force")[0] == 0
        assert files("theirs") == OURS | {"x", "results/z.json", "logs/z.log"}

    @pytest.mark.parametrize(
        ("to", "said"),
        [("plan.jsonl", "plan.jsonl is not a folder"), ("/proc/none", "can't write /proc/none/")],
    )
    def test_where_nothing_can_be_written_is_a_sentence(self, to, said, run, say):
        """
        Exit 2 names the path; nothing is said to be collected.
        """
        run(line("a", 0.5))

        code, out, err = say("collect", "--to", to)

        assert (code, out) == (2, "")
        assert err.startswith(f"error: {said}")

    def test_links_and_marks_lead_nowhere(self, run, say, here):
        """
        Whoever prepared the folder, no file outside of it is written or removed.
        """
        run(line("a", 0.5))
        outside = here / "outside"
        outside.mkdir()
        (outside / "kept").write_text("kept")
        Path("trap/results").mkdir(parents=True)
        os.symlink(outside / "kept", "trap/results/a.json")
        mark = {"session": "x", "uid": "y", "files": ["../outside/kept", "/etc/hostname", 3, ""]}
        Path("trap/.kubectl-tune.json").write_text(json.dumps(mark))

        assert say("collect", "--to", "trap", "--force")[0] == 0
        assert (outside / "kept").read_text() == "kept"
        assert Path("trap/results/a.json").read_text() == '{"loss":   0.5}'

        Path("linked").mkdir()
        os.symlink(outside, "linked/logs")
        assert "linked/logs is a link" in say("collect", "--to", "linked", "--force")[2]
        assert os.listdir(outside) == ["kept"]

    def test_hostile_names_stay_inside_and_apart(self, run, say):
        """
        Each trial has a file of its own, in its folder, also where case doesn't count.
        """
        ids = [
            "../../etc/x",
            "a/b",
            "a b",
            "a-b",
            "A-B",
            "..",
            ".hidden",
            "-",
            "x" * 120,
            "con\u00e9",
        ]
        run(*(line(id, number, says=number) for number, id in enumerate(ids)))

        code, out, _ = say("collect", "--to", "all")

        assert code == 0
        assert out.endswith(f": {len(ids)} results, {len(ids)} logs\n")
        for kind, read in (("results", lambda path: json.loads(path.read_text())["loss"]),
                           ("logs", lambda path: int(path.read_text().split()[1]))):  # fmt: skip
            found = list(Path("all", kind).iterdir())
            assert sorted(map(read, found)) == list(range(len(ids)))
            assert len({path.name.lower() for path in found}) == len(ids)
            assert not any(path.name.startswith(".") for path in found)

    def test_a_session_that_runs_is_collected_as_far_as_it_is(self, say):
        """
        One trial has ended and one waits for this test: the folder has the one.
        """
        waiting = "while ! test -e go; do sleep 0.02; done"
        command = ["sh", "-c", f'[ "$1" = a ] || {waiting}; echo \'{{"loss": 1}}\'',
                   "sh", "{job_id}"]  # fmt: skip
        Path("plan.jsonl").write_text(
            "".join(json.dumps({"job_id": id, "config": {}, "command": command}) + "\n"
                    for id in "ab")
        )  # fmt: skip
        driver = subprocess.Popen(
            [sys.executable, "-m", "kubectl_tune", "run", "plan.jsonl", "--engine=local",
             "--metric=loss", "--name=live", "-j", "1"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            while '"a"' not in say("results", "live", "-o", "json")[1]:
                assert driver.poll() is None, "it ended before it had run anything"
            assert say("collect", "--to", "all")[0] == 0
            assert say("best", "-o", "name")[1] == "live/a\n"
            assert json.loads(say("results", "-o", "json", "--all")[1])[1]["rank"] is None
        finally:
            Path("go").touch()
            code = driver.wait(timeout=60)
        assert code == 0
        assert "results/a.json" in files("all")
        assert "results/b.json" not in files("all")
        assert json.loads(Path("all/session.json").read_text())["state"] == "Running"


class TestRestore:
    def test_lost_and_changed_result_files_are_written_again(self, run, say):
        """
        To the byte as the trial wrote them; those that are right are left alone.
        """
        run(line("a", 1), line("b", 2), line("c", 3))
        Path("out/1.json").unlink()
        Path("out/2.json").write_text("{")

        assert say("collect") == (
            0, "session/demo: 2 of 3 result files written again (1 missing, 1 changed)\n", "",
        )  # fmt: skip

        assert [Path(f"out/{n}.json").read_text() for n in (1, 2)] == [
            '{"loss":   1}', '{"loss":   2}',
        ]  # fmt: skip
        assert say("collect")[1] == "session/demo: 0 of 3 result files written again\n"

    def test_it_works_from_any_folder(self, run, say, monkeypatch, here):
        """
        Paths of a plan are those of where it was run.
        """
        run(line("a", 1))
        Path("out/1.json").unlink()
        Path("elsewhere").mkdir()
        monkeypatch.chdir("elsewhere")

        assert say("collect")[0] == 0

        assert (here / "out" / "1.json").exists()
        assert os.listdir() == []

    def test_without_result_files_the_folder_is_named(self, run, say):
        """
        A plan that names no files gets a hint to the command that makes a folder of them.
        """
        run({"job_id": "a", "config": {}})

        assert "collect demo --to FOLDER" in say("collect")[1]


IDS = st.lists(st.text(min_size=1) | st.text("aAbB.-_/", min_size=1), unique=True, max_size=30)


@given(IDS)
def test_file_names_are_apart_and_safe(ids):
    """
    For any job_ids: no two names meet, and each is a plain name of moderate length.
    """
    specs = [TrialSpec(id, n, {}, slug=slug) for n, (id, slug) in
             enumerate(zip(ids, slugs(ids), strict=True))]  # fmt: skip

    names = file_names(specs)

    assert names.keys() == set(ids)
    assert len({name.lower() for name in names.values()}) == len(ids)
    for name in names.values():
        assert name.isascii() and not set(name) & set("/\\ \0") and not name.startswith((".", "-"))
        assert 0 < len(name) <= 100
