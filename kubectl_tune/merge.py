"""
An edited plan and a session that has begun: what is kept, changed, new and gone.

Its rule: a merge happens whole or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kubectl_tune.beginning import identified
from kubectl_tune.driving import undriven
from kubectl_tune.errors import PlanError
from kubectl_tune.ledger import Ledger
from kubectl_tune.session import Session, SessionInfo
from kubectl_tune.store import Store
from kubectl_tune.table import clean
from kubectl_tune.trial import Trial, TrialEvent, TrialSpec, TrialState
from kubectl_tune.wholefile import write_whole
from kubectl_tune.workload import ARBITRAGE

NAMED = 5  # trials that are named of each kind


@dataclass(frozen=True, slots=True)
class Changes:
    """Trials by what the edited plan says of them; a spec keeps the index it has."""

    kept: tuple[TrialSpec, ...]
    changed: tuple[TrialSpec, ...]
    new: tuple[TrialSpec, ...]
    gone: tuple[Trial, ...]

    @property
    def staying(self) -> list[Trial]:
        """Those whose line is gone, and who stay for their results."""
        return [trial for trial in self.gone if trial.state is TrialState.SUCCEEDED]


def compare(trials: Sequence[Trial], specs: Sequence[TrialSpec]) -> Changes:
    """Match trials and specs by job_id, and tell by the hash whether they are the same."""
    known = {trial.id: trial for trial in trials}
    following = max((trial.spec.index for trial in trials), default=-1) + 1
    kept, changed, new = list[TrialSpec](), list[TrialSpec](), list[TrialSpec]()
    for spec in specs:
        trial = known.pop(spec.id, None)
        if trial is None:
            new.append(replace(spec, index=following + len(new)))
            continue
        mine = replace(spec, index=trial.spec.index, slug=trial.spec.slug)
        (kept if spec.hash == trial.spec.hash else changed).append(mine)
    return Changes(tuple(kept), tuple(changed), tuple(new), tuple(known.values()))


def described(changes: Changes) -> str:
    """Say what a merge did: how many of each kind, and the first ones of those that differ."""
    kinds = {
        "changed": [spec.id for spec in changes.changed],
        "new": [spec.id for spec in changes.new],
        "gone": [trial.id for trial in changes.gone],
    }
    counts = [f"{len(changes.kept)} kept", *(f"{len(ids)} {kind}" for kind, ids in kinds.items())]
    named = [f"  {kind}: {_listed(ids)}" for kind, ids in kinds.items() if ids]
    if stay := [trial.id for trial in changes.staying]:
        named.append(f"  gone, but kept for their results: {_listed(stay)}")
    return clean("\n".join([", ".join(counts), *named]), keep="\n")


def merge(store: Store, name: str, specs: Sequence[TrialSpec]) -> Changes:
    """
    Make a session's trials those of an edited plan; whose line changed is begun anew.

    Trials whose line is gone are forgotten, unless they have succeeded.
    """
    with undriven(store, name) as ledger:
        session, info = ledger.session, ledger.session.info
        _refuse_without_command(info, specs)
        trials = list(session.trials.values())
        keys = ARBITRAGE.file_keys if info.workload else ()
        taken = [trial.spec.slug for trial in trials]
        changes = compare(trials, identified(specs, info, keys, taken=taken))
        with store.owned(name, ledger.epoch):
            _write(store, session, changes)
            merged = Ledger(store.load(name), store, ledger.epoch)
            merged.keep(_anew(merged.session.trials[spec.id]) for spec in changes.changed)
            merged.save()
            _move_results(store, session, changes.kept)
    return changes


def _refuse_without_command(info: SessionInfo, specs: Sequence[TrialSpec]) -> None:
    without = [] if info.command else [spec.id for spec in specs if not spec.command]
    if without:
        raise PlanError(
            f"there is no command for {_listed(without)}: every line of session {info.name}"
            " has had one of its own",
            hint='write "command" in these lines too',
        )


def _write(store: Store, session: Session, changes: Changes) -> None:
    name = session.info.name
    both = (*changes.kept, *changes.changed)
    store.replace_specs(name, [spec for spec in both if spec != session.trials[spec.id].spec])
    store.add_trials(name, changes.new)
    stay = {trial.spec.index for trial in changes.staying}
    store.remove_trials(name, [t.spec.index for t in changes.gone if t.spec.index not in stay])


def _move_results(store: Store, session: Session, kept: Sequence[TrialSpec]) -> None:
    """Write results that stay to where the edited plan wants them."""
    for spec in kept:
        trial = session.trials[spec.id]
        moved = spec.output_json not in ("", trial.spec.output_json)
        if moved and trial.state is TrialState.SUCCEEDED:
            text = store.result(session.info.name, spec.id)
            if text is not None:
                path = os.path.join(session.info.target.workdir, spec.output_json)
                write_whole(path, text.encode("utf-8", "replace"))


def _anew(trial: Trial) -> TrialEvent:
    return TrialEvent(trial.id, trial.attempt + 1, TrialState.PENDING)


def _listed(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return ", ".join(ids[:NAMED]) + more
