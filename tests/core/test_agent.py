"""The agent runs commands as a shell would, and ends them in every way it is told to."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from pathlib import Path

import pytest
from core.agents import python, started
from core.waiting import gone, processes, until


@pytest.fixture
def agent(tmp_path):
    with started(tmp_path) as agent:
        yield agent


@pytest.fixture
def marker(request):
    return f"TEST_MARKER={request.node.name}.{os.getpid()}"


def marked(marker):
    return dict([marker.split("=", 1)])


def script(path: Path, text: str, mode: int = 0o755) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("exit 0", 0),
        ("exit 1", 1),
        ("exit 255", 255),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("kill -SEGV $$", 139),
    ],
)
def test_codes_are_those_of_a_shell(agent, command, code):
    """
    128+N for a command that signal N ended.
    """
    agent.sh("a", command)

    assert {"code": code, "why": "exit", "result": None}.items() <= agent.ended("a").items()


def test_a_command_that_is_not_there(agent):
    """
    127, with the name that was looked for.
    """
    for key, name in [("a", "no-such-command"), ("b", "/no/such/command"), ("c", "./missing")]:
        record = agent.ends(key, name)

        assert (record["code"], record["why"]) == (127, "exit")
        assert name in record["detail"] or "No such file" in record["detail"]


def test_a_command_that_is_no_program(agent, tmp_path):
    """
    126, with the reason, and the agent goes on.
    """
    forbidden = script(tmp_path / "forbidden", "#!/bin/sh\n", 0o644)
    nothing = script(tmp_path / "nothing", "echo without a first line\n")
    loop = script(tmp_path / "interpreter", "#!/no/such/interpreter\n")

    assert agent.ends("a", forbidden)["code"] == 126
    assert agent.ends("b", nothing)["detail"].startswith(os.strerror(errno.ENOEXEC))
    assert agent.ends("c", loop)["code"] == 127
    assert agent.ends("d", str(tmp_path))["code"] == 126
    assert agent.ends("e", "true")["code"] == 0


def test_the_command_is_found_on_the_trial_s_own_path(agent, tmp_path):
    """
    A line may set PATH.
    """
    (tmp_path / "bin").mkdir()
    script(tmp_path / "bin" / "tool", "#!/bin/sh\necho found\n")

    agent.ends("a", "tool", env={"PATH": f"{tmp_path}/bin:/bin:/usr/bin"})

    assert [line.text for line in agent.printed("a")] == [b"found"]
    assert agent.ends("b", "tool")["code"] == 127


def test_a_command_runs_in_a_group_and_session_of_its_own(agent):
    """
    A signal to one trial reaches no other, and Ctrl-C at the terminal reaches none.
    """
    agent.ends("a", *python("import os; print(os.getpid() == os.getpgid(0) == os.getsid(0))"))

    assert agent.printed("a")[0].text == b"True"


def test_a_command_gets_no_input_and_ordinary_signals(agent):
    """
    stdin is /dev/null, nothing is open but three streams, no signal is ignored or blocked.
    """
    agent.ends("a", *python(
        "import os, signal, sys\n"
        "print(sys.stdin.read() == '', os.ttyname if os.isatty(0) else 'no terminal')\n"
        "print(sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:3])\n"
        "print(len(os.listdir('/proc/self/fd')))\n"
    ))  # fmt: skip
    agent.sh("b", "awk '/^Sig(Ign|Blk)/ {print $2}' /proc/self/status")
    agent.ended("b")

    lines = [line.text for line in agent.printed("a")]
    assert lines == [b"True no terminal", b"[0, 1, 2]", b"4"]  # the fourth is the listing itself
    ordinary = (1 << 31) - 1  # those above are the C library's own
    assert [int(line.text, 16) & ordinary for line in agent.printed("b")] == [0, 0]


def test_a_reader_that_goes_away_ends_the_writer(agent):
    """
    SIGPIPE has its usual effect: `yes | head` ends.
    """
    agent.sh("a", "yes | head -1")

    assert agent.ended("a")["code"] == 0


def test_odd_characters_reach_the_command_as_they_are(agent):
    """
    Arguments and environment are bytes; what is no UTF-8 came through surrogates.
    """
    words = [
        "",
        " ",
        "a b",
        "$HOME",
        "*",
        "'\"\\",
        "é\u4e2d\U0001f600",
        "\n",
        "\udcff\udc80",
        "-n",
        "{x}",
    ]
    show = "import os, sys; print([os.fsencode(a) for a in sys.argv[1:]], os.environb[b'ODD'])"

    agent.ends("a", *python(show), *words, env={"ODD": "\udcff\n="})

    expected = f"{[os.fsencode(word) for word in words]} {os.fsencode(chr(0xDCFF) + chr(10) + '=')}"
    assert agent.printed("a")[0].text.decode() == expected


@pytest.mark.parametrize(
    ("argv", "env"),
    [
        (["echo", "a\0b"], {}),
        (["echo", "\ud800"], {}),
        (["ec\0ho"], {}),
        (["\ud800"], {}),
        (["\udcff"], {}),
        ([""], {}),
        (["true"], {"A": "\ud800"}),
        (["true"], {"A": "x\0y"}),
        (["true"], {"A=B": "x"}),
        (["true"], {"": "x"}),
        (["true", "x" * 200_000], {}),
    ],
)
def test_what_no_program_can_be_given_is_the_trial_s_failure(agent, argv, env):
    """
    The record has a reason that is plain text, and the agent goes on.
    """
    record = agent.ends("a", *argv, env=env)

    assert record["code"] in (126, 127) and record["why"] == "exit"
    record["detail"].encode("utf-8")
    assert record["detail"]
    assert agent.ends("b", "true")["code"] == 0


def test_a_time_out_ends_the_whole_group(agent, marker):
    """
    Grandchildren and what ignores SIGTERM end as well; the reason is the time-out.
    """
    stubborn = "trap '' TERM; sleep 600 & sh -c 'sleep 600 & sleep 600' & sleep 600"

    agent.sh("a", stubborn, env=marked(marker), timeout=0.2, grace=0.2)

    record = agent.ended("a")
    assert record["why"] == "timeout"
    gone(marker)


def test_a_time_out_gives_time_to_end_well(agent):
    """
    SIGTERM comes first, and what the command says then is kept.
    """
    agent.sh("a", "trap 'echo bye; exit 5' TERM; echo up; sleep 600 & wait", timeout=0.5, grace=30)

    record = agent.ended("a")

    assert (record["why"], record["code"]) == ("timeout", 5)
    assert [line.text for line in agent.printed("a")][-1] == b"bye"


def test_a_time_out_of_one_doesn_t_touch_another(agent, marker):
    """
    Groups are apart.
    """
    agent.sh("long", "sleep 600", env=marked(marker))
    agent.running("long")
    agent.sh("short", "sleep 600", timeout=0.1, grace=0.1)

    assert agent.ended("short")["why"] == "timeout"
    assert agent.told("long", "ended") is None
    assert processes(marker)


def test_cancelling_ends_one(agent, marker):
    """
    The record says that it was cancelled; what isn't there is no error.
    """
    agent.sh("a", "sleep 600", env=marked(marker))
    agent.running("a")

    agent.ask(do="cancel", key="unknown")
    agent.ask(do="cancel", key="a")

    assert agent.ended("a")["why"] == "cancelled"
    gone(marker)


def test_what_waits_for_room_can_be_cancelled(tmp_path):
    """
    It never begins, and its record says so.
    """
    with started(tmp_path, parallel=1) as agent:
        agent.sh("first", "sleep 600")
        agent.sh("second", "echo began")
        agent.ask(do="cancel", key="second")

        record = agent.ended("second")

        assert (record["why"], record["started"], record["code"]) == ("cancelled", None, None)
        assert agent.printed("second") == []


def test_no_more_run_at_once_than_there_is_room_for(tmp_path):
    """
    What is asked for beyond that waits, and is begun in order.
    """
    with started(tmp_path, parallel=2) as agent:
        for i in range(8):
            agent.sh(f"t{i}", f"set -- {tmp_path}/at.*; echo $#; touch {tmp_path}/at.{i};"
                              f" sleep 0.03; rm {tmp_path}/at.{i}")  # fmt: skip
        for i in range(8):
            agent.ended(f"t{i}")

        begun = [agent.told(f"t{i}", "running")["at"] for i in range(8)]
        assert begun == sorted(begun)
        assert {agent.printed(f"t{i}")[0].text for i in range(8)} <= {b"1", b"2"}


def test_stop_ends_all_and_the_agent(agent, marker):
    """
    What waits is told of as well, so that nothing is left open.
    """
    for i in range(6):
        agent.sh(f"t{i}", "trap '' TERM; sleep 600 & wait; sleep 600", env=marked(marker))
    agent.running("t3")

    agent.ask(do="stop", grace=0.2)

    assert agent.process.wait(60) == 0
    assert [agent.told(f"t{i}", "ended")["why"] for i in range(6)] == ["stopped"] * 6
    gone(marker)


def test_nothing_begins_once_the_agent_has_been_told_to_end(agent, marker):
    """
    A driver that doesn't know yet may go on asking.
    """
    agent.sh("a", "trap '' TERM; sleep 600", env=marked(marker))
    agent.running("a")
    agent.process.send_signal(signal.SIGTERM)
    for i in range(20):
        try:
            agent.sh(f"late{i}", "sleep 600", env=marked(marker))
        except BrokenPipeError:
            break

    assert agent.process.wait(60) == 0
    assert all(agent.told(f"late{i}", "running") is None for i in range(20))
    gone(marker)


def test_a_driver_that_goes_away_takes_everything_along(agent, marker):
    """
    The end of the requests ends every group, whatever it does about SIGTERM.
    """
    for i in range(4):
        agent.sh(f"t{i}", "trap '' TERM; sleep 600 & sleep 600", env=marked(marker))
        agent.running(f"t{i}")

    assert agent.let_go() == 0

    gone(marker, 1.0)
    assert [agent.told(f"t{i}", "ended")["why"] for i in range(4)] == ["stopped"] * 4


def test_a_background_child_does_not_hold_up_the_end(agent, marker):
    """
    Who ends first ends the attempt; what stays in its group is ended, with its hold on stdout.
    """
    agent.sh("a", "echo out; sleep 600 & exit 3", env=marked(marker))

    assert agent.ended("a")["code"] == 3
    gone(marker)
    assert [line.text for line in agent.printed("a")] == [b"out"]


def test_a_daemon_that_holds_stdout_does_not_hold_up_the_end(agent, tmp_path):
    """
    What left the group on purpose lives on, but nobody waits for it.
    """
    agent.sh("a", f"setsid sh -c 'echo $$ > {tmp_path}/daemon; sleep 600' & "
                  f"while [ ! -s {tmp_path}/daemon ]; do sleep 0.01; done; echo out")  # fmt: skip

    try:
        assert agent.ended("a")["code"] == 0
        assert [line.text for line in agent.printed("a")] == [b"out"]
    finally:
        os.kill(int((tmp_path / "daemon").read_text()), signal.SIGKILL)


def test_thousands_of_commands_leave_nothing_behind(agent):
    """
    No descriptor, no zombie, no folder is left of what has ended.
    """
    agent.ends("warm", "true")
    fds = Path(f"/proc/{agent.process.pid}/fd")
    before = len(list(fds.iterdir()))

    for i in range(800):
        agent.run(f"t{i}", "true" if i % 3 else "no-such-command")
    for i in range(800):
        agent.run(f"u{i}", "/no/such/file")
    agent.ended("u799")
    until(lambda: agent.journal.read_bytes().count(b'"ended"') == 1601, "all ends")

    assert len(list(fds.iterdir())) == before
    children = Path(f"/proc/{agent.process.pid}/task/{agent.process.pid}/children")
    assert children.read_text() == ""
    assert agent.let_go() == 0
    assert list((agent.folder / "work").iterdir()) == []


def test_an_attempt_begins_once(tmp_path):
    """
    A folder that is there says that an earlier agent may have begun: then it never runs again.
    """
    with started(tmp_path) as agent:
        agent.sh("a", "echo once; sleep 600")
        agent.running("a")
        until(lambda: agent.printed("a"), "what it prints")
        pid = agent.told("a", "running")["pid"]
        agent.process.kill()
        agent.process.wait()
        os.killpg(pid, signal.SIGKILL)

    with started(tmp_path) as agent:
        agent.sh("a", "echo twice")
        until(lambda: b'"begun"' in agent.journal.read_bytes(), "word on the attempt")
        agent.sh("b", "echo other")
        agent.ended("b")

    assert [line.text for line in agent.printed("a")] == [b"once"]


def test_a_machine_without_room_for_more_processes_is_waited_for(tmp_path):
    """
    Descriptors run out at eight or so: the others begin when some have ended.
    """
    command = "import resource, os, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))"

    with started(tmp_path, parallel=30, preexec_fn=lambda: exec(command)) as agent:
        for i in range(30):
            agent.sh(f"t{i}", "sleep 0.05")

        assert {agent.ended(f"t{i}")["why"] for i in range(30)} == {"exit"}
        assert {agent.ended(f"t{i}")["code"] for i in range(30)} == {0}


def test_a_machine_that_stays_without_room_is_said_to_be_at_fault(tmp_path):
    """
    Not the trial: it may begin elsewhere, or later.
    """
    with started(tmp_path, parallel=2) as agent:
        (tmp_path / "work").rmdir()
        (tmp_path / "work").write_text("in the way")

        record = agent.ends("a", "true")

        assert record["why"] == "machine"
        assert record["detail"].startswith("Not a directory")


def test_ctrl_c_at_the_terminal_is_not_for_the_agent(agent):
    """
    Its driver tells it what to do.
    """
    agent.sh("a", "sleep 0.2; echo done")
    agent.running("a")

    agent.process.send_signal(signal.SIGINT)

    assert agent.ended("a")["code"] == 0


def test_the_lock_of_the_journal_lives_as_long_as_the_agent(agent):
    """
    Its trials don't have it: a daemon of theirs proves nothing.
    """
    agent.sh("a", "sleep 600")
    agent.running("a")
    held = ["flock", "--nonblock", str(agent.journal), "true"]
    assert subprocess.run(held, check=False).returncode == 1

    agent.process.kill()
    agent.process.wait()

    assert subprocess.run(held, check=False).returncode == 0
    os.killpg(agent.told("a", "running")["pid"], signal.SIGKILL)
