"""run and submit: what trials are given, how sessions end, and what is refused before."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from core.waiting import gone, until
from desk import LOCAL, PASSES_UNLESS_2, SCORE, Desk, Done

from kubectl_tune.cli import help as help_text

UNTIL_GO = 'echo $$ >>begun; while ! test -e go; do sleep 0.02; done; echo "$1" >>ended'
WAITING = ("sh", "-c", UNTIL_GO, "sh", "{x}")
HEADER = "timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b\n"
COSTS = ("min_spread_bps", "taker_fee_a_bps", "taker_fee_b_bps", "slippage_bps")
QUOTES = {"data_file": "quotes.csv", **dict.fromkeys(COSTS, 1), "max_position_usd": 1000}


# What a trial is given


def test_every_line_runs_and_every_result_lands_where_the_line_says(desk: Desk):
    """
    Exit code 0, results below the folder of the call, in folders that are made for them.
    """
    plan = desk.plan(
        {"job_id": "a", "config": {"x": 1}, "output_json": "out/deep/a.json"},
        {"job_id": "b", "config": {"x": 2}, "output_json": "out/b.json"},
    )

    done = desk.run(plan, "--", *SCORE)

    assert done.code == 0
    assert desk.json("out/deep/a.json") == {"score": 1}
    assert desk.json("out/b.json") == {"score": 2}
    assert desk.states() == {"a": "Succeeded", "b": "Succeeded"}


def test_a_trial_finds_its_names_and_files_in_its_environment(desk: Desk):
    """
    The documented variables, with the line's own in between.
    """
    plan = desk.plan(
        {"job_id": "first", "config": {}},
        {
            "job_id": "second",
            "config": {"x": [1]},
            "env": {"COLOUR": "red", "PYTHONUNBUFFERED": ""},
        },
    )
    script = (
        'env >"env.$TUNE_TRIAL_ID"; cp "$TUNE_CONFIG_FILE" config; echo {} >"$TUNE_RESULT_FILE"'
    )

    assert desk.run(plan, "-j1", "--", "sh", "-c", script).code == 0

    given = dict(line.partition("=")[::2] for line in desk.lines("env.second"))
    expected = {
        "JOB_ID": "second", "COLOUR": "red", "PYTHONUNBUFFERED": "", "TUNE_SESSION": "s",
        "TUNE_TRIAL_ID": "second", "TUNE_INDEX": "1", "TUNE_ATTEMPT": "1", "TUNE_NUM_TRIALS": "2",
    }  # fmt: skip
    assert expected.items() <= given.items()
    assert desk.json("config") == {"x": [1]}
    assert "PYTHONUNBUFFERED=1" in desk.lines("env.first")


def test_placeholders_are_replaced_and_other_braces_stay(desk: Desk):
    """
    Names of the trial, keys of its config, wherever they stand in an argument; never shell text.
    """
    odd = 'it\'s "odd" {job_id} $HOME\n🦉; rm -rf {x}'
    plan = desk.plan({"job_id": "a b", "config": {"x": 0.1, "odd": odd, "flag": True, "no": None}})
    words = ["{job_id}:{index}:{attempt}", "--x={x}", "{odd}", "{flag}{no}", "{other} ${x} {}"]
    script = "import json, sys; json.dump(sys.argv[1:], open('argv', 'w'))"

    assert desk.run(plan, "--", "python", "-c", script, *words).code == 0

    assert desk.json("argv") == ["a b:0:1", "--x=0.1", odd, "truenull", "{other} ${x} {}"]


def test_the_files_of_an_attempt_are_its_own_and_hold_the_whole_config(desk: Desk):
    """
    Also one of 200 KiB, with every character that JSON can have.
    """
    config = {"text": "\u0001\n\"'\\🦉é" * 25000, "n": 1e300, "deep": [{"a": [None]}]}
    plan = desk.plan({"job_id": "a", "config": config, "output_json": "a.json"})
    script = (
        "import shutil, sys; shutil.copy(sys.argv[1], 'seen'); open(sys.argv[2], 'w').write('{}')"
    )

    assert desk.run(plan, "--", "python", "-c", script, "{config}", "{output_json}").code == 0

    assert desk.json("seen") == config


def test_python_is_this_interpreter(desk: Desk):
    """
    Whatever `python` is in PATH, or if there is none.
    """
    plan = desk.plan({"job_id": "a", "config": {}, "output_json": "a.json"})
    script = "import json, sys; print(json.dumps({'python': sys.executable}))"

    assert desk.run(plan, "--", "python", "-c", script).code == 0

    assert desk.json("a.json") == {"python": sys.executable}


def test_a_line_has_its_own_command_environment_and_time_out(desk: Desk):
    """
    What the line says wins over what the session says.
    """
    plan = desk.plan(
        {"job_id": "own", "config": {}, "command": ["sh", "-c", 'echo "$WHO" >own'],
         "env": {"WHO": "me"}},
        {"job_id": "slow", "config": {}, "timeout": "200ms", "command": ["sleep", "60"]},
        {"job_id": "shared", "config": {}},
    )  # fmt: skip

    done = desk.run(plan, "--timeout", "1h", "--", "sh", "-c", "echo shared >shared")

    assert done.code == 1
    assert desk.states() == {"own": "Succeeded", "slow": "TimedOut", "shared": "Succeeded"}
    assert desk.lines("own") == ["me"]
    assert desk.lines("shared") == ["shared"]
    assert desk.trials()["slow"]["class"] == "timeout"


def test_words_behind_the_dashes_belong_to_the_command(desk: Desk):
    """
    Also those that look like our flags, and a second `--`.
    """
    plan = desk.plan({"job_id": "a", "config": {}})

    done = desk.run(plan, "--", "sh", "-c", 'printf "%s\n" "$@" >seen', "sh", "--", "--name", "-j")

    assert done.code == 0
    assert desk.lines("seen") == ["--", "--name", "-j"]


def test_the_built_in_workload_runs_where_no_command_is_given(desk: Desk):
    """
    Its metric ranks, its caveat is said, and a trial of it without a result has failed.
    """
    (desk.folder / "quotes.csv").write_text(
        HEADER + "1,100,100.1,101,101.1\n2,100,100.1,100,100.1\n"
    )
    plan = desk.plan({"job_id": "a", "config": QUOTES, "output_json": "a.json"})

    done = desk.run(plan)

    assert done.code == 0
    assert desk.json("a.json")["status"] == "success"
    assert "best: a  realized_pnl_usd=" in done.out
    assert "note: this engine flatters" in done.out


def test_the_workloads_own_trials_need_a_result_and_others_do_not(desk: Desk):
    """
    In one plan a line may have a command of its own, of which nothing is known.
    """
    (desk.folder / "quotes.csv").write_text("")
    plan = desk.plan(
        {"job_id": "built-in", "config": QUOTES},
        {"job_id": "own", "config": QUOTES, "command": ["true"]},
    )

    desk.run(plan)

    assert desk.states() == {"built-in": "Failed", "own": "Succeeded"}


def test_paths_count_from_where_run_was_started(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """
    The plan may lie elsewhere; trials run where run was started, and resume goes back there.
    """
    desk.plan({"job_id": "a", "config": {"x": 1}, "output_json": "a.json"})
    (desk.folder / "sub").mkdir()
    monkeypatch.chdir(desk.folder / "sub")

    assert (
        desk.run("../plan.jsonl", "--", "sh", "-c", "pwd >pwd; echo {}; exit $(test -e go)").code
        == 0
    )
    monkeypatch.chdir("/")

    assert desk.lines("sub/pwd") == [str(desk.folder / "sub")]
    assert desk.json("sub/a.json") == {}


def test_a_plan_comes_from_standard_input(desk: Desk):
    """
    `-` reads it, and trials don't.
    """
    line = json.dumps({"job_id": "a", "config": {}}) + "\n"

    done = desk.alone("run", "-", *LOCAL, "--", "sh", "-c", "cat >seen", input=line)

    assert done.returncode == 0, done.stderr
    assert desk.names()[0].startswith("stdin-")
    assert desk.lines("seen") == []


# How many at once, how long, how often


def test_never_more_run_at_once_than_were_asked_for(desk: Desk):
    """
    Each trial counts those beside it.
    """
    plan = desk.numbered(8)
    script = "mkdir -p on; : >on/$1; ls on | wc -l >>seen; sleep 0.1; rm on/$1"

    assert desk.run(plan, "-j", "2", "--", "sh", "-c", script, "sh", "{x}").code == 0

    assert {int(count) for count in desk.lines("seen")} <= {1, 2}


def test_no_number_at_once_is_one_per_core(desk: Desk):
    """
    `-j 0`, in what is said at the beginning.
    """
    done = desk.run(desk.numbered(1), "-j0", "--", "true")

    assert done.code == 0
    assert f"1 trial on this machine, {os.cpu_count()} at once" in done.err


def test_a_trial_that_takes_too_long_is_ended_with_all_it_started(desk: Desk):
    """
    `--timeout` is each trial's own; its process group goes with it.
    """
    marker = f"TEST_MARK={desk.folder}"
    plan = desk.plan({"job_id": "a", "config": {}, "env": dict([marker.split("=")])})

    done = desk.run(plan, "--timeout", "0.3", "--", "sh", "-c", "sleep 61 & sleep 60")

    assert done.code == 1
    assert desk.states() == {"a": "TimedOut"}
    gone(marker)


def test_a_session_that_takes_too_long_is_ended(desk: Desk):
    """
    What runs is timed out, what waits is left, and resume goes on.
    """
    plan = desk.numbered(3)

    done = desk.run(
        plan, "-j1", "--session-timeout", "300ms", "--", "sh", "-c", "test -e go || sleep 60"
    )

    assert done.code == 1
    assert desk.session()["state"] == "TimedOut"
    assert desk.states() == {"t1": "TimedOut", "t2": "Pending", "t3": "Pending"}
    assert "kubectl tune resume s" in done.out


def test_a_failure_is_tried_again_as_often_as_was_asked_for(desk: Desk):
    """
    The last attempt counts, and the others stay on record.
    """
    plan = desk.numbered(2)
    script = 'echo $TUNE_ATTEMPT >>"$1"; test $TUNE_ATTEMPT = 3'

    assert desk.run(plan, "--retries", 2, "--", "sh", "-c", script, "sh", "{job_id}").code == 0

    assert desk.lines("t1") == desk.lines("t2") == ["1", "2", "3"]
    assert [trial["attempt"] for trial in desk.trials().values()] == [3, 3]
    assert desk.run(plan, "--retries", 1, "--", "false", name="again").code == 1


@pytest.mark.parametrize(
    ("halt", "succeed", "states", "state"),
    [
        ("soon,fail=1", [1], ["Succeeded", "Failed", "Pending", "Pending"], "Failed"),
        ("now,fail=2", [], ["Failed", "Failed", "Pending", "Pending"], "Failed"),
        ("now,fail=50%", [2], ["Failed", "Succeeded", "Failed", "Pending"], "Failed"),
        ("soon,success=1", [2], ["Failed", "Succeeded", "Pending", "Pending"], "Succeeded"),
        ("now,done=3", [1, 2, 3, 4], ["Succeeded"] * 3 + ["Pending"], "Failed"),
        ("never", [4], ["Failed"] * 3 + ["Succeeded"], "Failed"),
    ],
)
def test_a_session_is_given_up_as_the_policy_says(
    desk: Desk, halt: str, succeed: list[int], states: list[str], state: str
):
    """
    GNU parallel's words, one trial at a time.
    """
    plan = desk.numbered(4)
    script = 'case " $2 " in *" $1 "*) exit 0;; esac; exit 1'
    wanted = " ".join(map(str, succeed))

    done = desk.run(plan, "-j1", "--halt", halt, "--", "sh", "-c", script, "sh", "{x}", wanted)

    assert list(desk.states().values()) == states
    assert desk.session()["state"] == state
    assert done.code == (0 if state == "Succeeded" else 1)


def test_now_ends_what_runs_and_soon_waits_for_it(desk: Desk):
    """
    Two at once, of which one fails.
    """
    plan = desk.numbered(2)
    script = (
        "if test $1 = 1; then while ! test -e up; do sleep 0.01; done; exit 1; fi; : >up; sleep $0"
    )

    desk.run(plan, "--halt", "now,fail=1", "--", "sh", "-c", script, "60", "{x}")
    (desk.folder / "up").unlink()
    desk.run(plan, "--halt", "soon,fail=1", "--", "sh", "-c", script, "0.3", "{x}", name="soon")

    assert desk.states() == {"t1": "Failed", "t2": "Cancelled"}
    assert desk.states("soon") == {"t1": "Failed", "t2": "Succeeded"}


@pytest.mark.parametrize(
    ("only", "ran"),
    [
        (["2"], [2]),
        (["1,3"], [1, 3]),
        (["2-4"], [2, 3, 4]),
        (["1-5:2"], [1, 3, 5]),
        (["4-"], [4, 5]),
        (["last"], [5]),
        (["t2"], [2]),
        (["1", "last"], [1, 5]),
        (["all"], [1, 2, 3, 4, 5]),
    ],
)
def test_only_some_lines_run(desk: Desk, only: list[str], ran: list[int]):
    """
    By place or by job_id; a line keeps its index.
    """
    plan = desk.numbered(5)
    flags = [word for each in only for word in ("--only", each)]

    assert desk.run(plan, *flags, "-j1", "--", "sh", "-c", "echo $TUNE_INDEX >>seen").code == 0

    assert desk.lines("seen") == [str(x - 1) for x in ran]
    assert list(desk.states()) == [f"t{x}" for x in ran]


def test_shuffled_trials_all_run(desk: Desk):
    """
    In an order that is not the plan's: by chance it is, once in 20!.
    """
    plan = desk.numbered(20)

    assert (
        desk.run(plan, "--shuf", "-j1", "--", "sh", "-c", "echo $1 >>seen", "sh", "{x}").code == 0
    )

    seen = [int(x) for x in desk.lines("seen")]
    assert sorted(seen) == list(range(1, 21))
    assert seen != sorted(seen)


def test_a_result_can_be_asked_for(desk: Desk):
    """
    Exit code 0 is enough without it, and not with it.
    """
    plan = desk.numbered(1)

    assert desk.run(plan, "--", "true", name="without").code == 0
    assert desk.run(plan, "--require-result", "--", "true").code == 1
    assert desk.trials()["t1"]["class"] == "no-result"


def test_the_metric_and_its_direction_rank(desk: Desk):
    """
    As far as the name tells, the direction need not be given.
    """
    plan = desk.numbered(3)

    assert "best: t3  score=3" in desk.run(plan, "--metric", "score", "--", *SCORE).out
    low = desk.run(plan, "--metric", "score", "--direction", "min", "--", *SCORE, name="low")
    assert "best: t1  score=1" in low.out


# Reuse


def reusing(desk: Desk, plan: str, name: str, *command: str) -> tuple[int, list[str]]:
    """Run a plan with --reuse; return the exit code and the trials that really ran."""
    before = len(desk.lines("ran"))
    done = desk.run(plan, "--reuse", "--", *command, name=name)
    return done.code, sorted(desk.lines("ran")[before:])


COUNTED = ("sh", "-c", 'echo $1 >>ran; echo "{\\"score\\": $1}"', "sh", "{x}")


def test_equal_trials_of_earlier_sessions_are_taken_over_with_their_results(desk: Desk):
    """
    A session of nothing else needs no driver, and its files are written all the same.
    """
    plan = desk.numbered(2)
    assert reusing(desk, plan, "one", *COUNTED) == (0, ["1", "2"])
    line = {"job_id": "other", "config": {"x": 2}, "output_json": "new/other.json"}
    desk.plan(line, name="two.jsonl")

    assert reusing(desk, "two.jsonl", "two", *COUNTED) == (0, [])

    assert desk.json("new/other.json") == {"score": 2}
    assert desk.session("two")["state"] == "Succeeded"
    assert desk.session("two")["finished"] is not None


@pytest.mark.parametrize("change", ["config", "env", "command", "failed"])
def test_what_differs_runs(desk: Desk, change: str):
    """
    The config, the environment, the command; and only successes are taken over.
    """
    line = {"job_id": "a", "config": {"x": 1}}
    command = [*COUNTED[:2], f"{COUNTED[2]}; test {change} != failed", *COUNTED[3:]]
    reusing(desk, desk.plan(line), "one", *command)
    changed = {"config": {"config": {"x": 2}}, "env": {"env": {"A": "1"}}}.get(change, {})
    if change == "command":
        command[2] += " "

    _, ran = reusing(desk, desk.plan(line | changed), "two", *command)

    assert len(ran) == 1


def test_a_data_file_counts_by_its_contents(desk: Desk):
    """
    The built-in workload's quotes, changed under the same name.
    """
    quotes = desk.folder / "quotes.csv"
    quotes.write_text(HEADER + "1,100,100.1,101,101.1\n")
    plan = desk.plan({"job_id": "a", "config": QUOTES})

    assert desk.run(plan, name="one").code == 0
    assert "1 result taken over" in desk.run(plan, "--reuse", name="two").err
    quotes.write_text(quotes.read_text() + "2,100,100.1,100,100.1\n")
    assert "0 results taken over" in desk.run(plan, "--reuse", name="three").err


def test_a_success_without_a_result_is_not_taken_over_where_one_is_required(desk: Desk):
    """
    It would fail what has not been tried.
    """
    plan = desk.numbered(1)
    desk.run(plan, "--", "sh", "-c", "echo >>ran", name="one")

    done = desk.run(plan, "--reuse", "--require-result", "--", "sh", "-c", "echo >>ran", name="two")

    assert done.code == 1
    assert len(desk.lines("ran")) == 2


# What is refused before anything starts


def refused(desk: Desk, done: Done) -> str:
    """Check that a command line ended with 2, and that there is no session; return what it said."""
    assert (done.code, done.out, desk.names()) == (2, "", [])
    assert not (desk.folder / "began").exists()
    return done.err


BEGIN = ("--", "touch", "began")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engine", "jobs", *BEGIN], "run on this machine with: --engine local"),
        (["--engine", "slurm", *BEGIN], "engine slurm"),
        ([*LOCAL, "second.jsonl", *BEGIN], "unexpected argument second.jsonl"),
        ([*LOCAL, "-j", "-1", *BEGIN], "--max-parallel"),
        ([*LOCAL, "-j", "two", *BEGIN], "--max-parallel"),
        ([*LOCAL, "--timeout", "0s", *BEGIN], "--timeout 0"),
        ([*LOCAL, "--timeout", "soon", *BEGIN], "not a duration"),
        ([*LOCAL, "--session-timeout", "0", *BEGIN], "--session-timeout 0"),
        ([*LOCAL, "--retries", "-1", *BEGIN], "--retries"),
        ([*LOCAL, "--halt", "fail=1", *BEGIN], "--halt fail=1: expected never, or WHEN,WHY=N"),
        ([*LOCAL, "--halt", "now,fail=0", *BEGIN], "--halt now,fail=0"),
        ([*LOCAL, "--halt", "now,fail=101%", *BEGIN], "--halt now,fail=101%"),
        ([*LOCAL, "--only", "4", *BEGIN], "4: the plan has 3 trials"),
        ([*LOCAL, "--only", "nobody", *BEGIN], "no trial named nobody"),
        ([*LOCAL, "--only", "", *BEGIN], "selects no trial"),
        ([*LOCAL, "--name", "My_Run", *BEGIN], "--name my-run"),
        ([*LOCAL, "--name", "x" * 41, *BEGIN], "at most 40"),
        ([*LOCAL, "--metric", "thing", *BEGIN], "add --direction"),
        ([*LOCAL, "--direction", "up", *BEGIN], "expected maximize or minimize"),
        ([*LOCAL, "--direction", "min", *BEGIN], "of what?"),
        ([*LOCAL, "--nope", *BEGIN], "unknown flag: --nope"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_starts_nothing(desk: Desk, words: list[str], said: str):
    """
    Exit code 2, a sentence about it, no session.
    """
    assert said in refused(desk, desk.tune("run", desk.numbered(3), *words))


def test_a_plan_that_is_wrong_starts_nothing_and_is_told_in_full(desk: Desk):
    """
    Every problem at once, each with its line.
    """
    (desk.folder / "plan.jsonl").write_text(
        '{"job_id": "a", "config": {}, "output_json": "x.json"}\n'
        '{"job_id": "a", "config": 1}\n'
        "{broken\n"
        '{"job_id": "d", "config": {}, "output_json": "x.json"}\n'
        '{"job_id": "e", "config": {}, "output_json": "../x.json"}\n'
    )

    said = refused(desk, desk.tune("run", "plan.jsonl", *LOCAL, *BEGIN))

    for problem in ("line 2, column 12: job_id \"a\" stands in line 1", "line 2, column 27: config",
                    "line 3", "line 4", "line 5"):  # fmt: skip
        assert problem in said


def test_a_plan_that_is_not_there_is_said(desk: Desk):
    """
    Exit code 2 too.
    """
    assert "error: nope.jsonl: no such file" in refused(
        desk, desk.tune("run", "nope.jsonl", *LOCAL)
    )


def test_a_folder_that_is_gone_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """
    Paths would count from it.
    """
    (desk.folder / "gone").mkdir()
    monkeypatch.chdir(desk.folder / "gone")
    (desk.folder / "gone").rmdir()

    done = desk.tune("run", f"{desk.folder}/{desk.numbered(1)}", *LOCAL, *BEGIN)

    assert "the folder that this was started in is gone" in refused(desk, done)


def test_a_result_that_can_not_be_written_stops_the_session(desk: Desk):
    """
    It is not lost: once it can be, resume writes it, and nothing runs twice.
    """
    (desk.folder / "a.json").mkdir()
    plan = desk.plan({"job_id": "a", "config": {"x": 1}, "output_json": "a.json"})

    done = desk.run(plan, "--", *COUNTED)

    assert done.code == 2
    assert f"can't write {desk.folder}/a.json: Is a directory" in done.err
    assert "go on with: kubectl tune resume s" in done.err
    (desk.folder / "a.json").rmdir()
    assert desk.tune("resume", "s").code == 0
    assert desk.json("a.json") == {"score": 1}
    assert desk.lines("ran") == ["1"]


def test_a_name_that_is_taken_is_refused(desk: Desk):
    """
    With how to go on with the session that has it.
    """
    plan = desk.numbered(1)
    desk.run(plan, "--", "true")

    done = desk.run(plan, *BEGIN)

    assert done.code == 2
    assert "go on with it: kubectl tune resume s" in done.err
    assert desk.names() == ["s"]
    assert not (desk.folder / "began").exists()


def test_two_sessions_do_not_write_one_file(desk: Desk):
    """
    While the first one lives the second is refused, whether it begins or is resumed.
    """
    plan = desk.plan({"job_id": "a", "config": {"x": 1}, "output_json": "a.json"})
    desk.run(plan, "--", "false", name="old")
    with desk.started("run", plan, *LOCAL, "--name", "first", "--", *WAITING) as first:
        until(lambda: desk.lines("begun"), "the first trial")

        begun = desk.run(plan, "--", "true", name="second")
        retried = desk.tune("retry", "old")
        (desk.folder / "go").touch()
        first.wait()

    for done in (begun, retried):
        assert done.code == 2
        assert f"session first is running and writes {desk.folder}/a.json too" in done.err
    assert sorted(desk.names()) == ["first", "old"]
    assert desk.tune("retry", "old").code == 1


# What is said


def test_failures_are_said_as_they_come_and_counted_when_there_are_many(desk: Desk):
    """
    Hundreds of failures don't bury what matters.
    """
    done = desk.run(desk.numbered(300), "--", "sh", "-c", "exit 7")

    assert done.code == 1
    said = [line for line in done.err.splitlines() if line.startswith("trial ")]
    assert len(said) == 20
    assert set(said) <= {f"trial t{x} Failed: exit code 7" for x in range(1, 301)}
    assert "further failures are counted only" in done.err
    assert "session/s Failed in 0s: 300 Failed" in re.sub("in [0-9]+s", "in 0s", done.out)


def test_quiet_says_how_it_ended_and_no_more(desk: Desk):
    """
    For scripts.
    """
    done = desk.run(desk.numbered(2), "--quiet", "--", *PASSES_UNLESS_2)

    assert done.err == ""
    assert len(done.out.splitlines()) == 1


def test_the_next_commands_work_as_they_are_printed(desk: Desk):
    """
    Pasted from the summary, also where --state names the state file.
    """
    plan = desk.numbered(3)
    script = 'echo "{\\"score\\": $1}"; test $1 != 2'
    state = desk.folder / "a b.db"

    words = ["--state", state, "run", plan, *LOCAL, "--name", "s", "--metric", "score"]
    done = desk.tune(*words, "--", "sh", "-c", script, "sh", "{x}")

    commands = re.findall(r"^  kubectl tune (.+?)   ", done.out, re.MULTILINE)
    state_flag = f"--state '{state}' "
    assert commands == [
        f"{state_flag}{each}" for each in ("results s", "best s", "logs s --failed", "retry s")
    ]
    for command in commands:
        again = desk.tune(*shlex.split(command))
        assert (again.code, "error" in again.err) == (1 if "retry" in command else 0, False)


def test_a_hint_names_the_state_file_that_was_given(desk: Desk):
    """
    Else it would speak of another file's sessions.
    """
    words = ["--state", "other.db", "run", desk.numbered(1), *LOCAL, "--name", "s", "--", "true"]
    desk.tune(*words)

    assert "kubectl tune --state other.db resume s" in desk.tune(*words).err


def test_secrets_of_the_environment_are_not_shown(desk: Desk):
    """
    Values of env are in the state file, which only its owner reads, and nowhere else of ours.
    """
    plan = desk.plan({"job_id": "a", "config": {}, "env": {"TOKEN": "s3cr3t"}})

    done = desk.run(plan, "--", "sh", "-c", 'test -n "$TOKEN"; ps -o args= -p $PPID; exit 1')

    views = (["status", "-o", "wide"], ["logs", "a"], ["status", "-o", "json"])
    shown = [done.out, done.err, *(desk.tune(*words).out for words in views)]
    assert "s3cr3t" not in "".join(shown)
    assert (desk.folder / "state.db").stat().st_mode & 0o077 == 0
    logs = [path for path in (desk.folder / "sessions").rglob("*") if path.is_file()]
    assert logs and not any(b"s3cr3t" in path.read_bytes() for path in logs)


@pytest.mark.parametrize("command", ["run", "submit", "resume", "retry", "cancel", "delete"])
def test_help_fits_80_columns(desk: Desk, command: str):
    """
    Read in full, without a line that a terminal would break.
    """
    done = desk.tune(command, "--help")

    assert done.code == 0
    assert max(len(line.expandtabs(8)) for line in done.out.splitlines()) <= help_text.WIDTH


@pytest.mark.parametrize("columns", [40, 100])
def test_a_terminal_has_one_line_that_is_redrawn(desk: Desk, columns: int):
    """
    Never wider than the terminal, gone at the end, with all that there is to know.
    """
    plan = desk.plan(*({"job_id": f"日本-{x}", "config": {"x": x}} for x in range(1, 5)))
    script = (
        "test $1 = 4 && while ! test -e go; do sleep 0.01; done;"
        ' echo "{\\"score\\": $1}"; test $1 != 2'
    )
    words = ["run", plan, *LOCAL, "--metric", "score", "--", "sh", "-c", script, "sh", "{x}"]
    mine, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    seen = b""
    with desk.started(*words, stderr=theirs, env=os.environ | {"TERM": "xterm"}) as process:
        os.close(theirs)
        while b"3/4 done" not in seen or process.poll() is None:
            if select.select([mine], [], [], 60)[0]:
                try:
                    seen += os.read(mine, 65536)
                except OSError:
                    break
            if b"3/4 done" in seen:
                (desk.folder / "go").touch()
        process.wait()
    os.close(mine)

    text = seen.decode()
    drawn = [each.removesuffix("\x1b[K") for each in re.findall(r"\r([^\r\n]*)", text)]
    assert all(_width(each) < columns for each in drawn)
    assert text.endswith("\r\x1b[K")
    assert text.count("\n") == 2  # what begins, and the failure
    last = next(each for each in reversed(drawn) if "3/4 done" in each)
    assert "3/4 done, 1 running, 1 failed" in last
    if columns == 100:
        assert re.search(r"\| [0-9.]+/(s|min) \| ETA [0-9a-z]+ \| best score 3 \(日本-3\)", last)


def _width(text: str) -> int:
    return len(text) + sum(char in "日本" for char in text)


# Ends from outside


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_ends_what_runs_and_says_how_to_go_on(desk: Desk, number: int, code: int):
    """
    No child is left, what has succeeded stays, and what is said works.
    """
    marker = f"TEST_MARK={desk.folder}"
    plan = desk.numbered(3, env=dict([marker.split("=")]))
    script = "test $1 = 1 && exit; echo >>begun; test -e go || sleep 60"
    with desk.started(
        "run", plan, *LOCAL, "--name", "s", "--", "sh", "-c", script, "sh", "{x}"
    ) as process:
        until(lambda: len(desk.lines("begun")) == 2, "two trials")
        until(lambda: desk.trials()["t1"]["state"] == "Succeeded", "the first one's end")
        os.killpg(process.pid, number)
        out, err = process.communicate(timeout=60)

    assert process.returncode == code
    assert out == ""
    assert "session/s Detached: 1 Succeeded, 2 Pending" in err
    assert "kubectl tune resume s" in err
    gone(marker)
    (desk.folder / "go").touch()
    assert desk.tune("resume", "s").code == 0
    assert [trial["attempt"] for trial in desk.trials().values()] == [1, 2, 2]


def test_a_session_stopped_before_anything_ended_has_begun_all_the_same(desk: Desk):
    """
    Detached, not Pending: somebody has to go on with it.
    """
    with desk.started("run", desk.numbered(1), *LOCAL, "--name", "s", "--", *WAITING) as process:
        until(lambda: desk.lines("begun"), "the trial")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)

    assert "session/s Detached: 1 Pending" in err
    assert desk.session()["state"] == "Detached"


def test_a_second_ctrl_c_does_not_wait(desk: Desk):
    """
    Where a trial won't end, its grace is not waited for; it is ended all the same.
    """
    marker = f"TEST_MARK={desk.folder}"
    plan = desk.numbered(1, env=dict([marker.split("=")]))
    script = "trap 'echo >>asked' TERM; echo >>begun; while :; do sleep 0.05; done"
    with desk.started("run", plan, *LOCAL, "--name", "s", "--", "sh", "-c", script) as process:
        until(lambda: desk.lines("begun"), "the trial")
        process.send_signal(signal.SIGINT)
        until(lambda: desk.lines("asked"), "the first request")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "interrupted; go on with: kubectl tune resume s" in err
    assert "Traceback" not in err
    gone(marker)
    assert desk.session()["state"] == "Detached"


# Submit


@pytest.mark.parametrize("words", [["submit"], ["run", "--detach"], ["run", "-d"]])
def test_a_submitted_session_outlives_its_caller_and_its_terminal(desk: Desk, words: list[str]):
    """
    The caller's whole process group is killed, and the session goes on.
    """
    plan = desk.numbered(2)
    shell = shlex.join(desk.words(*words, plan, *LOCAL, "--name", "s", "--", *WAITING))
    words = ["sh", "-c", f"{shell}; sleep 60"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, start_new_session=True, text=True, **pipes) as caller:
        assert caller.stdout is not None
        assert caller.stdout.readline() == "session/s submitted\n"
        until(lambda: len(desk.lines("begun")) == 2, "the trials")
        os.killpg(caller.pid, signal.SIGHUP)
        os.killpg(caller.pid, signal.SIGKILL)
    assert desk.session()["state"] == "Running"
    (desk.folder / "go").touch()

    assert desk.alone("wait", "s").returncode == 0
    assert desk.session()["state"] == "Succeeded"
    assert sorted(desk.lines("ended")) == ["1", "2"]


def test_a_driver_that_can_not_start_is_reported(desk: Desk):
    """
    In its own words, with exit code 2.
    """
    plan = desk.numbered(1)
    broken = desk.folder / "sitecustomize.py"
    broken.write_text("import os, sys\nif 'resume' in sys.orig_argv: sys.exit('no driver today')\n")

    done = desk.alone(
        "submit", plan, *LOCAL, "--name", "s", "--", "true",
        env=os.environ | {"PYTHONPATH": f"{desk.folder}:{os.environ['PYTHONPATH']}"},
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (2, "")
    assert "the driver of session s" in done.stderr


def test_a_driver_keeps_a_log(desk: Desk):
    """
    What it would have said on a terminal is in its session's folder.
    """
    desk.alone("submit", desk.numbered(1), *LOCAL, "--name", "s", "--", "true")

    assert desk.alone("wait", "s").returncode == 0
    until(lambda: desk.lines("sessions/s/driver.log"), "the driver's last word")
    assert desk.lines("sessions/s/driver.log")[0].startswith("session/s Succeeded in ")


# Names


@pytest.mark.parametrize(
    "job_id", ["a/b", "../../up", "ÄÖ 🦉", "-rf", "{x}", "a" * 300, "%s%n", "'; touch began; '"]
)
def test_odd_job_ids_are_just_names(desk: Desk, job_id: str):
    """
    Nothing of them reaches a path, a format or a shell.
    """
    plan = desk.plan({"job_id": job_id, "config": {"x": 1}, "output_json": "a.json"})

    assert desk.run(plan, "--", *SCORE).code == 0

    assert desk.states() == {job_id: "Succeeded"}
    assert desk.json("a.json") == {"score": 1}
    assert {path.name for path in desk.folder.iterdir()} >= {"a.json", "plan.jsonl", "state.db"}
    assert not (desk.folder / "began").exists()
    assert not Path(desk.folder.parent / "up").exists()
