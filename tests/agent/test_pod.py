"""The agent as a pod's first process: one attempt, and a record whatever happens."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from agent.pods import NONCE, Pod, order, packed, python, sh, special
from core.waiting import gone, until

from kubectl_tune import agent
from kubectl_tune.record import Incomplete, Record

RESULT = 'echo "{\\"m\\": 1}" > $TUNE_RESULT_FILE;'


@pytest.fixture
def pod(tmp_path):
    pod = Pod(tmp_path / "pod")
    yield pod
    pod.kill()


def marked(pod, script, **more):
    """A command whose processes can be found again."""
    return sh(script, env={"MARK": f"{pod.folder}.", **more.pop("env", {})}, **more)


def test_the_agent_is_written_for_old_images():
    """
    Its syntax is that of Python 3.8; there may be no newer one in an image.
    """
    ast.parse(Path(agent.__file__).read_text(), feature_version=(3, 8))


def test_an_attempt_leaves_its_output_and_its_record(pod):
    """
    The output as it was printed and nothing else; the record with the result in the message.
    """
    found = pod.run(sh("echo out; printf err >&2;" + RESULT + "echo end"))

    assert found == Record(0, "exit", "", found.started, found.at, '{"m": 1}\n')
    assert 0 < found.at - found.started < 60
    assert pod.out.replace(b"err", b"") == b"out\nend\n" and b"err" in pod.out
    assert pod.code == 0


@pytest.mark.parametrize(
    ("command", "code"),
    [("exit 1", 1), ("exit 123", 123), ("exit 255", 255), ("kill -SEGV $$", 139)],
)
def test_a_pod_ends_as_its_command_did(pod, command, code):
    """
    Whoever looks at the pod only sees the right code.
    """
    found = pod.run(sh(RESULT + command))

    assert (pod.code, found.code, found.why) == (code, code, "exit")
    assert found.result == '{"m": 1}\n'


def test_commands_that_can_t_be_run(pod):
    """
    126 and 127 as a shell has them, with a line that says what was looked for.
    """
    assert pod.run(order("no-such-command")).code == pod.code == 127
    assert b"no-such-command" in pod.out


def test_a_command_that_is_no_program(pod):
    """
    126, and the reason is in the record.
    """
    found = pod.run(order(str(pod.folder)))

    assert found.code == pod.code == 126
    assert "denied" in found.detail


# What a command is given


def test_an_order_is_found_by_its_line_over_all_files(pod):
    """
    Lines count on from one file to the next; the kubelet's own names are passed over.
    """
    pod.plan(*[sh("exit 1")] * 3, number=0)
    pod.plan(sh("exit 1"), sh("echo here"), number=1)
    (pod.folder / "plan" / "..data").mkdir()
    (pod.folder / "plan" / ".9.jsonl.gz").write_bytes(b"no plan")

    assert pod.run(KT_LINE="4").code == 0
    assert pod.out == b"here\n"


def test_the_pod_of_an_index_counts_its_attempts(pod):
    """
    The order says with which one the index began; the Job says how often it failed since.
    """
    pod.env = {k: v for k, v in pod.env.items() if k not in ("KT_LINE", "KT_ATTEMPT")}
    told = {"JOB_COMPLETION_INDEX": "1", "KT_FAILURES": "2", "KT_IGNORED": ""}

    pod.run(sh("exit 1"), sh("echo $TUNE_ATTEMPT", attempt=3), **told)

    assert pod.record(5).code == 0
    assert pod.out == b"5\n"
    assert isinstance(pod.record(4), Incomplete)


def test_tokens_are_replaced_wherever_they_stand(pod):
    """
    In words and in values; the first word may be the agent's own interpreter.
    """
    what = order(
        "\0python\0", "-c", "import sys; print(*sys.argv[1:], sys.executable)",
        "n\0attempt\0,\0attempt\0", "--config=\0folder\0/config.json",
    )  # fmt: skip

    pod.run(what, KT_ATTEMPT="7")

    folder = pod.work / "attempt"
    assert pod.out.decode().split() == ["n7,7", f"--config={folder}/config.json", sys.executable]


HOSTILE = {
    "a": "$(HOME) $$ $$(HOME) ${PATH} `id`", "b": "\"'\\\n\r\n\t\0", "c": "\U0001f600é\u202e",
    "d": "\ud800", "e": "z" * 200_000, "f": [1e400, -0.0, 12345678901234567890], "@@KT1": None,
}  # fmt: skip


def test_configs_and_words_arrive_byte_for_byte(pod):
    """
    Nothing on the way expands, quotes or encodes them.
    """
    words = ["", "$(HOME)", "$$", "a b", "'\"\\", "\n", "\U0001f600é", "\udcff", "*", "-n"]
    script = (
        "import hashlib, os, sys\n"
        "print(hashlib.sha256(open(os.environ['TUNE_CONFIG_FILE'], 'rb').read()).hexdigest())\n"
        "print([os.fsencode(word) for word in sys.argv[1:]], os.environb[b'ODD'])\n"
    )
    what = python(script, config=HOSTILE)
    what["argv"] += words
    what["env"]["ODD"] = "$(X) é\n="

    pod.run(what, LC_ALL="C")

    config = json.dumps(HOSTILE).encode()
    expected = [word.encode("utf-8", "surrogateescape") for word in words]
    odd = "$(X) é\n=".encode()
    assert pod.out.decode().split("\n")[:2] == [
        hashlib.sha256(config).hexdigest(),
        f"{expected} {odd}",
    ]


def test_a_command_sees_its_own_variables_and_the_pod_s(pod):
    """
    But none of those that tell the agent what to do: the nonce is nobody's business.
    """
    pod.run(sh("env", env={"MINE": "1", "PODS": "line's"}), PODS="pod's", OTHER="2")

    found = dict(line.partition("=")[::2] for line in pod.out.decode().splitlines())
    assert (found["MINE"], found["PODS"], found["OTHER"]) == ("1", "line's", "2")
    assert not any(name.startswith("KT_") for name in found)
    assert NONCE not in pod.out.decode()


def test_a_home_that_can_be_written_is_left_alone(pod):
    """
    So is one that the line gives.
    """
    pod.run(sh("echo $HOME"), HOME=str(pod.root))
    assert pod.out.decode().strip() == str(pod.root)


@pytest.mark.parametrize("home", ["", "/nonexistent"])
def test_a_home_that_can_t_be_written_is_replaced(pod, home):
    """
    Many programs want to keep something there.
    """
    found = pod.run(sh("touch $HOME/file && echo $HOME"), HOME=home)

    assert found.code == 0
    assert pod.out.decode().strip() == str(pod.work / "home")


def test_a_bundle_is_laid_out(pod):
    """
    Code where the command starts, our own library on Python's path, the rest at its place.
    """
    tool = special(tarfile.REGTYPE)
    tool.mode = 0o700
    pod.bundle(packed({
        "code/src/main.py": b"import kubectl_tune, os; print(kubectl_tune.x, os.getcwd())",
        "code/src/tool": tool, "lib/kubectl_tune/__init__.py": b"x = 5",
        "abs/data/deep/q.csv": b"1", "code/é \n": os.urandom(5000),
        "code/empty": special(tarfile.DIRTYPE),
    }))  # fmt: skip

    pod.run(order("\0python\0", "main.py"), KT_CWD="src")

    files = pod.work / "files"
    assert pod.out.decode().split() == ["5", str(files / "src")]
    assert (pod.root / "data/deep/q.csv").read_bytes() == b"1"
    assert len((files / "é \n").read_bytes()) == 5000 and (files / "empty").is_dir()
    assert stat.S_IMODE((files / "src/tool").stat().st_mode) == 0o755
    assert stat.S_IMODE((files / "src/main.py").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("/code/x", b"x"),
        ("../x", b"x"),
        ("code/../../x", b"x"),
        ("code/..", special(tarfile.DIRTYPE)),
        ("abs/../x", b"x"),
        ("abs//etc/x", b"x"),
        ("code/./x", b"x"),
        ("elsewhere/x", b"x"),
        ("code", b"x"),
        ("code/x", special(tarfile.SYMTYPE, "../../x")),
        ("code/x", special(tarfile.SYMTYPE, "/etc/passwd")),
        ("code/x", special(tarfile.LNKTYPE, "../../x")),
        ("code/x", special(tarfile.CHRTYPE)),
        ("code/x", special(tarfile.FIFOTYPE)),
    ],
)
def test_a_bundle_stays_where_it_belongs(pod, name, what):
    """
    Nothing outside of its places, no links, no devices: the attempt does not begin.
    """
    pod.bundle(packed({name: what}))

    found = pod.run(sh("echo began"))

    assert (pod.code, found.code, found.why, found.started) == (125, 125, "setup", None)
    assert b"began" not in pod.out and b"bundle" in pod.out
    assert [p for p in pod.folder.rglob("*") if p.name in ("x", "passwd") or p.is_symlink()] == []


def test_a_place_for_temporary_files_is_found(pod):
    """
    Where the pod's own can't be written to, they are kept away from the trial's files.
    """
    pod.run(python("import tempfile; print(tempfile.gettempdir())"), TMPDIR="/nonexistent")

    assert pod.out.decode().strip() == str(pod.work / "tmp")


# How it ends


def test_a_time_out_ends_the_group(pod):
    """
    With time to end well, then by force; 124 and a record that says so.
    """
    what = marked(pod, "trap '' TERM; sleep 600 & sleep 600", timeout=0.2)

    found = pod.run(what, KT_GRACE="0.2")

    assert (pod.code, found.why, found.code) == (124, "timeout", 137)
    gone(f"MARK={pod.folder}.")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_pod_that_is_to_end_tells_its_trial(pod, number):
    """
    What the trial does with its time is recorded; that the pod had to go is no success.
    """
    script = f"trap 'echo bye; {RESULT} exit 0' TERM; touch $UP; sleep 600 & wait"
    up = pod.folder / "up"
    pod.start(sh(script, env={"UP": str(up), "TUNE_RESULT_FILE": "\0folder\0/result.json"}))
    until(up.exists, "the trial")

    pod.process.send_signal(number)

    found = pod.end()
    assert (found.why, found.code, found.result) == ("sigterm", 0, '{"m": 1}\n')
    assert (pod.code, pod.out) == (143, b"bye\n")


def test_a_trial_that_won_t_end_is_ended(pod):
    """
    After its grace: the pod's own is longer, so that there is time for a record.
    """
    up = pod.folder / "up"
    pod.start(marked(pod, f"trap '' TERM; touch {up}; while :; do sleep 600; done"), KT_GRACE="0.2")
    until(up.exists, "the trial")

    pod.process.send_signal(signal.SIGTERM)
    pod.process.send_signal(signal.SIGTERM)

    found = pod.end()
    assert (found.why, found.code, pod.code) == ("sigterm", 137, 143)
    gone(f"MARK={pod.folder}.")


def test_a_pod_that_is_to_end_before_its_trial_began(pod):
    """
    The wait for late volumes is no reason to stay.
    """
    pod.start(KT_WAIT="600")
    until(lambda: caught(pod.process.pid, signal.SIGTERM), "the agent's handlers")

    pod.process.send_signal(signal.SIGTERM)

    found = pod.end()
    assert (found.why, found.code, found.started, pod.code) == ("sigterm", None, None, 143)


def caught(pid, number):
    status = Path(f"/proc/{pid}/status").read_text()
    mask = int(
        next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16
    )
    return mask >> (number - 1) & 1


def test_stragglers_do_not_hold_up_the_end(pod):
    """
    What the command left in its group ends with it, and the record is the last of the log.
    """
    what = marked(pod, "(trap '' TERM; while :; do echo more; sleep 0.01; done) & exit 3")

    assert pod.run(what).code == 3
    gone(f"MARK={pod.folder}.")


def test_orphans_are_reaped_and_no_one_else_s_end_counts(pod):
    """
    The first process inherits them; the attempt is over when its command is.
    """
    subreaper = (
        "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0);"
        f"os.execv(sys.executable, [sys.executable, '-I', '-S', {agent.__file__!r}, 'pod'])"
    )
    script = (
        "for i in 1 2 3; do (setsid sh -c 'exit 9' &); done; sleep 0.3;"
        "ps --ppid $PPID -o stat= | grep -c Z; exit 4"
    )
    pod.plan(sh(script))
    pod.process = subprocess.Popen(
        [sys.executable, "-c", subreaper], env=pod.env, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip

    assert pod.end().code == 4
    assert pod.out == b"0\n"


@pytest.mark.parametrize(
    ("rises", "end", "why"),
    [
        (1, "kill -9 $$", "oom"),
        (0, "kill -9 $$", "exit"),
        (1, "exit 137", "oom"),
        (2, "exit 1", "exit"),
        (1, "exit 0", "exit"),
    ],
)
def test_the_kernel_s_hand_in_an_end_is_told(pod, rises, end, why):
    """
    A kill is for want of memory if the cgroup counted one; else that is only mentioned.
    """
    events = pod.folder / "memory.events"
    events.write_text("low 0\noom 3\noom_kill 7\n")
    what = sh(f"printf 'oom 3\\noom_kill {7 + rises}\\n' > {events}; {end}")

    found = pod.run(what, KT_EVENTS=str(events))

    assert found.why == why
    assert ("memory" in found.detail) == (rises > 0 and found.code != 0)


def test_an_attempt_begins_once(pod):
    """
    A container that is started again in its pod runs nothing twice.
    """
    pod.run(sh("echo began"))

    found = pod.run()

    assert (found.why, found.code, pod.code) == ("begun", None, 125)
    assert b"began\n" not in pod.out.splitlines(keepends=True)


# Results


def write_result(size, *, spread):
    """A command that writes a result of exactly so many bytes."""
    blob = "random.Random(1).randbytes(n).hex()[:n]" if spread else "'x' * n"
    return python(
        f"import os, random; n = {size} - 8; text = '{{\"m\":\"' + {blob} + '\"}}'\n"
        "open(os.environ['TUNE_RESULT_FILE'], 'w').write(text); print('printed', end='')"
    )


@pytest.mark.parametrize("spread", [True, False])
def test_results_up_to_a_mebibyte_come_home(pod, spread):
    """
    In the log's last lines where the message has no room, however well they can be packed.
    """
    found = pod.run(write_result(1 << 20, spread=spread))

    assert len(found.result.encode()) == 1 << 20 and json.loads(found.result)["m"]
    assert pod.code == 0
    if spread:
        assert pod.out.startswith(b"printed\n@@KT1 ") and pod.out.endswith(b"\n")
        assert pod.out.splitlines()[-1].startswith(f"@@KT1 {NONCE} E ".encode())


def test_a_larger_result_is_said_to_be_too_large(pod):
    """
    Never cut: there is none, the size is the reason, and the pod has failed.
    """
    found = pod.run(write_result((1 << 20) + 1, spread=False))

    assert (found.why, found.result, found.code, pod.code) == ("too-large", None, 0, 122)
    assert "1 MiB" in found.detail


@pytest.mark.parametrize(
    ("last", "why"),
    [("", "too-large"), ("print('no result')", "too-large"), ("print('{\"m\": 1}')", "exit")],
)
def test_a_larger_result_that_is_printed_is_said_to_be_too_large(pod, last, why):
    """
    Unless a later line is the result; an earlier one is not.
    """
    print_it = "print('{\"a\": 1}'); print('{\"m\":\"' + 'x' * (1 << 20) + '\"}');"

    found = pod.run(python(print_it + last))

    assert found.why == why
    assert found.result == (None if why == "too-large" else '{"m": 1}')


@pytest.mark.parametrize("text", ["{half", "[1]", "", "\\377"])
def test_a_broken_result_is_no_success(pod, text):
    """
    As on one's own machine.
    """
    found = pod.run(sh(f"printf '{text}' > $TUNE_RESULT_FILE"))

    assert (found.why, found.result, found.code, pod.code) == ("bad-result", None, 0, 122)


def test_the_last_object_that_is_printed_is_the_result(pod):
    """
    Where there is no file.
    """
    found = pod.run(sh("""echo '{"a": 1}'; echo '{"b": 2}'; echo done; echo '{"c": 3}' >&2"""))

    assert found.result == '{"b": 2}'


def test_a_message_that_can_t_be_written_leaves_the_log(pod):
    """
    Then the log has even the smallest record.
    """
    for message in (str(pod.folder), "/nonexistent/message", "", "/dev/full"):
        pod.plan(sh("printf hello;" + RESULT))

        pod.run(KT_MESSAGE=message, KT_WORK=str(pod.folder / f"work{len(message)}"))

        assert (pod.record().result, pod.code) == ('{"m": 1}\n', 0)
        assert pod.out.startswith(b"hello\n@@KT1 ")


def test_no_success_without_a_record(pod):
    """
    Where nobody listens and nothing can be written, the pod fails.
    """
    pod.plan(sh(RESULT))
    with open("/dev/full", "wb") as full:
        code = subprocess.run(
            [sys.executable, "-I", "-S", agent.__file__, "pod"],
            env={**pod.env, "KT_MESSAGE": ""}, stdout=full, stderr=full,
        ).returncode  # fmt: skip

    assert code == 125


# The log


def kubelet_s(log):
    """How large the runtime's file is, with its own words before each line and piece."""
    return sum(len(line) + 46 * (1 + len(line) // 8192) for line in log.split(b"\n"))


@pytest.mark.parametrize(
    "flood",
    ["yes | head -c 30000000", "head -c 30000000 /dev/zero", "yes '' | head -c 9000000",
     "yes some more words in every line of it | head -c 30000000"],
    ids=["yes", "one line", "empty lines", "words"],
)  # fmt: skip
def test_a_log_is_never_so_long_that_it_is_rotated(pod, flood):
    """
    Below 10 MiB as the runtime keeps it, the record included; the beginning and the end are there.
    """
    result = write_result(1 << 20, spread=True)["argv"][-1]
    what = sh(f'echo first; {flood}; echo last >&2; "$0" -c "$1"')
    what["argv"] += [sys.executable, result]

    found = pod.run(what)

    assert len(found.result) == 1 << 20
    assert kubelet_s(pod.out) < 10 << 20
    assert pod.printed.startswith(b"first\n") and b"last\n" in pod.printed[-100:]
    [note] = [line for line in pod.printed.splitlines() if b"bytes of the log left out" in line]
    assert note.startswith(b"... ") and note.endswith(b" ...")


def test_what_is_left_out_is_counted(pod):
    """
    To the byte: what is there and what is not make the whole.
    """
    pod.run(sh("seq 1 2000000"))

    before, _, after = pod.out.partition(b"... ")
    count, _, after = after.partition(b" bytes of the log left out ...\n")
    whole = subprocess.run(["seq", "1", "2000000"], capture_output=True).stdout
    assert whole.startswith(before.rstrip(b"\n")) and whole.endswith(after)
    kept = len(before) - (not whole.startswith(before))
    assert kept + int(count) + len(after) == len(whole)
    assert after.split(b"\n")[0].isdigit() and len(before) > 600_000


def test_bytes_that_are_no_text_are_passed_on_as_they_are(pod):
    """
    In the order in which they come.
    """
    data = bytes(range(256)) * 4096

    pod.run(python("import os; [os.write(1, bytes(range(256)) * 64) for _ in range(64)]"))

    assert pod.out == data


def test_output_is_passed_on_as_it_comes(pod):
    """
    A line is there while the trial still runs.
    """
    fifo = pod.folder / "fifo"
    os.mkfifo(fifo)
    pod.start(sh(f"echo first; read line < {fifo}; echo $line"))

    assert pod.process.stdout.readline() == b"first\n"
    fifo.write_text("second\n")

    pod.end()
    assert pod.out == b"second\n"


# Faults that are not the trial's


@pytest.mark.parametrize(
    ("break_it", "why", "words"),
    [
        (lambda pod: (pod.folder / "plan/000.jsonl.gz").unlink(), "machine", "no plan"),
        (lambda pod: pod.env.update(KT_PLAN="/nonexistent"), "machine", "/nonexistent"),
        (lambda pod: pod.env.pop("KT_PLAN"), "machine", "KT_PLAN"),
        (lambda pod: pod.env.update(KT_LINE="1"), "setup", "no line 1"),
        (lambda pod: pod.env.update(KT_LINE="x"), "setup", "KT_LINE"),
        (lambda pod: pod.env.pop("KT_LINE"), "setup", "KT_LINE"),
        (lambda pod: pod.env.update(KT_GRACE="soon"), "setup", "KT_GRACE"),
        (lambda pod: pod.plan({"argv": []}), "setup", "not an order"),
        (lambda pod: pod.plan({**sh("true"), "argv": []}), "setup", "not an order"),
        (lambda pod: pod.plan({**sh("true"), "timeout": "1"}), "setup", "not an order"),
        (
            lambda pod: (pod.folder / "plan/000.jsonl.gz").write_bytes(b"no gzip"),
            "setup", "can't be read",
        ),
        (lambda pod: cut(pod.folder / "plan/000.jsonl.gz"), "setup", "can't be read"),
        (lambda pod: pod.env.update(KT_BUNDLE="/nonexistent"), "machine", "/nonexistent"),
        (lambda pod: (pod.bundle(packed({})), pod.env.update(KT_BUNDLE_SHA="0" * 64)),
            "setup", "sha256"),
        (lambda pod: pod.bundle(packed({"code/x": os.urandom(9000)})[:-5]), "setup", "unpacked"),
        (lambda pod: pod.bundle(b"no tar"), "setup", "unpacked"),
        (lambda pod: pod.env.update(KT_CWD="../x"), "setup", "KT_CWD"),
        (lambda pod: pod.env.update(KT_WORK="/proc/1"), "setup", "/proc/1"),
        (lambda pod: pod.env.update(KT_WORK=str(pod.message)), "setup", "Not a directory"),
    ],
)  # fmt: skip
def test_a_pod_that_lacks_something_says_what(pod, break_it, why, words):
    """
    125, a line for who reads the log, and a record: the next attempt may or may not fare better.
    """
    pod.plan(sh("echo began"))
    break_it(pod)

    found = pod.run()

    assert (pod.code, found.why, found.code, found.started) == (125, why, 125, None)
    assert words in found.detail and words.encode() in pod.printed
    assert b"Traceback" not in pod.out and b"began\n" not in pod.out.splitlines(keepends=True)


def cut(path):
    path.write_bytes(path.read_bytes()[:-12])


def test_volumes_may_be_late(pod):
    """
    The agent looks again.
    """
    pod.start(KT_WAIT="60", KT_BUNDLE=str(pod.folder / "bundle"))
    until(lambda: caught(pod.process.pid, signal.SIGTERM), "the agent")

    pod.bundle(packed({"code/x": b"late"}))
    pod.plan(sh("cat x"))

    assert pod.end().code == 0
    assert pod.out == b"late"


def test_a_machine_without_room_for_a_process_is_at_fault(pod):
    """
    Not the trial, which may begin elsewhere.
    """
    pod.plan(sh("true"))
    pod.process = subprocess.Popen(
        ["sh", "-c", 'ulimit -n 7; exec "$0" -I -S "$1" pod', sys.executable, agent.__file__],
        env=pod.env, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip

    found = pod.end()

    assert (found.why, found.started, pod.code) == ("machine", None, 125)
