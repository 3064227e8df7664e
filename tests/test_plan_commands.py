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
        """
        Exit 0, with each warning at its place and counted.
        """
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
        """
        `-` is no file; reports call it what it is.
        """
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
            (
                ["plan.jsonl", "--engine", "slurm"],
                'error: invalid argument "slurm" for "--engine" flag',
            ),
        ],
    )
    def test_what_can_not_be_checked_is_a_sentence(self, args, said, capsys):
        """
        Exit 2 and one error; stdout is for reports of plans.
        """
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
        """
        Bytes of anything else are problems with places, and never a traceback.
        """
        Path("plan.jsonl").write_bytes(content)

        assert main(["validate", "plan.jsonl", "-o", "json", *COMMAND]) == 2

        found = json.loads(capsys.readouterr().out)
        assert (found["trials"], found["valid"]) == (0, False)
        assert found["problems"]

    def test_nothing_of_a_plan_drives_the_terminal(self, capsys):
        """
        Names and keys, also those that only stand in messages, are printed as what they are.
        """
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
        """
        A pipe gets every problem, and a line that counts them.
        """
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

    @pytest.mark.parametrize("to", [[], ["--to", "plan.jsonl"]])
    def test_a_condition_that_drops_all_is_said(self, capsys, to):
        """
        An empty plan can't run, so it is told where it is made.
        """
        spec = write(SPEC + "where: min_spread_bps > 30\n", "spec.yaml")

        assert main(["plan", spec, *to]) == 0

        out, err = capsys.readouterr()
        assert out == ""
        assert "warning: spec.yaml: the plan is empty (does where drop all?)" in err

    def test_warnings_leave_standard_output_clean(self, capsys):
        """
        It is the plan, which the next program reads.
        """
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
        """
        Exit 2 and one error; no plan is begun, and the spec is not written over.
        """
        write(SPEC, "spec.yaml")
        write(line())

        assert main(["plan", *args]) == 2

        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(said)
        assert Path("spec.yaml").read_text() == SPEC

    @pytest.mark.parametrize(
        ("more", "limited"),
        [
            ("", False),
            ("where: a == 1\n", False),
            ("max_jobs: 20000\n", True),
            ("sample: 3\n", True),
            ("search: {max_trials: 10001}\n", True),
        ],
    )
    def test_a_large_product_needs_a_yes_or_a_limit(self, capsys, more, limited):
        """
        A range too fine costs nothing before somebody has meant it.
        """
        grids = "grids: {a: {min: 1, max: 101, step: 1}, b: {min: 1, max: 100, step: 1}}\n"
        write(f"command: [x]\n{grids}{more}", "spec.yaml")

        code = main(["plan", "spec.yaml", "--to", "plan.jsonl"])

        assert (code, Path("plan.jsonl").exists()) == ((0, True) if limited else (2, False))
        if not limited:
            err = capsys.readouterr().err
            assert err.startswith("error: spec.yaml comes to 10,100 trials\nhint: say --yes")
            assert main(["plan", "spec.yaml", "--to", "plan.jsonl", "--yes"]) == 0

    def test_a_product_of_ten_thousand_needs_none(self, capsys):
        """
        The line is above it; repeats and windows count.
        """
        grids = "grids: {a: {min: 1, max: 100, step: 1}, b: {min: 1, max: 100, step: 1}}\n"
        write(f"command: [x]\n{grids}", "spec.yaml")
        write(f"command: [x]\n{grids}repeat: 2\n", "twice.yaml")

        assert main(["plan", "spec.yaml", "--to", "plan.jsonl"]) == 0
        assert main(["plan", "twice.yaml"]) == 2

        assert "twice.yaml comes to 20,000 trials" in capsys.readouterr().err

    def test_a_long_plan_is_written_line_by_line(self):
        """
        Ten times the lines, and the process stays as it was.
        """
        probe = (
            "import resource, sys; from kubectl_tune.cli import main; code = main(sys.argv[1:]);"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
        )
        peaks = []
        for count in (3_000, 30_000):
            write(f"command: [x]\ngrids: {{a: {{min: 1, max: {count}, step: 1}}}}\n", "s.yaml")
            done = subprocess.run(
                [sys.executable, "-c", probe, "plan", "s.yaml", "--to", "p.jsonl", "--yes"],
                capture_output=True, text=True,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            peaks.append(int(done.stdout.split()[-1]))

        assert peaks[1] < peaks[0] * 1.3


class TestExplain:
    @pytest.fixture(autouse=True)
    def state(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KUBECTL_TUNE_STATE", str(here / "state.db"))

    def test_size_first_lines_and_estimate_are_shown(self, capsys):
        """
        And nothing is written.
        """
        write(SPEC + "where: slippage_bps < min_spread_bps / 5\nrepeat: 3\n", "spec.yaml")

        assert main(["plan", "spec.yaml", "--explain", "--trial-seconds", "90s"]) == 0

        out = capsys.readouterr().out.splitlines()
        assert "Combinations: 4, 3 of them chosen" in out
        assert "Trials:       9" in out
        # 9 trials of 90 s, four at once
        assert "Estimate:     3m22s, for 90s a trial (--trial-seconds), 4 at once" in out
        assert sum(line.startswith('  {"job_id": "sess001_000') for line in out) == 5
        assert os.listdir() == ["spec.yaml"]

    def test_json_is_a_promise(self, capsys):
        """
        The keys, and null for what can't be known.
        """
        write(
            "command: [x]\nsearch: {method: random, max_trials: 6, parallel: 3,"
            " parameters: {lr: {min: 0.1, max: 1.0, log: true}}}\n"
            "validate: {holdout: 2, rows: 10}\n",
            "spec.yaml",
        )

        assert main(["plan", "spec.yaml", "--explain", "-o", "json", "--trial-seconds=2"]) == 0

        found = json.loads(capsys.readouterr().out)
        assert list(found) == [
            "kind", "spec", "method", "combinations", "chosen", "repeat", "windows", "trials",
            "parallel", "estimate", "parameters", "first", "understood",
        ]  # fmt: skip
        assert (found["kind"], found["combinations"], found["chosen"]) == ("PlanPreview", None, 6)
        assert (found["trials"], found["parallel"], len(found["first"])) == (12, 3, 5)
        assert found["estimate"] == {
            "seconds": 8.0, "trial_seconds": 2.0, "source": "--trial-seconds",
        }  # fmt: skip
        assert found["windows"] == [
            {"row_start": 0, "row_stop": 8, "fold": 1, "part": "train", "rows": 8},
            {"row_start": 8, "row_stop": 10, "part": "holdout", "fold": None, "rows": 2},
        ]
        assert found["parameters"] == [
            {"name": "lr", "values": None, "min": 0.1, "max": 1.0, "step": None, "log": True,
             "count": None},
        ]  # fmt: skip

    def test_the_time_is_that_of_an_earlier_session(self, capsys):
        """
        The median of the newest session that is alike; without one, how to say it.
        """
        write("command: ['true']\ngrids: {lr: [1, 2, 3]}\n", "spec.yaml")
        assert main(["plan", "spec.yaml", "--explain"]) == 0
        assert "(--trial-seconds says how long a trial takes)" in capsys.readouterr().out

        result = 'echo {"runtime_seconds": {lr}}'
        write("".join(
            json.dumps({"job_id": f"t{n}", "config": {"lr": n}, "command": result.split(" ", 1)})
            + "\n" for n in (1, 40, 3)
        ), "spec.jsonl")  # fmt: skip
        assert main(["run", "spec.jsonl", "--engine", "local", "--name", "before"]) == 0
        capsys.readouterr()

        assert main(["plan", "spec.yaml", "--explain", "-o", "json"]) == 0

        assert json.loads(capsys.readouterr().out)["estimate"] == {
            "seconds": 2.25, "trial_seconds": 3.0, "source": "median of 3 in session before",
        }  # fmt: skip

    def test_a_session_of_the_same_command_is_alike(self, capsys):
        """
        Whatever its plan was called; one of another command is not.
        """
        write("".join(line(f"t{n}") for n in range(2)), "other.jsonl")
        command = ["echo", '{"runtime_seconds": 5}']
        assert main(["run", "other.jsonl", "--engine=local", "--name=o", "--", *command]) == 0
        write(json.dumps({"command": command, "grids": {"a": [1, 2, 3, 4]}}), "same.json")
        write(json.dumps({"command": ["echo"], "grids": {"a": [1]}}), "not.json")
        capsys.readouterr()

        for spec, seconds in (("same.json", 5.0), ("not.json", None)):
            assert main(["plan", spec, "--explain", "-o", "json"]) == 0
            assert json.loads(capsys.readouterr().out)["estimate"]["seconds"] == seconds

    def test_a_condition_that_drops_nearly_all_is_answered_at_once(self, capsys):
        """
        The first trials are looked for in a part of the product that takes no time.
        """
        grids = "".join(f"  {name}: {{min: 1, max: 1000, step: 1}}\n" for name in "abc")
        write(f"command: [x]\ngrids:\n{grids}where: a > 999\n", "rare.yaml")

        assert main(["plan", "rare.yaml", "--explain"]) == 0
        out = capsys.readouterr().out
        assert "Trials:       not counted" in out
        assert "First trials" not in out

    def test_a_product_too_large_to_count_is_said(self, capsys):
        """
        Nobody waits for ten to the twelfth combinations, with or without a condition.
        """
        grids = "".join(f"  {name}: {{min: 1, max: 1000, step: 1}}\n" for name in "abcd")
        write(f"command: [x]\ngrids:\n{grids}", "all.yaml")
        write(f"command: [x]\ngrids:\n{grids}where: a > 0\n", "some.yaml")

        assert main(["plan", "all.yaml", "--explain", "--trial-seconds=1"]) == 0
        assert "Trials:       1,000,000,000,000" in capsys.readouterr().out
        assert main(["plan", "some.yaml", "--explain", "--trial-seconds=1"]) == 0
        assert "Trials:       not counted" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["--explain", "--to", "p.jsonl"], "--explain writes nothing"),
            (["-o", "json"], "-o json belongs to --explain"),
            (["--explain", "-o", "yaml"], "unable to match a printer suitable for the output"),
        ],
    )
    def test_flags_that_do_not_fit_are_a_sentence(self, capsys, args, said):
        """
        A flag that would do nothing is refused, not ignored.
        """
        write(SPEC, "spec.yaml")

        assert main(["plan", "spec.yaml", *args]) == 2

        assert said in capsys.readouterr().err

    @pytest.mark.parametrize(
        "spec",
        [
            SPEC,
            "command: [x]\ngrids: {a: {min: 0.1, max: 0.5, step: 0.1}, b: [x, null, true]}\n",
            "command: [x]\ngrids: {a: [1, 2, 3]}\nsample: 2\nseed: 9\nwhere: a > 0\n",
            (
                "command: [x]\nsearch: {method: lhs, max_trials: 5, seed: 3, parameters: "
                "{a: {min: 1.0, max: 9.0}, b: {min: 1, max: 99, log: true}}}\nrepeat: 2\n"
            ),
            (
                "command: [x]\ntimeout: 5m\ngrids: {a: [1]}\n"
                "validate: {walk_forward: {train: 0.5, test: 0.2}, rows: 10}\nmax_jobs: 3\n"
            ),
        ],
        ids=["seed", "grid", "sample", "lhs", "windows"],
    )
    def test_what_it_was_understood_as_makes_the_same_plan(self, capsys, spec):
        """
        The spec that is shown is one, and the same.
        """
        write(spec, "spec.yaml")
        assert main(["plan", "spec.yaml"]) == 0
        expected = capsys.readouterr().out

        assert main(["plan", "spec.yaml", "--explain"]) == 0
        shown = capsys.readouterr().out.partition("Understood as:\n")[2]
        write("\n".join(line[2:] for line in shown.splitlines()), "again.yaml")

        assert main(["plan", "again.yaml"]) == 0
        assert capsys.readouterr().out == expected
