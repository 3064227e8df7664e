"""
How often an attempt that ended badly is begun again: `preempted=10,oom=1,exit=0`.

The rule: an attempt counts once. Where its class has a number of its own it counts for that;
else a failure counts for `--retries`, and a loss for the ten that every trial may have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from kubectl_tune.errors import UsageError
from kubectl_tune.suggest import did_you_mean
from kubectl_tune.trial import Failure, Trial, TrialState

MAX_LOSSES = 10  # lost attempts that are begun again, a trial
MISSES = (TrialState.FAILED, TrialState.TIMED_OUT, TrialState.LOST)
CLASSES = [str(failure) for failure in Failure]

Numbers = Mapping[Failure, int]


def parse(words: Iterable[str]) -> dict[Failure, int]:
    """
    Read what `--retry` was given, once or more often; raise `UsageError` with all that is wrong.

    >>> parse(["oom=1,exit=0"])
    {<Failure.OOM: 'oom'>: 1, <Failure.EXIT: 'exit'>: 0}
    """
    pairs = [part.strip().partition("=") for word in words for part in word.split(",")]
    problems = [*_misread(pairs), *_repeated([name for name, _, _ in pairs])]
    if problems:
        raise UsageError(
            f"--retry: {'; '.join(problems)}",
            hint=f"write CLASS=N, such as preempted=10,oom=1; classes are {', '.join(CLASSES)}",
        )
    return {Failure(name): int(number) for name, _, number in pairs}


def begins_again(trial: Trial, retries: int, numbers: Numbers) -> bool:
    """Say whether the next attempt is due for a trial whose last one has ended."""
    if trial.state not in MISSES:
        return False
    if trial.failure and trial.failure in numbers:
        own = (n for (_, failure), n in trial.tally.items() if failure is trial.failure)
        return sum(own) <= numbers[trial.failure]
    if trial.state is TrialState.LOST:
        by_hand = trial.failure is Failure.DELETED  # somebody has decided
        return not by_hand and trial.losses - _apart(trial, numbers, lost=True) <= MAX_LOSSES
    return trial.failures - _apart(trial, numbers, lost=False) <= retries


def _apart(trial: Trial, numbers: Numbers, *, lost: bool) -> int:
    """Count the attempts whose classes have numbers of their own."""
    return sum(
        count
        for (state, failure), count in trial.tally.items()
        if failure in numbers and (state is TrialState.LOST) is lost
    )


def _misread(pairs: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    for name, equals, number in pairs:
        if not name and not equals:
            yield "a class is missing"
            continue
        if name not in CLASSES:
            question = did_you_mean(name, CLASSES)
            yield f"{name or '(nothing)'} is no class of failures{question and f', {question}'}"
        if not equals:
            yield f"{name}: how often?"
        elif not (number.isascii() and number.isdecimal() and len(number) < 10):
            yield f"{name}={number}: expected a number from 0"


def _repeated(names: list[str]) -> Iterator[str]:
    for name in dict.fromkeys(names):
        if name in CLASSES and names.count(name) > 1:
            yield f"{name} has more than one number"
