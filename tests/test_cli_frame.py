"""The frame of the command line: what holds for every command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Annotated

import click
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune import __version__
from kubectl_tune.cli import argv, explained, frame, main
from kubectl_tune.cli.commands import COMMANDS, module_name
from kubectl_tune.cli.gotime import go_seconds
from kubectl_tune.cli.options import DURATION, DryRunMode, Globals, globals_, output
from kubectl_tune.errors import ClusterError, PlanError, TuneError

SEEN: dict[str, object] = {}


def sample(
    plan: Annotated[str, typer.Argument(help="The plan")],
    rest: Annotated[list[str] | None, typer.Argument(metavar="-- COMMAND")] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow")] = False,
    label: Annotated[list[str] | None, typer.Option("--label", help="Labels")] = None,
    older: Annotated[float, typer.Option("--older", click_type=DURATION)] = 7 * 86400.0,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait")] = True,
    dry_run: Annotated[
        str, typer.Option("--dry-run", click_type=DryRunMode(["none", "server", "client"]))
    ] = "none",
    grep: Annotated[str, typer.Option("--grep", help="What to look for")] = "",
    jobs: Annotated[int, typer.Option("--max-parallel", "-j", "--jobs", min=0)] = 4,
    timeout: Annotated[float, typer.Option("--timeout", click_type=DURATION)] = 0.0,
    format: Annotated[str, output("table", "json", "jsonpath")] = "table",
) -> int:
    """
    Do nothing, to see what arrives; the text is long enough to be broken into more than one line.

    Examples:
      # Say it
      kubectl tune sample plan.jsonl
    """
    SEEN.clear()
    SEEN.update(locals())
    return 1


def arrives(*args: str) -> dict[str, object]:
    assert frame.invoke(frame.parser(sample), "kubectl tune sample", list(args)) == 1
    return dict(SEEN)


def refusal(*args: str) -> str:
    with pytest.raises(TuneError) as caught:
        frame.invoke(frame.parser(sample), "kubectl tune sample", list(args))
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_help_lists_every_command_in_80_columns(capsys):
    """
    The overview shows each command, draws no boxes, and fits a terminal.
    """
    assert main([]) == 0
    overview = capsys.readouterr().out
    assert main(["--help"]) == 0 and capsys.readouterr().out == overview

    assert all(f"\n  {name} " in overview for name in COMMANDS)
    assert "kubectl tune run" in overview and overview.isascii()
    assert max(map(len, overview.splitlines())) <= 80


@pytest.mark.parametrize("args", [["version", "-h=true"], ["help", "version"], ["-h", "version"]])
def test_help_of_a_command_has_the_parts_of_kubectls(args, capsys):
    """
    Paragraph, examples, options, usage, in that order.
    """
    assert main(args) == 0
    text = capsys.readouterr().out

    parts = ["Print the version", "Examples:\n  #", "Options:\n    --client=false:\n\t", "Usage:\n"]
    assert sorted(parts, key=text.index) == parts
    assert "  kubectl tune version [options]\n" in text
    assert 'Use "kubectl tune options" for a list of global' in text
    assert "--kubeconfig" not in text


@pytest.mark.parametrize("name", [n for n in COMMANDS if find_spec(module_name(n))])
def test_every_command_explains_itself(name, capsys):
    """
    Each has a paragraph and an example, and nothing is wider than a terminal.
    """
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out

    assert "Examples:\n  # " in text and f"kubectl tune {name}" in text.replace(
        "kubectl-", "kubectl "
    )
    assert max(len(line.expandtabs()) for line in text.splitlines()) <= 80


def test_usage_shows_arguments_as_kubectl_does(capsys):
    """
    Brackets mean optional, dots mean several, and the user's own command comes last.
    """
    assert frame.invoke(frame.parser(sample), "kubectl tune sample", ["--help"]) == 0

    text = capsys.readouterr().out
    assert "  kubectl tune sample PLAN [options] [-- COMMAND...]\n" in text
    assert "    -j, --max-parallel=4:" in text
    assert "    --label=[]:" in text
    assert "    --older=7d:" in text


def test_options_lists_the_global_ones(capsys):
    """
    `kubectl tune options` shows what every command takes.
    """
    assert main(["options"]) == 0
    text = capsys.readouterr().out

    for flag in ("-n, --namespace=''", "--state=''", "--as=''", "--as-group=[]", "-v, --v=0"):
        assert f"    {flag}:\n\t" in text
    assert "    --request-timeout='0':\n\tThe length of time to wait" in text


def test_an_unknown_command_is_named_and_the_nearest_offered(capsys):
    """
    A typo costs one look, in kubectl's words.
    """
    assert main(["statu"]) == 2
    printed = capsys.readouterr()

    assert printed.out == ""
    assert printed.err == (
        'error: unknown command "statu" for "kubectl tune"\n\nDid you mean this?\n\tstatus\n'
    )


@pytest.mark.parametrize(
    ("args", "usage"),
    [
        (["version", "--nope"], "kubectl tune version"),
        (["--nope"], "kubectl tune"),
        (["options", "--nope"], "kubectl tune"),
    ],
)
def test_an_unknown_flag_is_named(args, usage, capsys):
    """
    The sentence is kubectl's, on stderr, with exit code 2.
    """
    assert main(args) == 2
    printed = capsys.readouterr()

    assert printed.out == ""
    assert printed.err == f"error: unknown flag: --nope\nSee '{usage} --help' for usage.\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "required argument PLAN not given"),
        (["p", "-z"], "unknown shorthand flag: 'z' in -z"),
        (["p", "-xo"], "unknown shorthand flag: 'x' in -xo"),
        (["p", "-wxo"], "unknown shorthand flag: 'x' in -xo"),
        (["p", "---x=1"], "bad flag syntax: ---x=1"),
        (["p", "--=x"], "bad flag syntax: --=x"),
        (["p", "--grep"], "flag needs an argument: --grep"),
        (["p", "-j"], "flag needs an argument: 'j' in -j"),
        (
            ["p", "-j", "x"],
            'invalid argument "x" for "-j, --max-parallel" flag: strconv.ParseInt: parsing "x": ',
        ),
        (["p", "-j", "-1"], 'invalid argument "-1" for "-j, --max-parallel" flag: not in'),
        (
            ["p", "--timeout", "soon"],
            'invalid argument "soon" for "--timeout" flag: not a duration',
        ),
        (
            ["p", "--watch=maybe"],
            'invalid argument "maybe" for "-w, --watch" flag: strconv.ParseBool: parsing "maybe":',
        ),
        (["p", "-h=maybe"], 'invalid argument "maybe" for "-h, --help" flag: strconv.ParseBool:'),
        (["p", "--dry-run=no"], 'Invalid dry-run value (no). Must be "none", "server", or "clie'),
        (
            ["p", "--request-timeout", "x"],
            "Invalid timeout value. Timeout must be a single integer",
        ),
        (["p", "-o", "bad"], 'unable to match a printer suitable for the output format "bad",'),
    ],
)
def test_bad_usage_is_a_sentence(args, message):
    """
    Whatever is wrong with the arguments, the flag and the reason are named.
    """
    assert refusal(*args).startswith(message)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["-n"], "flag needs an argument: 'n' in -n\nSee 'kubectl tune --help'"),
        (["--context"], "flag needs an argument: --context\nSee 'kubectl tune --help'"),
        (["version", "q", "r"], "unexpected arguments: [q r]\nSee 'kubectl tune version --help'"),
        (["version", "-o", "bad"], "--output must be 'yaml' or 'json'"),
        (["version", "--client=maybe"], 'invalid argument "maybe" for "--client" flag'),
    ],
)
def test_what_is_wrong_is_said_as_kubectl_says_it(args, said, capsys):
    """
    Without a command, too, and with the sentence that kubectl has for this very case.
    """
    assert main(args) == 2

    assert capsys.readouterr().err.startswith(f"error: {said}")


def test_a_format_may_be_written_in_capitals():
    """
    As in kubectl, which reads `-o JSON`, and leaves a template as it is.
    """
    assert arrives("p", "-o", "JSON")["format"] == "json"
    assert arrives("p", "-o=JsonPath={.Name}")["format"] == "jsonpath={.Name}"


def test_an_unknown_format_lists_the_allowed_ones():
    """
    kubectl's sentence, its list in order.
    """
    assert refusal("p", "-o=bad").endswith("allowed formats are: json,jsonpath,table")


@pytest.mark.parametrize(
    ("args", "key", "value"),
    [
        (["--wait=false"], "wait", False),
        (["--wait=true"], "wait", True),
        (["--no-wait"], "wait", False),
        (["--no-wait=false"], "wait", True),
        (["--watch"], "watch", True),
        (["-w=true"], "watch", True),
        (["-w", "--watch=false"], "watch", False),
        (["--watch=0", "--watch=T"], "watch", True),
        (["--dry-run"], "dry_run", "client"),
        (["--dry-run=server"], "dry_run", "server"),
        (["-j=7"], "jobs", 7),
        (["-j7"], "jobs", 7),
        (["--grep", "--watch=false"], "grep", "--watch=false"),
        (["--grep=a=b"], "grep", "a=b"),
        (["--timeout", "1h30m"], "timeout", 5400.0),
        (["-o=json"], "format", "json"),
        (["-wo=json"], "format", "json"),
        (["-wojson"], "watch", True),
        (["-wj=7"], "jobs", 7),
        (["-wj", "7"], "jobs", 7),
        (["-h=false", "-w"], "watch", True),
        (["--help=F"], "watch", False),
        (["-o", "jsonpath={.name}"], "format", "jsonpath={.name}"),
    ],
)
def test_flags_are_spelled_as_kubectl_allows(args, key, value):
    """
    pflag's spellings arrive as what they mean, before and after the arguments.
    """
    assert arrives("plan.jsonl", *args)[key] == value
    assert arrives(*args, "plan.jsonl")[key] == value


def test_a_bare_dry_run_takes_no_word():
    """
    The word after it is an argument: only `--dry-run=server` has a value.
    """
    seen = arrives("--dry-run", "plan.jsonl")

    assert (seen["plan"], seen["dry_run"]) == ("plan.jsonl", "client")


def test_what_follows_two_dashes_is_the_users_own():
    """
    No flag of ours is read there, however familiar it looks.
    """
    words = ["python", "train.py", "-n", "5", "--watch=false", "--dry-run", "--", "-o=x"]

    seen = arrives("plan.jsonl", "-n", "team", "--", *words)

    assert seen["rest"] == words
    assert globals_().namespace == "team"


@given(st.lists(st.text(st.characters(exclude_characters="="), max_size=6), max_size=6))
def test_words_without_an_equals_sign_are_kept(words):
    """
    Nothing but kubectl's own spellings is rewritten, and nothing behind `--`.
    """
    plain = [word for word in words if word not in argv.BARE]
    tail = ["--", "-w=1", "--dry-run", *words]

    assert argv.spelled_out([*plain, *tail], {"-x"}, {"-w": "--no-w"}, argv.BARE) in (
        [*plain, *tail],
        [*plain, "--", "-w=1", "--dry-run", *words],
    )


@pytest.mark.parametrize(
    "args",
    [["--dry-run", "-wf", "p"], ["-f", "p", "--dry-run", "-w"], ["--dry-run", "-w", "p"]],
    ids=" ".join,
)
def test_a_flag_without_its_value_takes_no_word_from_those_behind_it(args):
    """
    A bare --dry-run is client's, whatever follows.
    """
    seen = arrives(*args)

    assert (seen["plan"], seen["dry_run"], seen["watch"]) == ("p", "client", True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *[("", 0), ("0", 0), ("0s", 0), ("-1s", 0), ("-0", 0)],
        *[("90", 90), ("+5", 5), (".5s", 0.5), ("1m1.5s", 61.5), ("1h2m", 3720), ("2us", 2e-6)],
        *[(wrong, None) for wrong in ("-1", "1.5", "1d", "1H", "1e3", "5 s", "s", "٣", "3000000h")],
        ("9" * 19, None),
    ],
)  # fmt: skip
def test_a_requests_time_is_read_as_kubectl_reads_it(value, seconds):
    """
    Whole seconds, or Go's durations and nothing else; nothing, and less than it, is no limit.
    """
    assert go_seconds(value or "0") == seconds
    if seconds is None:
        said = refusal("p", f"--request-timeout={value}")
        assert said.startswith("Invalid timeout value. Timeout must be a single integer")
    else:
        arrives("p", f"--request-timeout={value}")
        assert globals_().request_timeout == seconds


@pytest.mark.parametrize(
    "args",
    [
        ["-n", "team", "version", "--client"],
        ["-nteam", "version", "--client"],
        ["--namespace=team", "version", "--client"],
        ["version", "--client", "-n", "team"],
        ["version", "--client", "-n=team"],
        ["version", "--client", "--namespace", "team"],
        ["-n", "other", "version", "--client", "-n", "team"],
    ],
    ids=" ".join,
)
def test_global_options_stand_before_or_after_the_command(args):
    """
    `-n team` means the same wherever it stands; the last one counts.
    """
    assert main(args) == 0

    assert globals_().namespace == "team"


def test_global_options_arrive_with_their_types():
    """
    Lists repeat, lengths of time are seconds, switches can be turned off.
    """
    line = (
        "version --client --as bob --as-group a --as-group b --request-timeout=1m -v=3 --state s.db"
    )

    assert main([*line.split(), "--disable-compression"]) == 0
    assert globals_() == Globals(
        as_="bob",
        as_group=("a", "b"),
        request_timeout=60.0,
        v=3,
        state="s.db",
        disable_compression=True,
    )
    assert main(["version", "--client", "--disable-compression=false"]) == 0
    assert globals_() == Globals()


def test_flags_before_the_command_belong_to_it(capsys):
    """
    `kubectl tune -o json version` is read as kubectl reads `kubectl -o json version`.
    """
    assert main(["-o", "json", "version", "--client"]) == 0

    assert json.loads(capsys.readouterr().out)["clientVersion"]["gitVersion"] == f"v{__version__}"


def failing(error: BaseException) -> Callable[[], int]:
    def act() -> int:
        raise error

    return act


def test_an_error_is_two_lines_and_its_control_characters_show(capsys):
    """
    What happened, what to do; a name out of a file can't drive the terminal.
    """
    assert explained(failing(PlanError("no \x1b[2Jplan", hint="write one"))) == 2

    assert capsys.readouterr() == ("", "error: no ^[[2Jplan\nhint: write one\n")


@pytest.mark.parametrize(
    ("message", "prefix"),
    [
        ("Error from server (NotFound): x", ""),
        ("The connection to the server h:1 was refused - did you specify the right host?", ""),
        ('The Job "x" is invalid: spec', ""),
        ("The gcp auth plugin has been removed.", "error: "),
        ("stat nope: no such file or directory", "error: "),
    ],
)
def test_what_kubectl_words_has_no_prefix(message, prefix, capsys):
    """
    Its other errors begin with `error: `, though they may begin alike.
    """
    explained(failing(ClusterError(message)))

    assert capsys.readouterr().err == f"{prefix}{message}\n"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), click.Abort()])
def test_an_interruption_is_silent(interruption, capsys):
    """
    Ctrl-C, at a question too, ends with what shells expect and no traceback.
    """

    def interrupted() -> None:
        raise interruption

    run = frame.parser(interrupted)

    assert explained(lambda: frame.invoke(run, "kubectl tune interrupted", [])) == 130
    assert capsys.readouterr() == ("", "")


def test_a_bug_keeps_its_traceback():
    """
    Only what a user can act on becomes a sentence.
    """
    with pytest.raises(ZeroDivisionError):
        explained(failing(ZeroDivisionError()))


@pytest.mark.parametrize(
    ("end", "code"), [(None, 0), (0, 0), (1, 1), (typer.Exit(1), 1), (typer.Exit(), 0)]
)
def test_the_exit_code_is_what_the_command_returns(end, code):
    """
    None is success; `typer.Exit` is understood too.
    """

    def ending() -> int | None:
        if isinstance(end, typer.Exit):
            raise end
        return end

    assert frame.invoke(frame.parser(ending), "kubectl tune ending", []) == code


def test_version_says_which(capsys):
    """
    One line for people, kubectl's keys for programs.
    """
    assert main(["version", "--client"]) == 0
    assert capsys.readouterr().out == f"Client Version: v{__version__}\n"

    assert main(["version", "--client=true", "-o", "yaml"]) == 0
    assert f"  gitVersion: v{__version__}\n" in capsys.readouterr().out


def program(*args: str, stdout: IO[str] | int, buffered: bool) -> tuple[int, str]:
    """Run the program; return its exit code and what it says on stderr."""
    command = [sys.executable, *([] if buffered else ["-u"]), "-m", "kubectl_tune", *args]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=env)
    return done.returncode, done.stderr


@pytest.mark.parametrize(("buffered", "code"), [(True, 0), (False, 141)])
def test_a_reader_that_goes_away_is_silent(buffered, code):
    """
    After the work is done its own exit code stands; in the midst of it, that of SIGPIPE.
    """
    read, write = os.pipe()
    os.close(read)

    ended = program("options", stdout=write, buffered=buffered)
    os.close(write)

    assert ended == (code, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is Linux's")
@pytest.mark.parametrize("buffered", [True, False])
def test_output_that_cannot_be_written_is_an_error(buffered):
    """
    A full disk is told, and is not success.
    """
    with open("/dev/full", "w") as full:
        ended = program("version", "--client", stdout=full, buffered=buffered)

    assert ended == (2, "error: output can't be written: No space left on device\n")


def candidates(capsys, *words: str) -> list[str]:
    assert main(["__complete", *words]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return [line.partition("\t")[0] for line in printed.out.splitlines()]


GLOBAL_C = [
    "--cache-dir", "--certificate-authority", "--client-certificate", "--client-key", "--cluster",
    "--context",
]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["vers"], ["version", ":4"]),
        (["-n", "team", "vers"], ["version", ":4"]),
        (["version", "-o", ""], ["json", "yaml", ":4"]),
        (["version", "--output=j"], ["json", ":4"]),
        (["completion", "b"], ["bash", ":4"]),
        (["nope", ""], [":4"]),
        (["version", "--", ""], [":4"]),
        (["run", "plan.jsonl", "--", ""], [":0"]),
        (["version", "--nope", ""], [":4"]),
        (["run", "--nope="], [":4"]),
        (["version", "--client="], ["true", "false", ":4"]),
        (["version", "--client=f"], ["false", ":4"]),
        (["version", "--c"], ["--client", *GLOBAL_C, ":4"]),
        (["--c"], [*GLOBAL_C, ":4"]),
        (["status", "--no"], ["--no-headers", ":4"]),
        (["run", "--engine", ""], ["indexed", "jobs", "local", ":4"]),
        (["run", "--engine=l"], ["local", ":4"]),
        (["status", "--state", ""], [":0"]),
        (["status", "--kubeconfig="], [":0"]),
        (["--kubeconfig", ""], [":0"]),
        (["--cache-dir="], [":16"]),
        (["--token", ""], [":4"]),
        (["help", "vers"], ["version", ":4"]),
        (["help", "version", ""], [":4"]),
    ],
)
def test_completion_speaks_kubectls_protocol(words, expected, capsys):
    """
    Candidates, then the directive; whatever was typed, no error.
    """
    assert candidates(capsys, *words) == expected


def test_sessions_and_trials_complete_from_the_state_file(tmp_path, capsys):
    """
    TAB offers what the state file of the line holds, and nothing where there is none.
    """
    plan, state = tmp_path / "plan.jsonl", f"--state={tmp_path / 's.db'}"
    plan.write_text('{"job_id": "a1", "config": {}}\n{"job_id": "b2", "config": {}}\n')
    line = f"run {plan} {state} --engine local --name nightly -- true"
    assert program(*line.split(), stdout=subprocess.DEVNULL, buffered=True)[0] == 0

    assert candidates(capsys, state, "status", "") == ["nightly", ":4"]
    assert candidates(capsys, "cancel", state, "nightly", "a") == ["a1", ":4"]
    assert candidates(capsys, "logs", state, "n") == ["nightly", ":4"]
    assert candidates(capsys, "logs", state, "") == ["nightly", "a1", "b2", ":4"]
    assert candidates(capsys, "logs", state, "nightly", "") == ["a1", "b2", ":4"]
    assert candidates(capsys, "logs", state, "b2", "") == ["a1", ":4"]
    assert candidates(capsys, "logs", state, "nightly/b2", "") == ["a1", ":4"]
    assert candidates(capsys, "status", state, "--", "n") == ["nightly", ":4"]
    assert candidates(capsys, "delete", state, "") == ["nightly", ":4"]
    assert candidates(capsys, "delete", state, "nightly", "") == [":4"]
    assert candidates(capsys, "show", state, "nightly/") == ["nightly/a1", "nightly/b2", ":4"]
    assert main(["__complete", state, "status", "n"]) == 0
    assert capsys.readouterr().out == "nightly\tSucceeded, 2 trials\n:4\n"
    assert candidates(capsys, "status", "--state", str(tmp_path / "none.db"), "") == [":4"]


def test_help_is_offered_with_what_it_is_of(capsys):
    """
    Each flag's description is ours, `--help` too, which the parser brings along.
    """
    assert main(["__complete", "version", "--h"]) == 0
    assert capsys.readouterr().out == "--help\thelp for version\n:4\n"


def test_the_bash_script_completes(tmp_path, capsys):
    """
    What bash offers after TAB is what `__complete` says.
    """
    assert main(["completion", "bash"]) == 0
    typed = "kubectl-tune completion z"
    script = tmp_path / "completion.bash"
    script.write_text(capsys.readouterr().out)
    shim = tmp_path / "kubectl-tune"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -m kubectl_tune "$@"\n')
    shim.chmod(0o755)
    ask = f"COMP_LINE='{typed}' COMP_POINT={len(typed)}; _kubectl_tune; echo ${{COMPREPLY[@]}}"
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    done = subprocess.run(
        ["bash", "-c", f". {script}; {ask}"], capture_output=True, text=True, env=env
    )

    assert done.stdout == "zsh\n", done.stderr


def test_a_closed_stdout_is_no_bug(tmp_path: Path) -> None:
    """
    Who closes stdout sees the exit code, and no traceback; no file of ours takes its place.
    """
    environment = os.environ | {"KUBECTL_TUNE_STATE": str(tmp_path / "state.db")}
    command = f'"{sys.executable}" -m kubectl_tune version --client >&-'

    done = subprocess.run(
        ["sh", "-c", command], env=environment, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "line",
    [
        "-f p.jsonl",
        "-fp.jsonl",
        "-f=p.jsonl",
        "-wf p.jsonl",
        "-wfp.jsonl",
        "-wf=p.jsonl",
        "--filename p.jsonl",
        "--filename=p.jsonl",
    ],
)
def test_a_plan_may_be_named_by_a_flag(line: str):
    """
    `-f FILE` means what the argument means, and takes nothing from behind `--`.
    """
    seen = arrives(*line.split(), "--grep", "-f", "--", "python", "-f", "x")

    assert (seen["plan"], seen["rest"], seen["grep"]) == ("p.jsonl", ["python", "-f", "x"], "-f")


def test_only_one_plan_can_be_named():
    """
    All that were named are repeated, and what to do.
    """
    assert refusal("-f", "a", "--filename=b").startswith("-f is given 2 times: a, b")
    assert refusal("-f") == "flag needs an argument: 'f' in -f"


def test_files_complete_where_a_plan_stands(capsys):
    """
    The shell's own files are offered for the argument and for the flag.
    """
    assert candidates(capsys, "validate", "") == [":0"]
    assert candidates(capsys, "validate", "-f", "") == [":0"]


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--kubeconfig=nope.yaml", "error: stat nope.yaml: no such file or directory"),
        (
            "--context=nope",
            "Error in configuration: context was not found for specified context: nope",
        ),
    ],
)
def test_a_session_is_not_found_because_a_flag_is_misspelt(
    flag: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    """
    Before a missing session, what is wrong with the flags that choose it is said.
    """
    config = "apiVersion: v1\nkind: Config\ncontexts: []\n"
    (tmp_path / "config").write_text(config)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("KUBECTL_TUNE_STATE", str(tmp_path / "state.db"))

    assert main(["status", flag]) == 2

    printed = capsys.readouterr()
    assert (printed.out, printed.err.splitlines()[0]) == ("", said)
