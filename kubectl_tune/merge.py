"""An edited plan and a session that has begun: what is kept, changed, new and gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kubectl_tune.beginning import identified, refuse_shared_outputs
from kubectl_tune.ledger import Ledger
from kubectl_tune.lock import DriverLock
from kubectl_tune.store import Store
from kubectl_tune.trial import Trial, TrialEvent, TrialSpec, TrialState
from kubectl_tune.workload import ARBITRAGE


@dataclass(frozen=True, slots=True)
class Changes:
    """Trials by what the edited plan says of them; a spec keeps the index it has."""

    kept: tuple[TrialSpec, ...]
    changed: tuple[TrialSpec, ...]
    new: tuple[TrialSpec, ...]
    gone: tuple[Trial, ...]

    def __str__(self) -> str:
        words = ("kept", "changed", "new", "gone")
        return ", ".join(f"{len(getattr(self, word))} {word}" for word in words)


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


def merge(store: Store, name: str, specs: Sequence[TrialSpec]) -> Changes:
    """
    Make a session's trials those of an edited plan; whose line changed is begun anew.

    Trials whose line is gone are forgotten, unless they have succeeded.
    """
    info = store.info(name)
    lock = DriverLock(store.folder(name), name)
    try:
        session = store.load(name)
        keys = ARBITRAGE.file_keys if info.workload else ()
        taken = [trial.spec.slug for trial in session.trials.values()]
        refuse_shared_outputs(store, info, specs)
        changes = compare(list(session.trials.values()), identified(specs, info, keys, taken=taken))
        for spec in (*changes.kept, *changes.changed):
            store.replace_spec(name, spec)
        store.add_trials(name, changes.new)
        gone = [t for t in changes.gone if t.state is not TrialState.SUCCEEDED]
        store.remove_trials(name, [trial.spec.index for trial in gone])
        session = store.load(name)
        ledger = Ledger(session, store, store.claim(name))
        ledger.keep(_anew(session.trials[spec.id]) for spec in changes.changed)
        ledger.save()
    finally:
        lock.release()
    return changes


def _anew(trial: Trial) -> TrialEvent:
    return TrialEvent(trial.id, trial.attempt + 1, TrialState.PENDING)
