"""A driver that dies at any instant leaves all of a change or none of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from core.crashes import cut, steps
from core.making import info, opened, specs

from kubectl_tune.ledger import Ledger
from kubectl_tune.store import Store
from kubectl_tune.trial import TrialEvent, TrialSpec, TrialState

RESULTS = {f"t{i}": json.dumps({"metrics": {"m": i}, "pad": "x" * 9000}) for i in range(3)}


def lines() -> list[TrialSpec]:
    return [
        TrialSpec(s.id, s.index, s.config, f"{s.id}.json").named(s.slug, s.hash) for s in specs(3)
    ]


class Place:
    """A state file that every crash finds as it was, and the folder that results go to."""

    def __init__(self, folder: Path) -> None:
        self.before, self.now, self.out = folder / "before", folder / "now", folder / "out"
        self.path = self.now / "state.db"
        with opened(self.before / "state.db") as store:
            store.create(info(total=3, metric="m", direction="maximize", workdir=self.out), lines())

    def crashes(self, act: Callable[[Store], None]) -> Iterator[int]:
        """Do `act` with a crash at each of some fifty steps; pause after each crash."""
        self.do(act, self.fresh())  # what is done only once in a process is done now
        self.fresh()
        whole = steps(lambda: self.do(act, self.path))
        coarse = range(1, whole, max(1, whole // 35))
        for step in sorted({*coarse, *range(whole - 10, whole + 1)}):  # the commit comes late
            self.fresh()
            if cut(lambda: self.do(act, self.path), step):
                yield step

    def do(self, act: Callable[[Store], None], path: Path) -> None:
        with opened(path) as store:
            act(store)

    def fresh(self) -> Path:
        for folder in (self.now, self.out):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.before, self.now)
        return self.path


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def report(store: Store) -> None:
    """Do what a driver does when three trials have ended."""
    ledger = Ledger(store.load("demo"), store, store.claim("demo"))
    done = TrialState.SUCCEEDED
    ledger.keep(TrialEvent(id, 1, done, 9.0, result=text) for id, text in RESULTS.items())
    ledger.save(ended="done")


def test_results_are_recorded_together_and_after_their_files(place):
    """
    A recorded success has its file; a file is whole or not there; reporting again completes it.
    """
    outcomes = set()
    for step in place.crashes(report):
        with opened(place.path) as store:
            counts = store.summary("demo").counts
            outcomes.add(str(dict(counts)))
            files = {path.name: path.read_text() for path in place.out.glob("*.json")}
            assert all(text == RESULTS[name[:-5]] for name, text in files.items()), step
            assert dict(store.results("demo")) == (RESULTS if counts["Succeeded"] else {}), step
            assert counts in ({TrialState.PENDING: 3}, {TrialState.SUCCEEDED: 3}), step
            assert len(files) == 3 or not counts["Succeeded"], step

            report(store)

            assert store.summary("demo").counts == {TrialState.SUCCEEDED: 3}
            assert [len(store.attempts("demo", id)) for id in RESULTS] == [1, 1, 1]
        assert sorted(p.name for p in place.out.iterdir()) == ["t0.json", "t1.json", "t2.json"]

    assert len(outcomes) == 2  # crashes on both sides of the commit


def test_a_session_is_created_whole_or_not_at_all(place):
    """
    After a crash its name is free, or it has all of its trials.
    """
    found = set()
    for _ in place.crashes(lambda store: store.create(info("new", total=3), lines())):
        with opened(place.path) as store:
            there = "new" in store.names()
            found.add(there)
            if there:
                assert len(store.load("new").trials) == 3
            else:
                store.create(info("new", total=3), lines())
            assert store.folder("new").is_dir()
            assert len(store.load("demo").trials) == 3

    assert found == {False, True}


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (lambda store: store.delete("demo"), 3, None),
        (lambda store: store.remove_trials("demo", [0, 1]), 3, 1),
        (
            lambda store: store.add_trials("demo", [TrialSpec("n", 3, {}).named("n", "h")]),
            3,
            4,
        ),
    ],
    ids=["delete", "remove trials", "add trials"],
)
def test_a_session_is_changed_whole_or_not_at_all(place, change, before, after):
    """
    After a crash it is the old one or the new one, and its total fits.
    """
    found = set()
    for _ in place.crashes(change):
        with opened(place.path) as store:
            trials = len(store.load("demo").trials) if store.names() else None
            found.add(trials)
            assert trials is None or store.info("demo").total == trials

    assert found == {before, after}


def test_a_new_state_file_is_whole_or_made_again(tmp_path):
    """
    A first run that died while it made the file doesn't spoil the next.
    """
    path = tmp_path / "home" / "state.db"

    def make():
        with opened(path):
            pass

    make()
    shutil.rmtree(path.parent)
    count = steps(make)
    for step in range(1, count + 1, max(1, count // 40)):
        shutil.rmtree(path.parent, ignore_errors=True)
        cut(make, step)

        with opened(path) as store:
            store.create(info(), specs(1))
            assert store.names() == ["demo"]
