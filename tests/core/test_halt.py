"""`--halt` in GNU parallel's words: what can be said, and when it applies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.errors import UsageError
from kubectl_tune.halt import Halt

HALTS = st.builds(
    Halt,
    st.sampled_from(["now", "soon"]),
    st.sampled_from(["fail", "success", "done"]),
    st.integers(1, 100),
    st.booleans(),
)


@pytest.mark.parametrize(
    ("text", "halt"),
    [
        ("never", None),
        ("soon,fail=1", Halt("soon", "fail", 1)),
        ("now,fail=3", Halt("now", "fail", 3)),
        ("now,success=1", Halt("now", "success", 1)),
        ("soon,done=50%", Halt("soon", "done", 50, True)),
        ("soon,fail=100%", Halt("soon", "fail", 100, True)),
        ("now,fail=100000", Halt("now", "fail", 100000)),
    ],
)
def test_the_forms_of_the_manual_are_read(text, halt):
    """
    `never` or `WHEN,WHY=N[%]`.
    """
    assert Halt.parse(text) == halt


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "fail=1", "now,fail", "now,fail=", "now,fail=0", "now,fail=0%", "now,fail=-1",
        "now,fail=101%", "now,fail=1.5", "now, fail=1", "Now,fail=1", "later,fail=1", "now,fails=1",
        "now,fail=1%%", "now,fail=1\n", "never,fail=1", "now,fail=1,success=1",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_an_example(text):
    """
    The error shows what was typed and what would do.
    """
    with pytest.raises(UsageError) as error:
        Halt.parse(text)

    assert f"--halt {text}" in str(error.value)
    assert "soon,fail=3" in error.value.hint


@given(HALTS)
def test_a_halt_is_spelled_as_it_is_read(halt):
    """
    What the store keeps is what was asked for.
    """
    assert Halt.parse(str(halt)) == halt


@given(HALTS, st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_a_halt_is_due_from_its_number_on_or_its_share_of_all(halt, failed, succeeded, other, open):
    """
    N of them, or N percent of all trials; never when there is none.
    """
    done = failed + succeeded + other
    total = done + open

    due = halt.due(failed=failed, succeeded=succeeded, done=done, total=total)

    count = {"fail": failed, "success": succeeded, "done": done}[halt.why]
    enough = count >= halt.value / 100 * total - 1e-9 if halt.percent else count >= halt.value
    assert due is (count > 0 and enough)
