"""The plan as pods read it: nothing of a trial is lost, and no part is too large."""

from __future__ import annotations

import json
import random

import pytest
from core.making import info, specs
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.cluster import orders
from kubectl_tune.errors import EngineError
from kubectl_tune.trial import Trial, TrialSpec

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=30)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
trials = st.builds(
    TrialSpec, texts.filter(bool), st.integers(0, 9), st.dictionaries(texts, values, max_size=4),
    texts, st.lists(texts, max_size=3).map(tuple).filter(lambda words: not words or words[0]),
    st.dictionaries(texts.filter(bool), texts, max_size=2), st.none() | st.floats(0.5, 1e6), texts,
    st.just("slug"), st.just("hash"),
)  # fmt: skip


@given(trials)
def test_a_trial_is_read_back_as_it_was(spec: TrialSpec):
    """
    From its line in a plan ConfigMap, byte for byte.
    """
    [(_, data)] = orders.parts([orders.order(info(), Trial(spec))])

    [line] = orders.unpacked(data)

    assert orders.spec_of(line) == spec
    assert line["line"]["config"] == json.loads(json.dumps(spec.config))


def test_what_only_the_pod_knows_is_left_open():
    """
    The attempt's number and its folder; no argument of a user can be taken for one.
    """
    made = info(command=("python", "{config}", "{attempt}", "{output_json}"))

    line = orders.order(made, Trial(specs(1)[0]))

    assert line["argv"] == [
        orders.PYTHON, f"{orders.FOLDER}/config.json", orders.ATTEMPT,
        f"{orders.FOLDER}/result.json",
    ]  # fmt: skip
    assert line["env"]["TUNE_ATTEMPT"] == orders.ATTEMPT


def random_lines(count: int, size: int):
    chance = random.Random(1)
    made = [TrialSpec(f"t{n}", n, {"x": chance.randbytes(size).hex()}) for n in range(count)]
    return [orders.order(info(), Trial(spec.named(spec.id, "h"))) for spec in made]


@pytest.mark.parametrize(("count", "size"), [(2001, 8), (40, 60_000), (3, 250_000)])
def test_parts_fit_into_config_maps_and_keep_the_order(count: int, size: int):
    """
    By number of lines, by what is packed, and by what a pod has to unpack.
    """
    made = random_lines(count, size)

    found = list(orders.parts(made))

    assert len(found) > 1
    assert all(len(data) <= orders.MOST_BYTES for _, data in found)
    assert all(len(lines) <= orders.MOST_LINES for lines, _ in found)
    assert [line for _, data in found for line in orders.unpacked(data)] == made


def test_a_line_that_fits_nowhere_is_named():
    """
    With what to do instead.
    """
    with pytest.raises(EngineError, match="trial t0: its line is too large") as raised:
        list(orders.parts(random_lines(1, 700_000)))

    assert "--sync" in raised.value.hint


def test_the_same_plan_gives_the_same_bytes():
    """
    So that what is there already is known again.
    """
    assert list(orders.parts(random_lines(3, 9))) == list(orders.parts(random_lines(3, 9)))
