"""
The result files of a session, put back where its trials had written them.

One rule: the state file has every result, so a file that is missing or differs is written
again, and no other is touched.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_tune.beginning import refuse_shared_outputs
from kubectl_tune.rows import output_path
from kubectl_tune.store import Store
from kubectl_tune.wholefile import write_whole


@dataclass(frozen=True, slots=True)
class Restored:
    """How many result files there are, by what had become of them."""

    whole: int
    missing: int
    changed: int

    @property
    def total(self) -> int:
        return self.whole + self.missing + self.changed


def restore(store: Store, name: str) -> Restored:
    """Write the `output_json` files again that are gone or not what their trials wrote."""
    info = store.info(name)
    found = {"whole": 0, "missing": 0, "changed": 0}
    with store.moment():
        refuse_shared_outputs(store, name, store.outputs(name))
        trials = store.trials(name, specs=True)
        paths = {each.trial.id: output_path(each.trial.spec, info) for each in trials}
        for id, text in store.results(name):
            if path := paths[id]:
                found[_mended(path, text)] += 1
    return Restored(**found)


def _mended(path: str, text: str) -> str:
    """Make the file hold the text; say what it was."""
    content = text.encode("utf-8", "replace")
    try:
        with open(path, "rb") as file:
            if file.read() == content:
                return "whole"
        was = "changed"
    except OSError:
        was = "missing"
    write_whole(path, content)
    return was
