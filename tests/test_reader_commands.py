"""status, list, watch, wait, logs and show, on sessions that have really run or still do."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from unicodedata import east_asian_width

import pytest
import yaml
from core.making import info

from kubectl_tune import beginning, driving, sessions
from kubectl_tune.cli import main
from kubectl_tune.following import Follower, Said
from kubectl_tune.logs import Wanted
from kubectl_tune.session import Policy
from kubectl_tune.store import Store
from kubectl_tune.trial import TrialSpec

COLOURED = "printf '\\033[31mred\\033[0m\\n'"
# What ends these is a file that the test makes, so that nothing depends on time.
UNTIL_GO = "echo begun; while ! test -e go; do sleep 0.02; done; echo gone"
COMMANDS = {
    "good-1": 'echo working; echo \'{"metrics": {"score": 1.5}}\'',
    "good-2": f"{COLOURED}; printf unended >&2; echo; echo '{{\"score\": 2.5}}'",
    "bad-1": 'echo "try $TUNE_ATTEMPT"; exit 3',
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a state file of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECTL_TUNE_STATE", str(tmp_path / "state.db"))
    return tmp_path


@contextlib.contextmanager
def store(place: Path) -> Iterator[Store]:
    opened = Store.open(place / "state.db")
    try:
        yield opened
    finally:
        opened.close()


def made(place: Path, commands: dict[str, str], name: str = "demo", retries: int = 0) -> None:
    """Write a session down; nothing of it runs."""
    specs = [
        TrialSpec(id, index, {"x": index}, f"out/{id}.json", ("sh", "-c", command))
        for index, (id, command) in enumerate(commands.items())
    ]
    policy = Policy(retries=retries)
    with store(place) as opened:
        beginning.begin(
            opened,
            info(
                name, policy=policy, workdir=place, metric="score", direction="maximize", created=0
            ),
            specs,
        )


def ran(place: Path, commands: dict[str, str], name: str = "demo", retries: int = 0) -> None:
    made(place, commands, name, retries)
    with store(place) as opened:
        driving.drive(opened, name, show=lambda *told: None)


@contextlib.contextmanager
def driven(place: Path, name: str = "demo") -> Iterator[subprocess.Popen[bytes]]:
    """A driver in a process of its own, ended with the test at the latest."""
    driver = subprocess.Popen(
        [sys.executable, "-m", "kubectl_tune", "resume", name, "--quiet"],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield driver
    finally:
        (place / "go").touch()
        driver.terminate()
        driver.wait()


@pytest.fixture
def session(place: Path) -> Path:
    ran(place, COMMANDS, retries=1)
    return place


def out(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(words) == code, capsys.readouterr().err
    return capsys.readouterr().out


def err(capsys: pytest.CaptureFixture[str], *words: str, code: int = 2) -> str:
    assert main(words) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err


def on_a_terminal(*words: str, rows: int = 24, until: str = "") -> tuple[int, str]:
    """Return the exit code and what a terminal gets; Ctrl-C once it shows `until`."""
    ours, theirs = pty.openpty()
    env = os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": str(rows)}
    program = subprocess.Popen(
        [sys.executable, "-m", "kubectl_tune", *words], stdout=theirs, stderr=theirs, env=env
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: its last writer has gone
        while chunk := os.read(ours, 65536):
            shown += chunk
            if until and until.encode() in shown:
                program.send_signal(signal.SIGINT)
                until = ""
    os.close(ours)
    return program.wait(), shown.decode().replace("\r\n", "\n")


# status and list


def test_status_shows_what_failed_first(session, capsys):
    """
    The head says how the session stands; then come trials, failures in front.
    """
    text = out(capsys, "status")
    head, table = text.split("\n\n")

    assert head.startswith("Name:    demo\nState:   Failed\n")
    assert "Trials:  3 of 3 done: 2 Succeeded, 1 Failed\n" in head
    assert "Best:    score=2.5 (good-2)\n" in head
    assert [line.split()[0] for line in table.splitlines()] == ["NAME", "bad-1", "good-1", "good-2"]
    assert re.search(r"bad-1 +Failed +2 +<none> +exit +exit code 3 ", table)


def test_status_of_a_session_for_programs(session, capsys):
    """
    Counts, trials and best are of one moment; yaml and name say the same.
    """
    shown = json.loads(out(capsys, "status", "demo", "-o", "json"))

    assert shown["state"] == "Failed" and shown["attempts"] == 4
    assert {t["job_id"]: (t["state"], t["attempt"], t["exit_code"]) for t in shown["trials"]} == {
        "good-1": ("Succeeded", 1, 0), "good-2": ("Succeeded", 1, 0), "bad-1": ("Failed", 2, 3),
    }  # fmt: skip
    assert shown["trials"][2]["class"] == "exit" and shown["trials"][2]["reason"] == "exit code 3"
    assert shown["trials"][0]["metrics"] == {"score": 1.5}
    assert shown["trials"][0]["seconds"] >= 0
    assert shown["best"] == {"job_id": "good-2", "metric": "score", "value": 2.5, "caveat": None}
    assert yaml.safe_load(out(capsys, "status", "-o", "yaml")) == shown
    assert out(capsys, "status", "-o", "name") == "session/demo\n"


def test_what_to_do_next_is_said_for_the_state_file_that_was_named(session, capsys):
    """
    A command that is copied finds the session again.
    """
    state = str(session / "state.db")

    assert f"Next:    kubectl tune --state {state} logs demo" in out(
        capsys, "status", "--state", state
    )
    assert f"hint: see why with: kubectl tune --state {state} logs demo" in err(
        capsys, "wait", "--state", state, code=1
    )


def test_the_newest_session_is_meant(session, capsys):
    """
    Without a name; a name may be shortened, and one that isn't there is a sentence.
    """
    ran(session, {"t": "true"}, name="other-1")

    assert out(capsys, "status", "-o", "name") == "session/other-1\n"
    assert out(capsys, "status", "de", "-o", "name") == "session/demo\n"
    assert "did you mean demo?" in err(capsys, "status", "dmeo")


def test_list_has_the_newest_first(session, capsys):
    """
    One row a session, as kubectl lays out tables.
    """
    made(session, {"t": "true"}, name="later")

    lines = out(capsys, "list").splitlines()

    assert lines[0].split() == ["NAME", "STATE", "DONE", "FAILED", "TOTAL", "ENGINE", "BEST", "AGE"]
    assert lines[1].split()[:-1] == ["later", "Pending", "0", "0", "1", "local", "<none>"]
    assert lines[2].split()[:-1] == ["demo", "Failed", "3", "1", "3", "local", "2.5"]
    bare = out(capsys, "list", "--no-headers").splitlines()
    assert [line.split()[:-1] for line in bare] == [line.split()[:-1] for line in lines[1:]]
    assert out(capsys, "list", "-o", "name") == "session/later\nsession/demo\n"


def test_list_for_programs_is_a_list_without_trials(session, capsys):
    """
    The same objects as status gives, but for their trials.
    """
    status = json.loads(out(capsys, "status", "-o", "json"))
    del status["trials"]

    assert json.loads(out(capsys, "list", "-o", "json")) == [status]
    assert yaml.safe_load(out(capsys, "list", "-o", "yaml")) == [status]


def test_an_empty_list_is_no_error(place, capsys):
    """
    Nothing was ever run: tables say so on stderr, programs get an empty list.
    """
    assert err(capsys, "list", code=0) == "No resources found\n"
    assert err(capsys, "list", "-o", "name", code=0) == ""
    assert out(capsys, "list", "-o", "json") == "[]\n"
    assert yaml.safe_load(out(capsys, "list", "-o", "yaml")) == []
    assert not list(place.iterdir())


def test_list_keeps_to_a_namespace_and_to_what_runs(session, capsys):
    """
    A session on this machine is in no namespace.
    """
    assert err(capsys, "list", "-n", "team", code=0) == "No resources found in team namespace.\n"
    assert out(capsys, "list", "--running", "-o", "json") == "[]\n"


@pytest.mark.parametrize("command", ["status", "watch", "wait", "logs", "show"])
def test_nothing_to_read_is_a_sentence(command, place, capsys):
    """
    Before the first run, every reader says how to begin.
    """
    assert "hint: start one with: kubectl tune run PLAN\n" in err(capsys, command)


# logs


def test_a_log_goes_out_to_the_byte(session, capfdbinary):
    """
    Colours, and a last line that has not ended, are as the trial printed them.
    """
    assert main(["logs", "good-2", "--grep", "red"]) == 0
    assert capfdbinary.readouterr().out == b"\x1b[31mred\x1b[0m\n"
    assert main(["logs", "good-2", "--grep", "unended"]) == 0
    assert capfdbinary.readouterr().out == b"unended"


def test_a_terminal_gets_no_control_sequence(session):
    """
    There the same log has no colours.
    """
    code, shown = on_a_terminal("logs", "good-2")

    assert code == 0
    assert "red\n" in shown and "\x1b" not in shown


@pytest.mark.parametrize(
    "words",
    [["good-1"], ["demo/good-1"], ["demo", "good-1"], ["good-1", "--prefix=false"]],
    ids=" ".join,
)
def test_a_trial_is_named_in_several_ways(words, session, capsys):
    """
    By itself in the newest session, behind a slash, or behind its session.
    """
    assert out(capsys, "logs", *words) == 'working\n{"metrics": {"score": 1.5}}\n'


def test_several_logs_have_their_trial_in_front(session, capsys):
    """
    As kubectl puts pods there.
    """
    assert out(capsys, "logs", "good-1", "bad-1", "--tail=1") == (
        '[trial/good-1] {"metrics": {"score": 1.5}}\n[trial/bad-1] try 2\n'
    )
    assert out(capsys, "logs", "--failed") == "[trial/bad-1] try 2\n"
    assert out(capsys, "logs", "demo", "--all", "--grep", "^(try|wor)").splitlines() == [
        "[trial/good-1] working", "[trial/bad-1] try 2"
    ]  # fmt: skip
    assert out(capsys, "logs", "bad-1", "--prefix") == "[trial/bad-1] try 2\n"


def test_earlier_attempts_have_logs_of_their_own(session, capsys):
    """
    One by its number, or the one before.
    """
    assert out(capsys, "logs", "bad-1") == "try 2\n"
    assert out(capsys, "logs", "bad-1", "--attempt", "1") == "try 1\n"
    assert out(capsys, "logs", "bad-1", "-p") == "try 1\n"
    assert out(capsys, "logs", "bad-1", "-p", "-f") == "try 1\n"
    assert out(capsys, "logs", "--all", "-p") == "[trial/bad-1] try 1\n"
    assert "bad-1 has no attempt 3\nhint: it has had: 1, 2\n" in err(
        capsys, "logs", "bad-1", "--attempt=3"
    )
    assert "good-1 has no earlier attempt\n" in err(capsys, "logs", "good-1", "-p")


def test_times_are_shown_and_chosen(session, capsys):
    """
    --timestamps, --since and --since-time as in kubectl.
    """
    (line,) = out(capsys, "logs", "bad-1", "--timestamps").splitlines()
    moment, text = line.split(" ", 1)

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", moment) and text == "try 2"
    assert out(capsys, "logs", "bad-1", "--since=1h") == "try 2\n"
    assert out(capsys, "logs", "bad-1", "--since-time=2100-01-01T00:00:00Z") == ""
    assert out(capsys, "logs", "bad-1", "--since-time=2001-01-01T00:00:00+02:00") == "try 2\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "trials: name the one that is meant\nhint: for example demo/good-1, or give --failed"),
        (["nope"], "no trial named nope"),
        (["good"], "good may mean 2 trials: good-1, good-2"),
        (["bad-1", "--all"], "name trials, or give --all; not both"),
        (["bad-1", "--grep", "("], "--grep '(': not a regular expression"),
        (["bad-1", "--since=1h", "--since-time=x"], "only one of --since-time or --since"),
        (["bad-1", "--since-time=noon"], "--since-time noon: not a time with its zone"),
        (["bad-1", "--since-time=2026-01-01T00:00:00"], "not a time with its zone"),
        (["bad-1", "-p", "--attempt=1"], "only one of --previous or --attempt"),
        (["bad-1", "--tail=-2"], 'invalid argument "-2" for "--tail" flag'),
    ],
    ids=str,
)
def test_logs_that_cannot_be_had_are_a_sentence(words, said, session, capsys):
    """
    What is wrong, in the words that were typed.
    """
    assert said in err(capsys, "logs", *words)


def test_a_trial_that_has_not_begun_has_no_log(place, capsys):
    """
    Named alone it is a sentence, among others it is nothing.
    """
    made(place, {"a": "true", "b": "true"})

    assert "trial a has not begun yet\nhint: wait for what it prints with: -f\n" in err(
        capsys, "logs", "a"
    )
    assert err(capsys, "logs", "--all", code=0) == ""
    assert err(capsys, "logs", "--failed", code=0) == "no trial of demo has failed\n"


def test_following_without_a_driver_ends(place, capsys):
    """
    Nothing will come, so nothing is waited for; how to go on is said.
    """
    made(place, {"a": "true"})

    assert "go on with: kubectl tune resume demo" in err(capsys, "logs", "-f", code=0)


def heard(follower: Iterator[object], until: str = "") -> list[str]:
    """Collect what is said, up to the first that contains `until`."""
    texts: list[str] = []
    for said in follower:
        if said is None:
            continue
        texts.append(said.text if isinstance(said, Said) else said[1].text.decode())  # type: ignore[index]
        if until and until in texts[-1]:
            break
    return texts


def test_following_ends_with_its_trial(place):
    """
    Lines come while the trial runs, and the last one before the end.
    """
    made(place, {"a": UNTIL_GO, "b": UNTIL_GO})

    with store(place) as opened, driven(place):
        sessions_driver(opened)
        follower = iter(Follower(opened, "demo", ["a"], Wanted(), whole=True))
        assert heard(follower, "begun") == ["begun"]
        (place / "go").touch()
        assert heard(follower) == ["gone"]


def test_following_goes_on_with_the_next_attempt(place):
    """
    A trial that is tried again is followed until it has ended for good.
    """
    made(place, {"a": f"{UNTIL_GO}; echo try $TUNE_ATTEMPT; test $TUNE_ATTEMPT = 3"}, retries=5)

    with store(place) as opened, driven(place):
        sessions_driver(opened)
        follower = iter(
            Follower(opened, "demo", ["a"], Wanted(grep=re.compile(b"try")), whole=True)
        )
        (place / "go").touch()
        texts = heard(follower)

    assert [text for text in texts if text.startswith("try")] == ["try 1", "try 2", "try 3"]
    assert "attempt 1 of trial a ended; it is tried again" in texts


def test_following_all_hears_trials_that_begin_later(place):
    """
    Every line of every trial comes once, whenever the trial begins.
    """
    made(place, {f"t{number}": f"{UNTIL_GO}; echo end" for number in range(9)})

    with store(place) as opened, driven(place):
        sessions_driver(opened)
        follower = iter(Follower(opened, "demo", [], Wanted(), whole=True))
        first = heard(follower, "begun")
        (place / "go").touch()
        texts = first + heard(follower)

    assert sorted(texts) == sorted(["begun", "gone", "end"] * 9)


def sessions_driver(opened: Store) -> None:
    """Wait until the session is driven; a driver takes some time to start."""
    while sessions.standing(opened, "demo").driver is None:
        pass


def test_following_ends_when_the_driver_is_killed(place, capsys):
    """
    A driver that is gone will tell no end, so the follower does.
    """
    made(place, {"a": UNTIL_GO})

    with store(place) as opened, driven(place) as driver:
        sessions_driver(opened)
        follower = iter(Follower(opened, "demo", [], Wanted(), whole=True))
        heard(follower, "begun")
        driver.kill()
        assert "session demo has no driver" in heard(follower)[-1]


# watch and wait


def test_watching_ends_with_the_session(place):
    """
    Where there is no terminal, a line for each change, then the status.
    """
    made(place, {"a": UNTIL_GO})

    with driven(place), store(place) as opened:
        sessions_driver(opened)
        watching = subprocess.Popen(
            [sys.executable, "-m", "kubectl_tune", "watch"], stdout=subprocess.PIPE, text=True
        )
        assert watching.stdout
        header, line = watching.stdout.readline(), watching.stdout.readline()
        (place / "go").touch()
        rest, _ = watching.communicate()

    assert header.split()[0] == "NAME" and line.split()[:2] == ["demo", "Running"]
    assert watching.returncode == 0
    assert "State:   Succeeded\n" in rest and "\x1b" not in rest


@pytest.mark.parametrize("words", [["watch"], ["status", "-w"]], ids=" ".join)
def test_watching_on_a_terminal_ends_with_ctrl_c(words, place):
    """
    It ends the watching with 130, without a traceback, and the session goes on.
    """
    made(place, {"a": UNTIL_GO})

    with driven(place), store(place) as opened:
        sessions_driver(opened)
        code, shown = on_a_terminal(*words, until="Running")
        assert sessions.standing(opened, "demo").driver

    assert code == 130 and "Traceback" not in shown
    assert "State:   Running, driven by process" in shown


def test_a_screen_shows_no_more_than_it_has_lines(place):
    """
    What is painted can be painted over; the end is shown in full.
    """
    made(place, {f"t{number:02}": UNTIL_GO for number in range(30)})

    with driven(place), store(place) as opened:
        sessions_driver(opened)
        _, shown = on_a_terminal("watch", rows=10, until="Running")

    first = shown.split("\x1b[J")[0]
    assert first.count("\n") == 9


def test_a_screen_has_no_line_that_breaks(place):
    """
    Also where characters take two columns each.
    """
    made(place, {"調" * 30: UNTIL_GO})

    with driven(place), store(place) as opened:
        sessions_driver(opened)
        _, shown = on_a_terminal("watch", until="Running")

    lines = re.sub(r"\x1b\[[0-9;]*[a-zA-Z]", "", shown.split("\x1b[J")[0]).splitlines()
    wide = [line + " " * sum(east_asian_width(char) == "W" for char in line) for line in lines]
    assert "調" in "".join(lines) and max(map(len, wide)) < 100


def test_watching_what_has_ended_shows_it_once(session, capsys):
    """
    The same as status.
    """
    assert json.loads(out(capsys, "watch", "-o", "json")) == json.loads(
        out(capsys, "status", "-o", "json")
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 1, "error: session demo is Failed, 3 of 3 done: 2 Succeeded, 1 Failed\n"),
        (["--for=success"], 1, "hint: see why with: kubectl tune logs demo --failed\n"),
        (["--timeout=0"], 1, "error: session demo is Failed"),
        (["--for=sucess"], 2, 'invalid argument "sucess" for "--for" flag: not one of'),
        (["--timeout=soon"], 2, 'invalid argument "soon" for "--timeout" flag'),
    ],
    ids=str,
)
def test_waiting_for_a_session_that_failed(words, code, said, session, capsys):
    """
    1 when some trial did not succeed, 2 when the command makes no sense.
    """
    assert said in err(capsys, "wait", *words, code=code)


def test_waiting_for_what_came_about(session, capsys):
    """
    kubectl's words, and 0; one success is enough for --for=first-success.
    """
    ran(session, {"t": "true"}, name="fine")

    assert out(capsys, "wait", "fine") == "session/fine condition met\n"
    assert out(capsys, "wait", "fine", "--for=success") == "session/fine condition met\n"
    assert out(capsys, "wait", "demo", "--for=first-success") == "session/demo condition met\n"


def test_waiting_is_over_as_soon_as_it_is_settled(place, capsys):
    """
    While the session still runs: one success, one failure for good, or no time left.
    """
    made(place, {"a": UNTIL_GO, "b": "true", "c": "false"})

    with store(place) as opened, driven(place):
        sessions_driver(opened)
        assert out(capsys, "wait", "--for=first-success") == "session/demo condition met\n"
        assert "1 Running" in err(capsys, "wait", "--for=success", code=1)
        timed_out = "error: timed out waiting for the condition on sessions/demo\n"
        assert err(capsys, "wait", "--timeout=0", code=1) == timed_out
        assert err(capsys, "wait", "--timeout=1ms", code=1) == timed_out


def test_a_session_that_nobody_drives_is_not_waited_for(place, capsys, monkeypatch):
    """
    Once a driver could have come, the command says how to go on.
    """
    monkeypatch.setattr("kubectl_tune.cli.wait.PATIENCE", 0)
    made(place, {"a": "true"})

    assert err(capsys, "wait") == (
        "error: session demo has no driver, 0 of 1 done: 1 Pending\n"
        "hint: go on with it: kubectl tune resume demo; or wait for a driver with --timeout\n"
    )


# show


def test_show_has_everything_of_a_trial(session, capsys):
    """
    How it went, each attempt, its config, its command, and for a failure the end of its log.
    """
    text = out(capsys, "show", "bad-1")

    facts = dict(re.findall(r"^([A-Z][\w -]+): +(.+)$", text, re.MULTILINE))
    assert facts["Name"] == "bad-1" and facts["State"] == "Failed" and facts["Exit Code"] == "3"
    assert facts["Class"] == "exit" and facts["Attempt"] == "2"
    assert "Result" not in facts
    assert "Config:\n  x:  2\n" in text
    assert re.findall(r"^  (\d) +Failed +exit +3 ", text, re.MULTILINE) == ["1", "2"]
    assert text.endswith("End of its log:\n  try 2\n")
    good = out(capsys, "show", "good-1")
    assert f"Result:     {session}/out/good-1.json\n" in good
    assert "Metrics:\n  score:  1.5\n" in good and "End of its log" not in good


def test_what_show_prints_runs_the_trial_again(session, capsys):
    """
    The lines under "Run it by hand" do what they say.
    """
    text = out(capsys, "show", "demo/bad-1")
    lines = re.search(r"Run it by hand:\n(.*?)\n\n", text, re.DOTALL)
    assert lines

    done = subprocess.run(["bash", "-c", lines[1]], capture_output=True, text=True, cwd="/")

    assert (done.returncode, done.stdout) == (3, "try 2\n")


def test_show_for_programs(session, capsys):
    """
    The trial of status, and what else is known of it; yaml says the same.
    """
    shown = json.loads(out(capsys, "show", "good-1", "-o", "json"))
    trial = json.loads(out(capsys, "status", "-o", "json"))["trials"][0]

    assert (shown["kind"], shown["session"]) == ("Trial", "demo")
    assert {key: shown[key] for key in trial} == trial
    assert shown["config"] == {"x": 0}
    assert shown["command"] == ["sh", "-c", COMMANDS["good-1"]]
    assert shown["env"]["TUNE_TRIAL_ID"] == "good-1"
    assert json.loads(Path(shown["output_json"]).read_text()) == {"metrics": {"score": 1.5}}
    assert [each["state"] for each in shown["attempts"]] == ["Succeeded"]
    assert yaml.safe_load(out(capsys, "show", "good-1", "-o", "yaml")) == shown


@pytest.mark.parametrize("words", [["good-1", "bad-1"], []], ids=str)
def test_show_takes_one_trial(words: Sequence[str], session, capsys):
    """
    Which one is meant must be clear.
    """
    assert "trial" in err(capsys, "show", *words)
