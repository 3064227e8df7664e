"""Killed clients, two drivers at once, and a driver that slept through a takeover."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from core.chaos import Client, ordeal
from core.waiting import gone, processes, until


@pytest.fixture
def client(tmp_path):
    client = Client(tmp_path)
    yield client
    for pid in processes(client.marker):
        os.kill(pid, signal.SIGKILL)


WORK = """
echo "$TUNE_TRIAL_ID $TUNE_ATTEMPT" >> "$DIARY"
if [ "$1" = gate ]; then while [ ! -e gate ]; do sleep 0.02; done; else sleep "$1"; fi
echo {} > "$TUNE_RESULT_FILE"
"""


def plan(client, *lasting):
    """A plan whose trials last so many seconds, or until there is a file `gate`."""
    path = client.folder / "plan.jsonl"
    lines = [
        {
            "job_id": f"t{i}", "config": {}, "output_json": f"out/t{i}.json",
            "command": ["sh", "-c", WORK, "sh", str(each)],
        }
        for i, each in enumerate(lasting)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def run(client, path, *more):
    return client.start("run", path, "--engine", "local", "--name", "demo", "--quiet", *more)


def states(client):
    return [state for (state,) in client.query("SELECT state FROM trials ORDER BY idx")]


def agent_of(child):
    return int(Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()[0])


def end(child):
    out, errors = child.communicate(timeout=60)
    return child.returncode, out + errors


def test_a_client_that_is_killed_loses_nothing(client):
    """
    Twenty times at random moments over plans of sixty trials; scripts/chaos does it longer.
    """
    told = list(ordeal(client, 20, seed=7))

    assert told


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_ends_the_children_and_says_how_to_go_on(client, number, code):
    """
    What ran waits for another attempt; resume finishes it.
    """
    child = run(client, plan(client, 0, "gate", "gate", 0), "-j", "2")
    until(lambda: states(client)[:3] == ["Succeeded", "Running", "Running"], "two to run")

    child.send_signal(number)
    returned, said = end(child)

    assert returned == code
    assert "resume demo" in said and "Traceback" not in said
    assert processes(client.marker) == []
    assert states(client) == ["Succeeded", "Pending", "Pending", "Pending"]
    (client.folder / "gate").touch()
    assert client.run("resume", "demo")[0] == 0
    assert set(states(client)) == {"Succeeded"}
    begun = client.begun()
    assert begun.pop("t3 1", 0) + begun.pop("t3 2", 0) == 1  # it had waited at the agent, or not
    assert begun == dict.fromkeys(["t0 1", "t1 1", "t1 2", "t2 1", "t2 2"], 1)


def test_two_signals_end_it_at_once(client):
    """
    Without waiting for children that take their time; they end all the same.
    """
    script = "trap 'echo asked >> $DIARY' TERM; echo a 1 >> $DIARY; while :; do sleep 0.05; done"
    stubborn = {"job_id": "a", "config": {}, "command": ["sh", "-c", script]}
    path = client.folder / "plan.jsonl"
    path.write_text(json.dumps(stubborn))
    child = run(client, str(path))
    until(client.begun, "the trial to begin")

    child.send_signal(signal.SIGINT)
    until(lambda: client.begun()["asked"], "the trial to be asked to end")
    child.send_signal(signal.SIGINT)

    assert end(child)[0] == 130
    gone(client.marker, 5.0)


def test_a_second_driver_is_refused(client):
    """
    Exit code 2; it names the first, which goes on undisturbed.
    """
    first = run(client, plan(client, "gate", 0), "-j", "1")
    until(client.begun, "a trial to begin")

    code, said = client.run("resume", "demo")
    (client.folder / "gate").touch()

    assert code == 2
    assert f"session demo already has a driver: process {first.pid} on" in said
    assert end(first)[0] == 0
    assert client.begun() == {"t0 1": 1, "t1 1": 1}


def test_a_second_run_of_the_same_name_is_refused(client):
    """
    With the hint to go on with the first.
    """
    path = plan(client, 0)
    assert end(run(client, path))[0] == 0

    code, said = end(run(client, path))

    assert code == 2
    assert "there is a session named demo already" in said and "resume demo" in said


def everything(client):
    """All that is written down of the session: rows, and result files with their times."""
    tables = ("sessions", "trials", "specs", "results", "attempts")
    rows = [client.query(f"SELECT * FROM {table}") for table in tables]
    out = client.folder / "out"
    return rows, {path.name: (path.read_text(), path.stat().st_mtime_ns) for path in out.iterdir()}


@pytest.mark.parametrize("agent_too", [False, True], ids=["driver", "driver and agent"])
def test_a_driver_that_slept_through_a_takeover_writes_nothing(client, agent_too):
    """
    Neither rows nor files; it says so, ends with 2, and its children are gone.
    """
    path = plan(client, *[0, 0.4] * 4)
    slept = run(client, path, "-j", "2")
    until(lambda: "Succeeded" in states(client) and "t3 1" in client.begun(), "some results")
    if agent_too:
        os.kill(agent_of(slept), signal.SIGSTOP)  # in the way of the next, it is ended for good
    slept.send_signal(signal.SIGSTOP)
    (client.state.parent / "sessions" / "demo" / "lock").unlink()

    code, said = client.run("resume", "demo", "--quiet")
    assert code == 0, said
    before = everything(client)
    slept.send_signal(signal.SIGCONT)
    returned, said = end(slept)

    assert returned == 2
    assert "session demo was taken over by another driver" in said
    assert everything(client) == before
    assert processes(client.marker) == []
    assert set(states(client)) == {"Succeeded"}
    assert set(client.begun().values()) == {1}


def test_a_driver_whose_agent_is_killed_goes_on(client):
    """
    The trials that it ran are lost, and begun again; those of other agents are not.
    """
    child = run(client, plan(client, 0.3, 0.3, 0.3), "-j", "3")
    until(lambda: client.begun().total() == 3, "three trials to begin")

    os.kill(agent_of(child), signal.SIGKILL)

    assert end(child)[0] == 0
    assert set(states(client)) == {"Succeeded"}
    begun = client.begun()
    assert {line for line in begun if line.endswith(" 1")} == {f"t{i} 1" for i in range(3)}
    assert [line for line in begun if line.endswith(" 2")]
    assert set(begun.values()) == {1}
