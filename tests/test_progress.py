"""How a session is shown while it runs, and what is said when it has."""

from __future__ import annotations

import io

import pytest
from core.making import session
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.driving import Outcome
from kubectl_tune.progress import Progress, begun, fitted, line
from kubectl_tune.rows import Best, Summary
from kubectl_tune.session import Session
from kubectl_tune.sessions import Standing
from kubectl_tune.summary import closing
from kubectl_tune.trial import TrialEvent, TrialState


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def after(state: Session, *states: str) -> Session:
    """The session with its first trials in these states."""
    for id, name in zip(state.trials, states, strict=False):
        state.apply(TrialEvent(id, 1, TrialState(name), reason="exit code 1"))
    return state


@pytest.mark.parametrize(
    ("states", "before", "elapsed", "shown"),
    [
        ([], 0, 5.0, "0/8 done, 0 running, 0 failed"),
        (["Running"], 0, 5.0, "0/8 done, 1 running, 0 failed"),
        (["Succeeded", "Running"], 0, 2.0, "1/8 done, 1 running, 0 failed | 30.0/min | ETA 14s"),
        (["Succeeded"] * 4, 0, 2.0, "4/8 done, 0 running, 0 failed | 2.0/s | ETA 2s"),
        (["Succeeded"] * 4, 4, 2.0, "4/8 done, 0 running, 0 failed"),
        (["Failed", "TimedOut", "Cancelled"], 0, 0.0, "3/8 done, 0 running, 2 failed"),
    ],
)
def test_a_line_says_how_far_a_session_is(
    states: list[str], before: int, elapsed: float, shown: str
):
    """
    The rate is that of this drive, and what is left at that rate is the ETA.
    """
    assert line(after(session(8), *states), None, before, elapsed) == shown


def test_a_line_names_the_best_so_far():
    """
    With a job_id that can't move the cursor.
    """
    shown = line(session(1), Best("a\x1b[2Jb\nc", "loss", 0.123456789), 0, 0.0)

    assert shown.endswith("| best loss 0.123457 (a^[[2Jb\\nc)")


@given(st.text(), st.integers(0, 50))
def test_a_line_is_cut_where_the_terminal_ends(text: str, width: int):
    """
    What is left is a beginning of it, of at most so many columns.
    """
    cut = fitted(text, width)

    assert text.startswith(cut)
    assert len(cut) <= width or any(ord(char) > 127 for char in cut)


@pytest.mark.parametrize(
    ("text", "width", "cut"),
    [("abc", 3, "abc"), ("abcd", 3, "abc"), ("日本語", 5, "日本"), ("🦉🦉", 2, "🦉"),
     ("e\u0301e\u0301", 1, "e\u0301"), ("x", 0, "")],
)  # fmt: skip
def test_wide_characters_take_two_columns_and_combining_ones_none(text: str, width: int, cut: str):
    """
    As terminals have them.
    """
    assert fitted(text, width) == cut


def test_plain_lines_come_ever_less_often():
    """
    After 2, 4, 8 ... seconds, and once a minute in the end: a log of hours stays short.
    """
    stream, clock, now = io.StringIO(), Clock(), session(3)
    show = Progress(stream, clock=clock)
    at = []
    show(now, [], None)
    for _ in range(300):
        clock.now += 1
        before = stream.tell()
        show(now, [], None)
        if stream.tell() > before:
            at.append(clock.now - 1000)

    assert at == [2, 6, 14, 30, 62, 122, 182, 242]
    assert stream.getvalue().startswith(
        "session/demo: 3 trials on this machine, 4 at once\n0/3 done"
    )


def test_a_terminal_is_left_with_a_clean_line():
    """
    The line that is redrawn gives way to what is said for good.
    """
    stream, clock, now = Terminal(), Clock(), session(2)
    show = Progress(stream, clock=clock)
    show(now, [], None)
    clock.now += 1
    show(now, [], None)
    after(now, "Failed")
    show(now, [now.trials["t0"]], None)
    show.close()
    show.close()

    assert stream.getvalue().split("\n") == [
        "session/demo: 2 trials on this machine, 4 at once",
        "\r0/2 done, 0 running, 0 failed\x1b[K\r\x1b[Ktrial t0 Failed: exit code 1",
        "",
    ]


def test_a_failure_that_is_tried_again_says_so():
    """
    And is not counted as failed.
    """
    stream, now = io.StringIO(), session(1, retries=1)
    show = Progress(stream, clock=Clock())

    show(after(now, "Failed"), [now.trials["t0"]], None)

    assert "trial t0 Failed: exit code 1, it is tried again\n" in stream.getvalue()
    assert "0 failed" in line(now, None, 0, 0.0)


def test_a_resumed_session_says_what_is_left():
    """
    Of how many.
    """
    now = after(session(3, max_parallel=2), "Succeeded")

    assert begun(now) == "session/demo: 2 of 3 trials on this machine, 2 at once"


def outcome(states: dict[str, int], ended: str = "done", **more: object) -> Outcome:
    info = session(1).info
    counts = {TrialState(state): count for state, count in states.items()}
    finished = info.created + 61 if ended else None
    summary = Summary(info, counts, sum(states.values()), finished, ended, None)
    return Outcome(Standing(summary, None), **{"exit_code": 1} | more)


@pytest.mark.parametrize(
    ("states", "ended", "said"),
    [
        ({"Succeeded": 2}, "done", "session/demo Succeeded in 61s: 2 Succeeded"),
        (
            {"Pending": 1, "Failed": 3, "Succeeded": 2},
            "done",
            "session/demo Failed in 61s: 2 Succeeded, 3 Failed, 1 Pending",
        ),
        ({"Cancelled": 1}, "Cancelled", "session/demo Cancelled in 61s: 1 Cancelled"),
        ({"TimedOut": 1}, "TimedOut", "session/demo TimedOut in 61s: 1 TimedOut"),
    ],
)
def test_the_end_is_one_line(states: dict[str, int], ended: str, said: str):
    """
    State, time and counts, in this order.
    """
    assert closing(outcome(states, ended), "kubectl tune", quiet=True) == said


@pytest.mark.parametrize(
    ("states", "verbs"),
    [
        ({"Succeeded": 1}, ["status"]),
        ({"Succeeded": 1, "Failed": 1}, ["status", "logs", "retry"]),
        ({"Failed": 1, "Pending": 1}, ["resume", "status", "logs", "retry"]),
        ({"Cancelled": 1}, ["status", "retry"]),
    ],
)
def test_the_commands_that_come_next_make_sense(states: dict[str, int], verbs: list[str]):
    """
    No logs of failures where nothing failed, no retry where all succeeded.
    """
    text = closing(outcome(states), "kubectl tune")

    commands = [row.split()[2] for row in text.splitlines() if row.startswith("  kubectl tune ")]
    assert commands == verbs


def test_who_was_stopped_is_told_how_to_go_on():
    """
    Also where nothing else is to be said.
    """
    stopped = outcome({"Pending": 1, "Succeeded": 1}, "", exit_code=130, stopped=True)

    for quiet in (False, True):
        text = closing(stopped, "kubectl tune --state x", quiet=quiet)
        assert text.startswith("stopped by Ctrl-C: ")
        assert "kubectl tune --state x resume demo" in text
