"""
Failing fast: when the first trials fail alike, all others would too.

The rule: the first attempts that end in a drive decide, those of three trials, or of all where
it has fewer. Attempts that were lost or cancelled say nothing of other trials, nor does one
that fails again, so they don't count.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kubectl_tune.trial import Failure, Trial, TrialState

ENOUGH = 3
FAILED = (TrialState.FAILED, TrialState.TIMED_OUT)
FINE = (TrialState.SUCCEEDED, TrialState.PRUNED)

HINTS = {
    Failure.EXIT: "read what they printed: kubectl tune logs {session} --failed",
    Failure.OOM: "give them more memory (--memory), or less to do at a time",
    Failure.TIMEOUT: "give them more time: --timeout, or timeout in the plan",
    Failure.IMAGE: "mend the image's name (--image) or name the registry's --image-pull-secret",
    Failure.UNSCHEDULABLE: "ask for less (--cpu, --memory, --gpus), or for nodes that there are"
    " (--node-selector, --toleration)",
    Failure.QUOTA: "ask for less (--cpu, --memory), or run fewer at once (-j)",
    Failure.NO_RESULT: "write the result to {{output_json}}, or print it as the last line",
    Failure.BAD_RESULT: "look at what one of them wrote: kubectl tune show {trial}",
}
LOOK = "look at one of them: kubectl tune show {trial}"

_HEX = re.compile(r"\b(?=[a-f]*[0-9])[0-9a-f]{6,}\b(?:-[0-9a-f]{4,})*")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the first trials have failed of: their class, the first one's words, their names."""

    failure: Failure | None
    reason: str
    ids: tuple[str, ...]

    def hint(self, session: str) -> str:
        """Say what to do about it; commands in it begin with `kubectl tune`."""
        words = HINTS.get(self.failure, LOOK) if self.failure else LOOK
        return words.format(session=session, trial=shlex.quote(f"{session}/{self.ids[0]}"))


def telling(ended: Iterable[Trial], before: Sequence[Trial]) -> Iterator[Trial]:
    """Yield the endings that say something of other trials; `before` are those so far."""
    known = {trial.id for trial in before}
    for trial in ended:
        if trial.state in FINE or (trial.state in FAILED and trial.id not in known):
            known.add(trial.id)
            yield trial


def alike(ended: Sequence[Trial]) -> Diagnosis | None:
    """Return what these have in common, if all have failed, and of the same cause."""
    if not ended or any(trial.state not in FAILED for trial in ended):
        return None
    causes = {(trial.failure, bare(trial.reason, names(trial))) for trial in ended}
    if len(causes) > 1:
        return None
    ids = dict.fromkeys(trial.id for trial in ended)
    return Diagnosis(ended[0].failure, ended[0].reason, tuple(ids))


def names(trial: Trial) -> list[str]:
    """Return what is a trial's own and may stand in its reasons, the longest first."""
    own = {trial.id, trial.spec.slug, trial.spec.hash, trial.job, trial.pod, trial.node} - {""}
    return sorted(own, key=len, reverse=True)


def bare(reason: str, own: Sequence[str]) -> str:
    """
    Return a reason without what differs from trial to trial: names, hashes and numbers.

    >>> bare("pod lr-7-x: 12.5 s after 9e3f04cd", ["lr-7-x"])
    'pod *: # s after #'
    """
    for name in own:
        reason = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "*", reason)
    return " ".join(_NUMBER.sub("#", _HEX.sub("#", reason.lower())).split())
