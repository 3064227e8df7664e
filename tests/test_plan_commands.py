"""`validate` and `plan` as users run them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kubectl_tune.cli import main
from kubectl_tune.problem import Problem, Severity
from kubectl_tune.validation import Validation, as_text

COMMAND = ["--", "python", "train.py", "--lr", "{lr}"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str, name: str = "plan.jsonl") -> str:
    Path(name).write_text(text)
    return name


def line(job_id: str = "a", **more: object) -> str:
    return json.dumps({"job_id": job_id, "config": {"lr": 0.1}, **more}) + "\n"


def at(number: int, text: str, word: str) -> str:
    """Say where a quoted word stands, as problems do."""
    return f"line {number}, column {text.index(json.dumps(word)) + 1}"


class TestValidate:
    def test_a_sound_plan_is_ok(self, capsys):
        """
        One line says how many trials there are; the exit code is 0.
        """
        plan = write(line("a") + "\n" + line("b"))

        assert main(["validate", plan, *COMMAND]) == 0

        assert capsys.readouterr() == ("plan.jsonl: 2 trials, ok\n", "")

    def test_every_problem_is_listed_with_its_place(self, capsys):
        """
        All lines are read to the end, and each problem says line and column.
        """
        plan = write(
            line("a", output_json="x.json")
            + '{"job_id": "b" "config": {}}\n'
            + '{"config": {"lr": 1}}\n'
            + line("a", output_json="../x.json")
            + "[1]\n"
            + line("d", output_json="x.json")
            + line("e", comand=["true"])
        )

        assert main(["validate", plan, *COMMAND]) == 2

        out, err = capsys.readouterr()
        places = [text.split(": error: ")[0] for text in out.splitlines()[:-1]]
        assert err == ""
        assert places == [
            "line 2, column 16",
            "line 3, column 1",
            "line 4, column 12",
            at(4, line("a", output_json="../x.json"), "../x.json"),
            "line 5, column 1",
            at(6, line("d", output_json="x.json"), "x.json"),
            at(7, line("e", comand=["true"]), "comand"),
        ]
        assert out.endswith("\nplan.jsonl: 7 problems\n")
        assert "(did you mean command?)" in out

    def test_warnings_alone_leave_a_plan_valid(self, capsys):
        plan = write(line("a_1") + line("a.1"))

        assert main(["validate", plan, *COMMAND]) == 0

        out = capsys.readouterr().out.splitlines()
        assert out[0].startswith("line 2, column 12: warning: ")
        assert out[1:] == ["plan.jsonl: 2 trials, ok, 1 warning"]

    def test_json_is_a_promise(self, capsys):
        """
        The keys, also those of a problem, and null where there is no place or no hint.
        """
        plan = write(line("a") + "null\n")

        assert main(["validate", plan, "-o", "json", "--", "sh", "-c", "echo {lr}"]) == 2

        text = capsys.readouterr().out
        found = json.loads(text)
        assert text.startswith('{\n    "kind": "Validation",\n    "plan": "plan.jsonl"')
        assert list(found) == ["kind", "plan", "trials", "valid", "problems"]
        assert (found["trials"], found["valid"]) == (1, False)
        shell, other = found["problems"]
        assert list(shell) == ["line", "column", "severity", "message", "hint"]
        assert (shell["line"], shell["column"], shell["severity"]) == (None, None, "warning")
        assert (other["line"], other["severity"], other["hint"]) == (2, "error", None)

    def test_a_missing_data_file_is_an_error(self, capsys):
        """
        The built-in workload reads it here, or it travels from here; wherever trials run.
        """
        config = dict.fromkeys(
            ("min_spread_bps", "taker_fee_a_bps", "taker_fee_b_bps", "slippage_bps"), 1
        )
        config |= {"data_file": "nope.csv", "max_position_usd": 1}
        plan = write(line("a", config=config))

        for engine in ([], ["--engine=local"], ["--engine", "jobs"]):
            assert main(["validate", plan, *engine]) == 2
            assert 'data_file "nope.csv" does not exist' in capsys.readouterr().out

        write("", "nope.csv")
        assert main(["validate", plan]) == 0

    def test_standard_input_is_read(self, capsys, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line().encode())))

        assert main(["validate", "-", *COMMAND]) == 0

        assert capsys.readouterr().out == "standard input: 1 trial, ok\n"

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["nope.jsonl"], "error: nope.jsonl: no such file\n"),
            (["."], "error: can't read .: Is a directory\n"),
            ([], "error: required argument PLAN not given\n"),
            (["plan.jsonl", "python"], "error: unexpected argument python\n"),
            (["plan.jsonl", "--engine", "slurm"], 'error: invalid argument for "--engine" flag'),
        ],
    )
    def test_what_can_not_be_checked_is_a_sentence(self, args, said, capsys):
        write(line())

        assert main(["validate", *args]) == 2

        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(said)

    @pytest.mark.parametrize(
        "content",
        [b"", b"\xff\xfe{\x00}\x00\n\x00", b"\x1f\x8b\x08", b"\xff\n", b"null\n", b"a: 1\nb: 2\n"],
        ids=repr,
    )
    def test_what_is_no_plan_has_no_trials(self, content, capsys):
        Path("plan.jsonl").write_bytes(content)

        assert main(["validate", "plan.jsonl", "-o", "json", *COMMAND]) == 2

        found = json.loads(capsys.readouterr().out)
        assert (found["trials"], found["valid"]) == (0, False)
        assert found["problems"]

    def test_nothing_of_a_plan_drives_the_terminal(self, capsys):
        plan = write(
            '{"job_id": "\\u001b[2J", "config": {"\\u202e": 1}, "\x1b[31m": 1}\n{"\x9b":1}\n'
        )

        assert main(["validate", plan, *COMMAND]) == 2

        out = capsys.readouterr().out
        assert all(char.isprintable() for char in out.replace("\n", ""))

    def test_many_problems_leave_the_errors_in_sight(self):
        """
        Where the list is cut, it says how much is missing, and no warning hides an error.
        """
        warnings = [Problem(n, 1, "odd", severity=Severity.WARNING) for n in range(1, 8)]
        checked = Validation("p", 9, (*warnings, Problem(9, 1, "wrong")))

        assert as_text(checked, limit=3) == (
            "line 9, column 1: error: wrong\n"
            "line 1, column 1: warning: odd\n"
            "line 2, column 1: warning: odd\n"
            "... and 5 more (--all-problems shows them)\n"
            "p: 1 problem, 7 warnings\n"
        )

    def test_off_a_terminal_nothing_is_cut(self, capsys):
        plan = write("{\n" * 150)

        assert main(["validate", plan, *COMMAND]) == 2

        assert len(capsys.readouterr().out.splitlines()) == 151

    def test_a_long_plan_takes_little_memory(self, here):
        """
        A plan is read line by line: ten times the lines, and the process stays as it was.
        """
        probe = (
            "import resource, sys; from kubectl_tune.cli import main; code = main(sys.argv[1:]);"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
        )
        peaks = []
        for count in (2_000, 20_000):
            Path("plan.jsonl").write_text(
                "".join(line(f"t{n}", output_json=f"out/{n}.json") for n in range(count))
            )
            done = subprocess.run(
                [sys.executable, "-c", probe, "validate", "plan.jsonl", *COMMAND],
                capture_output=True, text=True, env=dict(os.environ),
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            peaks.append(int(done.stdout.split()[-1]))

        assert peaks[1] < peaks[0] * 1.5


SPEC = """\
data_file: d.csv
fixed: {taker_fee_a_bps: 5, max_position_usd: 1000}
grids:
  - {name: min_spread_bps, values: [20, 30]}
  - {name: slippage_bps, values: [3, 5.5]}
tag_prefix: sess001
"""
FIRST = (
    '{"job_id": "sess001_0001", "config": {"data_file": "d.csv", "initial_balance_usd": 10000.0,'
    ' "max_open_trades": 1, "taker_fee_a_bps": 5, "max_position_usd": 1000, "min_spread_bps": 20,'
    ' "slippage_bps": 3, "tag": "sess001"},'
    ' "output_json": "outputs/tuning/sess001/sess001_0001.json"}'
)


class TestPlan:
    def test_a_plan_goes_to_standard_output(self, capsys):
        """
        Only the plan, a trial a line, to the letter of the format.
        """
        spec = write(SPEC, "spec.yaml")

        assert main(["plan", spec]) == 0

        out, err = capsys.readouterr()
        assert out.splitlines()[0] == FIRST
        assert len(out.splitlines()) == 4
        assert err == ""

    def test_a_file_holds_the_same_bytes(self, capsys):
        """
        `--to` makes folders, replaces what was there, and says how many trials it wrote.
        """
        spec = write(SPEC, "spec.yaml")
        assert main(["plan", spec]) == 0
        expected = capsys.readouterr().out

        for _ in range(2):
            assert main(["plan", spec, "--to", "plans/plan.jsonl"]) == 0
            assert capsys.readouterr() == ("", "4 trials written to plans/plan.jsonl\n")
            assert Path("plans/plan.jsonl").read_text() == expected
        assert os.listdir("plans") == ["plan.jsonl"]

    def test_a_wrong_spec_writes_nothing(self, capsys):
        """
        Every problem is said at once, and the old plan stays.
        """
        old = write("old", "plan.jsonl")
        spec = write("data_file: 3\nmax_jobs: -1\ngrdis: []\n", "spec.yaml")

        assert main(["plan", spec, "--to", old]) == 2

        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: spec.yaml: 3 problems\n")
        assert "did you mean grids?" in err
        assert Path(old).read_text() == "old"

    def test_warnings_leave_standard_output_clean(self, capsys):
        spec = write(SPEC + "colour: red\n", "spec.yaml")

        assert main(["plan", spec]) == 0

        out, err = capsys.readouterr()
        assert [json.loads(text)["job_id"] for text in out.splitlines()][-1] == "sess001_0004"
        assert err.startswith(
            'warning: spec.yaml: line 7, column 1: unknown key "colour" is ignored'
        )

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["nope.yaml"], "error: nope.yaml: no such file\n"),
            (["plan.jsonl"], "error: plan.jsonl: not a spec\n"),
            (["spec.yaml", "--to", "./spec.yaml"], "error: --to ./spec.yaml is the spec\n"),
            (["spec.yaml", "--to", "."], "error: can't write .: Is a directory\n"),
        ],
    )
    def test_what_can_not_be_made_is_a_sentence(self, args, said, capsys):
        write(SPEC, "spec.yaml")
        write(line())

        assert main(["plan", *args]) == 2

        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(said)
        assert Path("spec.yaml").read_text() == SPEC
